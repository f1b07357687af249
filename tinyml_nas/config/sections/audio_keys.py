"""Keys of ``data_processing_feature_extraction`` that only sound has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tinyml_nas.located.fields import Ignored, Section, listed, read_by, without_effect

LINEAR_PREDICTION = "linear prediction is no audio_feature of this release"

SOUND = read_by("common.target_module", "audio")

Milliseconds = Annotated[float, Field(gt=0, le=3_600_000)]


class AudioKeys(Section):
    """How clips are cut into frames, and what a frame becomes; read with target_module audio."""

    audio_feature: Annotated[Literal["MFCC", "LOG_MEL", "RAW"] | None, SOUND] = Field(
        default=None,
        description="Features of a frame of sound: cepstral coefficients, the logarithms of mel "
        "bands, or the samples; default with target_module audio: MFCC.",
    )
    audio_duration_ms: Annotated[Milliseconds, SOUND] = Field(
        default=1000, description="Length of a clip: shorter ones are padded, longer ones are cut."
    )
    frame_length_ms: Annotated[Milliseconds, SOUND] = Field(
        default=30, description="Length of a frame of sound."
    )
    frame_step_ms: Annotated[Milliseconds, SOUND] = Field(
        default=20, description="Time from frame to frame."
    )
    n_mels: Annotated[Annotated[int, Field(ge=1, le=1024)], SOUND] = Field(
        default=40, description="Mel bands of a frame."
    )
    n_mfcc: Annotated[Annotated[int, Field(ge=1, le=1024)], SOUND] = Field(
        default=10, description="Cepstral coefficients of a frame, the first of which is its level."
    )
    normalize_audio: Annotated[bool, SOUND] = Field(
        default=False, description="Raise each clip until its peak is full scale."
    )
    speeds: Annotated[
        Annotated[tuple[Annotated[float, Field(ge=0.5, le=2)], ...], BeforeValidator(listed)], SOUND
    ] = Field(
        default=(),
        description="Training clips are also heard at these speeds, such as [0.9, 1.1]: the pitch "
        "and the formants of other voices.",
    )
    mono: Annotated[bool, SOUND] = Field(
        default=True, description="Average the channels of a wav file."
    )
    nlpc: Ignored = without_effect(LINEAR_PREDICTION)
    lpc_order: Ignored = without_effect(LINEAR_PREDICTION)
    augmentation_transform: Ignored = without_effect(
        "training.augmentation says how clips are varied"
    )
