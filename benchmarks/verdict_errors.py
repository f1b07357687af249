"""False alarms and power of verdicts on drawn answers, beside two bootstraps and the sandwich.

Two classifiers answer to the same windows, as `tests/results/drawn_answers.py` draws them.  What is
hard about a recording has the deviation ``shared``, what only one model finds hard ``own``.  Prints
for each setting how often two equal models are told apart, and how often 5 points are found.

    python benchmarks/verdict_errors.py [draws]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "results")]

from drawn_answers import classification

from tinyml_nas.results.answers import Answers
from tinyml_nas.results.verdict import compare

Random = np.random.Generator
Rule = Callable[[Answers, Random], bool]
PAIRS = ((0.85, 0.85), (0.87, 0.82))
SETTINGS = ((0.3, 0.05), (1.0, 0.1), (1.0, 0.3), (0.0, 0.0))
SIZES = ((4, 160), (8, 320), (20, 800), (100, 1000))
RESAMPLED = 1000


def jackknife(answers: Answers, rng: Random) -> bool:
    """The rule of the product."""
    verdict = compare(answers, "searched", "baseline")
    return verdict is not None and verdict.outcome != "no difference shown"


def sums(answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum of the differences in each recording, and its windows."""
    mine, theirs = (answers.models[role, "int8"].mean(0) for role in ("searched", "baseline"))
    return np.bincount(answers.recording, mine - theirs), np.bincount(answers.recording)


def sandwich(answers: Answers, rng: Random) -> bool:
    """Cluster-robust variance with the usual correction (CV1)."""
    differences, windows = sums(answers)
    mean, count = differences.sum() / windows.sum(), len(windows)
    residuals = ((differences - mean * windows) ** 2).sum() * count / (count - 1)
    half = stdtrit(count - 1, 0.975) * residuals**0.5 / windows.sum()
    return bool(abs(mean) > half > 0)


def bootstrap(bca: bool) -> Rule:
    """Recordings drawn with replacement: percentiles, plain or accelerated (BCa)."""

    def shown(answers: Answers, rng: Random) -> bool:
        differences, windows = sums(answers)
        count, mean = len(windows), differences.sum() / windows.sum()
        weights = rng.multinomial(count, [1 / count] * count, size=RESAMPLED)
        found = (weights @ differences) / (weights @ windows)
        if found.std() < 1e-12:
            return False
        levels = np.array([0.025, 0.975])
        if bca:
            share = (np.mean(found < mean) + np.mean(found <= mean)) / 2
            bias = ndtri(np.clip(share, 1 / RESAMPLED, 1 - 1 / RESAMPLED))
            left = (differences.sum() - differences) / (windows.sum() - windows)
            change = left.mean() - left
            skew = (change**3).sum() / max(6 * (change**2).sum() ** 1.5, 1e-12)
            shifted = bias + ndtri(levels)
            levels = ndtr(bias + shifted / (1 - skew * shifted))
        low, high = np.quantile(found, levels)
        return bool(low > 0 or high < 0)

    return shown


RULES = {
    "jackknife": jackknife, "sandwich": sandwich, "percentile": bootstrap(False),
    "BCa": bootstrap(True),
}  # fmt: skip


def share(rule: Rule, pair: tuple[float, float], draw: partial[Answers], draws: int) -> float:
    """How often ``rule`` tells models of such accuracies apart."""
    rng = np.random.default_rng(1)
    return sum(rule(draw(rng, pair), rng) for _ in range(draws)) / draws


def main(draws: int) -> None:
    print(f"Differences shown in {draws} draws: of 0 points (false alarms), of 5 points (power)")
    print(f"{'seeds recordings windows shared own':38}" + "".join(f"{r:>16}" for r in RULES))
    for seeds, size, (shared, own) in product((1, 3), SIZES, SETTINGS):
        draw = partial(classification, size=size, shared=shared, own=own, seeds=seeds)
        cells = [[share(rule, pair, draw, draws) for pair in PAIRS] for rule in RULES.values()]
        setting = f"{seeds:5} {size[0]:10} {size[1]:7} {shared:6} {own:3}"
        print(f"{setting:38}" + "".join(f"{a:8.3f} {b:7.2f}" for a, b in cells), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
