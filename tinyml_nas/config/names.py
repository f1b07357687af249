"""The words a YAML may use: tasks, models, search presets, devices.  Plain data, no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from tinyml_nas.config.sections.common import Task

TASKS: tuple[Task, ...] = get_args(Task)
SUGGESTED: Mapping[Task, tuple[str, ...]] = {
    "classification": ("CLS_1k", "CLS_4k", "CLS_13k", "TCN_4k"),
    "regression": ("REGR_1k", "REGR_4k", "REGR_Res_4k", "REGR_TCN_4k"),
    "forecasting": ("FCST_1k", "FCST_4k", "FCST_Conv_1k", "FCST_TCN_4k"),
    "anomaly": ("AD_1k", "AE_1k", "AE_4k", "AE_TCN_4k"),
}
"""Models of the zoo to start with, and to compare a search with: the first one always."""

LATER_MODELS = {
    "Lenet5": "images",
    "MobileNet": "images",
    "CustomCNN": "images",
    "Pose_and_Fall": "radar",
}
"""How the names of models begin that belong to tasks of a later release."""

NAS_KEYS = (
    "nas_layers",
    "nas_nodes_per_layer",
    "nas_init_channels",
    "nas_init_channel_multiplier",
    "nas_fanout_concat",
)
NAS_PRESETS = {
    "s": (3, 4, 1, 3, 4),
    "m": (10, 4, 1, 3, 4),
    "l": (12, 4, 4, 3, 4),
    "xl": (20, 4, 4, 3, 4),
    "xxl": (20, 6, 8, 3, 4),
}
"""``nas_model_size`` to the values of ``NAS_KEYS``."""

PRESET_PARAMETERS = {"s": 913, "m": 3_039, "l": 44_700, "xl": 77_600, "xxl": 437_000}
"""``nas_model_size`` to the most parameters that a network of TI's preset can have (6 classes)."""

"""The space of a task that has one of its own, which no other task searches."""

NAS_NAME = re.compile(r"NAS(?:_(s|m|l|xl|xxl))?", re.IGNORECASE)


def later_model(name: str) -> str | None:
    """The kind of task a model of a later release is for; None for other names."""
    for start, kind in LATER_MODELS.items():
        if name.lower().startswith(start.lower()):
            return kind
    return None
