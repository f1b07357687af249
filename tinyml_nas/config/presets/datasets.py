"""TI's example data sets by name: the file on TI's server, and the features meant for it.

In TI's tools the features never arrive, because a preset is put where its name is looked for; here
they are used where the YAML writes no features of its own, and it is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tinyml_nas.config.sections.dataset import Dataset
from tinyml_nas.config.sections.processing import FEATURES
from tinyml_nas.located.draft import Draft

SERVER = "https://software-dl.ti.com/C2000/esd/mcu_ai/datasets/"
FEATURE_KEYS = ("feature_extraction_name", "feat_ext_transform", "frame_size")
PATH = "dataset.input_data_path"


@dataclass(frozen=True)
class DatasetPreset:
    """What a ``dataset_name`` stands for where no ``input_data_path`` is written."""

    file: str
    features: str | None = None
    values: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


FFTBIN = "Input256_FFTBIN_16Feature_8Frame_3InputChannel_removeDC_2D1"
AC_ARC = "ArcFault_1024Input_FE_RFFT_128Feature_8Frame_1InputChannel_removeDC_Full_Bandwidth"
THREE = MappingProxyType({"variables": 3})

DATASET_PRESETS: Mapping[str, DatasetPreset] = MappingProxyType(
    {
        "arc_fault_example_dsi": DatasetPreset(
            "arc_fault_classification_dsi.zip",
            values=MappingProxyType(
                {
                    "data_proc_transforms": ("Downsample", "SimpleWindow"),
                    "sampling_rate": 313000.0,
                    "frame_size": 3130,
                    "stride_size": 0.01,
                }
            ),
        ),
        "dc_arc_fault_example_dsk": DatasetPreset(
            "arc_fault_classification_dsk.zip", "FFT1024Input_256Feature_1Frame_Full_Bandwidth"
        ),
        "motor_fault_example_dsk": DatasetPreset(
            "motor_fault_classification_dsk.zip", FFTBIN, THREE
        ),
        "fan_blower_imbalance_dsi": DatasetPreset(
            "fan_blower_imbalance_dsi.zip",
            "MotorFault_256Input_FE_RFFT_16Feature_8Frame_3InputChannel_removeDC_2D1",
            THREE,
        ),
        "fan_blower_imbalance_dsh": DatasetPreset("fan_blower_imbalance_dsh.zip", FFTBIN, THREE),
        "generic_timeseries_classification": DatasetPreset("generic_timeseries_classification.zip"),
        "hello_world_example_dsg": DatasetPreset("generic_timeseries_classification.zip"),
        "ac_arc_fault_log300_example_dsk": DatasetPreset("ac_arc_fault_log300.zip", AC_ARC),
        "ac_arc_fault_example_dsk": DatasetPreset("ac_arc_fault.zip", AC_ARC),
        "pir_detection_example_dsk": DatasetPreset(
            "pir_detection_classification_dsk.zip",
            "PIRDetection_125Input_25Feature_25Frame_1InputChannel_2D",
            MappingProxyType({"sampling_rate": 33.0}),
        ),
        "ecg_classification_4class": DatasetPreset(
            "ecg_classification_4class.zip", "ECG2500Input_Roundoff_1Frame"
        ),
        "google_speech_commands_12class": DatasetPreset(
            "google_speech_commands_12class.zip", "GoogleSpeechCommands_MFCC_Default"
        ),
    }
)


def resolve_dataset(draft: Draft) -> None:
    """Fill in the address of a data set that is known by name, and its features."""
    data = draft.get("dataset", Dataset)
    preset = DATASET_PRESETS.get(data.dataset_name or "")
    if preset is None or data.generator is not None or draft.given(PATH):
        return
    origin = f"data set {data.dataset_name}"
    draft.fill("dataset", {"input_data_path": SERVER + preset.file}, origin)
    draft.fill(FEATURES, dict(preset.values), origin)
    if preset.features and not any(draft.given(f"{FEATURES}.{key}") for key in FEATURE_KEYS):
        draft.fill(FEATURES, {"feature_extraction_name": preset.features}, origin)
        draft.warn(
            f"{FEATURES}: without features of its own this file gets those of the data set "
            f"{data.dataset_name}: {preset.features}",
            "dataset.dataset_name",
        )
