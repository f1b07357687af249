"""A realistic record of a run: a searched model beside its baseline, every part filled in."""

from __future__ import annotations

import math
import random
import statistics
from typing import Any

from sample_search import cell_search, chain_search, comparison, verdict

CLASSES = [
    "pendulum",
    "abduction",
    "forward elevation",
    "internal rotation",
    "external rotation",
    "trapezius extension",
    "upright row",
]
CORES = ("cortex-m0", "cortex-m4", "cortex-m33")


def sample_results(seed: int = 7) -> dict[str, Any]:
    """A fresh record of schema version 2 that tests may change: a chain found under a budget."""
    rng = random.Random(seed)
    models = [
        _model("searched", "watch_exercise_s", 0.955, (8, 12, 16), rng),
        _model("baseline", "CLS_1k", 0.921, (8, 16), rng),
    ]
    scores = {
        "searched": [0.948, 0.951, 0.945],
        "random": [0.939, 0.950, 0.936],
        "zoo": [0.921, 0.925, 0.919],
    }
    costs = dict(zip(scores, (models[0]["cost"], *[models[1]["cost"]] * 2), strict=True))
    return {
        "schema_version": 3,
        "product": {"name": "tinyml_nas", "version": "0.1.0"},
        "run": {
            "name": "watch_exercise",
            "created": "2026-11-22T09:41:07+00:00",
            "config_file": "examples/watch_exercise/config.yaml",
            "seconds": {
                "data": 1.9,
                "features": 0.4,
                "search": 96.2,
                "train searched": 40.2,
                "quantize searched": 12.1,
                "export searched": 16.3,
                "train baseline": 31.3,
                "quantize baseline": 10.7,
                "export baseline": 14.7,
            },
        },
        "task": "classification",
        "task_type": "generic_timeseries_classification",
        "metric": "accuracy",
        "device": {
            "name": "MSPM0G3507",
            "core": "cortex-m0plus",
            "clock_hz": 80_000_000,
            "flash_bytes": 131072,
            "ram_bytes": 32768,
            "cycles_per_instruction": dict(zip(CORES, (1.4, 1.4, 1.3), strict=True)),
        },
        "data": _data(),
        "features": {
            "chain": ["raw", "normalize"],
            "input_shape": [6, 128],
            "mean": [0.12, -0.44, 9.71, 0.003, -0.012, 0.4],
            "std": [3.1, 2.9, 4.4, 0.92, 1.13, 0.87],
        },
        "search": chain_search(rng),
        "comparison": comparison(scores, costs),
        "verdicts": [
            verdict("random", (0.948, 0.9417), 0.009, seeds=3),
            verdict("zoo", (0.948, 0.9217), 0.011, seeds=3),
            verdict("baseline", (0.955, 0.921), 0.021),
        ],
        "shipped": {"role": "searched", "reason": "searched"},
        "models": models,
    }


def sample_cell_results(seed: int = 7) -> dict[str, Any]:
    """The same run with a supernet search, compared with nothing but its baseline."""
    search = cell_search(random.Random(seed))
    return {**sample_results(seed), "search": search, "comparison": None}


def with_seeds(model: dict[str, Any], scores: list[float]) -> dict[str, Any]:
    """``model`` trained over several seeds; the first one is shipped."""
    model["seeds"] = [
        {
            "seed": seed,
            "float_validation": value + 0.012,
            "int8_validation": value + 0.01,
            "float_test": value + 0.002,
            "int8_test": value,
            "shipped": seed == 0,
        }
        for seed, value in enumerate(scores)
    ]
    sd = statistics.stdev(scores)
    model["score_sd"] = {"float": sd, "int8": sd}
    return model


