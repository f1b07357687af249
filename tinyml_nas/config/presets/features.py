"""The feature presets by name: a chain of steps, and the values of the keys that go with it.

Chains stand in the order in which they run, which for TI's lists is not the order of the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

FFT = ("FFT_FE", "FFT_POS_HALF", "ABS", "DC_REMOVE", "LOG_DB", "CONCAT")
FFTBIN = ("FFT_FE", "FFT_POS_HALF", "ABS", "DC_REMOVE", "BINNING", "LOG_DB", "CONCAT")
RAW = ("RAW_FE", "CONCAT")
ARC = (
    "WINDOWING",
    "FFT_FE",
    "NORMALIZE",
    "FFT_POS_HALF",
    "ABS",
    "BINNING",
    "LOG_DB",
    "CONCAT",
)
Q15 = ("FFT_Q15", "Q15_SCALE", "Q15_MAG", "DC_REMOVE", "BIN_Q15", "CONCAT")
MFCC = (
    "WINDOWING",
    "ZERO_PAD",
    "FFT_FE",
    "FFT_POS_HALF",
    "ABS",
    "MEL",
    "LOG_DB",
    "DCT",
    "TO_CHANNELS",
    "CONCAT",
)
MAGNITUDE = ("ABS", "LOG_DB", "CONCAT")

LOG_20_10 = {"log_mul": 20.0, "log_base": 10, "log_threshold": 1e-100}
LOG_10_E = {"log_mul": 10.0, "log_base": "e", "log_threshold": 1e-12}
NORMALIZED = {"normalize_bin": True}


@dataclass(frozen=True)
class FeaturePreset:
    """What one preset name stands for."""

    family: str
    values: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def chain(self) -> tuple[str, ...]:
        """The steps in the order in which they run."""
        steps = self.values.get("feat_ext_transform", ())
        assert isinstance(steps, tuple)
        return steps


def _preset(family: str, chain: tuple[str, ...], *values: Mapping[str, object]) -> FeaturePreset:
    merged: dict[str, object] = {"feat_ext_transform": chain}
    for part in values:
        merged |= part
    return FeaturePreset(family, MappingProxyType(merged))


def _frames(frame: int, features: int, frames: int, variables: int) -> dict[str, object]:
    return {
        "frame_size": frame,
        "feature_size_per_frame": features,
        "num_frame_concat": frames,
        "variables": variables,
    }


def _fftbin(
    frame: int, features: int, frames: int, variables: int = 1, stacking: str = "2D1"
) -> FeaturePreset:
    shape = _frames(frame, features, frames, variables)
    return _preset("FFTBIN", FFTBIN, shape, LOG_20_10, NORMALIZED, {"stacking": stacking})


def _fft(frame: int, variables: int = 1) -> FeaturePreset:
    return _preset("FFT", FFT, _frames(frame, frame // 2, 1, variables), LOG_20_10, NORMALIZED)


def _raw(frame: int, variables: int = 1) -> FeaturePreset:
    return _preset("RAW", RAW, _frames(frame, frame, 1, variables), NORMALIZED)


def _arc(features: int, frames: int, bandwidth: float, min_bin: int = 1) -> FeaturePreset:
    band = {"min_bin": min_bin, "analysis_bandwidth": float(bandwidth)}
    return _preset("ARC", ARC, _frames(1024, features, frames, 1), LOG_10_E, band)


def _q15(
    frame: int, features: int, frames: int, variables: int = 1, **others: object
) -> FeaturePreset:
    shape = _frames(frame, features, frames, variables) | {"q15_scale_factor": 5}
    return _preset("Q15", Q15, shape, NORMALIZED, others)


def _pir(step: str, sampling_rate: float) -> FeaturePreset:
    windows = {
        "frame_size": 125,
        "variables": 1,
        "sampling_rate": sampling_rate,
        "stride_size": 0.032,
        "window_count": 25,
        "chunk_size": 8,
        "fft_size": 64,
    }
    return _preset("PIR", (step,), windows)


HAND_GESTURE = {
    "frame_size": 256,
    "variables": 3,
    "scale": 4096.0,
    "stride_size": 0.25,
    "data_proc_transforms": ("SimpleWindow",),
}
SPEECH_COMMANDS = {
    "audio_feature": "MFCC",
    "sampling_rate": 16_000.0,
    "audio_duration_ms": 1000.0,
    "frame_length_ms": 30.0,
    "frame_step_ms": 20.0,
    "n_mels": 40,
    "n_mfcc": 10,
    "normalize_audio": True,
    "mono": True,
    "variables": 1,
}
ARC_SHAPES = {
    "256Feature_1Frame_Full_Bandwidth": _arc(256, 1, 1),
    "256Feature_1Frame_Half_Bandwidth": _arc(256, 1, 2, min_bin=122),
    "64Feature_4Frame_Half_Bandwidth": _arc(64, 4, 2),
    "32Feature_8Frame_Quarter_Bandwidth": _arc(32, 8, 4),
}
ONE_CHANNEL = "1InputChannel_removeDC_Full_Bandwidth"
THREE_CHANNELS = "3InputChannel_removeDC"

FEATURE_PRESETS: Mapping[str, FeaturePreset] = MappingProxyType(
    {
        **{f"FFT1024Input_{shape}": preset for shape, preset in ARC_SHAPES.items()},
        **{f"ArcFault_1024Input_{shape}": preset for shape, preset in ARC_SHAPES.items()},
        **{
            f"Generic_{frame}Input_FFTBIN_{features}Feature_8Frame": _fftbin(frame, features, 8)
            for frame, features in ((1024, 64), (512, 32), (256, 16), (32, 4))
        },
        **{
            f"Generic_{frame}Input_FFT_{frame // 2}Feature_1Frame": _fft(frame)
            for frame in (1024, 512, 256)
        },
        **{
            f"Generic_{frame}Input_RAW_{frame}Feature_1Frame": _raw(frame)
            for frame in (512, 256, 128)
        },
        "Generic_8Input_ABS_8Feature_1Frame": _preset(
            "ABS", MAGNITUDE, _frames(8, 8, 1, 11), LOG_20_10, NORMALIZED
        ),
        f"Input256_FFTBIN_16Feature_8Frame_{THREE_CHANNELS}_1D": _fftbin(256, 16, 8, 3, "1D"),
        f"Input256_FFTBIN_16Feature_8Frame_{THREE_CHANNELS}_2D1": _fftbin(256, 16, 8, 3),
        f"Input256_FFT_128Feature_1Frame_{THREE_CHANNELS}_2D1": _fft(256, 3),
        f"Input128_RAW_128Feature_1Frame_{THREE_CHANNELS}_2D1": _raw(128, 3),
        "FFT256Input_FE_RFFT_16Feature_8Frame_removeDC_Full_Bandwidth": _q15(256, 16, 8),
        f"ArcFault_1024Input_FE_RFFT_128Feature_8Frame_{ONE_CHANNEL}": _q15(
            1024, 128, 8, frame_skip=8, q15_scale_factor=4
        ),
        f"ArcFault_512Input_FE_RFFT_32Feature_8Frame_{ONE_CHANNEL}": _q15(512, 32, 8),
        f"MotorFault_256Input_FE_RFFT_16Feature_8Frame_{THREE_CHANNELS}_1D": _q15(
            256, 16, 8, 3, stacking="1D"
        ),
        f"MotorFault_256Input_FE_RFFT_16Feature_8Frame_{THREE_CHANNELS}_2D1": _q15(256, 16, 8, 3),
        f"FallDetection_256Input_FE_RFFT_8Feature_8Frame_{THREE_CHANNELS}_2D1": _q15(256, 8, 8, 3),
        "HandGesture256Input_RangeNormalize_1Frame": _preset("NONE", (), HAND_GESTURE),
        "Custom_Default": _preset("NONE", (), NORMALIZED, {"variables": 1}),
        "Custom_MotorFault": _preset("NONE", (), NORMALIZED, {"variables": 3}),
        "Custom_ArcFault": _preset("ARC", ARC, LOG_10_E, {"variables": 1}),
        "Custom_Default_MSPM0": _preset(
            "Q15", Q15, NORMALIZED, {"variables": 1, "q15_scale_factor": 5}
        ),
        "Custom_MotorFault_MSPM0": _preset(
            "Q15", Q15, NORMALIZED, {"variables": 3, "q15_scale_factor": 5}
        ),
        "Custom_ArcFault_MSPM0": _preset(
            "Q15", Q15, NORMALIZED, {"variables": 1, "frame_skip": 8, "q15_scale_factor": 4}
        ),
        "GoogleSpeechCommands_MFCC_Default": _preset("MFCC", MFCC, SPEECH_COMMANDS),
        "ECG2500Input_Roundoff_1Frame": _preset(
            "ROUND_OFF", ("ROUND_OFF",), {"frame_size": 2500, "variables": 1}
        ),
        "PIRDetection_125Input_25Feature_25Frame_1InputChannel_2D": _pir("PIR_FE", 33.0),
        "PIRDetection_125Input_25Feature_25Frame_1InputChannel_2D_FixedPoint": _pir(
            "PIR_FE_Q15", 31.25
        ),
        f"MotorFault_128Input_RAW_128Feature_1Frame_{THREE_CHANNELS}_2D1": _preset(
            "RAW", ("FE_DECIMATE", "FE_Q15", "CONCAT"), _frames(128, 128, 1, 3), NORMALIZED
        ),
    }
)

LATER_PRESETS = {
    "Mnist_Default": "images",
    "CoffeeBean_Default": "images",
    "CoffeeBean_Augmentation_Default": "images",
    "MachineReadable_Default": "images",
}
"""Presets of tasks that belong to a later release."""
