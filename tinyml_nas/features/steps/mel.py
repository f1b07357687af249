"""Steps of speech recognition: mel bands of a spectrum, and their cepstral coefficients.

The chain is WINDOWING, ZERO_PAD, FFT_FE, FFT_POS_HALF, ABS, MEL, LOG_DB and, for MFCCs, DCT (Davis
& Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", 1980).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import (
    WORD_BITS,
    FixedOp,
    Float64,
    Int64,
    NoTwin,
    Signal,
    rounded_shift,
    table,
)
from tinyml_nas.features.signal import Array, Misfit, Settings, Shape
from tinyml_nas.features.steps.frame_step import FrameStep, require

T = TypeVar("T", np.int64, np.float64)

Q15_BITS = 15
Q15 = 1 << Q15_BITS
TOUCHING = 1e-9
"""Of a bin: an edge this near above one still belongs to it."""


def padded(length: int, settings: Settings | None = None) -> int:
    """The next power of two from ``length`` on."""
    return 1 << (length - 1).bit_length()


def _zero_pad(x: Array, settings: Settings) -> Array:
    missing = padded(x.shape[-1]) - x.shape[-1]
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)])


@dataclass(frozen=True)
class ZeroPad:
    """Zeros behind the ``length`` values of a frame, until there are ``outputs``."""

    length: int
    outputs: int
    kernel: str = "zero_pad"

    def apply(self, x: Int64) -> Int64:
        """The longer frames."""
        return np.pad(x, ((0, 0), (0, 0), (0, self.outputs - self.length)))


def _zero_pad_twin(signal: Signal, settings: Settings) -> tuple[FixedOp | None, Signal]:
    size = padded(signal.length)
    if size == signal.length:
        return None, signal
    if signal.offset.any():
        raise NoTwin("ZERO_PAD needs values without an offset")
    return ZeroPad(signal.length, size), replace(signal, length=size)


def mel(hertz: float) -> float:
    """Pitch on the mel scale of HTK (O'Shaughnessy, "Speech communication", 1987)."""
    return 2595 * math.log10(1 + hertz / 700)


def hertz(mels: Float64) -> Float64:
    """The inverse of :func:`mel`."""
    return np.asarray(700 * (10 ** (mels / 2595) - 1))


@dataclass(frozen=True)
class MelScale:
    """Triangular bands over the bins of a spectrum, each of height 1, as slopes between centers.

    Bins ``edges[s]`` to ``edges[s + 1]`` - 1 lie on slope s; ``rising[k]`` is the share of bin
    ``edges[0]`` + k that belongs to the band whose center ends its slope.  The rest belongs to the
    band before.  So band b rises over slope b and falls over slope b + 1.
    """

    edges: NDArray[np.int64]  # [bands + 2]
    rising: Float64

    @classmethod
    def of(cls, bins: int, settings: Settings) -> MelScale:
        """``n_mels`` bands, equally spaced in mel, from the bin before ``min_bin`` on.

        They end at half of the sampling rate divided by ``analysis_bandwidth``.  Slopes are linear
        in hertz.
        """
        width = settings.sampling_rate / _transform_length(bins, settings)  # hertz of a bin
        low = max(settings.min_bin - 1, 0) * width
        high = settings.sampling_rate / 2 / settings.bandwidth
        points = hertz(np.linspace(mel(low), mel(high), settings.n_mels + 2)) / width
        edges = np.minimum(np.ceil(points - TOUCHING), bins).astype(np.int64)
        k = np.arange(edges[0], edges[-1])
        slope = np.searchsorted(edges, k, side="right") - 1
        rising = (k - points[slope]) / (points[slope + 1] - points[slope])
        return cls(edges, np.clip(rising, 0, 1))

    @property
    def bands(self) -> int:
        """How many bands there are."""
        return len(self.edges) - 2

    def weights(self, rising: NDArray[T], one: int) -> NDArray[T]:
        """[bins from 0 on, bands], of ``rising`` shares of ``one``."""
        k = np.arange(self.edges[0], self.edges[-1])
        slope = np.searchsorted(self.edges, k, side="right") - 1
        full = np.zeros((self.edges[-1], self.bands + 2), rising.dtype)  # a margin on either side
        full[k, slope + 1] = rising
        full[k, slope] = one - rising
        return full[:, 1:-1]


def _transform_length(bins: int, settings: Settings) -> int:
    """Samples of the transform that left ``bins`` of its spectrum after FFT_POS_HALF."""
    for length in (settings.frame_size, padded(settings.frame_size)):
        if bins == length // 2 + settings.min_bin:
            return length
    raise Misfit(
        f"MEL needs all bins up to half of the sampling rate, and gets {bins}.",
        hint="Put FFT_POS_HALF and ABS before it, and leave DC_REMOVE out.",
    )


def _mel_length(length: int, settings: Settings) -> int:
    scale = MelScale.of(length, settings)
    sums = scale.weights(scale.rising, 1).sum(axis=0)
    if (sums <= 0).any():
        raise Misfit(
            f"MEL: of {settings.n_mels} bands, number {int(np.argmin(sums > 0)) + 1} lies between "
            f"two of the {length} bins.",
            hint="Lower n_mels, or raise frame_length_ms or frame_size.",
            keys=("n_mels", "min_bin", "analysis_bandwidth", "frame_size"),
        )
    return settings.n_mels


def _mel(x: Array, settings: Settings) -> Array:
    scale = MelScale.of(x.shape[-1], settings)
    weights = scale.weights(scale.rising, 1)
    return np.asarray(x[..., : len(weights)] @ weights)


@dataclass(frozen=True)
class MelBands:
    """Sums of bins times Q15 weights, divided by 2^``shift`` and rounded half up.

    ``rising`` holds the weights of one slope of each bin; the other is 1 minus it.
    """

    scale: MelScale
    rising: NDArray[np.int32]
    shift: int
    kernel: str = "mel_bands"

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""
        return self.scale.bands

    def apply(self, x: Int64) -> Int64:
        """The bands [N, C, bands]."""
        weights = self.scale.weights(self.rising.astype(np.int64), Q15)
        return rounded_shift(x[..., : len(weights)] @ weights, self.shift)


def _mel_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    if signal.offset.any():
        raise NoTwin("MEL needs values without an offset")
    scale = MelScale.of(signal.length, settings)
    # the C writes band b when it has read slope b + 1
    if (scale.edges[2:] <= np.arange(scale.bands)).any():
        raise NoTwin(f"{scale.bands} mel bands are too many for {signal.length} bins")
    rising = table(scale.rising, Q15, Q15)
    most = signal.bound * int(scale.weights(rising.astype(np.int64), Q15).sum(axis=0).max())
    shift = max(0, (most + 1).bit_length() - WORD_BITS)
    left = replace(signal, length=scale.bands, bound=(most >> shift) + 1)
    return MelBands(scale, rising, shift), left.scaled(2.0 ** (shift - Q15_BITS))


def _coefficients(length: int, settings: Settings) -> int:
    if settings.n_mfcc > length:
        raise Misfit(
            f"DCT cannot give {settings.n_mfcc} coefficients of {length} values.",
            hint="n_mfcc must not exceed n_mels.",
            keys=("n_mfcc", "n_mels"),
        )
    return settings.n_mfcc


def _dct(x: Array, settings: Settings) -> Array:
    """The first ``n_mfcc`` coefficients of the orthonormal DCT-II."""
    n = x.shape[-1]
    k = np.arange(_coefficients(n, settings))
    basis = math.sqrt(2 / n) * np.cos(np.pi * np.outer(2 * np.arange(n) + 1, k) / (2 * n))
    basis[:, 0] *= math.sqrt(0.5)
    return np.asarray(x @ basis)


@dataclass(frozen=True)
class CosineTransform:
    """DCT-II of ``length`` values, the first ``outputs`` coefficients, in Q15, rounded half up.

    ``cosine`` holds cos(pi j / 2 length) for j = 0 to length; all other factors mirror it.
    ``bias`` is added to the first coefficient, per channel: the offset that the values have.
    """

    length: int
    outputs: int
    cosine: NDArray[np.int32]
    bias: Int64
    kernel: str = "dct"

    @property
    def per_channel(self) -> bool:
        """Whether the C needs to know the channel."""
        return bool(self.bias.any())

    @property
    def first(self) -> int:
        """The factor of all values in the first coefficient: the root of 1/2."""
        return round(Q15 * math.sqrt(0.5))

    def apply(self, x: Int64) -> Int64:
        """Coefficients [N, C, outputs], sqrt(length / 2) times those of the orthonormal one."""
        n = self.length
        angle = np.outer(2 * np.arange(n) + 1, np.arange(self.outputs)) % (4 * n)
        angle = np.minimum(angle, 4 * n - angle)
        folded = self.cosine.astype(np.int64)[np.minimum(angle, 2 * n - angle)]
        basis = np.where(angle <= n, folded, -folded)
        basis[:, 0] = self.first
        sums = x @ basis
        sums[..., 0] += self.bias
        return rounded_shift(sums, Q15_BITS)


def _dct_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    n = signal.length
    cosine = table(np.cos(np.pi * np.arange(n + 1) / (2 * n)), Q15, Q15)
    offset = Q15 * math.sqrt(0.5) * n * signal.offset / signal.scale
    bias = np.rint(offset).astype(np.int64)
    operation = CosineTransform(n, _coefficients(n, settings), cosine, bias)
    bound = n * signal.bound + int(np.abs(bias).max() >> Q15_BITS) + 1
    left = replace(
        signal, length=operation.outputs, bound=bound, offset=np.zeros_like(signal.offset)
    )
    return operation, left.scaled(math.sqrt(2 / n))


@dataclass(frozen=True)
class ToChannels(FrameStep):
    """A step after which every feature is a channel of length 1, so that CONCAT joins over time."""

    def check(self, shape: Shape, settings: Settings) -> Shape:
        """The shape after this step."""
        require(self.name, self.accepts, shape.domain)
        return Shape("statistics", shape.channels * shape.length, 1)

    def channel_names(
        self, names: tuple[str, ...], shape: Shape, settings: Settings
    ) -> tuple[str, ...]:
        """The channel and the number of the feature."""
        return tuple(f"{name}_{i}" for name in names for i in range(shape.length))


def _to_channels(x: Array, settings: Settings) -> Array:
    return x.reshape(len(x), -1, 1)


def _to_channels_twin(signal: Signal, settings: Settings) -> tuple[None, Signal]:
    scale, offset = (np.repeat(v, signal.length) for v in (signal.scale, signal.offset))
    return None, replace(signal, length=1, parts=signal.length, scale=scale, offset=offset)


ZERO_PAD = FrameStep(
    "ZERO_PAD",
    "Zeros behind each frame, until it has a power of two of samples.",
    ("samples",),
    None,
    _zero_pad,
    _zero_pad_twin,
    padded,
)
MEL = FrameStep(
    "MEL",
    "Sum the magnitudes over n_mels triangular bands, equally wide on the mel scale of HTK.",
    ("magnitude",),
    "bins",
    _mel,
    _mel_twin,
    _mel_length,
    reads=("n_mels", "min_bin", "analysis_bandwidth", "sampling_rate"),
)
DCT = FrameStep(
    "DCT",
    "The first n_mfcc coefficients of the orthonormal DCT-II: after MEL and LOG_DB, the MFCCs.",
    ("decibel",),
    "cepstrum",
    _dct,
    _dct_twin,
    _coefficients,
    reads=("n_mfcc", "n_mels"),
)
TO_CHANNELS = ToChannels(
    "TO_CHANNELS",
    "Every feature of a frame becomes a channel, so that CONCAT lays frames out over time.",
    ("magnitude", "bins", "decibel", "cepstrum"),
    "statistics",
    _to_channels,
    _to_channels_twin,
)
