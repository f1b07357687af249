"""The data stage: from the data set that the YAML names to leak-free windows and a manifest."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.data.checks import check_classes, check_no_leak
from tinyml_nas.data.doctor import drop_copies, drop_short, examine
from tinyml_nas.data.layout import PICKLES, read_layout
from tinyml_nas.data.records import SIDES, DataSplits, RecordingSet, Segment
from tinyml_nas.data.single import read_single, read_tables
from tinyml_nas.data.split import split
from tinyml_nas.data.synthetic import arc_fault
from tinyml_nas.data.windows import cut, framing, process
from tinyml_nas.errors import DataError

GENERATORS: dict[str, Callable[[int], RecordingSet]] = {"arc_fault": arc_fault}


def prepare_data(config: Config, console: Console) -> DataSplits:
    """The windows of the three sides, checked for leaks, and the manifest."""
    kind = config.dataset.split_type
    data = process(drop_copies(load_recordings(config)), config)
    frame = framing(config, data)
    data = drop_short(data, frame)
    segments = split(data, config, frame)
    check_no_leak(data, segments, frame, kind)
    train, validation, test = (
        cut(data, [segment for segment in segments if segment.side == side], frame)
        for side in SIDES
    )
    splits = DataSplits(train, validation, test, data.class_names, data.channel_names, frame.hop)
    counts = {
        side: np.bincount(splits.side(side).y, minlength=len(data.class_names)).tolist()
        for side in SIDES
    }
    notes = [*data.notes, *check_classes(counts, data.class_names, kind)]
    notes += [*_left_out(data, segments), *examine(splits)]
    for note in notes:
        console.warning(note)
    manifest = _manifest(data, segments, config) | {"class_counts": counts, "notes": notes}
    manifest["windows"] = {side: len(splits.side(side)) for side in SIDES}
    _announce(data, manifest, console)
    return replace(splits, manifest=manifest)


def load_recordings(config: Config) -> RecordingSet:
    """All recordings of the data set that the YAML names."""
    dataset = config.dataset
    if dataset.generator is not None:
        return GENERATORS[dataset.generator](config.common.seed)
    if dataset.input_data_path is None:
        raise DataError(
            "The configuration names no data.",
            hint="Set dataset.input_data_path to a folder, a .zip, a .csv or an .npz file.",
        )
    path = _existing(dataset.input_data_path, config.path.parent)
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".zip":
        in_columns = dataset.label_column is not None
        return read_tables(path, config) if in_columns else read_layout(path, config)
    if suffix in (".csv", ".npz"):
        return read_single(path, config)
    if suffix in PICKLES:
        raise DataError(
            f"{path} is a pickle, which can run code when it is read.",
            hint="Convert it with numpy.savez(path, X=..., y=...).",
        )
    raise DataError(
        f"{path} has the suffix {suffix!r}, which is not read here.",
        hint="Use a folder, a .zip, a .csv or an .npz file.",
    )


def _existing(text: str, folder: Path) -> Path:
    """The path of the data set; relative paths start at the YAML's folder."""
    if "://" in text:
        raise DataError(
            f"dataset.input_data_path is the address {text}; nothing is downloaded here.",
            hint="Download and check it yourself, then name the file.",
        )
    path = folder / os.path.expanduser(text)
    if not path.exists():
        beside = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"There is no data at {path.absolute()}.{guess}",
            hint="dataset.input_data_path is relative to the folder of the YAML file.",
        )
    return path


def _left_out(data: RecordingSet, segments: list[Segment]) -> list[str]:
    """A note on groups that all three lists of ``split_groups`` leave out."""
    used = {segment.recording for segment in segments}
    groups = {str(r.group) for i, r in enumerate(data.recordings) if i not in used and r.group}
    if not groups:
        return []
    return [f"These groups are in no list of split_groups and were left out: {sorted(groups)}."]


def _manifest(data: RecordingSet, segments: list[Segment], config: Config) -> dict[str, Any]:
    """Where the windows came from, ready for JSON."""
    dataset = config.dataset
    groups = {
        side: sorted({str(data.recordings[s.recording].group) for s in segments if s.side == side})
        for side in SIDES
    }
    listed = any(recording.side for recording in data.recordings)
    return {
        "name": dataset.dataset_name
        or dataset.generator
        or Path(dataset.input_data_path or "").stem,
        "synthetic": data.synthetic,
        "classes": list(data.class_names),
        "channels": list(data.channel_names),
        "split": {
            "type": "annotation_lists" if listed else dataset.split_type,
            "seed": config.common.seed,
            "groups": groups if dataset.split_type == "by_group" else {},
        },
        "sources": [asdict(source) for source in data.sources],
        "recordings": [
            {
                "name": data.recordings[s.recording].name,
                "class": data.recordings[s.recording].label,
                "side": s.side,
                "start": s.start,
                "stop": s.stop,
            }
            for s in segments
        ],
    }


def _announce(data: RecordingSet, manifest: dict[str, Any], console: Console) -> None:
    what = "synthetic recordings" if data.synthetic else "recordings"
    windows = ", ".join(f"{n} {side}" for side, n in manifest["windows"].items())
    console.info(
        f"{len(data.recordings)} {what}, {len(data.class_names)} classes, "
        f"{len(data.channel_names)} channels; windows: {windows}"
    )
