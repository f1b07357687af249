"""What ``check`` says of the features is what the run does with them: verdict, place and shape."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.config.ti_set import write_ti_set
from tests.features.random_windows import random_splits
from tinyml_nas.config import Config, InvalidConfig, LoadedConfig
from tinyml_nas.config.read import as_config, read_config
from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError, DataError
from tinyml_nas.features import STEPS, FeatureSet, extract_features
from tinyml_nas.features.check import told_input, told_window
from tinyml_nas.features.signal import Shape
from tinyml_nas.load import NAMES, load_config

ROOT = Path(__file__).parents[2]
CHAINS = 300
REFUSED = 100
"""At least so many of them, and as many that run."""
SETTINGS: dict[str, tuple[Any, ...]] = {
    "frame_size": (8, 32, 64, 64, 100, 125, 128, 256),
    "variables": (1, 2, 3),
    "feature_size_per_frame": (2, 4, 8, 5),
    "num_frame_concat": (1, 1, 1, 2, 4),
    "frame_skip": (1, 2),
    "stacking": ("2D1", "1D"),
    "min_bin": (0, 1, 2),
    "analysis_bandwidth": (1, 1, 2, 4),
    "dc_remove": (True, False),
    "window_count": (1, 1, 2, 8, 50),
    "stride_size": (0.01, 0.1, 0.5),
    "chunk_size": (1, 2, 4, 8),
    "fft_size": (1, 32, 64, 60),
    "resampling_factor": (1, 2, 9),
    "n_mels": (4, 10, 40),
    "n_mfcc": (2, 10),
    "q15_scale_factor": (-2, 4),
    "normalize_bin": (True, False),
}


class Heard(Console):
    """A console that keeps its warnings."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.warnings: list[str] = []

    def warning(self, message: str) -> None:
        """Keep it."""
        self.warnings.append(message)


def random_chain(rng: random.Random) -> list[str]:
    """2 to 5 steps: any, any in the usual order, or each one that may follow the last."""
    count, kind = rng.randint(2, 5), rng.randrange(5)
    names = list(STEPS)
    if kind == 0:
        return [rng.choice(names) for _ in range(count)]
    if kind == 1:
        return sorted(rng.sample(names, count), key=names.index)
    chain: list[str] = []
    domain = "samples"
    while len(chain) < count or domain.endswith("spectrum"):
        fitting = [n for n in names if domain in STEPS[n].accepts and n not in chain]
        if not fitting:
            break
        chain.append(rng.choice(fitting))
        domain = STEPS[chain[-1]].leaves or domain
    return chain


def random_text(rng: random.Random) -> str:
    features = {key: rng.choice(values) for key, values in SETTINGS.items()}
    if rng.random() < 0.3:
        features["num_frame_concat"] = 1
    compilation = (
        {"sample_lsb": rng.choice([[0.5], [0.5, 1], [1, 2, 3]])} if rng.random() < 0.2 else {}
    )
    content = {
        "common": {"task_type": "generic_timeseries_classification"},
        "dataset": {"input_data_path": "set.npz"},
        "data_processing_feature_extraction": {
            "feat_ext_transform": random_chain(rng),
            **{
                key: value
                for key, value in features.items()
                if key == "frame_size" or rng.random() < 0.6
            },
        },
        "training": {"model_name": "CLS_1k"},
        "compilation": compilation,
    }
    return yaml.safe_dump(content, sort_keys=False)


def checked(path: Path) -> LoadedConfig | InvalidConfig:
    try:
        return load_config(path)
    except InvalidConfig as error:
        return error


def features_of(config: Config, window: Shape, console: Console) -> FeatureSet | ConfigError:
    try:
        return extract_features(random_splits(config, window), config, console)
    except ConfigError as error:
        return error


def test_check_accepts_the_chains_that_the_run_accepts(tmp_path: Path) -> None:
    rng = random.Random(7)
    verdicts: Counter[bool] = Counter()
    losses = 0
    for _ in range(CHAINS):
        path = tmp_path / "config.yaml"
        path.write_text(random_text(rng), encoding="utf-8")
        loaded = checked(path)
        accepted = isinstance(loaded, LoadedConfig)
        config = loaded.config if accepted else as_config(read_config(path, (), NAMES), path)
        window = told_window(config)
        assert window is not None
        console = Heard()
        got = features_of(config, window, console)
        verdicts[accepted] += 1
        assert accepted == isinstance(got, FeatureSet), (path.read_text(), loaded, got)
        if isinstance(loaded, InvalidConfig):
            assert all(problem.place.line > 1 for problem in loaded.problems)
            assert any(str(got).rstrip(".") in p.message for p in loaded.problems), (got, loaded)
        elif isinstance(got, FeatureSet):
            told = told_input(config)
            assert told is not None
            assert got.train.x.shape[1:] == (told.channels, told.length)
            if any("The C will start" in warning for warning in loaded.warnings):
                assert got.fixed is None
                losses += 1
            else:
                assert got.fixed is not None, (path.read_text(), console.warnings)
    assert verdicts[False] >= REFUSED
    assert verdicts[True] >= REFUSED
    assert losses >= 10


