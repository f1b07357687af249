"""What ``results.json`` tells of a search for cells: the story of the genotype that was chosen.

A search may train several supernets, and the choice falls after its end.  So the strategy notes all
supernets, and all genotypes by their candidates; :func:`cells_of` picks what belongs to the chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cells_of(notes: Mapping[str, Any], candidate_key: str) -> dict[str, Any]:
    """The ``cells`` record of the chosen candidate; empty where the search does not know it."""
    found: Mapping[str, Any] | None = notes["genotypes"].get(candidate_key)
    if found is None:
        return {}
    shared = {name: notes[name] for name in ("rule", "primitives", "edges", "unrolled", "sampled")}
    run: Mapping[str, Any] = notes["supernets"][found["supernet"]]
    history = [dict(record) for record in run["history"]]
    for record, key in zip(history, run["candidates"], strict=True):
        record["score"] = notes["genotypes"].get(key, {}).get("score")
    return {
        **shared,
        "genotype": found["genotype"],
        "best_epoch": found["epoch"],
        "mended": found["mended"],
        "runner_up": found["runner_up"],
        "supernet": found["supernet"],
        "supernets": len(notes["supernets"]),
        "stopped": run["stopped"],
        "epochs": len(history),
        "history": history,
        "alphas": run["alphas"],
    }
