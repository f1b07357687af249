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

LATER_MODELS = {
    "REGR_": "regression",
    "FCST_": "forecasting",
    "AD_": "anomaly detection",
    "Ondevice_Trainable_AD": "anomaly detection",
    "Lenet5": "images",
    "MobileNet": "images",
    "DSCNN": "audio",
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


def later_model(name: str) -> str | None:
    """The kind of task a model of a later release is for; None for other names."""
    for start, kind in LATER_MODELS.items():
        if name.lower().startswith(start.lower()):
            return kind
    return None


def model_names() -> tuple[str, ...]:
    """Every model name that is accepted."""
    return (*NOMINAL_PARAMETERS, *(f"{own}_NPU" for own in NOMINAL_PARAMETERS), *OTHER_MODELS)


def device_names(folder: Path | None = None) -> tuple[str, ...]:
    """Every known device: the names of the files in ``devices``, read without importing it.

    With those of the folder ``devices`` in ``folder``.
    """
    places = [PACKAGE / "devices", *([folder / "devices"] if folder is not None else [])]
    return tuple(sorted({file.stem for place in places for file in place.glob("*.yaml")}))


def device_file(name: str, folder: Path | None = None) -> Path | None:
    """The file of the device called ``name``, or that ``name`` is the path of; ``None`` if none is.

    Paths start at ``folder``; what lies in its folder ``devices`` comes before our own.
    """
    if name.lower().endswith((".yaml", ".yml")):
        own = (folder or Path()) / Path(name).expanduser()
        return own if own.is_file() else None
    if name not in device_names(folder):
        return None
    beside = None if folder is None else folder / "devices" / f"{name}.yaml"
    return beside if beside and beside.is_file() else PACKAGE / "devices" / f"{name}.yaml"


def strategy_names() -> tuple[str, ...]:
    """Every value of ``nas_search_strategy``, auto first."""
    found = _declared("search/strategies", "STRATEGY")
    return tuple(sorted(found, key=lambda name: (name != "auto", name)))


def proxy_names() -> tuple[str, ...]:
    """Every item of ``nas_proxy``."""
    return _declared("search/proxies", "PROXY")


def generator_names() -> tuple[str, ...]:
    """Every value of ``dataset.generator``."""
    files = sorted((PACKAGE / "data" / "synthetic").glob("*.py"))
    return tuple(file.stem for file in files if not file.stem.startswith("_"))


def _declared(folder: str, what: str) -> tuple[str, ...]:
    """The modules of ``folder`` that assign ``what``, found without importing any.

    So one file adds a choice, the schema knows it at once, and ``check`` loads no torch.
    """
    declares = re.compile(rf"^{what}\b", re.MULTILINE)
    files = sorted((PACKAGE / folder).glob("*.py"))
    return tuple(file.stem for file in files if declares.search(file.read_text(encoding="utf-8")))
