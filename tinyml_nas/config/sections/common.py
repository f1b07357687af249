"""Section ``common``: what is to be learned, for which device, under which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tinyml_nas.located.fields import FolderName, Ignored, Section, without_effect

DATASETS = "data sets lie beside the YAML, in datasets/ there, or where TINYML_DATASETS says"
RUNS = "runs go to runs/, or to the folder of --output"

Task = Literal["classification", "regression", "forecasting", "anomaly"]

TASK_OF: dict[str, Task] = {
    "classification": "classification",
    "regression": "regression",
    "forecasting": "forecasting",
    "anomaly": "anomaly",
    "generic_timeseries_classification": "classification",
    "generic_timeseries_regression": "regression",
    "generic_timeseries_forecasting": "forecasting",
    "generic_timeseries_anomalydetection": "anomaly",
    "motor_fault": "classification",
    "blower_imbalance": "classification",
    "arc_fault": "classification",
    "ecg_classification": "classification",
    "pir_detection": "classification",
    "audio_classification": "classification",
}
"""Every ``task_type`` and what it comes down to."""

OTHER_SIGNALS = {
    "image_classification": "an image has two",
    "vision": "an image has two",
    "radar_classification": "a cloud of radar points is none",
    "radar": "a cloud of radar points is none",
}
"""Tasks and modules of TI's tools that are refused here, and why."""


if TYPE_CHECKING:
    TaskType = str
else:
    TaskType = Literal[tuple(TASK_OF)]


class Common(Section):
    """What is to be learned, and for which device."""

    task_type: TaskType = Field(
        description="What is to be learned. The named faults are classifications with a name."
    )
    target_device: str = Field(
        default="cortex-m4",
        description="Name of the microcontroller; `info devices` lists them. Or a device file of "
        "yours, such as my_board.yaml, relative to this one.",
    )
    target_module: Literal["timeseries", "audio"] = Field(
        default="timeseries", description="Kind of signal; sound comes as wav files."
    )
    run_name: Annotated[FolderName, Field(min_length=1)] | None = Field(
        default=None,
        description="Name of the run folder below runs/; default: the name of the data set.",
    )
    seed: int = Field(
        default=42, ge=0, le=2**31 - 1, description="The one seed from which all randomness comes."
    )
    target_machine: Ignored = without_effect(
        "the C is for every board with the device", anyway=("evm",)
    )
    verbose_mode: Ignored = without_effect(
        "run.log has everything; --quiet shortens what is shown", anyway=(True,)
    )
    download_path: Ignored = without_effect(DATASETS)
    projects_path: Ignored = without_effect(RUNS)
    project_path: Ignored = without_effect(RUNS)
    project_run_path: Ignored = without_effect(RUNS)
    task_category: Ignored = without_effect("task_type says it")
    generic_model: Ignored = without_effect(
        "the layers are always shown, and nothing is encrypted", anyway=(False, True)
    )

    @property
    def task(self) -> Task:
        """What ``task_type`` comes down to."""
        return TASK_OF[self.task_type]
