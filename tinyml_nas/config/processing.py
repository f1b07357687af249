"""Section ``data_processing_feature_extraction``: from recordings to what the model sees."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from tinyml_nas.config.base import Count, Ignored, Rate, Section, listed

Step = Literal[
    "WINDOWING",
    "RAW_FE",
    "FFT_FE",
    "NORMALIZE",
    "FFT_POS_HALF",
    "ABS",
    "DC_REMOVE",
    "BINNING",
    "LOG_DB",
    "CONCAT",
]


def _log_base(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Variables = Annotated[
    Annotated[int, Field(ge=1, le=10_000)]
    | Annotated[
        tuple[Annotated[int, Field(ge=0)] | Annotated[str, Field(strict=True)], ...],
        Field(min_length=1),
    ],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str) and not value.isdigit() else value
    ),
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


class DataProcessing(Section):
    """Windows and features; a preset gives the values that are not written out."""

    feature_extraction_name: str | None = Field(
        default=None,
        description="A feature preset; `info presets` lists them. Written keys win over it.",
    )
    data_proc_transforms: Annotated[
        tuple[Literal["SimpleWindow", "Downsample"], ...], BeforeValidator(listed)
    ] = Field(default=(), description="Steps before the features: SimpleWindow, Downsample.")
    feat_ext_transform: Annotated[tuple[Step, ...], BeforeValidator(listed)] = Field(
        default=(), description="Feature steps, in the order in which they are to run."
    )
    variables: Variables = Field(
        default=1, description="The first n columns, or a list of column numbers or names."
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
    min_bin: Annotated[int, Field(ge=0)] = Field(
        default=1, description="First FFT bin that is kept."
    )
    normalize_bin: bool = Field(default=False, description="Divide each bin's sum by its width.")
    analysis_bandwidth: Annotated[float, Field(gt=0, le=1024)] = Field(
        default=1, description="Divides the band that is binned: 2 keeps its lower half."
    )
    dc_remove: bool = Field(default=True, description="RAW_FE takes the mean off each frame.")
    log_mul: float | None = Field(
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
    scale: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Divides the samples before everything else."
    )
    target_variables: Ignored = None
    forecast_horizon: Ignored = None
    resampling_factor: Ignored = None
    offset: Ignored = None
    q15_scale_factor: Ignored = None
    window_count: Ignored = None
    chunk_size: Ignored = None
    fft_size: Ignored = None
    gain_variations: Ignored = None
    nn_for_feature_extraction: Ignored = None
    store_feat_ext_data: Ignored = None
    feat_ext_store_dir: Ignored = None
    dont_train_just_feat_ext: Ignored = None
    gof_test: bool = Field(
        default=False,
        description="Also write report/data.html: how well the classes can be told apart before "
        "training, as `explore` does.",
    )
