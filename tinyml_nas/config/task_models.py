"""TI's models by the task that they are for, which no other task can take."""

from __future__ import annotations

from tinyml_nas.config import names

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


def model_of_task(name: str) -> tuple[str, str] | None:
    """(task, name as listed) of TI's models in ``MODELS_OF``; with and without ``_NPU`` at the end,
    for TI's own pages write both."""
    other = name.removesuffix("_NPU") if name.endswith("_NPU") else f"{name}_NPU"
    for written in (name, other):
        for task, models in MODELS_OF.items():
            if written in models:
                return task, written
    return None


def models_for(task: str) -> tuple[str, ...]:
    """Names of the models for ``task``: a key of ``MODELS_OF``, or classification."""
    return tuple(MODELS_OF.get(task, names.NOMINAL_PARAMETERS))


def known_names() -> tuple[str, ...]:
    """Every model name that is accepted, whatever the task."""
    return (*names.model_names(), *(name for models in MODELS_OF.values() for name in models))
