"""Small wav files through the data and features stages: what a network for words learns from."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from tests.data.sounds import write_words
from tinyml_nas.console import Console
from tinyml_nas.data import DataSplits, prepare_data
from tinyml_nas.features import FeatureSet, extract_features, make_frontend
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast
RATE = 8000


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataSplits, FeatureSet]:
    folder = tmp_path_factory.mktemp("words")
    write_words(folder, RATE)
    content = {
        "common": {"task_type": "audio_classification"},
        "dataset": {"input_data_path": "set"},
        "data_processing_feature_extraction": {"sampling_rate": RATE, "audio_duration_ms": 130},
        "training": {"model_name": "KWS_8k"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    config, quiet = load_config(folder / "config.yaml").config, Console(quiet=True)
    data = prepare_data(config, quiet)
    return data, extract_features(data, config, quiet)


def test_each_clip_is_one_input_of_coefficients_over_time(
    words: tuple[DataSplits, FeatureSet],
) -> None:
    _, features = words
    sides = (features.train, features.validation, features.test)
    assert sum(map(len, sides)) == 12
    assert {side.x.shape[1:] for side in sides} == {(10, 6)}
    assert features.channel_names == tuple(f"channel_0_{i}" for i in range(10))
    assert features.normalization.mean.shape == (10,)


def test_the_c_computes_them_from_the_counts_of_the_file(
    words: tuple[DataSplits, FeatureSet],
) -> None:
    data, features = words
    chain = features.fixed
    assert chain is not None
    assert chain.lsb.tolist() == [1 / 32768]
    mean, scale = features.normalization.mean, features.normalization.std / 40
    frontend = make_frontend(chain, mean, scale, 3)
    got, last = frontend.inputs(frontend.run(chain.samples(data.test.x[:6])))
    assert last.tolist() == [5]
    wanted = (features.test.x[0] - mean[:, None]) / scale[:, None] + 3
    exact = np.clip(np.floor(wanted + 0.5), -128, 127)
    assert np.abs(got[0] - exact).max() <= 1
    assert (got[0] == exact).mean() > 0.95


def test_words_that_rise_and_fall_differ_over_time(words: tuple[DataSplits, FeatureSet]) -> None:
    _, features = words
    second = features.train.x[:, 1]  # low frequencies against high ones
    change = second[:, 3] - second[:, 2]
    assert np.array_equal(change < 0, features.train.y == features.class_names.index("high"))
