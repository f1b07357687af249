"""The data stage: from the data set that the YAML names to leak-free windows and a manifest."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.data.anomalies import normal_first
from tinyml_nas.data.check import OTHER, wrong_generator
from tinyml_nas.data.checks import check_no_leak, check_sides
from tinyml_nas.data.doctor import drop_copies, drop_short, examine
from tinyml_nas.data.doctor.dead import dead_channels
from tinyml_nas.data.readers.fetch import located
from tinyml_nas.data.readers.folders import PICKLES, read_layout
from tinyml_nas.data.readers.series import chosen_columns, read_series
from tinyml_nas.data.readers.single import read_single, read_tables
from tinyml_nas.data.readers.tree import is_archive
from tinyml_nas.data.records import SIDES, DataSplits, RecordingSet, Segment, Side
from tinyml_nas.data.speeds import with_speeds
from tinyml_nas.data.split import split
from tinyml_nas.data.synthetic import generate
from tinyml_nas.data.windows import cut, framing, process, shifted
from tinyml_nas.errors import ConfigError, DataError, listed, quoted

MOST_NAMED = 8


def prepare_data(config: Config, console: Console) -> DataSplits:
    """The windows of the three sides, checked for leaks, and the manifest."""
    kind, task = config.dataset.split_type, config.common.task
    data = process(drop_copies(load_recordings(config, console)), config)
    if task == "anomaly":
        data = normal_first(data, config)
    frame = framing(config, data)
    data = drop_short(data, frame)
    segments = split(data, config, frame)
    check_no_leak(data, segments, frame, kind)
    of = {side: [segment for segment in segments if segment.side == side] for side in SIDES}
    of["train"] = shifted(of["train"], frame, config.data_processing_feature_extraction.offset)
    train, validation, test = (cut(data, of[side], frame) for side in SIDES)
    splits = DataSplits(
        train,
        validation,
        test,
        data.class_names,
        data.channel_names,
        frame.hop,
        task,
        data.target_names,
        tuple((recording.name, recording.group) for recording in data.recordings),
    )
    counts = _class_counts(splits)
    notes = [*data.notes, *check_sides(splits, counts, kind)]
    notes += [f"{f.what} {f.mend}" for f in dead_channels(data.recordings, data.channel_names)]
    notes += [*_left_out(data, segments), *examine(splits)]
    for note in notes:
        console.warning(note)
    manifest = _manifest(data, segments, config) | {"class_counts": counts, "notes": notes}
    manifest["windows"] = {side: len(splits.side(side)) for side in SIDES}
    _announce(data, manifest, config, console)
    if config.data_processing_feature_extraction.speeds:
        more = cut(*with_speeds(data, of["train"], config), frame)
        console.info(f"{len(more) - len(train)} training windows more at other speeds")
        splits = replace(splits, train=more)
    return replace(splits, manifest=manifest)


def _class_counts(splits: DataSplits) -> dict[Side, list[int]]:
    """Windows of each class on each side; empty lists where there are no classes."""
    classes = len(splits.class_names)
    return {
        side: np.bincount(splits.side(side).y, minlength=classes).tolist() if classes else []
        for side in SIDES
    }


def load_recordings(config: Config, console: Console | None = None) -> RecordingSet:
    """All recordings of the data set that the YAML names; ``console`` shows what is fetched."""
    dataset = config.dataset
    if dataset.generator is not None:
        return _generated(dataset.generator, config)
    if dataset.input_data_path is None:
        raise DataError(
            "The configuration names no data.",
            hint="Set dataset.input_data_path to a folder, a .zip, a .csv or an .npz file.",
        )
    path = located(config, console or Console(quiet=True))
    suffix = path.suffix.lower()
    if config.common.task in ("regression", "forecasting") and suffix not in PICKLES:
        return read_series(path, config)
    if path.is_dir() or is_archive(path):
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
        hint="Use a folder, a .zip, a .tar.gz, a .csv or an .npz file.",
    )


def _generated(name: str, config: Config) -> RecordingSet:
    """The recordings of a generator; they must have what the task learns."""
    if (fault := wrong_generator(config)) is not None:
        raise ConfigError(fault, hint=OTHER)
    return chosen_columns(generate(name, config.common.seed), config)


def _left_out(data: RecordingSet, segments: list[Segment]) -> list[str]:
    """A note on groups that all three lists of ``split_groups`` leave out."""
    used = {segment.recording for segment in segments}
    groups = {str(r.group) for i, r in enumerate(data.recordings) if i not in used and r.group}
    if not groups:
        return []
    shown = listed(map(quoted, sorted(groups)))
    return [f"These groups are in no list of split_groups and were left out: [{shown}]."]


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
        "targets": list(data.target_names),
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


def _announce(
    data: RecordingSet, manifest: dict[str, Any], config: Config, console: Console
) -> None:
    what = "synthetic recordings" if data.synthetic else "recordings"
    windows = ", ".join(f"{n} {side}" for side, n in manifest["windows"].items())
    console.info(f"{len(data.recordings)} {what}: {_to_learn(data, config)}; windows: {windows}")


def _to_learn(data: RecordingSet, config: Config) -> str:
    """The channels, and what is learned from them."""
    channels = _listed(data.channel_names, "channels")
    if not data.target_names:
        return f"{channels} -> {_listed(data.class_names, 'classes')}"
    written = config.data_processing_feature_extraction.target_variables
    table = not data.synthetic and not (config.dataset.input_data_path or "").endswith(".npz")
    implicit = config.common.task == "regression" and table and not written
    default = " (last column, by default)" if implicit else ""
    return f"{channels} -> {_listed(data.target_names, 'targets')}{default}"


def _listed(names: tuple[str, ...], what: str) -> str:
    """The names, or how many there are where nobody would read them."""
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} {what}"
