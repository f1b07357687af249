"""What no section can see alone: keys that need, contradict or silence each other."""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.config import names
from tinyml_nas.config.own_model import check_own_model
from tinyml_nas.config.presets.datasets import DATASET_PRESETS
from tinyml_nas.config.presets.features import FEATURE_PRESETS
from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.dataset import Dataset
from tinyml_nas.config.sections.delivery import Compilation
from tinyml_nas.config.sections.processing import (
    COMPLEX,
    FEATURES,
    FRAMED,
    NEEDS_BEFORE,
    Q15_FRAMES,
    DataProcessing,
)
from tinyml_nas.config.sections.training import Training
from tinyml_nas.config.sources import existing, fault_of, file_name, is_address, where_to_put
from tinyml_nas.errors import quoted
from tinyml_nas.located.draft import Draft
from tinyml_nas.located.suggest import did_you_mean, nearest_relative
from tinyml_nas.located.unread import note_unread
from tinyml_nas.search.check import check_search, nearest_file
from tinyml_nas.train.check import check_task

LISTS = ("annotation_dir", "annotation_prefix", "split_names")
SPLIT_NAMES = ("train", "validation", "test")


def check_whole(draft: Draft, folder: Path) -> None:
    """Run every check; relative paths start at ``folder``."""
    _check_device(draft, folder)
    _check_source(draft, folder)
    _check_split(draft)
    _check_groups(draft)
    _check_frames(draft)
    _check_chain(draft)
    _check_spectrum(draft)
    _check_variables(draft)
    check_task(draft)
    _check_model(draft)
    check_own_model(draft, folder)
    check_search(draft, folder)
    _check_quantization(draft)
    _check_rotation(draft)
    note_unread(draft)
    _check_compile_preset(draft)


def _check_device(draft: Draft, folder: Path) -> None:
    path, name = "common.target_device", draft.get("common", Common).target_device
    if names.device_file(name, folder) is not None:
        return
    if name.lower().endswith((".yaml", ".yml")):
        hint = nearest_file(folder / name) or "the path of a device file starts at this file"
        draft.error(path, f"{path}: there is no device file {name!r}.", hint=hint)
    else:
        near = nearest_relative(name, names.device_names(folder))
        hint = near or "`info devices` lists the devices; a file of your own ends in .yaml"
        draft.error(path, f"{path}: there is no device {name!r}.", hint=hint)


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
    features = draft.get(FEATURES, DataProcessing)
    steps = [
        step
        for step in (*features.data_proc_transforms, *features.feat_ext_transform)
        if step in FRAMED
    ]
    # a window of one sample, all of its variables, is for who writes it
    if steps == ["SimpleWindow"] and draft.given(f"{FEATURES}.frame_size"):
        return
    if steps and features.frame_size < 2:
        draft.error(
            f"{FEATURES}.frame_size",
            f"{FEATURES}: {steps[0]} needs a frame_size of 2 samples or more.",
            hint="frame_size is the number of samples in one frame",
            also=[f"{FEATURES}.data_proc_transforms", f"{FEATURES}.feat_ext_transform"],
        )
    if "Downsample" in features.data_proc_transforms and features.new_sr > features.sampling_rate:
        draft.error(
            f"{FEATURES}.new_sr",
            f"{FEATURES}: Downsample cannot go from {features.sampling_rate:g} Hz up to "
            f"{features.new_sr:g} Hz.",
            also=[f"{FEATURES}.sampling_rate"],
        )


def _check_chain(draft: Draft) -> None:
    path = f"{FEATURES}.feat_ext_transform"
    chain = draft.get(FEATURES, DataProcessing).feat_ext_transform
    for index, step in enumerate(chain):
        needed = NEEDS_BEFORE.get(step)
        if needed is not None and not set(needed) & set(chain[:index]):
            before = " or ".join(needed)
            draft.error(path, f"{path}: {step} works on a spectrum: put {before} before it.")
    for given, magnitude in COMPLEX.items():
        if given in chain and magnitude not in chain[chain.index(given) :]:
            draft.error(
                path,
                f"{path}: {given} gives complex numbers and no {magnitude} comes after it.",
                hint=f"add {magnitude} after it",
            )


