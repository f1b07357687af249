"""What the keys of sound stand for: a chain of feature steps, its frames and their joining."""

from __future__ import annotations

from tinyml_nas.config.presets.features import MFCC
from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.located.draft import Draft

CHAINS: dict[str, tuple[str, ...]] = {
    "MFCC": MFCC,
    "LOG_MEL": tuple(step for step in MFCC if step != "DCT"),
    "RAW": (),
}
LOGARITHM = {"log_mul": 20.0, "log_base": 10, "log_threshold": 1e-2}
"""Decibels above a floor, for samples from -1 to 1."""
FULL_SCALE = 32768.0
"""Of a wav file, whose samples are counted in 16 bits."""
USUAL_RATE = 16_000.0


def resolve_audio(draft: Draft) -> None:
    """Fill in the chain, the frames and the unit of the samples that the keys of sound ask for."""
    common, features = draft.get("common", Common), draft.get(FEATURES, DataProcessing)
    is_audio = "audio" in (common.target_module, common.task_type.partition("_")[0])
    if not is_audio and features.audio_feature is None:
        return
    draft.fill("common", {"target_module": "audio"}, "sound")
    feature = features.audio_feature or "MFCC"
    rate = features.sampling_rate
    if rate == 1.0 and not draft.given(f"{FEATURES}.sampling_rate"):
        rate = USUAL_RATE
    values: dict[str, object] = {
        "audio_feature": feature,
        "sampling_rate": rate,
        "feat_ext_transform": CHAINS[feature],
        "scale": FULL_SCALE,
        **(LOGARITHM if feature != "RAW" else {}),
    }
    thinned = "Downsample" in features.data_proc_transforms
    values |= _frames(draft, features, feature, features.new_sr if thinned else rate)
    draft.fill(FEATURES, values, f"audio_feature {feature}")
    if features.normalize_audio:
        draft.warn(
            f"{FEATURES}.normalize_audio raises each clip to full scale; a device cannot know the "
            "peak of a clip that has not ended, and must bring its samples to that level itself"
            f"{draft.where(f'{FEATURES}.normalize_audio')}."
        )


def _frames(draft: Draft, features: DataProcessing, feature: str, rate: float) -> dict[str, object]:
    """Samples of a frame, the step between frames, and how many of them make a clip."""
    clip, frame, step = (
        max(1, round(milliseconds * rate / 1000))
        for milliseconds in (
            features.audio_duration_ms,
            features.frame_length_ms,
            features.frame_step_ms,
        )
    )
    if feature == "RAW":
        return {"frame_size": clip, "stride_size": 1.0, "num_frame_concat": 1}
    if step > frame or frame > clip:
        longer = "frame_step_ms" if step > frame else "frame_length_ms"
        limit = "frame_length_ms" if step > frame else "audio_duration_ms"
        draft.error(
            f"{FEATURES}.{longer}",
            f"{FEATURES}: {longer} {getattr(features, longer):g} is longer than {limit} "
            f"{getattr(features, limit):g}.",
            hint="frames overlap or touch, and a clip holds one of them at least",
            also=[f"{FEATURES}.{limit}"],
        )
        return {"frame_size": max(frame, 2)}
    return {
        "frame_size": frame,
        "stride_size": step / frame,
        "num_frame_concat": 1 + (clip - frame) // step,
    }
