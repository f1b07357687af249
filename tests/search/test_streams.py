"""The two training streams and their batches: disjoint, balanced, new at each step."""

from __future__ import annotations

import numpy as np
import pytest
import samples
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinyml_nas.search.darts.batches import make_streams
from tinyml_nas.search.darts.halves import training_halves

pytestmark = pytest.mark.fast


@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=60), seed=st.integers(0, 9))
def test_halves_are_disjoint_complete_and_never_empty(labels, seed):
    weights, alphas = training_halves(np.array(labels), np.zeros(len(labels), np.int64), seed)
    assert sorted([*weights, *alphas]) == list(range(len(labels)))
    assert len(weights)
    assert len(alphas)


def test_every_class_is_halved_in_contiguous_blocks():
    labels = np.repeat([0, 1, 2], [40, 80, 20])
    weights, alphas = training_halves(labels, np.zeros(len(labels), np.int64), 1)
    assert np.bincount(labels[weights]).tolist() == np.bincount(labels[alphas]).tolist()
    cuts = np.count_nonzero(np.diff(alphas) > 1)
    assert cuts <= 2 * 3  # at most two blocks of each class


def test_recordings_stay_whole():
    labels = np.tile([0, 0, 1, 1, 2], 20)
    recordings = np.repeat(np.arange(10), 10)
    weights, alphas = training_halves(labels, recordings, 1)
    assert not set(recordings[weights]) & set(recordings[alphas])
    assert len(weights) == len(alphas)
    assert set(labels[weights]) == set(labels[alphas]) == {0, 1, 2}


def test_a_class_of_one_recording_is_cut_in_blocks():
    labels, recordings = np.repeat([0, 1], 20), np.repeat([0, 1], 20)
    weights, alphas = training_halves(labels, recordings, 1)
    assert set(labels[weights]) == set(labels[alphas]) == {0, 1}


def test_the_seed_decides_the_halves():
    labels = np.repeat([0, 1, 2], 40)
    first, again, other = (
        training_halves(labels, np.arange(len(labels)), seed)[0].tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_streams_are_normalized_and_leave_validation_and_test_alone():
    features = samples.features()
    streams = make_streams(features, balanced=True, seed=1)
    x = torch.cat([streams.weights.x, streams.alphas.x], dim=1)
    torch.testing.assert_close(x.mean((1, 2)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(x.std((1, 2)), torch.ones(2), atol=1e-2, rtol=0)
    assert x.shape[1] == len(features.train.y)
    assert len(streams.validation.y) == len(features.validation.y)


@pytest.mark.parametrize("name", ["weights", "alphas"])
def test_batches_differ_from_step_to_step_and_epoch_to_epoch(name):
    stream = getattr(make_streams(samples.features(), balanced=True, seed=1), name)
    epochs = [stream.batches(16, 5, 1, epoch) for epoch in range(3)]
    batches = [tuple(batch.tolist()) for epoch in epochs for batch in epoch]
    assert len(set(batches)) == len(batches)
    assert all(len(set(stream.y[list(batch)].tolist())) > 1 for batch in batches)  # classes mixed
    seen = torch.cat(epochs[0])
    assert len(seen.unique()) == len(seen)


def test_batches_go_on_when_the_stream_runs_out():
    stream = make_streams(samples.features(count=24), balanced=True, seed=1).alphas
    assert [len(batch) for batch in stream.batches(5, 6, 1, 0)] == [5] * 6
    assert [len(batch) for batch in stream.batches(500, 2, 1, 0)] == [12, 12]


def test_validation_is_read_once_in_mixed_parts():
    stream = make_streams(samples.features(count=2400), balanced=True, seed=1).validation
    parts = stream.chunks(1)
    assert sorted(torch.cat(parts).tolist()) == list(range(600))
    assert all(len(stream.y[part].unique()) == 3 for part in parts)
