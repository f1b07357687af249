"""The steps in Q15: bit by bit against CMSIS-DSP's own package, and near to the real transform."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.features.test_feature_steps import BASE, run
from tinyml_nas.errors import ConfigError
from tinyml_nas.features.integer.q15_fft import (
    LENGTHS,
    Q15FFT,
    ROOT_START,
    Q15Magnitude,
)
from tinyml_nas.features.signal import Frames
from tinyml_nas.features.steps.q15 import Q15Shift

pytestmark = pytest.mark.fast

CRC_OF_CMSIS_DSP = {
    32: 0x01F64D57,
    64: 0xC2A44C49,
    128: 0xBB072D11,
    256: 0x702B1864,
    512: 0xF694E91B,
    1024: 0x7411C7F7,
    2048: 0xDCC7CF69,
    4096: 0x58C077EB,
    8192: 0x542BC2D7,
}
"""Of what CMSIS-DSP 1.10.3 gives for ``signals``, for machines on which its package is missing."""


@pytest.fixture(scope="module")
def cmsis() -> Any:
    """The C of CMSIS-DSP under Python."""
    return pytest.importorskip("cmsisdsp", reason="CMSIS-DSP's bits: pip install cmsisdsp")


def signals(length: int) -> np.ndarray:
    """Frames [N, 1, L] of int16: noise of all sizes, the extremes, square waves."""
    rng, time = np.random.default_rng(length), np.arange(length)
    noise = [rng.integers(-(2**b), 2**b, length) for b in range(1, 16, 2)]
    noise += [rng.choice([-32768, 32767], length) for _ in range(4)]
    square = [np.where(np.sin(2 * np.pi * k * time / length) > 0, 32767, -32768) for k in (1, 3)]
    tone = np.rint(32767 * np.sin(2 * np.pi * 5 * time / length)).astype(np.int64)
    flat = [np.full(length, -32768), np.full(length, 32767), 32767 * (-1) ** time]
    return np.stack([*noise, *square, tone, *flat]).astype(np.int64)[:, None]


def computed(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Spectra [N, L + 2] and magnitudes [N, L / 2 + 1] of ``signals``."""
    spectrum = Q15FFT.of(length).apply(signals(length))
    magnitude = Q15Magnitude(0, length // 2 + 1, ROOT_START).apply(spectrum)
    return spectrum[:, 0], magnitude[:, 0]


@pytest.mark.parametrize("length", LENGTHS)
def test_spectrum_and_magnitude_have_the_sum_of_those_of_cmsis_dsp(length: int) -> None:
    values = np.concatenate([part.ravel() for part in computed(length)])
    assert zlib.crc32(values.astype("<i2").tobytes()) == CRC_OF_CMSIS_DSP[length]


@pytest.mark.parametrize("length", LENGTHS)
def test_spectrum_and_magnitude_are_those_of_cmsis_dsp(cmsis: Any, length: int) -> None:
    instance = cmsis.arm_rfft_instance_q15()
    assert cmsis.arm_rfft_init_q15(instance, length, 0, 1) == 0
    frames = signals(length)[:, 0].astype(np.int16)
    for frame, bins, size in zip(frames, *computed(length), strict=True):
        wanted = cmsis.arm_rfft_q15(instance, frame)[: length + 2]
        assert np.array_equal(bins, wanted)
        assert np.array_equal(size, cmsis.arm_cmplx_mag_q15(wanted))


def test_any_magnitude_and_shift_is_that_of_cmsis_dsp(cmsis: Any) -> None:
    rng = np.random.default_rng(0)
    pairs = np.rint(
        rng.integers(-32768, 32768, (60_000, 2)) / 2.0 ** rng.integers(0, 15, 60_000)[:, None]
    )
    corners = np.array([[-32768, -32768], [-32768, 32767], [0, 1], [1, 1], [2, 0], [3, 4]])
    row = np.concatenate([corners, pairs]).astype(np.int64).reshape(1, 1, -1)
    magnitude = Q15Magnitude(0, row.size // 2, ROOT_START).apply(row)[0, 0]
    assert np.array_equal(magnitude, cmsis.arm_cmplx_mag_q15(row[0, 0].astype(np.int16)))
    for shift in (-3, 1, 5):
        shifted = Q15Shift(shift, row.size).apply(row)[0, 0]
        assert np.array_equal(shifted, cmsis.arm_shift_q15(row[0, 0].astype(np.int16), shift))


@pytest.mark.parametrize("length", LENGTHS)
def test_spectrum_is_the_transform_over_its_length(length: int) -> None:
    x = signals(length)[:8]
    got = Q15FFT.of(length).apply(x).reshape(len(x), -1, 2)
    wanted = np.fft.rfft(x[:, 0], axis=-1) / length
    # nothing is rounded, only cut off, and doubled at the end where N/2 is no power of 4
    assert np.abs(got[..., 0] + 1j * got[..., 1] - wanted).max() < 16


def test_a_tone_comes_out_of_the_whole_chain_in_its_band() -> None:
    settings = replace(BASE, q15_scale_factor=3, normalize_bin=True, first_bin=1)
    time = np.arange(64)
    chain = ("FFT_Q15", "Q15_SCALE", "Q15_MAG", "DC_REMOVE", "BIN_Q15")
    for bin_number in (1, 4, 5, 31):
        tone = 1000 + 8000 * np.cos(2 * np.pi * bin_number * time / 64)
        zero = np.zeros(1, dtype=np.int64)
        bands = run(chain, Frames(tone[None, None], zero, zero), settings)[0, 0]
        band = (bin_number - 1) // 4
        # half of the amplitude, times 2^3, halved by the magnitude, spread over four bins
        assert bands[band] == pytest.approx(8000 / 2 * 8 / 2 / 4, abs=40)
        assert np.delete(bands, band).max() < 40


def test_samples_become_q15_with_saturation() -> None:
    x = np.array([[[-2.0, -1, -0.5, 0, 0.25, 1.5 / 32768, 1, 3]]])
    zero = np.zeros(1, dtype=np.int64)
    got = run(("TO_Q15",), Frames(x, zero, zero), BASE)[0, 0]
    assert got.tolist() == [-32768, -32768, -16384, 0, 8192, 2, 32767, 32767]


@pytest.mark.parametrize("length", [16, 48, 100, 16384])
def test_other_lengths_are_refused(length: int) -> None:
    zero = np.zeros(1, dtype=np.int64)
    frames = Frames(np.zeros((1, 1, length)), zero, zero)
    with pytest.raises(ConfigError, match="transforms frames of 32") as caught:
        run(("FFT_Q15", "Q15_MAG"), frames, replace(BASE, frame_size=length))
    assert str(length) in caught.value.message
