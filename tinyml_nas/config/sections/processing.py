"""Section ``data_processing_feature_extraction``: from recordings to what the model sees."""

from __future__ import annotations

import ast
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from tinyml_nas.config.sections.audio_keys import AudioKeys
from tinyml_nas.located.choices import Named
from tinyml_nas.located.fields import (
    Count,
    FromZero,
    Ignored,
    Positive,
    Rate,
    listed,
    read_by,
    read_by_choice,
    without_effect,
)

FEATURES = "data_processing_feature_extraction"
"""The name of the section."""
CHAIN = f"{FEATURES}.feat_ext_transform"
VALUES = read_by("common.task", "regression", "forecasting", words="a regression or a forecast")
FORECAST = read_by("common.task", "forecasting", words="a forecast")
FEATURES_KEPT = "a run computes its features anew and keeps what they were fitted with"

Step = Annotated[str, Named(CHAIN)]
BY_STEPS = read_by_choice(CHAIN)


Column = FromZero | Annotated[str, Field(strict=True)]
"""By number from 0, or by name."""


def _named_columns(value: Any) -> Any:
    """The columns that a text names, divided by commas; a number in quotes is a count."""
    if not isinstance(value, str) or value.isdigit():
        return value
    names = (name.strip() for name in value.strip("[]").split(","))
    return tuple(int(name) if name.isdigit() else name for name in names if name) or value


Variables = Annotated[
    Annotated[int, Field(ge=1, le=10_000)] | Annotated[tuple[Column, ...], Field(min_length=1)],
    BeforeValidator(_named_columns),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string"},
                {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1},
            ]
        }
    ),
]


def _columns(value: Any) -> Any:
    """A list of columns; a number in quotes is a number."""
    items = (value,) if isinstance(value, int) else listed(value)
    if not isinstance(items, list | tuple):
        return value
    return tuple(int(i) if isinstance(i, str) and i.strip().isdecimal() else i for i in items)


Targets = Annotated[
    tuple[Column, ...],
    BeforeValidator(_columns),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["integer", "string", "null"], "minimum": 0},
                {"type": "array", "items": {"type": ["integer", "string"]}},
            ]
        }
    ),
]


