"""Random search: the control that every other strategy has to beat."""

from __future__ import annotations

from tinyml_nas.search.strategies.finals import Judged, make_plan
from tinyml_nas.search.strategy import Proposals, Search

TYPICAL = 32
"""Candidates of one draw; the first draw tells the plan what a training costs."""


def propose(search: Search) -> Proposals:
    """Feasible networks drawn uniformly, each trained once; then the best few on all folds.

    All trainings have the same number of epochs: the configured one, or fewer, so that at least 24
    fit.  Two thirds of them go to distinct candidates on one fold each, the folds in turn; the last
    third shows the best of these (against the mean of their fold) the remaining folds.  Known
    genomes of ``nas_warm_start`` are not used: a control must not know better.
    """
    draw = search.draw("random")
    candidates = search.problem.sample(draw, TYPICAL)
    judged = Judged(search, make_plan(search, candidates))
    while candidates:
        trials = judged.first_round(candidates)
        if not trials:
            break
        judged.tell(trials, (yield trials))
        known = {candidate.key for candidate, _, _ in judged.scores}
        more = search.problem.sample(draw, TYPICAL)
        candidates = [candidate for candidate in more if candidate.key not in known]
    yield from judged.finals()
