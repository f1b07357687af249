"""Realistic records of searches: a chain found under a budget, a cell found by a supernet."""

from __future__ import annotations

import math
import random
from typing import Any

PRIMITIVES = [
    "none",
    "avg_pool_3x1",
    "max_pool_3x1",
    "skip_connect",
    "conv_bn_relu_3x1",
    "conv_bn_relu_5x1",
    "conv_bn_relu_7x1",
]
EDGES = [[source, node] for node in range(4) for source in range(node + 1)]
NORMAL = [
    ["conv_bn_relu_5x1", 0],
    ["conv_bn_relu_7x1", 0],
    ["max_pool_3x1", 1],
    ["conv_bn_relu_3x1", 3],
]
REDUCE = [
    ["conv_bn_relu_7x1", 0],
    ["avg_pool_3x1", 1],
    ["skip_connect", 1],
    ["conv_bn_relu_5x1", 0],
]
BUDGET = {"flash_bytes": 8000, "ram_bytes": 2000, "macs": None, "latency_seconds": 0.005}
COSTS = ("flash_bytes", "ram_bytes", "macs", "latency_seconds")


def chain_search(rng: random.Random, candidates: int = 90) -> dict[str, Any]:
    """A search through chains: three rungs, a front, the chosen one on it."""
    points = [_point(f"c{i}", rng) for i in range(candidates)]
    front = pareto_front(points)
    chosen = max(front, key=lambda point: point["score"])
    return {
        "strategy": "auto",
        "space": "chain",
        "preset": None,
        "mode": None,
        "seconds": 118.4,
        "cpu_seconds": 231.9,
        "work": 240.0,
        "workers": 2,
        "seed": 7,
        "budget": dict(BUDGET),
        "budget_from": {
            "flash_bytes": "nas_budget",
            "ram_bytes": "nas_budget",
            "latency_seconds": "nas_budget",
        },
        "drawn": 5312,
        "refused": {"flash_bytes": 1604, "ram_bytes": 2211, "not a network": 37},
        "trials": 3 * candidates,
        "candidates": candidates,
        "binding": [
            name for name in COSTS if BUDGET[name] and chosen[name] > 0.9 * (BUDGET[name] or 1)
        ],
        "select": "best",
        "chosen": chosen["id"],
        "front": front,
        "points": points,
        "rungs": [_rung(points, epochs) for epochs in sorted({p["epochs"] for p in points})],
        "cells": None,
    }


