"""Section ``common``: what is to be learned, for which device, under which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tinyml_nas.config.base import Ignored, Section

Task = Literal["classification", "regression", "forecasting", "anomaly"]

TASK_OF: dict[str, Task] = {
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
    run_name: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the run folder below runs/; default: the name of the data set.",
    )
    seed: int = Field(
        default=42, ge=0, le=2**31 - 1, description="The one seed from which all randomness comes."
    )
    target_machine: Ignored = None
    verbose_mode: Ignored = None
    download_path: Ignored = None
    projects_path: Ignored = None
    project_path: Ignored = None
    project_run_path: Ignored = None
    task_category: Ignored = None
    generic_model: Ignored = None

    @property
    def task(self) -> Task:
        """What ``task_type`` comes down to."""
        return TASK_OF[self.task_type]
