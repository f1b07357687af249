"""``prove`` on files: every exported one is held against the run's own record, of old runs too."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyml_nas.cli import main
from tinyml_nas.export.c import describe
from tinyml_nas.export.c.known_faults import KNOWN_FAULTS, defined, known_faults
from tinyml_nas.pipeline.shipped import confused_models, differences, faults, shipped_c
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.quantize.storage import load_integer
from tinyml_nas.report import load_provable
from tinyml_nas.results.export import Exported

pytestmark = pytest.mark.e2e

HEADER, SOURCE = Path("export/c/src/arc.h"), Path("export/c/src/arc.c")


@pytest.fixture
def quick(run: Path, tmp_path: Path) -> Path:
    """A copy of it without its C, so that it is proven in a second; tests may spoil it."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "export" / "c")

    def forget_c(model: dict[str, Any]) -> None:
        for part in ("files", "sha256"):
            names = model[part].items()
            model[part] = {k: v for k, v in names if "export/c/" not in f"{k} {v}"}

    _edit(copy, forget_c)
    return copy


def _edit(run: Path, change: Callable[[dict[str, Any]], None], **others: object) -> None:
    """Rewrite the record of the only model of ``run``, and ``others`` of the run's own."""
    record = json.loads((run / "results.json").read_text(encoding="utf-8"))
    (model,) = record["models"]
    change(model)
    record |= others
    (run / "results.json").write_text(json.dumps(record), encoding="utf-8")


def _model(run: Path) -> Exported:
    (model,) = load_provable(run / "results.json").models
    return model


def test_every_exported_file_has_its_hash_and_is_missed(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    model = _model(copy)
    files = [path for path in (copy / "export").rglob("*") if path.is_file()]
    assert {path.relative_to(copy).as_posix() for path in files} == set(model.sha256)
    assert {"export/model_qdq.onnx", "export/c/README.md", "export/c/replay/labels.csv"} < set(
        model.sha256
    )
    assert list(differences(copy, model)) == []
    for file in files:
        name, content = file.relative_to(copy).as_posix(), file.read_bytes()
        file.write_bytes(content + b"\n")
        assert list(differences(copy, model)) == [f"{name} is changed"]
        file.unlink()
        assert list(differences(copy, model)) == [f"{name} is missing"]
        file.write_bytes(content)


def test_header_record_and_stored_model_are_one(run: Path) -> None:
    net, _ = load_integer(run / "quantize" / "chosen" / "integer.npz")
    header = (run / HEADER).read_text(encoding="ascii")
    said = (defined("arc", header, "MODEL_HASH"), _model(run).model_hash)
    assert said == (model_hash(net), model_hash(net))
    assert defined("arc", header, "RUN_NAME") == "hello_arc_fault"
    assert model_hash(net) in (run / "export" / "c" / "README.md").read_text(encoding="ascii")


def test_an_untouched_copy_is_proven(quick: Path) -> None:
    assert main(["prove", str(quick), "--quiet"]) == 0


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "spoil", "code", "word"),
    [
        ("model_float.onnx", _empty, 6, "changed"),
        ("model_float.onnx", Path.unlink, 6, "missing"),
        ("model_qdq.onnx", Path.unlink, 6, "missing"),
        ("model_int8.onnx", Path.unlink, 6, "missing"),
        ("model_int8.onnx", _empty, 4, "changed"),
    ],
)
def test_a_file_is_named_with_what_became_of_it(
    quick: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    spoil: Callable[[Path], None],
    code: int,
    word: str,
) -> None:
    spoil(quick / "export" / name)
    assert main(["prove", str(quick), "--quiet"]) == code
    shown = " ".join(capsys.readouterr().err.split())
    assert f"export/{name} is {word}" in shown
    if code == 6:
        assert f"error: CLS_1k: export/{name} is {word}" in shown
        assert "put back the files" in shown