FILES = [path for folder in ("examples", "configs") for path in (ROOT / folder).rglob("*.yaml")]


def loadable(path: Path) -> Config | None:
    try:
        return load_config(path).config
    except ConfigError:
        return None


def test_the_shape_that_the_plan_tells_is_that_of_the_run(tmp_path: Path) -> None:
    compared = 0
    for path in (*FILES, *write_ti_set(tmp_path).values()):
        if (config := loadable(path)) is None:
            continue
        told, window = told_input(config), told_window(config)
        if told is None or window is None:
            continue
        got = features_of(config, window, Console(quiet=True))
        assert isinstance(got, FeatureSet), (path, got)
        assert got.train.x.shape[1:] == (told.channels, told.length), path
        compared += 1
    assert compared >= 60


REFUSALS = {
    "feat_ext_transform: [ABS, WINDOWING]": "7:29 WINDOWING works on samples, but gets magnitude",
    "feat_ext_transform: [MEL]": "7:24 MEL works on magnitude, but gets samples",
    "feat_ext_transform: [BINNING]": "7:24 BINNING works on magnitude, but gets samples",
    "feat_ext_transform: [DCT]": "7:24 DCT works on decibel, but gets samples",
    "feat_ext_transform: [HAAR, KURT_FE]": "7:30 KURT_FE works on samples, but gets coefficients",
    "feat_ext_transform: [FFT_FE, ABS, FFT_FE]": "7:37 feat_ext_transform names FFT_FE twice",
    "num_frame_concat: 4": "7:21 num_frame_concat is 4, but no CONCAT joins",
    "chunk_size: 2\n  feat_ext_transform: [KURT_FE]": "7:15 KURT_FE cannot take a kurtosis of 2",
    "window_count: 50\n  stride_size: 0.5\n  chunk_size: 8\n  feat_ext_transform: [PIR_FE]": (
        "7:17 50 windows at steps of 32 samples do not fit"
    ),
}


@pytest.mark.parametrize("keys", REFUSALS)
def test_a_refusal_is_at_the_key_at_fault(
    errors: Callable[..., Any], minimal: str, keys: str
) -> None:
    (found,) = errors(minimal.replace("frame_size: 64", f"frame_size: 64\n  {keys}"))
    place, _, words = REFUSALS[keys].partition(" ")
    assert found.startswith(f"{place} data_processing_feature_extraction: ")
    assert words in found


def test_counts_of_other_variables_are_refused_at_their_key(
    errors: Callable[..., Any], minimal: str
) -> None:
    (found,) = errors(f"{minimal}compilation:\n  sample_lsb: [1, 2, 3]\n")
    assert found.startswith("10:15 compilation.sample_lsb has 3 values for 1 variables.")


def test_check_warns_where_the_c_loses_its_features(load: Callable[..., Any], minimal: str) -> None:
    text = minimal.replace("frame_size: 64", "frame_size: 100\n  feat_ext_transform: [FFT_FE, ABS]")
    (warning,) = load(text).warnings
    assert warning.startswith("The C will start at the features, not at samples: the integer FFT")
    assert warning.endswith("not 100 (line 7).")


def test_what_only_the_data_tell_is_a_mistake_of_the_data(tmp_path: Path) -> None:
    text = "common: {task_type: generic_timeseries_classification}\ndataset: {input_data_path: x}\n"
    text += "data_processing_feature_extraction: {feat_ext_transform: [KURT_FE], chunk_size: 8}\n"
    path = tmp_path / "config.yaml"
    path.write_text(text + "training: {model_name: CLS_1k}\n", encoding="utf-8")
    config = load_config(path).config
    assert told_window(config) is told_input(config) is None
    window = Shape("samples", 1, 6)
    with pytest.raises(DataError, match=r"1 x 6 samples .*kurtosis of 8 samples"):
        extract_features(random_splits(config, window), config, Console(quiet=True))
    found = extract_features(
        random_splits(config, Shape("samples", 1, 16)), config, Console(quiet=True)
    )
    assert found.train.x.shape[1:] == (2, 1)
    assert np.isfinite(found.train.x).all()
