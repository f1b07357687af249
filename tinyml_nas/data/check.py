"""Keys about the recordings: where they lie, how they are split and cut; read before any data."""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.config import Config
from tinyml_nas.config.presets.datasets import DATASET_PRESETS
from tinyml_nas.config.sections.dataset import Dataset
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.config.sources import existing, fault_of, file_name, is_address, where_to_put
from tinyml_nas.data.synthetic import GENERATORS
from tinyml_nas.errors import quoted
from tinyml_nas.located.draft import Draft
from tinyml_nas.located.suggest import did_you_mean

LISTS = ("annotation_dir", "annotation_prefix", "split_names")
OTHER = "take another generator, or another common.task_type"
SPLIT_NAMES = ("train", "validation", "test")


def check_data(draft: Draft, config: Config) -> None:
    """Run every check of the data stage on ``config``, which is what ``draft`` says so far."""
    _check_source(draft, config.path.parent)
    _check_generator(draft, config)
    _check_split(draft)
    _check_groups(draft)
    _check_frames(draft)


def told_channels(config: Config) -> int | None:
    """Channels of the recordings; None where only their columns tell."""
    features, generator = config.data_processing_feature_extraction, config.dataset.generator
    if generator is not None:
        return len(GENERATORS[generator].channels)
    if isinstance(features.variables, int):
        return features.variables
    # a regression without named targets may learn one of the variables, which is then not read
    told = config.common.task != "regression" or features.target_variables
    return len(features.variables) if told else None


def wrong_generator(config: Config) -> str | None:
    """What is wrong where a generator makes recordings that the task cannot learn from."""
    name, needs = config.dataset.generator, "classes"
    if name is None:
        return None
    has = "values" if GENERATORS[name].targets else "classes"
    if config.common.task in ("regression", "forecasting"):
        needs = "values"
    return (
        None
        if has == needs
        else (
            f"dataset.generator: {name} makes recordings with {has} to learn, but "
            f"{config.common.task_type} learns {needs}."
        )
    )


def _check_generator(draft: Draft, config: Config) -> None:
    fault = wrong_generator(config)
    if fault is not None and "common.task_type" not in draft.wrong:
        draft.error("dataset.generator", fault, hint=OTHER, also=["common.task_type"])


def _check_source(draft: Draft, folder: Path) -> None:
    data, path = draft.get("dataset", Dataset), "dataset.input_data_path"
    if not (data.input_data_path or "").strip() and data.generator is None:
        near = did_you_mean(data.dataset_name or "", DATASET_PRESETS)
        draft.error(
            path,
            "dataset: input_data_path is missing: there is nothing to learn from.",
            hint=(near and f"{near} That data set is known by name.")
            or "name a folder, a zip, a .csv or a .npz, relative to this file",
            also=["dataset.generator"],
        )
    elif data.input_data_path is not None and data.generator is not None:
        draft.error(
            "dataset.generator",
            "dataset: input_data_path and generator exclude each other.",
            hint="remove one of the two",
            also=[path],
        )
    elif data.input_data_path is not None:
        _check_path(draft, data.input_data_path, folder)


def _check_path(draft: Draft, text: str, folder: Path) -> None:
    path, data = "dataset.input_data_path", draft.get("dataset", Dataset)
    if is_address(text) and (fault := fault_of(text)):
        draft.error(
            path,
            f"{path}: {quoted(text)} is no address: {fault}.",
            hint="an address looks like https://host/folder/set.zip",
        )
        return
    if existing(text, folder) is not None:
        return
    if not is_address(text):
        draft.missing(f"{path}: there is no {text!r} beside the YAML yet", path)
    elif not file_name(text):
        draft.error(path, f"{path}: the address {quoted(text)} ends in no name of a file.")
    elif data.sha256 is None:
        draft.missing(
            f"{path}: {text} is not here yet; put it {where_to_put(folder)}, or write its "
            "dataset.sha256 and it is fetched",
            path if draft.given(path) else "dataset.dataset_name",
        )


def _check_split(draft: Draft) -> None:
    data = draft.get("dataset", Dataset)
    if data.split_type == "by_group" and data.group_by is None:
        draft.error(
            "dataset.split_type",
            "dataset: split_type by_group needs group_by.",
            hint="group_by is a regular expression with one group, such as 'subject_(\\d+)'",
            also=["dataset.group_by"],
        )
    for key in LISTS:
        if data.split_type == "within_files" and draft.given(f"dataset.{key}"):
            draft.error(
                f"dataset.{key}",
                f"dataset: {key} is about lists of whole files; within_files cuts every file.",
                hint="remove it, or set split_type: amongst_files",
                also=["dataset.split_type"],
            )


def _check_groups(draft: Draft) -> None:
    groups = draft.get("dataset", Dataset).split_groups
    seen: dict[str, str] = {}
    for split in SPLIT_NAMES:
        for group in (getattr(groups, split) or ()) if groups else ():
            if seen.setdefault(group, split) != split:
                draft.error(
                    "dataset.split_groups",
                    f"dataset.split_groups: {group!r} is in {seen[group]} and in {split}.",
                    hint="a group on two sides would leak from the training into the test",
                )


def _check_frames(draft: Draft) -> None:
    features, path = draft.get(FEATURES, DataProcessing), f"{FEATURES}.frame_size"
    # a window of one sample, all of its variables, is for who writes it
    framed = "SimpleWindow" in features.data_proc_transforms and not draft.given(path)
    if framed and features.frame_size < 2:
        draft.error(
            path,
            f"{FEATURES}: SimpleWindow needs a frame_size of 2 samples or more.",
            hint="frame_size is the number of samples in one frame",
            also=[f"{FEATURES}.data_proc_transforms"],
        )
    if "Downsample" in features.data_proc_transforms and features.new_sr > features.sampling_rate:
        draft.error(
            f"{FEATURES}.new_sr",
            f"{FEATURES}: Downsample cannot go from {features.sampling_rate:g} Hz up to "
            f"{features.new_sr:g} Hz.",
            also=[f"{FEATURES}.sampling_rate"],
        )