def pareto_front(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those comparable points that no other one beats in everything."""
    last = [p for p in points if p["comparable"]] or points
    return [p for p in last if not any(_dominates(q, p) for q in last)]


def _dominates(a: dict[str, Any], b: dict[str, Any]) -> bool:
    costs = [name for name in COSTS if a[name] is not None]
    no_worse = a["score"] >= b["score"] and all(a[c] <= b[c] for c in costs)
    return no_worse and (a["score"] > b["score"] or any(a[c] < b[c] for c in costs))


def _point(name: str, rng: random.Random) -> dict[str, Any]:
    epochs = rng.choice((3, 3, 3, 9, 9, 27))
    flash = int(1500 * (8000 / 1500) ** rng.random())
    macs = int(min(40_000, flash * rng.uniform(2.5, 9)))
    limit = 0.965 - 0.5 * math.exp(-flash / 1500) - 0.35 * math.exp(-epochs / 5)
    return {
        "id": name,
        "score": max(0.2, limit - abs(rng.gauss(0, 0.03))),
        "score_sd": rng.uniform(0.002, 0.02) if epochs > 3 else None,
        "trials": {3: 1, 9: 2, 27: 3}[epochs],
        "epochs": epochs,
        "folds": {3: 1, 9: 2, 27: 3}[epochs],
        "comparable": epochs == 27,
        "parameters": flash - 900,
        "macs": macs,
        "flash_bytes": flash,
        "ram_bytes": int(rng.uniform(0.2, 1.0) * 2000),
        "latency_seconds": macs * 9.6 / 80e6,
        "genome": _genome(rng),
    }


def _genome(rng: random.Random) -> dict[str, Any]:
    genome: dict[str, Any] = {
        "stem": rng.choice(("conv", "dwsep")),
        "stem_kernel": 7,
        "stem_stride": rng.choice((1, 2, 4)),
        "stem_width": 16,
        "stages": 3,
    }
    for stage, block in enumerate(("dwsep", "pool_conv", "residual", "conv"), start=1):
        genome |= {f"block{stage}": block, f"kernel{stage}": 5}
        genome |= {f"stride{stage}": 1, f"width{stage}": 8 * stage}
    return genome | {"head": "avg_max", "hidden": 16, "augmentation": 0.5}


def _rung(points: list[dict[str, Any]], epochs: int) -> dict[str, Any]:
    at = [p["score"] for p in points if p["epochs"] == epochs]
    count = sum(p["epochs"] >= epochs for p in points)
    return {
        "epochs": epochs,
        "candidates": count,
        "trials": count,
        "best": max(at),
        "mean": sum(at) / len(at),
    }


def cell_search(rng: random.Random, epochs: int = 20) -> dict[str, Any]:
    """A supernet search: no points, but cells, alphas and the expected costs."""
    return {
        "strategy": "darts",
        "space": "cells",
        "preset": "s",
        "mode": "Compute",
        "seconds": 96.2,
        "seed": 7,
        "budget": {**BUDGET, "ram_bytes": 1600},
        "budget_from": {"flash_bytes": "nas_budget", "ram_bytes": "nas_budget"},
        "cells": {
            "epochs": epochs,
            "unrolled": False,
            "genotype": {"normal": [*NORMAL], "reduce": [*REDUCE], "concat": [1, 2, 3, 4]},
            "best_epoch": 17,
            "rule": "lowest validation loss of the supernet in the later half of the epochs",
            "primitives": list(PRIMITIVES),
            "history": [_epoch(epoch, epochs, rng) for epoch in range(1, epochs + 1)],
            "alphas": {
                "normal": _alphas(rng, NORMAL, epochs),
                "reduce": _alphas(rng, REDUCE, epochs),
            },
            "edges": [*EDGES],
        },
    }


def _epoch(epoch: int, epochs: int, rng: random.Random) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "train_loss": 0.25 + 1.7 * math.exp(-epoch / 5) + rng.uniform(-0.03, 0.03),
        "validation_loss": 0.38 + 1.6 * math.exp(-epoch / 5) + rng.uniform(-0.06, 0.06),
        "validation_score": 0.92 - 0.75 * math.exp(-epoch / 5) + rng.uniform(-0.02, 0.02),
        "penalty": 0.1,
        "excess": 0.0,
        "skip_share": 0.14 + 0.002 * epoch,
        "entropy": 0.98 * math.exp(-epoch / 60),
        "expected_parameters": 2900 - 50 * epoch,
        "expected_macs": 96_000 - 1500 * epoch,
        "expected_ram_bytes": 2400 - 45 * epoch,
        "expected_latency_seconds": 0.0,
        "latency_seconds": 0.0,
        "parameters": 2300 - 30 * epoch + rng.randrange(200),
        "macs": 84_000 - 1300 * epoch + rng.randrange(5000),
        "ram_bytes": 2200 - 40 * epoch + rng.randrange(100),
        "score": rng.uniform(0.45, 0.6) if epoch > epochs // 2 else None,
    }


def _alphas(rng: random.Random, cell: list[list[Any]], epochs: int) -> list[list[list[float]]]:
    slopes = [[rng.gauss(0, 0.05) for _ in PRIMITIVES] for _ in EDGES]
    for node, (op, source) in enumerate(cell):
        slopes[EDGES.index([source, node])][PRIMITIVES.index(op)] = 0.16
    return [
        [_softmax([s * epoch + rng.gauss(0, 0.02) for s in edge]) for edge in slopes]
        for epoch in range(epochs)
    ]


def _softmax(values: list[float]) -> list[float]:
    powers = [math.exp(v) for v in values]
    return [p / sum(powers) for p in powers]


def comparison(scores: dict[str, list[float]], costs: dict[str, Any]) -> dict[str, Any]:
    """Contenders by kind, the searched one first; differences as the pipeline records them."""
    searched, *others = (_contender(kind, values, costs[kind]) for kind, values in scores.items())
    for other in others:
        other["difference"] = searched["mean"] - other["mean"]
    return {
        "seeds": len(searched["scores"]),
        "metric": "int8 test score",
        "searched": searched,
        "others": others,
    }


def verdict(
    other: str, scores: tuple[float, float], half: float | None, **more: Any
) -> dict[str, Any]:
    """The searched model against ``other``, with an interval of ``half`` to either side."""
    difference = scores[0] - scores[1]
    low, high = (None, None) if half is None else (difference - half, difference + half)
    outcome = "no difference shown"
    if low is not None and low > 0:
        outcome = "better"
    if high is not None and high < 0:
        outcome = "worse"
    return {
        "role": "searched",
        "other": other,
        "precision": "int8",
        "score": scores[0],
        "other_score": scores[1],
        "difference": difference,
        "low": low,
        "high": high,
        "outcome": outcome,
        "windows": 611,
        "recordings": 24,
        "groups": 0,
        "unit": "recording",
        "units": 24,
        "seeds": 1,
        **more,
    }


def _contender(kind: str, scores: list[float], cost: dict[str, int]) -> dict[str, Any]:
    mean = sum(scores) / len(scores)
    squares = sum((a - mean) ** 2 for a in scores)
    return {
        "name": {"searched": "auto", "random": "random", "zoo": "CLS_1k"}[kind],
        "kind": kind,
        "scores": scores,
        "mean": mean,
        "sd": math.sqrt(squares / (len(scores) - 1)),
        "cpu_seconds": None if kind == "zoo" else 231.9,
        **{name: cost[name] for name in ("parameters", "macs", "flash_bytes", "ram_bytes")},
        "difference": None,
    }