def _check_spectrum(draft: Draft) -> None:
    features, path = draft.get(FEATURES, DataProcessing), f"{FEATURES}.feature_size_per_frame"
    steps = set(features.feat_ext_transform)
    if "FFT_Q15" in steps and features.frame_size > 1 and features.frame_size not in Q15_FRAMES:
        draft.error(
            f"{FEATURES}.frame_size",
            f"{FEATURES}: FFT_Q15 does not transform frames of {features.frame_size} samples.",
            hint=f"take one of {', '.join(map(str, Q15_FRAMES))}, or FFT_FE",
            also=[f"{FEATURES}.feat_ext_transform"],
        )
    binning = next((name for name in ("BINNING", "BIN_Q15") if name in steps), None)
    if binning is None or not steps & COMPLEX.keys():
        return
    also = [f"{FEATURES}.{k}" for k in ("frame_size", "analysis_bandwidth", "feat_ext_transform")]
    count, band = features.feature_size_per_frame, features.frame_size / 2
    band *= min(features.analysis_bandwidth, 1 / features.analysis_bandwidth)
    if count is None:
        draft.error(path, f"{FEATURES}: {binning} needs feature_size_per_frame.", also=also)
    elif features.frame_size > 1 and (band < count or band % count):
        draft.error(
            path,
            f"{FEATURES}: {count} features do not divide the {band:g} bins of the spectrum.",
            hint="frame_size / 2 / analysis_bandwidth must be a multiple of it",
            also=also[:2],
        )


def _check_variables(draft: Draft) -> None:
    features = draft.get(FEATURES, DataProcessing)
    preset = FEATURE_PRESETS.get(features.feature_extraction_name or "")
    expected = preset.values.get("variables") if preset else None
    given = features.variables
    count = given if isinstance(given, int) else len(given)
    if expected is not None and count != expected:
        draft.warn(
            f"{FEATURES}: {features.feature_extraction_name} is made for {expected} variables; "
            f"the {count} that are written win",
            f"{FEATURES}.variables",
            f"{FEATURES}.feature_extraction_name",
        )


def _check_model(draft: Draft) -> None:
    training, task = draft.get("training", Training), draft.get("common", Common).task
    nothing = training.model_name is None and training.own_model is None
    if nothing and not training.nas_enabled and training.enable:
        draft.error(
            "training.model_name",
            "training: model_name is missing and no search is switched on.",
            hint=f"take one such as {', '.join(names.SUGGESTED[task])}, add nas_enabled: true, or "
            "name a network of your own in model_path",
            also=["training.nas_enabled"],
        )


def _check_quantization(draft: Draft) -> None:
    training = draft.get("training", Training)
    if training.quantization and training.quantization_method == "PTQ" and training.qat_epochs:
        draft.error(
            "training.qat_epochs",
            "training: qat_epochs contradicts quantization_method: PTQ, which does not train.",
            hint="remove qat_epochs, or set quantization_method: QAT",
            also=["training.quantization_method"],
        )
    if training.quantization_layers and training.nas_enabled:
        draft.error(
            "training.quantization_layers",
            "training: quantization_layers names layers, and a search has yet to find them.",
            hint="set quantization_weight_bitwidth, which is about all layers",
            also=["training.nas_enabled"],
        )


def _check_rotation(draft: Draft) -> None:
    augmentation = draft.get("training", Training).augmentation
    variables = draft.get(FEATURES, DataProcessing).variables
    count = variables if isinstance(variables, int) else len(variables)
    groups = augmentation.rotation_groups
    if augmentation.rotation > 0 and groups is None:
        draft.error(
            "training.augmentation.rotation",
            "training.augmentation: rotation needs rotation_groups.",
            hint="name the channels x, y, z of each sensor, such as [[0, 1, 2]]",
        )
    highest = max((channel for group in groups or () for channel in group), default=0)
    if groups is not None and highest >= count:
        draft.error(
            "training.augmentation.rotation_groups",
            f"training.augmentation: channel {highest} does not exist: there are {count}, "
            "counted from 0.",
            also=[f"{FEATURES}.variables"],
        )


def _check_compile_preset(draft: Draft) -> None:
    path = "compilation.compile_preset_name"
    if draft.get("compilation", Compilation).compile_preset_name == "compress_npu_layer_data":
        draft.ignored(f"{path}: no code for an NPU is generated, so no data of its layers", path)
