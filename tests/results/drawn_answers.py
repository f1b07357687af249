"""Answers of two models whose true difference is known: drawn, not trained.

Windows of one recording are alike: what is hard about a recording moves all of its windows.  Most
of that is shared by both models (deviation ``SHARED``), some is each model's own (``OWN``); 0.6 of
the rest of a window is shared, too.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from tinyml_nas.results.answers import Answers

SHARED, OWN = 1.0, 0.1
"""Being right then correlates by 0.26 between windows of one recording, the difference of the two
models by 0.02; measured on draws of 87 against 82 %, where 13 % of the windows tell them apart."""
SHARED_WINDOWS = 0.6
SEED_SD = 0.015
Random = np.random.Generator


def recordings(rng: Random, count: int, windows: int) -> np.ndarray:
    """Recording (N,) of each window; some recordings have thrice the windows of others."""
    numbers = np.sort(rng.choice(count, windows, p=rng.dirichlet([8] * count)))
    return np.unique(numbers, return_inverse=True)[1].astype(np.int32)


def answers(task: str, recording: np.ndarray, truth: np.ndarray, models: dict) -> Answers:
    """The record; models by role, int8."""
    names = tuple(f"file_{number:03}" for number in range(recording.max() + 1))
    keyed = {(role, "int8"): array for role, array in models.items()}
    return Answers(task, names, ("",) * len(names), recording, truth, keyed, {})


def _hard(rng: Random, recording: np.ndarray, shared: float) -> np.ndarray:
    hard = rng.normal(0, shared, recording.max() + 1)[recording]
    return hard + rng.normal(0, SHARED_WINDOWS**0.5, len(recording))


def classification(
    rng: Random,
    accuracies: tuple[float, float],
    size: tuple[int, int] = (20, 800),
    *,
    shared: float = SHARED,
    own: float = OWN,
    seeds: int = 1,
) -> Answers:
    """Two classifiers that are right with the probabilities ``accuracies``.

    A recording is of one class of four; a wrong answer is the next class.
    """
    recording = recordings(rng, *size)
    truth = (rng.permutation(recording.max() + 1) % 4)[recording].astype(np.int16)
    hard, models = _hard(rng, recording, shared), {}
    for role, accuracy in zip(("searched", "baseline"), accuracies, strict=True):
        mine = rng.normal(0, own, recording.max() + 1)[recording]
        drift = rng.normal(0, SEED_SD if seeds > 1 else 0, (seeds, 1))
        mean = ndtri(np.clip(accuracy + drift, 0.02, 0.98)) * (shared**2 + own**2 + 1) ** 0.5
        noise = rng.normal(0, (1 - SHARED_WINDOWS) ** 0.5, (seeds, len(truth)))
        right = mean + hard + mine + noise > 0
        models[role] = np.where(right, truth, (truth + 1) % 4).astype(np.int16)
    return answers("classification", recording, truth, models)


def regression(
    rng: Random, errors: tuple[float, float], size: tuple[int, int] = (20, 800)
) -> Answers:
    """Two models of two values with errors of those deviations, a third of it by recording."""
    recording = recordings(rng, *size)
    level = rng.normal(0, 1, (recording.max() + 1, 2))[recording]
    truth = (level + rng.normal(0, 1, (len(recording), 2))).astype(np.float32)
    common = rng.normal(0, 0.5, truth.shape)
    models = {}
    for role, error in zip(("searched", "baseline"), errors, strict=True):
        offset = rng.normal(0, 1, (recording.max() + 1, 2))[recording] / 3
        wrong = error * (offset + common + rng.normal(0, 0.7, truth.shape))
        models[role] = (truth + wrong).astype(np.float32)[None]
    return answers("regression", recording, truth, models)


def anomaly(
    rng: Random, signals: tuple[float, float], size: tuple[int, int] = (20, 800)
) -> Answers:
    """Two detectors, the errors of anomalies so many deviations higher; half are anomalies."""
    recording = recordings(rng, *size)
    truth = (rng.permutation(recording.max() + 1) % 2)[recording].astype(np.int16)
    hard, models = _hard(rng, recording, 0.5), {}
    for role, signal in zip(("searched", "baseline"), signals, strict=True):
        mine = rng.normal(0, OWN, recording.max() + 1)[recording]
        noise = rng.normal(0, (1 - SHARED_WINDOWS) ** 0.5, len(truth))
        models[role] = (signal * truth + hard + mine + noise).astype(np.float32)[None]
    return answers("anomaly", recording, truth, models)
