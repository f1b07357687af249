"""Steps that are checked against their definition: wavelets, ranges, decimation, statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.features.test_feature_steps import BASE, random_frames, run
from tinyml_nas.errors import ConfigError
from tinyml_nas.features import STEPS
from tinyml_nas.features.signal import Frames, Settings, Shape

pytestmark = pytest.mark.fast
ZERO = np.zeros(1, dtype=np.int64)
PIR = replace(
    BASE,
    frame_size=125,
    sampling_rate=31.25,
    stride=0.032,
    window_count=25,
    chunk_size=8,
    fft_size=64,
)


def one(x: np.ndarray) -> Frames:
    return Frames(np.asarray(x, dtype=np.float64)[None, None], ZERO, ZERO)


def test_haar_is_means_and_half_differences() -> None:
    got = run(("HAAR",), one([8, 6, 1, 1, 5, 3, 2, 2]), BASE)[0, 0]
    assert got.tolist() == [3.5, 0.5, 3, 1, 1, 0, 1, 0]


def test_hadamard_is_its_matrix_in_natural_order() -> None:
    matrix = np.array([[1]])
    for _ in range(6):
        matrix = np.kron([[1, 1], [1, -1]], matrix)
    frames = random_frames()
    assert np.allclose(run(("HADAMARD",), frames, BASE), frames.x @ matrix / 64)


@pytest.mark.parametrize("name", ["HAAR", "HADAMARD"])
def test_transforms_by_halves_need_a_power_of_two(name: str) -> None:
    with pytest.raises(ConfigError, match="power of two of samples, not 60"):
        run((name,), random_frames(length=60), BASE)


def test_round_off_rounds_halves_up() -> None:
    got = run(("ROUND_OFF",), one([-1.5, -0.5, 0.4, 0.5, 2.5]), BASE)[0, 0]
    assert got.tolist() == [-1, 0, 0, 1, 3]


def test_ecg_normalize_standardizes_each_frame_and_leaves_silence() -> None:
    frames = random_frames()
    frames.x[0, 0] = 7
    got = run(("ECG_NORMALIZE",), frames, BASE)
    assert not got[0, 0].any()
    assert np.allclose(got[1:].mean(axis=-1), 0)
    assert np.allclose(got[1:].std(axis=-1), 1)


def test_range_normalize_goes_from_0_to_1() -> None:
    frames = random_frames()
    frames.x[0, 0] = 7
    got = run(("RANGE_NORMALIZE",), frames, BASE)
    assert not got[0, 0].any()
    assert (got[1:].min(axis=-1) == 0).all()
    assert (got[1:].max(axis=-1) == 1).all()


class TestDecimation:
    SETTINGS = replace(BASE, resampling_factor=4, frame_size=256)
    TIME = np.arange(256)

    def amplitude(self, frequency: float) -> float:
        """Of a tone of ``frequency``, in samples per turn before decimation, in the middle."""
        tone = one(np.cos(2 * np.pi * frequency * self.TIME))
        got = run(("FE_DECIMATE",), tone, self.SETTINGS)[0, 0]
        assert len(got) == 64
        return float(np.abs(got[8:-8]).max())

    def test_tones_below_the_band_pass_and_aliases_do_not(self) -> None:
        assert self.amplitude(0.0) == pytest.approx(1)
        assert self.amplitude(0.05) == pytest.approx(1, abs=0.02)
        for alias in (0.16, 0.2, 0.25, 0.3, 0.45):
            assert self.amplitude(alias) < 0.01

    def test_a_factor_of_one_changes_nothing(self) -> None:
        frames = random_frames()
        assert run(("FE_DECIMATE",), frames, BASE) is frames.x

    def test_nothing_may_be_left_out_entirely(self) -> None:
        with pytest.raises(ConfigError, match="leaves nothing of 64"):
            run(("FE_DECIMATE",), random_frames(), replace(BASE, resampling_factor=65))


def pir_windows(x: np.ndarray) -> np.ndarray:
    """25 windows of 32 samples at every 4th of a frame with 4 zeros before and 3 behind it."""
    padded = np.pad(x, (4, 3))
    return np.stack([padded[4 * i : 4 * i + 32] for i in range(25)])


class TestStatistics:
    X = np.random.default_rng(5).normal(3, 20, 125)

    def get(self, name: str, settings: Settings = PIR) -> np.ndarray:
        return np.asarray(run((name,), one(self.X), settings)[0])

    def test_kurtosis_is_that_of_scipy(self) -> None:
        stats = pytest.importorskip("scipy.stats")
        got = self.get("KURT_FE")
        wanted = [
            [stats.kurtosis(window[8 * j : 8 * j + 8], bias=False) for j in range(4)]
            for window in pir_windows(self.X)
        ]
        assert np.allclose(got.T, wanted)
        assert not run(("KURT_FE",), one(np.full(125, 2.0)), PIR)[..., 5:20].any()

    def test_entropy_is_that_of_the_power_spectrum(self) -> None:
        power = np.abs(np.fft.fft(pir_windows(self.X), 64))[:, :33] ** 2
        p = power / power.sum(axis=1, keepdims=True)
        assert np.allclose(self.get("ENT_FE")[0], -(p * np.log(p)).sum(axis=1))

    def test_dominant_frequencies_are_those_of_two_tones(self) -> None:
        settings = replace(BASE, frame_size=64, sampling_rate=640.0)
        time = np.arange(64) / 640
        tones = 3 * np.sin(2 * np.pi * 50 * time) + 5 * np.sin(2 * np.pi * 120 * time) + 100
        assert run(("DOM_FE",), one(tones), settings)[0].tolist() == [[50], [120]]

    def test_crossings_and_slopes_are_counted(self) -> None:
        x = np.array([1.0, -1, -2, 0, 3, 2, 2, 5])
        settings = replace(BASE, frame_size=8)
        assert run(("ZCR_FE",), one(x), settings)[0].tolist() == [[3 / 8]]
        assert run(("SLOPE_FE",), one(x), settings)[0].tolist() == [[4 / 7]]

    def test_pir_joins_them_in_their_order(self) -> None:
        got = self.get("PIR_FE")
        assert got.shape == (25, 25)
        twice = np.tile(pir_windows(self.X), 2)
        bands = np.abs(np.fft.fft(twice))[:, 1:33].reshape(25, 16, 2).mean(axis=2)
        assert np.allclose(got[:16].T, bands)
        others = [self.get(f"{name}_FE") for name in ("KURT", "ZCR", "SLOPE", "DOM", "ENT")]
        assert np.array_equal(got[16:], np.concatenate(others))
        names = STEPS["PIR_FE"].channel_names(("x",), Shape("samples", 1, 125), PIR)
        assert (len(names), names[0], names[16], names[-1]) == (
            25,
            "x pool 0",
            "x kurtosis 0",
            "x entropy",
        )

    def test_pir_in_q15_tells_the_same_of_counts(self) -> None:
        counts = np.rint(128 + self.X)
        got = run(("PIR_FE_Q15",), one(counts), PIR)[0]
        wanted = run(("PIR_FE",), one(counts - 128), PIR)[0]
        assert np.abs(got - wanted)[:16].max() < 2  # of bands up to 700
        assert np.abs(got - wanted)[16:20].max() < 1e-3
        assert np.array_equal(got[20], wanted[20])
        assert np.abs(got - wanted)[24].max() < 0.1

    @pytest.mark.parametrize(
        ("name", "changes", "words"),
        [
            ("KURT_FE", {"chunk_size": 3}, "kurtosis of 3 samples of a window of 32"),
            ("PIR_FE", {"fft_size": 48}, "48 points in 16 bands"),
            ("PIR_FE_Q15", {"fft_size": 96}, "not 96"),
            ("ZCR_FE", {"stride": 0.05}, "do not fit into a frame of 125"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, name: str, changes: dict[str, float], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            self.get(name, replace(PIR, **changes))
