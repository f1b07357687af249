"""One order of candidates from several proxies: the mean of their ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tinyml_nas import interrupts
from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.graph import Network
from tinyml_nas.search.evaluator import training_seconds
from tinyml_nas.search.proxies import PROXIES
from tinyml_nas.search.proxies.protocol import Batches, Probe
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.loop import Normalizer
from tinyml_nas.train.seeding import generator
from tinyml_nas.train.tasks import task_of

BATCHES, BATCH_SIZE = 4, 64


def score_all(
    networks: Sequence[Network], names: Sequence[str], batches: Batches, seed: int
) -> dict[str, list[float]]:
    """By proxy the score of each network at its initial weights."""
    torch.set_num_threads(1)
    proxies = [PROXIES[name] for name in names]
    scores: dict[str, list[float]] = {name: [] for name in names}
    for network in networks:
        interrupts.check()
        probe = Probe(network, build_module(network, generator(seed, "weights")), batches)
        for proxy in proxies:
            scores[proxy.name].append(proxy.score(probe))
    return scores


def rank_mean(scores: Mapping[str, Sequence[float]]) -> list[float]:
    """By network the mean over the proxies of its rank, between 0 (worst) and 1 (best)."""
    ranks = [_ranks(merit(name, values)) for name, values in scores.items()]
    means: list[float] = np.mean(ranks, axis=0).tolist()
    return means


def merit(name: str, values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Scores of the proxy ``name`` turned so that higher is better; no number is the worst."""
    array = np.asarray(values, np.float64)
    signed = array if PROXIES[name].higher_is_better else -array
    return np.where(np.isnan(signed), -np.inf, signed)


def draw_batches(
    examples: Examples,
    features: FeatureSet,
    seed: int,
    count: int = BATCHES,
    size: int = BATCH_SIZE,
) -> Batches:
    """``count`` random mini-batches, normalized; disjoint where there are enough examples."""
    size = max(2, min(size, len(examples) // count))
    order = torch.randperm(len(examples), generator=generator(seed, "proxies", "batches"))
    index = order[torch.arange(count * size) % len(order)]
    x, y = torch.from_numpy(examples.x), torch.from_numpy(examples.y)
    normalize, task = Normalizer(features), task_of(features)
    parts = [(normalize(x[part]), y[part]) for part in torch.split(index, size)]
    return Batches(tuple((x, task.wanted(y)) for x, y in parts), task)


def scoring_seconds(network: Network) -> float:
    """CPU-seconds of scoring one network, where the work model was fitted."""
    return training_seconds(network, BATCHES * BATCH_SIZE, 1, BATCH_SIZE)


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rank of each value between 0 and 1; equal values share their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    mean_rank = last - (counts - 1) / 2
    ranks: npt.NDArray[np.float64] = mean_rank[group] / max(len(values) - 1, 1)
    return ranks
