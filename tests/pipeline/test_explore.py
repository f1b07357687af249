"""``explore`` and ``gof_test``: the findings and the page, of training windows alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from tinyml_nas import cli
from tinyml_nas.console import Console
from tinyml_nas.data import DataSplits, prepare_data
from tinyml_nas.features import extract_features
from tinyml_nas.load import load_config
from tinyml_nas.pipeline.explore import look

FRAME = 64


def write_set(root: Path) -> Path:
    """Two classes that differ in frequency, a channel that is dead, a file with a wrong label."""
    for label, period in (("fast", 8), ("slow", 16)):
        for index in range(8):
            wrong = (label, index) == ("fast", 0)
            rng = np.random.default_rng([period, index])
            angle = 2 * np.pi * np.arange(640) / (16 if wrong else period) + rng.uniform(0, 6)
            values = np.sin(angle) + 0.1 * rng.standard_normal(640)
            path = root / "set" / "classes" / label / f"{index}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [f"{i / 50},{v:.5f},3" for i, v in enumerate(values)]
            path.write_text("\n".join(["time,sway,<b>dead</b>", *rows]) + "\n", encoding="utf-8")
    config = {
        "common": {"task_type": "generic_timeseries_classification", "run_name": "two tones"},
        "dataset": {"input_data_path": "set", "split_factor": [0.8, 0.1, 0.1]},
        "data_processing_feature_extraction": {
            "data_proc_transforms": ["SimpleWindow"],
            "frame_size": FRAME,
            "stride_size": 0.5,
            "variables": 2,
            "sampling_rate": 50,
        },
        "training": {"model_name": "CLS_500", "training_epochs": 1, "quantization": 0},
    }
    (root / "c.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return root / "c.yaml"


class Page(HTMLParser):
    """Counts elements and checks that every one is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in ("meta", "br", "circle", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_findings_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, page = write_set(tmp_path), tmp_path / "page.html"
    assert cli.main(["explore", str(config), "-o", str(page)]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""  # what the data stage warns of stands in the table, once
    assert "is constant" in " ".join(shown.out.split())
    html = page.read_text(encoding="utf-8")
    parsed = Page(html)
    assert parsed.open == []
    assert "script" not in parsed.count
    assert "http" not in html
    assert "<b>dead</b>" not in html
    assert "Spectra tell the classes apart better" in html
    assert "fast/0.csv (fast) looks like those of another class" in html
    assert "50 Hz" not in html  # the clock agrees with the configuration
    assert not re.search(r"\bnan\b|\binf\b", html)
    assert parsed.count["circle"] > 200
    before = page.read_bytes()
    assert cli.main(["explore", str(config), "-o", str(page), "--quiet"]) == 0
    assert page.read_bytes() == before


def test_a_file_of_somebody_else_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, page = write_set(tmp_path), tmp_path / "mine.html"
    page.write_text("mine", encoding="utf-8")
    assert cli.main(["explore", str(config), "-o", str(page)]) == 2
    assert "is not overwritten" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "mine"


def test_nothing_of_the_test_side_is_shown(tmp_path: Path) -> None:
    """With other validation and test windows, of the same number, all pictures stay the same."""
    config = load_config(write_set(tmp_path)).config
    quiet = Console(quiet=True)
    data = prepare_data(config, quiet)
    features = extract_features(data, config, quiet)
    seen = look(data, features, config, "x")

    def changed(side: str) -> object:
        windows = data.side(side)  # type: ignore[arg-type]
        return type(windows)(
            windows.x * 1000 + 7, windows.y, windows.recording, windows.start, windows.group
        )

    other = DataSplits(
        data.train,
        changed("validation"),  # type: ignore[arg-type]
        changed("test"),  # type: ignore[arg-type]
        data.class_names,
        data.channel_names,
        data.hop,
        data.manifest,
    )
    assert look(other, extract_features(other, config, quiet), config, "x") == seen


def test_gof_test_writes_the_page_of_the_run(tmp_path: Path) -> None:
    config = write_set(tmp_path)
    keys = ["--set", "data_processing_feature_extraction.gof_test=true"]
    keys += ["--set", "training.enable=false", "--output", str(tmp_path / "runs")]
    assert cli.main([str(config), *keys, "--quiet"]) == 0
    run = tmp_path / "runs" / "two_tones" / "latest"
    assert "two tones: the data" in (run / "report" / "data.html").read_text(encoding="utf-8")