def _data() -> dict[str, Any]:
    return {
        "classes": CLASSES,
        "channels": ["ax", "ay", "az", "gx", "gy", "gz"],
        "windows": {"train": 1864, "validation": 402, "test": 611},
        "class_counts": {
            "train": [301, 244, 268, 251, 262, 280, 258],
            "validation": [66, 58, 54, 57, 55, 60, 52],
            "test": [101, 83, 84, 88, 79, 90, 86],
        },
        "split": {
            "type": "by_group",
            "groups": {
                "train": ["s01", "s02", "s04", "s05", "s07", "s10"],
                "validation": ["s06", "s09"],
                "test": ["s03", "s08"],
            },
        },
        "notes": ["2 recordings are shorter than one window of 128 samples and were left out."],
        "synthetic": False,
    }


def _model(
    role: str, name: str, score: float, channels: tuple[int, ...], rng: random.Random
) -> dict[str, Any]:
    layers, memory = _network(channels)
    cost = {
        key: sum(layer[key] for layer in layers) for key in ("parameters", "macs", "flash_bytes")
    }
    cost["flash_bytes"] += 600
    cost["ram_bytes"] = max(b["offset"] + b["size_bytes"] for b in memory)
    confusion = {"float": _confusion(score + 0.005, rng), "int8": _confusion(score, rng)}
    linked = {
        c: {
            "flash_bytes": cost["flash_bytes"] + 140 + 60 * i,
            "text_bytes": 1500 + 60 * i,
            "rodata_bytes": cost["flash_bytes"] - 1360,
        }
        for i, c in enumerate(CORES)
    }
    instructions = {c: int(cost["macs"] * f) for c, f in zip(CORES, (9.6, 5.4, 5.2), strict=True)}

    def _build(core: str, share: float) -> dict[str, int]:
        return {
            "instructions": int(instructions[core] * share),
            "flash_bytes": linked[core]["flash_bytes"],
            "stack_bytes": 184,
        }

    return {
        "role": role,
        "name": name,
        "network": {"name": name, "input_shape": [6, 128], "nodes": []},
        "cost": {**cost, "layers": layers},
        "training": _training(score, rng),
        "quantization": {
            "method": "QAT",
            "calibration": "min_max",
            "layers": [
                {
                    "name": "conv1",
                    "bits": 4,
                    "weight_bytes": 96,
                    "sqnr_db": 21.4,
                    "sensitivity": {"4": 0.002, "2": 0.31},
                }
            ],
            "auto": {"float_score": 0.93, "floor": 0.9, "held": True, "tried": []},
        },
        "score": {
            kind: {"validation": score + 0.01, "test": _score(matrix)}
            for kind, matrix in confusion.items()
        },
        "test": {
            kind: {
                "examples": sum(map(sum, matrix)),
                "f1": _score(matrix) - 0.004,
                "confusion": matrix,
            }
            for kind, matrix in confusion.items()
        },
        "memory": memory,
        "linked": linked,
        "flash_symbols": {c: _flash_symbols(sizes, layers) for c, sizes in linked.items()},
        "instructions": instructions,
        "compilers": {
            "cortex-m0": {"zig": _build("cortex-m0", 1.0)},
            "cortex-m4": {"zig": _build("cortex-m4", 0.8), "gcc": _build("cortex-m4", 1.0)},
        },
        "layer_instructions": {
            "cortex-m4": {layer["name"]: int(layer["macs"] * 5.4) + 200 for layer in layers}
        },
        "stack_bytes": {"cortex-m4": 184},
        "stack_frames": {
            "cortex-m4": [
                {"function": "model_run", "size_bytes": 24},
                {"function": "conv_dsp", "size_bytes": 160},
            ]
        },
        "qdq_agreement": 0.998,
        "parity": _parity(),
        "files": {
            "int8 ONNX": f"export/{name}/model_int8.onnx",
            "C source": f"export/{name}/c/model.c",
            "golden vectors": f"export/{name}/c/model_golden.c",
        },
    }


