"""How much work a supernet is: a deterministic model in CPU-seconds.

Fitted on steps of the five presets and four other spaces, on a machine of speed 1 in the terms of
`evaluator.py`; within 40 % for each of them.
"""

from __future__ import annotations

from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.darts.settings import SearchSettings

SECONDS_OF_PENALTY = 6e-3
SECONDS_PER_STATE = {False: 2.1e-3, True: 1.7e-3}
SECONDS_PER_VALUE = {False: 1.07e-7, True: 4.5e-8}
"""By whether operations are sampled; for a pass with the alphas and one with the weights."""
UNROLLED = 2.5
"""Passes of a second-order step, in terms of a first-order one's."""


def step_seconds(space: SearchSpace, settings: SearchSettings) -> float:
    """CPU-seconds of one step of the search at speed 1."""
    states = len(space.cells) * space.nodes
    per_window = sum(len(space.edges) * cell.node_shape.size for cell in space.cells)
    values = settings.batch_size * per_window
    passes = (
        states * SECONDS_PER_STATE[settings.sampled] + values * SECONDS_PER_VALUE[settings.sampled]
    )
    return SECONDS_OF_PENALTY + passes * (UNROLLED if settings.unrolled else 1)