def _gains(value: Any) -> Any:
    """TI's configurations write the mapping as Python text."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ValueError("is no mapping of a class to its lowest and highest gain") from None


def _ordered(gain: tuple[float, float]) -> tuple[float, float]:
    if gain[0] > gain[1]:
        raise ValueError(f"the lowest gain {gain[0]:g} is above the highest {gain[1]:g}")
    return gain


Gain = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
Gains = Annotated[dict[str, Gain], BeforeValidator(_gains)]


def _log_base(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class DataProcessing(AudioKeys):
    """Windows and features; a preset gives the values that are not written out."""

    feature_extraction_name: str | None = Field(
        default=None,
        description="A feature preset; `info presets` lists them. Written keys win over it.",
    )
    data_proc_transforms: Annotated[
        tuple[Literal["SimpleWindow", "Downsample", "Resample"], ...], BeforeValidator(listed)
    ] = Field(
        default=(), description="Steps before the features: SimpleWindow, Downsample, Resample."
    )
    feat_ext_transform: Annotated[tuple[Step, ...], BeforeValidator(listed)] = Field(
        default=(), description="Feature steps, in the order in which they are to run."
    )
    variables: Variables = Field(
        default=1, description="The first n columns, or a list of column numbers or names."
    )
    target_variables: Annotated[Targets, VALUES] = Field(
        default=(),
        description="Columns to learn, by number or name. Default of a regression: the last one; "
        "of a forecast: the variables.",
    )
    target_as: Annotated[
        Literal["mean", "last"], read_by("common.task", "regression", words="a regression")
    ] = Field(
        default="mean",
        description="What a regression tells of a window: the mean of the target over it, or its "
        "value at the last sample, for what changes within a window. Of joined frames: the last's.",
    )
    forecast_horizon: Annotated[Count, FORECAST] = Field(
        default=1, description="Samples that a forecast looks ahead."
    )
    forecast_as: Annotated[Literal["change", "value"] | None, FORECAST] = Field(
        default=None,
        description="Whether a forecast tells the change from the last sample or the value itself; "
        "default: the change, where the targets are among the variables; of your own network with "
        "weights: the value.",
    )
    sampling_rate: Rate = Field(default=1.0, description="Samples per second of the recordings.")
    new_sr: Rate = Field(default=1.0, description="Samples per second after Downsample.")
    frame_size: Count = Field(default=1, description="Samples per frame.")
    stride_size: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.01, description="Step from frame to frame as a share of the frame; 1: no overlap."
    )
    feature_size_per_frame: Count | None = Field(default=None, description="Features of one frame.")
    num_frame_concat: Count = Field(default=1, description="Frames joined to one input.")
    frame_skip: Count = Field(default=1, description="Only every so many frames start an input.")
    min_bin: FromZero = Field(default=1, description="First FFT bin that is kept.")
    normalize_bin: bool = Field(default=False, description="Divide each bin's sum by its width.")
    analysis_bandwidth: Annotated[float, Field(gt=0, le=1024)] = Field(
        default=1, description="The band that is binned: 2, as 0.5, keeps its lower half."
    )
    dc_remove: bool = Field(default=True, description="RAW_FE takes the mean off each frame.")
    log_mul: Annotated[float, Field(ge=-1e30, le=1e30)] | None = Field(
        default=None, description="Factor before the logarithm of LOG_DB."
    )
    log_base: Annotated[Literal[10, "e"], BeforeValidator(_log_base)] | None = Field(
        default=None, description="Base of the logarithm of LOG_DB: 10 or e."
    )
    log_threshold: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Added before the logarithm of LOG_DB."
    )
    stacking: Literal["2D1", "1D"] = Field(
        default="2D1", description="2D1 keeps the channels apart, 1D joins them end to end."
    )
    scale: Annotated[float, Field(ge=1e-30, le=1e30)] | None = Field(
        default=None, description="Divides the samples before everything else."
    )
    q15_scale_factor: Annotated[Annotated[int, Field(ge=-15, le=15)], BY_STEPS] = Field(
        default=4, description="Bits by which Q15_SCALE shifts left; negative: right."
    )
    resampling_factor: Annotated[Count, BY_STEPS] = Field(
        default=1, description="FE_DECIMATE keeps one of so many samples, after a low-pass filter."
    )
    window_count: Annotated[
        Count,
        BY_STEPS,
    ] = Field(default=1, description="Windows within a frame of PIR_FE, KURT_FE and the like.")
    chunk_size: Annotated[Count, BY_STEPS] = Field(
        default=1, description="Samples of which PIR_FE and KURT_FE take one kurtosis."
    )
    fft_size: Annotated[Count, BY_STEPS] = Field(
        default=1, description="Points of the Fourier transform of such a window; 1: the window's."
    )
    offset: FromZero = Field(
        default=0, description="Frames to train on also begin at every so many samples; 0: do not."
    )
    gain_variations: Gains | None = Field(
        default=None,
        description="Class to lowest and highest gain: each training frame is multiplied by a "
        "random one between them.",
    )
    nn_for_feature_extraction: Ignored = without_effect(
        "features are computed, and the network learns from them"
    )
    store_feat_ext_data: Ignored = without_effect(FEATURES_KEPT)
    feat_ext_store_dir: Ignored = without_effect(FEATURES_KEPT)
    dont_train_just_feat_ext: bool = Field(
        default=False, description="As training.enable: false: the run ends before the training."
    )
    gof_test: bool = Field(
        default=False,
        description="Also write report/data.html: how well the classes can be told apart before "
        "training, as `explore` does.",
    )