def _network(channels: tuple[int, ...]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Layer costs and a memory plan of strided convolutions, ping-pong in the arena."""
    width, length, arena = 6, 128, 1336
    layers: list[dict[str, Any]] = []
    memory = [{"name": "input", "offset": 0, "size_bytes": 6 * 132, "first": -1, "last": 0}]
    for i, out in enumerate(channels):
        length = (length + 1) // 2
        weights = out * width * 5
        layers.append(_layer(f"conv{i}", "conv", [out, length], weights, out, weights * length))
        width = out
    layers.append(_layer("pool", "global_avg_pool", [width, 1], 0, 0, 0))
    layers.append(_layer("classifier", "linear", [7, 1], width * 7, 7, width * 7))
    for i, layer in enumerate(layers):
        size = layer["output_shape"][0] * (layer["output_shape"][1] + 4)
        offset = 0 if i % 2 else arena - size
        memory.append(
            {"name": layer["name"], "offset": offset, "size_bytes": size, "first": i, "last": i + 1}
        )
    return layers, memory


def _layer(
    name: str, kind: str, shape: list[int], weights: int, channels: int, macs: int
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "output_shape": shape,
        "parameters": weights + channels,
        "macs": macs,
        "flash_bytes": weights + 9 * channels + 60,
    }


def _flash_symbols(linked: dict[str, int], layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The API, a function and a table for each layer, one kernel, and a few bytes of filling."""
    names = [layer["name"] for layer in layers]
    code = [("API", "model_run", 120), *(("layers", f"layer_{name}", 60) for name in names)]
    code.append(("kernels", "conv", linked["text_bytes"] - sum(size for *_, size in code)))
    tables = [("tables", f"model_{name}_weight", 10) for name in names]
    rest = linked["rodata_bytes"] - 10 * len(names)
    return [
        {"section": section, "group": group, "name": name, "size_bytes": size}
        for section, symbols in (
            (".text", code),
            (".rodata", [*tables, ("tables", "model_bias", rest - 3), ("filling", "", 3)]),
        )
        for group, name, size in symbols
    ]


def _confusion(score: float, rng: random.Random) -> list[list[int]]:
    matrix = []
    for true, total in enumerate(_data()["class_counts"]["test"]):
        row = [0] * len(CLASSES)
        for _ in range(total):
            hit = rng.random() < score
            row[true if hit else (true + rng.choice((1, 1, 2, 6))) % len(CLASSES)] += 1
        matrix.append(row)
    return matrix


def _score(matrix: list[list[int]]) -> float:
    return sum(matrix[i][i] for i in range(len(matrix))) / sum(map(sum, matrix))


def _training(score: float, rng: random.Random) -> dict[str, Any]:
    epochs = 40
    return {
        "epochs": epochs,
        "best_epoch": 34,
        "seconds": 38.4,
        "history": [
            {
                "epoch": epoch,
                "train_loss": 0.05 + 1.8 * math.exp(-epoch / 8) + rng.uniform(-0.01, 0.01),
                "validation_loss": 0.16 + 1.7 * math.exp(-epoch / 8) + rng.uniform(-0.03, 0.03),
                "validation_score": min(
                    1.0, score - 0.7 * math.exp(-epoch / 7) + rng.uniform(-0.01, 0.01)
                ),
                "learning_rate": 0.02 * (1 + math.cos(math.pi * epoch / epochs)),
            }
            for epoch in range(1, epochs + 1)
        ],
    }


def _parity() -> dict[str, Any]:
    names = ["ONNX Runtime", "C on the host", *(f"C on {core}" for core in CORES)]
    carriers = [
        {
            "name": name,
            "status": "proven",
            "values": 262_144,
            "mismatches": 0,
            "detail": "all layers",
        }
        for name in names
    ]
    carriers[-1] = {
        "name": names[-1],
        "status": "not proven",
        "values": 0,
        "mismatches": 0,
        "detail": "the emulator of this core is not installed",
    }
    return {"vectors": 32, "carriers": carriers}
