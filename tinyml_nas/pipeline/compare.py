"""The searched network against its controls: mean and spread over the seeds, and what follows.

Each side was trained over the same seeds; the sides are compared unpaired, with the standard error
sqrt(sd1² / n + sd2² / n).  A difference of no more than one standard error counts as none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

CONTROLS = ("random", "zoo")
"""Roles of the models that the searched one is compared with."""


def comparison(
    models: Sequence[Mapping[str, Any]], cpu_seconds: Mapping[str, float]
) -> dict[str, Any] | None:
    """The ``comparison`` of results.json; ``None`` without controls or without a test.

    ``cpu_seconds`` says by role what finding each network took.
    """
    by_role = {model["role"]: model for model in models}
    controls = [by_role[role] for role in CONTROLS if role in by_role]
    if "searched" not in by_role or not controls:
        return None
    precision = "int8" if by_role["searched"].get("quantization") else "float"
    searched, *others = (
        _contender(model, precision, cpu_seconds.get(model["role"]))
        for model in (by_role["searched"], *controls)
    )
    if not searched["scores"]:
        return None
    others = [other | _against(searched, other) for other in others]
    return {
        "seeds": len(searched["scores"]),
        "metric": f"{precision} test score",
        "searched": searched,
        "others": others,
        "sentences": [s for other in others if (s := _sentence(searched, other)) is not None],
    }


def _contender(
    model: Mapping[str, Any], precision: str, cpu_seconds: float | None
) -> dict[str, Any]:
    known = [seed[f"{precision}_test"] for seed in model["seeds"]]
    scores = [value for value in known if value is not None]
    linked = [core["flash_bytes"] for core in model.get("linked", {}).values()]
    return {
        "name": model["name"],
        "kind": model["role"],
        "scores": scores,
        "mean": statistics.fmean(scores) if scores else None,
        "sd": statistics.stdev(scores) if len(scores) > 1 else None,
        "cpu_seconds": cpu_seconds,
        "parameters": model["cost"]["parameters"],
        "macs": model["cost"]["macs"],
        "flash_bytes": max(linked, default=model["cost"]["flash_bytes"]),
        "ram_bytes": model["cost"]["ram_bytes"],
        "difference": None,
        "standard_error": None,
        "beaten": None,
    }


def _against(searched: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """By how much ``searched`` is ahead, and whether that is more than chance."""
    difference = searched["mean"] - other["mean"]
    if searched["sd"] is None or other["sd"] is None:
        return {"difference": difference}
    variances = (side["sd"] ** 2 / len(side["scores"]) for side in (searched, other))
    error = math.sqrt(sum(variances))
    return {"difference": difference, "standard_error": error, "beaten": difference > error}


def _sentence(searched: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """What to do where the search did not pay; ``None`` where it did.

    The verdict of the report says who was ahead, and by how much.
    """
    mine, control, error = searched["name"], _named(other), other["standard_error"]
    if error is None:
        return f"To tell {mine} from {control}, raise training.nas_seeds."
    if other["beaten"]:
        return None
    if other["difference"] < -error:
        return f"Rather take {control}: it is better by more than one standard error."
    sizes = searched["flash_bytes"], other["flash_bytes"]
    flash = f"{min(sizes):,} B of flash against {max(sizes):,} B"
    if sizes[0] <= sizes[1]:
        return f"Keep {mine}: no better than {control}, but smaller ({flash})."
    return f"Rather take {control}: as good, and smaller ({flash})."


def _named(other: Mapping[str, Any]) -> str:
    if other["kind"] == "random":
        return f"the random search ({other['name']})"
    return f"{other['name']} of the zoo"