def test_float_alone_is_looked_at_too(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def forget_int8(model: dict[str, Any]) -> None:
        model["files"] = {"float ONNX": "export/model_float.onnx"}
        model["sha256"] = {k: v for k, v in model["sha256"].items() if k.endswith("_float.onnx")}

    _edit(quick, forget_int8)
    assert main(["prove", str(quick), "--quiet"]) == 0
    _empty(quick / "export" / "model_float.onnx")
    assert main(["prove", str(quick), "--quiet"]) == 6
    assert "model_float.onnx is changed" in capsys.readouterr().err


def test_a_record_of_another_model_is_named(
    quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    true = _model(quick).model_hash
    _edit(quick, lambda model: model.update(model_hash="0123456789abcdef"))
    assert main(["prove", str(quick), "--quiet"]) == 6
    shown = " ".join(capsys.readouterr().err.split())
    assert (
        f"results.json says 0123456789abcdef, but quantize/chosen/integer.npz holds {true}" in shown
    )


def test_a_header_of_another_model_is_named(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    model, stored = _model(copy), copy / "quantize" / "chosen" / "integer.npz"
    net, _ = load_integer(stored)
    assert list(confused_models(copy, model, stored, net)) == []
    text = (copy / HEADER).read_text(encoding="ascii")
    for line, said in (('#define ARC_MODEL_HASH "00"\n', "00"), ("", "no model")):
        other = re.sub(r"#define ARC_MODEL_HASH .*\n", line, text)
        (copy / HEADER).write_text(other, encoding="ascii")
        (clause,) = confused_models(copy, model, stored, net)
        assert clause.startswith(f"export/c/src/arc.h says {said}, but quantize/chosen/integer.npz")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_run_of_an_older_release(
    quick: Path, capsys: pytest.CaptureFixture[str], version: int
) -> None:
    def age(model: dict[str, Any]) -> None:
        del model["sha256"], model["model_hash"], model["score"]

    _edit(quick, age, schema_version=version)
    assert main(["prove", str(quick), "--quiet"]) == 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "of an older release, which wrote down no SHA-256 of its files" in shown
    (quick / "export" / "model_qdq.onnx").unlink()
    assert main(["prove", str(quick), "--quiet"]) == 6
    assert "model_qdq.onnx is missing" in capsys.readouterr().err


def test_the_faults_of_old_c_are_told(run: Path) -> None:
    """Old C is today's without the lines that came since."""
    model = _model(run)
    assert faults(run, model) == ()
    header, source = ((run / name).read_text(encoding="ascii") for name in (HEADER, SOURCE))
    aged = re.sub(r"#define ARC_(MODEL_HASH|RUN_NAME) .*\n", "", header)
    assert aged != header
    # as the first release called it
    source += "#define CONV_TAP\nstatic __attribute__((naked, noinline)) void conv(void);\n"
    assert known_faults("arc", header, source) == ()
    assert known_faults("arc", aged, source) == tuple(fault.what for fault in KNOWN_FAULTS)
    assert known_faults("arc", "#define ARC_ABI_VERSION 1\n", "int x;\n") == ()


def test_the_arena_is_the_one_that_the_c_says(run: Path, tmp_path: Path) -> None:
    """A release that plans otherwise must not read the layers of older C at places of its own."""
    model = _model(run)
    net, _ = load_integer(run / "quantize" / "chosen" / "integer.npz")
    now = shipped_c(run, model, net)
    assert now == describe(net, "arc", (run / SOURCE).parent, stream=True)
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for name, pattern in (
        (HEADER, r"(_ARENA_BYTES )(\d+)"),
        (SOURCE, r"(_TRACE\(\d+, base \+ )(\d+)"),
    ):
        text = (copy / name).read_text(encoding="ascii")
        text = re.sub(pattern, lambda found: f"{found[1]}{int(found[2]) + 8}", text)
        (copy / name).write_text(text, encoding="ascii", newline="\n")
    moved = shipped_c(copy, model, net)
    assert moved.arena_bytes == now.arena_bytes + 8
    assert moved.layer_outputs == tuple((at + 8, size) for at, size in now.layer_outputs)


def test_a_record_that_says_nothing_is_no_proof(
    quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _edit(quick, lambda model: model.update(sha256={}))
    assert main(["prove", str(quick), "--quiet"]) == 6
    assert "results.json lacks the SHA-256 of its files" in capsys.readouterr().err
    _edit(quick, lambda _: None, models=[])
    assert main(["prove", str(quick), "--quiet"]) == 6
    assert "names no model, so nothing is proven" in capsys.readouterr().err
