"""The files of a finished run as they lie there now, against what the run wrote down of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tinyml_nas.export.c import CExport, describe
from tinyml_nas.export.c.known_faults import defined, known_faults
from tinyml_nas.export.stage import HEADER, SOURCE, STREAM, sha256_of
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.results.export import Exported
from tinyml_nas.results.folder import RESULTS

LAYER = r"^ +(\w+)\(base\);\n.*_TRACE\(\d+, base \+ (\d+), (\d+), (\d+)\);"
"""Two lines of the C for each layer: its function, and the offset in the arena, rows and bytes per
row of its output."""


def differences(run: Path, model: Exported) -> Iterator[str]:
    """A clause for each exported file of ``model`` below ``run`` that is missing or changed.

    Runs of older releases have no SHA-256 of their files: of these, what is missing.
    """
    for name in sorted({*model.files.values(), *model.sha256}):
        if not (run / name).is_file():
            yield f"{name} is missing"
        elif name in model.sha256 and sha256_of(run / name) != model.sha256[name]:
            yield f"{name} is changed"


def confused_models(run: Path, model: Exported, stored: Path, net: IntNetwork) -> Iterator[str]:
    """A clause for each place that says it is another model than ``net``, read from ``stored``.

    Runs of older releases say nothing.
    """
    if model.model_hash is None:
        return
    found = {RESULTS: model.model_hash}
    if HEADER in model.files and (header := _read(run / model.files[HEADER])):
        prefix = Path(model.files[HEADER]).stem
        found[model.files[HEADER]] = defined(prefix, header, "MODEL_HASH") or "no model"
    true = model_hash(net)
    for place, said in found.items():
        if said != true:
            yield f"{place} says {said}, but {stored.relative_to(run).as_posix()} holds {true}"


def shipped_c(run: Path, model: Exported, net: IntNetwork) -> CExport:
    """The C of ``model`` as it lies there, with the arena that it says itself.

    An older release may have planned another one than this one does.
    """
    source = run / model.files[SOURCE]
    export = describe(net, source.stem, source.parent, stream=STREAM in model.files)
    size = defined(source.stem, _read(export.files["header"]), "ARENA_BYTES") or ""
    layers = re.findall(LAYER, _read(source), re.MULTILINE)
    if not size.isdecimal() or len(layers) != len(export.layer_outputs):
        return export
    return replace(
        export,
        arena_bytes=int(size),
        layer_functions=tuple(function for function, *_ in layers),
        layer_outputs=tuple((int(at), int(rows) * int(width)) for _, at, rows, width in layers),
    )


def faults(run: Path, model: Exported) -> tuple[str, ...]:
    """What is known to be wrong with the C of ``model``, as clauses."""
    if SOURCE not in model.files or HEADER not in model.files:
        return ()
    header, source = (_read(run / model.files[label]) for label in (HEADER, SOURCE))
    return known_faults(Path(model.files[HEADER]).stem, header, source)


def _read(path: Path) -> str:
    """The text of a file; none where it is missing, which `differences` says."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
