"""Clips out of wav files: RIFF with integer or floating-point samples.

The chunks are those of Microsoft & IBM, "Multimedia programming interface and data specifications
1.0", 1991, and of WAVEFORMATEXTENSIBLE.  Whatever a file holds, its samples come as counts of a
16-bit converter, which is what the C takes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config.sections.processing import DataProcessing
from tinyml_nas.data.readers.tables import Table
from tinyml_nas.errors import DataError

SUFFIX = ".wav"
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
RECORD_AGAIN = "Record, export or copy the file again, as 16-bit PCM."
FULL_SCALE = 32768
INT16 = np.iinfo(np.int16)
TAPS = 10
"""Of the low-pass filter on either side, in samples of the lower rate."""
KAISER_BETA = 5.0

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Format:
    """What the ``fmt`` chunk says; ``code`` is PCM or FLOAT."""

    code: int
    channels: int
    rate: int
    bits: int


def read_clip(data: bytes, name: str, processing: DataProcessing) -> Table:
    """The samples (T, C) of a wav file as the configuration wants them, in counts of 16 bits.

    They have ``sampling_rate``; sound is mono unless ``mono`` is off, and as long as
    ``audio_duration_ms``: a shorter clip lies in the middle of silence, of a longer one the
    beginning is kept.  Raises ``DataError`` for what is no wav file and for another rate.
    """
    layout, samples = read_wav(data, name)
    samples = _at_rate(samples, layout.rate, name, processing)
    if processing.audio_feature is not None:
        samples = _clip(samples, processing)
    return Table.of(np.clip(np.rint(samples), INT16.min, INT16.max))


def read_wav(data: bytes, name: str) -> tuple[Format, Float64]:
    """The format of a wav file and its samples (T, C), full scale at 32768."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise DataError(f"{name} is no wav file: it does not begin with RIFF.", hint=RECORD_AGAIN)
    layout = None
    for kind, body, size in _chunks(data):
        if kind == b"fmt ":
            layout = _format(body, name)
        elif kind == b"data":
            if layout is None:
                break
            return layout, _samples(body, size, layout, name)
    missing = "its format (fmt)" if layout is None else "its samples (data)"
    raise DataError(f"{name} ends without the chunk of {missing}.", hint=RECORD_AGAIN)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Kind, bytes that are there and size that is stated, of each chunk."""
    start = 12
    while start + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, start)
        yield kind, data[start + 8 : start + 8 + size], size
        start += 8 + size + size % 2


def _format(body: bytes, name: str) -> Format:
    if len(body) < 16:
        raise DataError(f"{name} is cut off in its header.", hint=RECORD_AGAIN)
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if code == EXTENSIBLE and len(body) >= 26:
        code = struct.unpack_from("<H", body, 24)[0]
    known = bits in (8, 16, 24, 32) if code == PCM else code == FLOAT and bits in (32, 64)
    if not known or channels == 0 or rate == 0:
        raise DataError(
            f"{name} has {channels} channels at {rate} Hz in format {code} with {bits} bits, which "
            "is not read here.",
            hint="Convert it to PCM of 8, 16, 24 or 32 bits, or to floating point.",
        )
    return Format(code, channels, rate, bits)


def _samples(body: bytes, size: int, layout: Format, name: str) -> Float64:
    """Samples (T, C) of the ``data`` chunk."""
    width = layout.bits // 8
    row = width * layout.channels
    if len(body) < size:
        raise DataError(
            f"{name} is cut off: {size:,} bytes of samples are stated, {len(body):,} are there.",
            hint=RECORD_AGAIN,
        )
    if size < row:
        raise DataError(f"{name} holds no samples.", hint="Remove the file or record it again.")
    raw = np.frombuffer(body, np.uint8, size - size % row).reshape(-1, width)
    if layout.code == FLOAT:
        values = raw.reshape(-1).view(f"<f{width}").astype(np.float64) * FULL_SCALE
        if not np.isfinite(values).all():
            raise DataError(f"{name} holds values that are not finite.", hint=RECORD_AGAIN)
    elif width == 1:  # the only width without a sign
        values = (raw[:, 0].astype(np.float64) - 128) * 256
    else:
        padded = np.zeros((len(raw), 4), np.uint8)
        padded[:, 4 - width :] = raw
        values = padded.reshape(-1).view("<i4").astype(np.float64) / (1 << 16)
    return values.reshape(-1, layout.channels)


def _at_rate(samples: Float64, rate: int, name: str, processing: DataProcessing) -> Float64:
    wanted = processing.sampling_rate
    if rate == wanted:
        return samples
    if "Resample" in processing.data_proc_transforms:
        return resample(samples, round(wanted), rate)
    raise DataError(
        f"{name} has {rate} samples per second, but sampling_rate is {wanted:g}.",
        hint=f"Set data_processing_feature_extraction.sampling_rate to {rate}, or add Resample to "
        "data_proc_transforms.",
    )


def _clip(samples: Float64, processing: DataProcessing) -> Float64:
    """What ``mono``, ``normalize_audio`` and ``audio_duration_ms`` make of sound."""
    if processing.mono:
        samples = samples.mean(axis=1, keepdims=True)
    if processing.normalize_audio:
        samples = samples * (INT16.max / max(np.abs(samples).max(), 1.0))
    length = round(processing.audio_duration_ms * processing.sampling_rate / 1000)
    return centered(samples[:length], length)


def centered(samples: Float64, length: int) -> Float64:
    """The middle ``length`` samples of (T, C), or all of them in the middle of silence."""
    missing = length - len(samples)
    if missing < 0:
        return samples[-missing // 2 :][:length]
    return np.pad(samples, [(missing // 2, missing - missing // 2), (0, 0)])


def resample(samples: Float64, wanted: int, rate: int) -> Float64:
    """``samples`` (T, C) of ``rate`` at the rate ``wanted``, ceil(T wanted / rate) of them.

    Polyphase (Crochiere & Rabiner, "Multirate digital signal processing", 1983), with a sinc under
    a Kaiser window that reaches over ten samples of the lower rate on either side.
    """
    up, down = wanted // gcd(wanted, rate), rate // gcd(wanted, rate)
    reach = TAPS * max(up, down)
    t = np.arange(-reach, reach + 1)
    low_pass = np.sinc(t / max(up, down)) * np.kaiser(2 * reach + 1, KAISER_BETA)
    low_pass *= up / low_pass.sum()
    position = np.arange(-(-len(samples) * up // down)) * down + reach
    newest, phase = position // up, position % up
    taps = 1 + 2 * reach // up
    weights = np.pad(low_pass, (0, (taps + 1) * up - len(low_pass)))
    around = np.pad(samples, [(taps, newest.max(initial=0) + 1), (0, 0)])
    out = np.zeros((len(position), samples.shape[1]))
    for tap in range(taps + 1):
        out += weights[phase + tap * up, None] * around[newest - tap + taps]
    return out
