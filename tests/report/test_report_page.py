"""The HTML page: complete, static, escaped, the same bytes each time, fine with missing parts."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sample_results import CLASSES, sample_cell_results, sample_results, with_seeds
from sample_search import chain_search, verdict

from tinyml_nas.errors import ToolError
from tinyml_nas.report import load_results, write_report
from tinyml_nas.results import format as fmt
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.run import parse_results

pytestmark = pytest.mark.fast

VOID = {"meta", "br"}
CHOICES = (
    *("role", "status", "kind", "chosen", "id", "group", "task"),
    *("other", "precision", "outcome", "unit", "reason"),
)
HOSTILE = "<script>alert('x')</script>\"&{{ 7*7 }}"


class Page(HTMLParser):
    """Collects tags, ids, links and text; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.cells: list[tuple[str, str]] = []  # section, text of a table cell
        self.section = ""
        self.feed(html)
        self.text = " ".join(self.text.split())
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.ids += [v for v in [values.get("id")] if v]
        self.links += [v for v in (values.get("href"), values.get("src")) if v]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = values["id"] or ""
        if tag == "td":
            self.cells.append((self.section, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "td" in self.open and "svg" not in self.open:
            section, text = self.cells[-1]
            self.cells[-1] = section, text + data


def write(folder: Path, record: dict[str, Any]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(record), encoding="utf-8")
    results = load_results(folder / "results.json")
    out = write_report(results, folder, folder / "report" / "index.html")
    assert out == folder / "report" / "index.html"
    return out.read_text(encoding="utf-8")


def test_sections_are_the_stages(tmp_path: Path) -> None:
    html = write(tmp_path, sample_results())
    page = Page(html)
    sections = [i for i in page.ids if not i.endswith("-title")]
    assert sections == [
        "summary",
        "data",
        "features",
        "search",
        "comparison",
        "train",
        "quantize",
        "export",
    ]
    assert [link[1:] for link in page.links if link.startswith("#")] == sections


def test_the_page_shows_what_the_record_holds(tmp_path: Path) -> None:
    record = sample_results()
    text = Page(write(tmp_path, record)).text
    searched = record["models"][0]
    for wanted in (
        *CLASSES,
        "s03, s08",
        f"{searched['cost']['macs']:,}",
        f"{searched['instructions']['cortex-m33']:,}",
        "1.3 kB 4.1 % of 32 KiB",
        "Cortex-M0+, 80 MHz, 128 KiB flash",
        "best: epoch 34",
        "✓ proven",
        "○ not proven",
        "the emulator of this core is not installed",
        "this device",
        "Most bytes are alive at layer 0 (conv0)",
        "model_run 24 B → conv_dsp 160 B",
        "code: kernels",
        "model_conv0_weight",
        "model_int8.onnx",
    ):
        assert wanted in text, wanted


def test_the_search_is_told(tmp_path: Path) -> None:
    record = sample_results()
    search = record["search"]
    text = Page(write(tmp_path, record)).text.replace("\u00a0", " ")
    for wanted in (
        "auto, space chain, seed 7",
        "1 min 58 s on 2 workers, 3 min 52 s of CPU time",
        "5,312 drawn, 3,852 refused before training, 90 trained in 270 trials",
        f"{search['chosen']} by best",
        "RAM over the budget 2,211",
        "Accuracy against flash",
        "Accuracy against latency",
        *(f"--take {p['id']}" for p in search["front"] if p["id"] != search["chosen"]),
        f"{search['chosen']} in words",
        "the test split plays no part",
        "−0.3 to +1.5: no difference shown",
    ):
        assert wanted in text, wanted


def test_cells_and_alphas_are_told(tmp_path: Path) -> None:
    record = sample_cell_results()
    record["search"]["cells"] |= {"supernet": 1, "supernets": 3, "mended": 2, "stopped": "settled"}
    text = Page(write(tmp_path, record)).text
    assert "20 epochs of supernet 2 of 3; epoch 17 of 1 to 20 was taken" in text
    assert "To keep the budget, 2 operations were exchanged. Stopped early: settled." in text
    for wanted in ("conv_bn_relu_7x1 from 0", "best: epoch 17", "Normal cell", "0 → 1 · kept"):
        assert wanted in text, wanted
    assert "Pareto" not in text
    assert "Comparison" not in text


def numbers(value: Any) -> list[float]:
    """All numbers of a record."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_every_number_in_a_table_is_one_of_the_record(tmp_path: Path) -> None:
    record = sample_results()
    record["search"] = chain_search(random.Random(11), 6)
    known = numbers([record["search"], record["comparison"], record["verdicts"]])
    chosen = next(p for p in record["search"]["points"] if p["id"] == record["search"]["chosen"])
    limits = record["search"]["budget"]
    known += [chosen[name] / limit for name, limit in limits.items() if limit]  # shares
    texts = [f(n) for n in known for f in (fmt.count, fmt.size, fmt.seconds, fmt.latency)]
    texts += [
        f(n) for n in known for f in (fmt.percent, Metric("accuracy").difference, fmt.whole_percent)
    ]
    texts += [p["id"] for p in record["search"]["points"]]
    allowed = {token for text in texts for token in re.findall(r"\d[\d,.]*", text)}
    shown = [c for c in Page(write(tmp_path, record)).cells if c[0] in ("search", "comparison")]
    tokens = {token for _, text in shown for token in re.findall(r"\d[\d,.]*", text)}
    assert len(tokens) > 40
    assert tokens <= allowed


def test_pages_are_small(tmp_path: Path) -> None:
    record = sample_results()
    assert len(write(tmp_path / "usual", record)) < 150_000
    record["search"] = chain_search(random.Random(12), 1200)
    front = len(record["search"]["front"])
    assert len(write(tmp_path / "large", record)) < 400_000 + 1000 * front


def test_same_results_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a", sample_results()) == write(tmp_path / "b", sample_results())


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path) -> None:
    html = write(tmp_path, sample_results())
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    assert not re.search(r"\son[a-z]+=", html)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_links_lead_to_the_files_of_the_run(tmp_path: Path) -> None:
    record = sample_results()
    record["models"][0]["files"] = {"odd": 'c\\a "b"#?.c', "scheme": "javascript:alert(1)"}
    links = Page(write(tmp_path, record)).links
    assert "../c/a%20%22b%22%23%3F.c" in links
    assert "../javascript%3Aalert%281%29" in links
    assert all(link.startswith(("#", "../")) for link in links)


def hostile(value: Any, key: str = "") -> Any:
    """``value`` with every free text replaced by markup."""
    if isinstance(value, dict):
        return {k: hostile(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [hostile(v, key) for v in value]
    return HOSTILE if isinstance(value, str) and key not in CHOICES else value


@pytest.mark.parametrize("sample", [sample_results, sample_cell_results])
def test_every_text_is_escaped(tmp_path: Path, sample: Callable[[], dict[str, Any]]) -> None:
    html = write(tmp_path, hostile(sample()))
    page = Page(html)
    assert "script" not in page.tags
    assert "<script" not in html
    assert HOSTILE in page.text


def drop_search(record: dict[str, Any]) -> None:
    record["search"] = record["comparison"] = None
    record["models"][0]["role"] = "chosen"


def drop_baseline(record: dict[str, Any]) -> None:
    record["comparison"] = None
    del record["models"][1]


def drop_optional(record: dict[str, Any]) -> None:
    for model in record["models"]:
        for key in set(model) - {"role", "name", "cost", "training", "score"}:
            del model[key]
        del model["cost"]["layers"]
        model["training"] = {"epochs": 0}
        model["score"] = {"float": {}, "int8": {}}


def drop_models(record: dict[str, Any]) -> None:
    record["models"] = []


def drop_int8(record: dict[str, Any]) -> None:
    for model in record["models"]:
        for key in ("score", "test"):
            del model[key]["int8"]
        del model["quantization"]
    record["verdicts"] = [verdict("baseline", (0.955, 0.921), 0.02, precision="float")]


def drop_test(record: dict[str, Any]) -> None:
    record["verdicts"] = []
    for model in record["models"]:
        model["test"] = {}
        for precision in model["score"].values():
            del precision["test"]


def drop_search_details(record: dict[str, Any]) -> None:
    record["search"] = {"strategy": "random"}


def drop_points(record: dict[str, Any]) -> None:
    record["search"].update(points=[], front=[], rungs=[], chosen=None, refused={}, budget={})


def drop_cells(record: dict[str, Any]) -> None:
    record["search"]["cells"] = {}


def drop_latency(record: dict[str, Any]) -> None:
    for point in (*record["search"]["points"], *record["search"]["front"]):
        point["latency_seconds"] = None


def single_seed(record: dict[str, Any]) -> None:
    for side in (record["comparison"]["searched"], *record["comparison"]["others"]):
        side.update(scores=side["scores"][:1], sd=None)


def many_models(record: dict[str, Any]) -> None:
    with_seeds(record["models"][0], [0.94, 0.95, 0.96])
    record["models"] += [
        {**record["models"][1], "role": role, "name": f"a_rather_long_name_of_{role}"}
        for role in ("random", "zoo")
    ]


def drop_data_details(record: dict[str, Any]) -> None:
    for key in ("class_counts", "notes", "synthetic"):
        del record["data"][key]
    record["data"]["split"] = {"type": "amongst_files"}
    record["features"] = {"chain": [], "input_shape": [1, 8]}
    record["run"]["seconds"] = {}


def single_epochs(record: dict[str, Any]) -> None:
    record["models"][0]["training"]["history"] = record["models"][0]["training"]["history"][:1]
    record["search"] = sample_cell_results()["search"]
    cells = record["search"]["cells"]
    cells["history"] = cells["history"][:1]
    for kind in ("normal", "reduce"):
        cells["alphas"][kind] = cells["alphas"][kind][:1]


def zeros(record: dict[str, Any]) -> None:
    model = record["models"][0]
    model["cost"].update(parameters=0, macs=0, flash_bytes=0, ram_bytes=0)
    model["test"]["int8"]["confusion"] = [[0] * 7 for _ in range(7)]
    model["instructions"] = {"cortex-m0": 0}
    model["memory"] = [{"name": "input", "offset": 0, "size_bytes": 0, "first": -1, "last": -1}]
    record["data"]["class_counts"]["test"] = [0] * 7


@pytest.mark.parametrize(
    ("drop", "text"),
    [
        (drop_search, "No search ran"),
        (drop_baseline, "No baseline was trained"),
        (drop_models, "No model was trained."),
        (drop_int8, "in float, a difference of +3.4 points"),
        (drop_test, "Without test windows"),
        (drop_optional, "no carrier ran"),
        (drop_search_details, "random"),
        (drop_points, "5,312 drawn"),
        (drop_cells, "in words"),
        (drop_latency, "Accuracy against MACs"),
        (single_seed, "This is about these two trainings"),
        (many_models, "3 seeds; shipped"),
        (drop_data_details, "raw samples"),
        (single_epochs, "best"),
        (zeros, "conv0"),
    ],
)
def test_the_page_adapts_to_missing_parts(tmp_path: Path, drop: Any, text: str) -> None:
    record = sample_results()
    drop(record)
    page = Page(write(tmp_path, record))
    assert text in page.text
    assert "None" not in page.text
    assert "nan" not in page.text


def test_synthetic_data_is_called_synthetic(tmp_path: Path) -> None:
    record = sample_results()
    assert "synthetic" not in Page(write(tmp_path, record)).text
    record["data"]["synthetic"] = True
    assert "synthetic data" in Page(write(tmp_path, record)).text


def test_a_group_on_two_sides_is_called_out(tmp_path: Path) -> None:
    record = sample_results()
    assert "No group is on two sides." in Page(write(tmp_path, record)).text
    record["data"]["split"]["groups"]["test"].append("s01")
    assert "On more than one side: s01." in Page(write(tmp_path, record)).text


def test_a_broken_budget_stands_out(tmp_path: Path) -> None:
    record = sample_results()
    record["models"][0]["cost"]["ram_bytes"] = 40_000
    assert "122.1 % of 32 KiB, too much" in Page(write(tmp_path, record)).text


def test_a_page_that_cannot_be_written_is_a_tool_error(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("in the way", encoding="utf-8")
    results = parse_results(sample_results())
    with pytest.raises(ToolError, match="cannot be written"):
        write_report(results, tmp_path, tmp_path / "report" / "index.html")
