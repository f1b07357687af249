"""Statistics of windows within a frame: KURT_FE, ENT_FE, ZCR_FE, DOM_FE, SLOPE_FE and PIR_FE.

A frame is cut into window_count windows, and every statistic becomes a channel of its own with one
value for each window, because statistics differ in unit and get a normalization each.  A single
window is the whole frame; more of them begin at every stride_size-th part of it, in a frame with 4
zeros before it and 3 behind it, and are what is left of that frame after window_count such steps.

The integer form is in ``window_statistics.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from tinyml_nas.features.integer.fft import Magnitude, fft_twin, magnitude_bound
from tinyml_nas.features.integer.fixed import (
    Float64,
    NoTwin,
    Operations,
    Signal,
    Twin,
)
from tinyml_nas.features.integer.q15_fft import (
    LENGTHS,
    Q15,
    Q15FFT,
    ROOT_START,
    Q15Magnitude,
)
from tinyml_nas.features.integer.window_statistics import (
    KURTOSIS_ONE,
    LOG2_ONE,
    POOLS,
    Column,
    Windows,
    WindowStatistics,
    log2_fraction,
    two_largest,
)
from tinyml_nas.features.signal import Array, Domain, Misfit, Settings, Shape
from tinyml_nas.features.steps.frame_step import FrameStep
from tinyml_nas.features.steps.whole import to_whole, whole16

MIDDLE = 128
"""PIR_FE_Q15 takes the counts of an 8-bit converter, whose rest is in the middle."""
FULL = 128
"""... and scales what is left to Q15."""
LARGEST_CHUNK = 64
"""Samples whose fourth powers, of 14 bits each, add up in 64 bits."""
PIR_COLUMNS: tuple[Column, ...] = (
    "pool",
    "kurtosis",
    "crossings",
    "slopes",
    "dominant",
    "entropy",
)
TRANSFORMED = {"pool", "dominant", "entropy"}
"""Columns that look at the Fourier transform of a window."""


def windows_of(length: int, settings: Settings) -> Windows:
    """How a frame of ``length`` samples is cut; a ConfigError if it cannot be."""
    count = settings.window_count
    if count == 1:
        return Windows(1, length, length, 0, length)
    hop = int(length * settings.stride + 1e-9)
    size = length + 7 - count * hop
    if hop < 1 or size < 3:
        raise Misfit(
            f"{count} windows at steps of {hop} samples do not fit into a frame of {length}.",
            hint="Set stride_size so that window_count * stride_size is below 1.",
            keys=("window_count", "stride_size", "frame_size"),
        )
    return Windows(count, size, hop, 4, length)


def _fft_size(windows: Windows, settings: Settings) -> int:
    return windows.size if settings.fft_size == 1 else settings.fft_size


@dataclass(frozen=True)
class WindowStep(FrameStep):
    """A step that turns each channel into ``columns`` of statistics, one value for each window."""

    columns: tuple[Column, ...] = ()
    fixed_point: bool = False

    def check(self, shape: Shape, settings: Settings) -> Shape:
        """The shape: the columns of each channel, and its windows."""
        super().check(shape, settings)
        windows = windows_of(shape.length, settings)
        _check_columns(self, windows, settings)
        parts = len(self.names(windows, settings))
        return Shape("statistics", parts * shape.channels, windows.count)

    def names(self, windows: Windows, settings: Settings) -> list[str]:
        """A name for each column."""
        numbers = {"pool": POOLS, "kurtosis": windows.size // settings.chunk_size, "dominant": 2}
        return [
            f"{column} {number}" if column in numbers else column
            for column in self.columns
            for number in range(numbers.get(column, 1))
        ]

    def channel_names(
        self, names: tuple[str, ...], shape: Shape, settings: Settings
    ) -> tuple[str, ...]:
        """The columns of each channel."""
        columns = self.names(windows_of(shape.length, settings), settings)
        return tuple(f"{name} {column}" for name in names for column in columns)


def _check_columns(step: WindowStep, windows: Windows, settings: Settings) -> None:
    n, chunk = _fft_size(windows, settings), settings.chunk_size
    if "kurtosis" in step.columns and not 4 <= chunk <= windows.size:
        raise Misfit(
            f"{step.name} cannot take a kurtosis of {chunk} samples of a window of {windows.size}.",
            hint="Set chunk_size to 4 or more, and to no more than a window has.",
            keys=("chunk_size", "window_count", "stride_size"),
        )
    if "pool" in step.columns and (n < 2 * POOLS or n % (2 * POOLS)):
        raise Misfit(
            f"{step.name} averages the bins of a transform of {n} points in {POOLS} bands.",
            hint=f"Set fft_size to a multiple of {2 * POOLS}.",
            keys=("fft_size", "frame_size"),
        )
    if step.fixed_point and n not in LENGTHS:
        raise Misfit(
            f"{step.name} transforms 32, 64, 128 ... {LENGTHS[-1]} points, not {n}.",
            hint="Set fft_size to a power of two.",
            keys=("fft_size", "frame_size"),
        )
    if TRANSFORMED & set(step.columns) and n < 4:
        raise Misfit(
            f"{step.name} needs an fft_size of 4 or more, not {n}.", keys=("fft_size", "frame_size")
        )


def _float(columns: tuple[Column, ...]) -> Callable[[Array, Settings], Array]:
    def function(x: Array, settings: Settings) -> Array:
        windows = windows_of(x.shape[-1], settings)
        cut = windows.cut(x)  # (N, C, W, T)
        size = _fft_size(windows, settings)
        found = [_COLUMNS[column](cut, size, settings) for column in columns]  # [N, C, W, k]
        joined = np.moveaxis(np.concatenate(found, axis=-1), -1, -2)
        return np.asarray(joined.reshape(len(x), -1, windows.count))

    return function


def _pool(cut: Array, size: int, settings: Settings) -> Array:
    """Mean magnitudes of 16 bands, without bin 0, of the window repeated to ``size`` samples."""
    repeated = cut[..., np.arange(size) % cut.shape[-1]]
    bins = np.abs(np.fft.rfft(repeated, axis=-1))[..., 1 : size // 2 + 1]
    return np.asarray(bins.reshape(*cut.shape[:-1], POOLS, -1).mean(axis=-1))


def _kurtosis(cut: Array, size: int, settings: Settings) -> Array:
    """Excess kurtosis without bias of each chunk (Joanes & Gill, 1998: G2); 0 if it is flat."""
    n = settings.chunk_size
    chunks = cut[..., : cut.shape[-1] // n * n].reshape(*cut.shape[:-1], -1, n)
    d = chunks - chunks.mean(axis=-1, keepdims=True)
    second, fourth = (d**2).mean(axis=-1), (d**4).mean(axis=-1)
    ratio = np.divide(fourth, second**2, out=np.full_like(second, _flat(n)), where=second > 1e-24)
    gain, constant = _unbiased(n)
    return np.asarray(gain * ratio + constant)


def _unbiased(n: int) -> tuple[float, float]:
    """G2 of n values as a linear function of m4 / m2^2."""
    below = (n - 2) * (n - 3)
    return (n * n - 1) / below, -3 * (n - 1) ** 2 / below


def _flat(n: int) -> float:
    """The ratio m4 / m2^2 of which G2 is 0."""
    return 3 * (n - 1) / (n + 1)


def _crossings(cut: Array, size: int, settings: Settings) -> Array:
    """Changes of the sign, which 0 has as well, as a share of the samples."""
    changes = (np.diff(np.sign(cut), axis=-1) != 0).sum(axis=-1, keepdims=True)
    return np.asarray(changes / cut.shape[-1])


def _slopes(cut: Array, size: int, settings: Settings) -> Array:
    """Changes of the sign of the difference between neighbors, as a share of the differences."""
    changes = (np.diff(np.sign(np.diff(cut, axis=-1)), axis=-1) != 0).sum(axis=-1, keepdims=True)
    return np.asarray(changes / (cut.shape[-1] - 1))


def _magnitudes(cut: Array, size: int) -> Array:
    """Bins 0 to size / 2 of the window, zeros behind it."""
    return np.asarray(np.abs(np.fft.rfft(cut, n=size, axis=-1)))


def _dominant(cut: Array, size: int, settings: Settings) -> Array:
    """The frequencies in hertz of the second largest and the largest bin, without bin 0."""
    return two_largest(_magnitudes(cut, size)) * (settings.sampling_rate / size)


def _entropy(cut: Array, size: int, settings: Settings) -> Array:
    """Entropy in nats of the power spectrum as a distribution; 0 of silence."""
    power = _magnitudes(cut, size) ** 2
    total = power.sum(axis=-1, keepdims=True)
    p = np.divide(power, total, out=np.zeros_like(power), where=total > 0)
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1, keepdims=True))


_COLUMNS = MappingProxyType(
    {
        "pool": _pool,
        "kurtosis": _kurtosis,
        "crossings": _crossings,
        "slopes": _slopes,
        "dominant": _dominant,
        "entropy": _entropy,
    }
)


def _twin(columns: tuple[Column, ...]) -> Twin:
    def twin(signal: Signal, settings: Settings) -> tuple[Operations, Signal]:
        if signal.offset.any():
            raise NoTwin("statistics of windows need samples without an offset")
        windows = windows_of(signal.length, settings)
        chunk = settings.chunk_size
        if "kurtosis" in columns and (
            chunk > LARGEST_CHUNK or (2 * chunk * signal.bound).bit_length() > 31
        ):
            raise NoTwin(f"the deviations of {chunk} samples do not fit into 32 bits")
        fft, magnitude, scale, bound = None, None, signal.scale, 0
        if TRANSFORMED & set(columns):
            size = _fft_size(windows, settings)
            fft, spectrum = fft_twin(replace(signal, length=size), settings)
            bound, scale = magnitude_bound(spectrum.bound), spectrum.scale
            magnitude = Magnitude(size, 0, size // 2 + 1)
        operation = WindowStatistics(
            windows, columns, chunk, fft, magnitude, 1, 0, log2_fraction(columns)
        )
        return operation, _left(operation, signal, scale, bound, settings)

    return twin


def _left(
    operation: WindowStatistics, signal: Signal, magnitude: Float64, bound: int, settings: Settings
) -> Signal:
    """What the integers of each column stand for, per channel of the samples."""
    n, windows = settings.chunk_size, operation.windows
    size = operation.fft_size
    pooled = max(size // (2 * POOLS), 1)
    gain, constant = _unbiased(n) if "kurtosis" in operation.columns else (0.0, 0.0)
    # column: unit of a count, offset, largest count
    units = {
        "pool": (magnitude / pooled, 0.0, pooled * bound),
        "kurtosis": (gain / KURTOSIS_ONE, constant, n * KURTOSIS_ONE),
        "crossings": (1 / windows.size, 0.0, windows.size),
        "slopes": (1 / (windows.size - 1), 0.0, windows.size),
        "dominant": (settings.sampling_rate / max(size, 1), 0.0, size),
        "entropy": (np.log(2) / LOG2_ONE, 0.0, 32 * LOG2_ONE),
    }
    channels = np.ones_like(signal.scale)
    scales, offsets = [], []
    for column, width in operation.widths:
        unit, offset, _ = units[column]
        scales += [channels * unit] * width
        offsets += [channels * offset] * width
    return replace(
        signal,
        length=windows.count,
        scale=np.stack(scales, axis=1).ravel(),
        offset=np.stack(offsets, axis=1).ravel(),
        bound=max(units[column][2] for column in operation.columns),
        parts=len(scales),
    )


def _fixed_point(length: int, settings: Settings) -> WindowStatistics:
    windows = windows_of(length, settings)
    size = _fft_size(windows, settings)
    return WindowStatistics(
        windows,
        PIR_COLUMNS,
        settings.chunk_size,
        Q15FFT.of(size),
        Q15Magnitude(0, size // 2 + 1, ROOT_START),
        FULL,
        1,
        log2_fraction(PIR_COLUMNS),
    )


def _pir_q15(x: Array, settings: Settings) -> Array:
    """The integer form on whole counts, in real units."""
    n, channels, length = x.shape
    operation = _fixed_point(length, settings)
    ones = Signal(length, np.ones(channels), np.zeros(channels), Q15)
    left = _pir_left(operation, ones, settings)
    y = operation.apply(whole16(x - MIDDLE).astype(np.int64))
    y = y.reshape(n, channels * left.parts, left.length)
    return np.asarray(y * left.scale[:, None] + left.offset[:, None])


def _pir_left(operation: WindowStatistics, signal: Signal, settings: Settings) -> Signal:
    # a magnitude in Q2.14 of counts times FULL, divided by the points of the transform
    unit = np.full_like(signal.scale, 2 * operation.fft_size / FULL)
    return _left(operation, signal, unit, Q15, settings)


def _pir_q15_twin(signal: Signal, settings: Settings) -> tuple[Operations, Signal]:
    centered = replace(signal, offset=signal.offset - MIDDLE)
    rounding, counts = to_whole(centered, saturate=True)
    if settings.chunk_size > LARGEST_CHUNK:
        raise NoTwin(f"the deviations of {settings.chunk_size} samples do not fit into 32 bits")
    operation = _fixed_point(signal.length, settings)
    operations = (operation,) if rounding is None else (rounding, operation)
    return operations, _pir_left(operation, counts, settings)


WINDOW_KEYS = ("window_count", "stride_size")
COLUMN_KEYS: Mapping[Column, tuple[str, ...]] = MappingProxyType(
    {
        "pool": ("fft_size",),
        "kurtosis": ("chunk_size",),
        "dominant": ("fft_size", "sampling_rate"),
        "entropy": ("fft_size",),
    }
)
ERRORS: Mapping[Column, str] = MappingProxyType(
    {
        "kurtosis": "deviations in 14 bits: 1e-4, measured",
        "dominant": "exact; of two nearly equal bins it may take the other",
        "entropy": "magnitudes in 15 bits, logarithms by table: 1e-3, measured",
    }
)


def _step(name: str, description: str, *columns: Column, error: str | None = None) -> WindowStep:
    accepts: tuple[Domain, ...] = ("samples",)
    return WindowStep(
        name,
        description,
        accepts,
        "statistics",
        _float(columns),
        _twin(columns),
        reads=_keys(columns),
        in_integers=error or ERRORS.get(columns[0], "exact"),
        columns=columns,
    )


def _keys(columns: tuple[Column, ...]) -> tuple[str, ...]:
    own = (key for column in columns for key in COLUMN_KEYS.get(column, ()))
    return tuple(dict.fromkeys((*WINDOW_KEYS, *own)))


KURT_FE = _step(
    "KURT_FE",
    "Excess kurtosis, without bias, of each chunk of chunk_size samples.",
    "kurtosis",
)
ENT_FE = _step(
    "ENT_FE", "Entropy in nats of the power spectrum, taken as a distribution.", "entropy"
)
ZCR_FE = _step("ZCR_FE", "Changes of the sign, as a share of the samples.", "crossings")
DOM_FE = _step(
    "DOM_FE",
    "The frequencies in hertz of the second largest and the largest bin, without bin 0.",
    "dominant",
)
SLOPE_FE = _step(
    "SLOPE_FE", "Changes of direction, as a share of the steps between samples.", "slopes"
)
PIR_FE = _step(
    "PIR_FE",
    "For motion sensors: 16 bands, kurtosis of each chunk, sign and slope changes, 2 dominant "
    "frequencies and spectral entropy of each window.",
    *PIR_COLUMNS,
    error="as FFT_FE, ABS, KURT_FE and ENT_FE",
)
PIR_FE_Q15 = WindowStep(
    "PIR_FE_Q15",
    "PIR_FE of the counts of an 8-bit converter, all in integers, its transform in Q15.",
    ("samples",),
    "statistics",
    _pir_q15,
    _pir_q15_twin,
    reads=_keys(PIR_COLUMNS),
    in_integers="the same integers",
    columns=PIR_COLUMNS,
    fixed_point=True,
)
