"""The words a YAML may use: tasks, models, search presets, devices.  Plain data, no torch.

Model names of other zoos are taken by their nominal size: the nearest of our own models stands
in, and the user is told.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent

NOMINAL_PARAMETERS = {"CLS_500": 500, "CLS_1k": 1000, "CLS_4k": 4000, "CLS_13k": 13000}
"""The zoo of this release: name to nominal parameter count."""

OTHER_MODELS = {
    "CLS_100": 268,
    "CLS_1.2k": 1200,
    "CLS_1.5k": 1500,
    "CLS_1.9k": 1900,
    "CLS_2k": 2000,
    "CLS_2.8k": 2800,
    "CLS_3.1k": 3100,
    "CLS_3.9k": 3900,
    "CLS_4.2k": 4200,
    "CLS_5k": 5000,
    "CLS_6k": 6000,
    "CLS_8k": 8000,
    "CLS_20k": 20000,
    "CLS_40k": 40000,
    "CLS_55k": 55000,
    "ECG_55k": 55000,
    "CLS_ResCat_3k": 3000,
    "CLS_ResAdd_3k": 3000,
    "ArcFault_model_200_t": 296,
    "ArcFault_model_300_t": 388,
    "ArcFault_model_400_t": 388,
    "ArcFault_model_700_t": 844,
    "ArcFault_model_800_t": 844,
    "ArcFault_model_1400_t": 1648,
    "MotorFault_model_1_t": 588,
    "MotorFault_model_2_t": 2808,
    "MotorFault_model_3_t": 996,
    "FanImbalance_model_1_t": 588,
    "FanImbalance_model_2_t": 2808,
    "FanImbalance_model_3_t": 996,
    "PIRDetection_model_1_t": 52964,
    "ElectricalFault_model_40k_t": 39338,
    "GearboxFault_model_1.2k_t": 1174,
    "GearboxFault_model_1.5k_t": 1530,
    "TimeSeries_Generic_1k_t": 1000,
    "TimeSeries_Generic_1k_NPU_t": 1000,
    "TimeSeries_Generic_4k_t": 4000,
    "TimeSeries_Generic_6k_t": 6000,
    "TimeSeries_Generic_13k_t": 13000,
}
"""Classification models of TI's zoo that are not ours, by parameter count."""

MODELS_OF: dict[str, dict[str, int]] = {
    "regression": {
        "REGR_500_NPU": 155,
        "REGR_1k": 627,
        "REGR_2k": 1803,
        "REGR_2k_NPU": 1443,
        "REGR_3k": 17019,
        "REGR_4k": 2819,
        "REGR_6k_NPU": 2131,
        "REGR_8k_NPU": 6371,
        "REGR_10k": 4291,
        "REGR_13k": 10179,
        "REGR_20k_NPU": 16483,
    },
    "forecasting": {
        "FCST_500_NPU": 155,
        "FCST_1k_NPU": 627,
        "FCST_2k_NPU": 1443,
        "FCST_3k": 17019,
        "FCST_4k_NPU": 3203,
        "FCST_6k_NPU": 2131,
        "FCST_8k_NPU": 6371,
        "FCST_10k_NPU": 7075,
        "FCST_13k": 39299,
        "FCST_20k_NPU": 24771,
        "FCST_LSTM8": 361,
        "FCST_LSTM10": 531,
    },
    "anomaly": {
        "AD_500_NPU": 265,
        "AD_1k": 1213,
        "AD_2k_NPU": 2545,
        "AD_4k": 4129,
        "AD_6k_NPU": 3041,
        "AD_8k_NPU": 10465,
        "AD_10k_NPU": 9697,
        "AD_16k": 16705,
        "AD_17k": 16705,
        "AD_20k_NPU": 40897,
        "AD_Linear": 153312,
        "Ondevice_Trainable_AD_Linear": 345408,
    },
    "audio": {"DSCNN_NPU": 23756},
}
"""Models of TI's zoo that are not for the classification of time series: task to name to parameter
count, at one channel of 512 samples and one output (audio: 49x10 features, 12 classes)."""

BASELINE_OF = {"regression": "REGR_1k", "forecasting": "FCST_1k_NPU", "anomaly": "AD_1k"}
"""The model that a search is compared with, as CLS_1k is for a classification."""

OTHER_MODELS_OF = {"Lenet5": "images", "MobileNet": "images", "Pose_and_Fall": "radar"}
"""How the names of models begin whose signals are not one-dimensional."""

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

SPACE_OF = {"darts": "cells", "gdas": "cells", "sub_one_shot": "chain"}
"""The space that a strategy needs, where it cannot search any: its ``STRATEGY.space``."""

NAS_NAME = re.compile(r"NAS(?:_(s|m|l|xl|xxl))?", re.IGNORECASE)


def own_model(name: str) -> str | None:
    """Our model called ``name``, with or without ``_NPU``; None if it is not ours."""
    base = name.removesuffix("_NPU")
    return base if base in NOMINAL_PARAMETERS else None


def nearest_model(name: str) -> str | None:
    """Our model nearest in size to TI's ``name``; None for a name that nobody knows."""
    size = OTHER_MODELS.get(name, OTHER_MODELS.get(name.removesuffix("_NPU")))
    if size is None:
        return None
    return min(NOMINAL_PARAMETERS, key=lambda own: abs(math.log(NOMINAL_PARAMETERS[own] / size)))


def model_of_task(name: str) -> tuple[str, str] | None:
    """(task, name as listed) of TI's models in ``MODELS_OF``; with and without ``_NPU`` at the end,
    for TI's own pages write both."""
    other = name.removesuffix("_NPU") if name.endswith("_NPU") else f"{name}_NPU"
    for written in (name, other):
        for task, models in MODELS_OF.items():
            if written in models:
                return task, written
    return None


def other_signals_model(name: str) -> str | None:
    """What a model of images or radar is for; None for other names."""
    starts = (start for start in OTHER_MODELS_OF if name.lower().startswith(start.lower()))
    return next((OTHER_MODELS_OF[start] for start in starts), None)


def models_for(task: str) -> tuple[str, ...]:
    """Names of the models for ``task``: a key of ``MODELS_OF``, or classification."""
    return tuple(MODELS_OF.get(task, NOMINAL_PARAMETERS))


def model_names() -> tuple[str, ...]:
    """Every model name that is accepted, whatever the task."""
    own = (*NOMINAL_PARAMETERS, *(f"{own}_NPU" for own in NOMINAL_PARAMETERS))
    return (*own, *OTHER_MODELS, *(name for models in MODELS_OF.values() for name in models))


def device_names() -> tuple[str, ...]:
    """Every known device: the names of the files in ``devices``, read without importing it."""
    return tuple(sorted(file.stem for file in (PACKAGE / "devices").glob("*.yaml")))


def strategy_names() -> tuple[str, ...]:
    """Every value of ``nas_search_strategy``, auto first."""
    found = _declared("search/strategies", "STRATEGY")
    return tuple(sorted(found, key=lambda name: (name != "auto", name)))


def proxy_names() -> tuple[str, ...]:
    """Every item of ``nas_proxy``."""
    return _declared("search/proxies", "PROXY")


def _declared(folder: str, what: str) -> tuple[str, ...]:
    """The modules of ``folder`` that assign ``what``, found without importing any.

    So one file adds a choice, the schema knows it at once, and ``check`` loads no torch.
    """
    declares = re.compile(rf"^{what}\b", re.MULTILINE)
    files = sorted((PACKAGE / folder).glob("*.py"))
    return tuple(file.stem for file in files if declares.search(file.read_text(encoding="utf-8")))
