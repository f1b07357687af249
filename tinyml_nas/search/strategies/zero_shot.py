"""Zero-shot search: many candidates ordered by proxies, only the best of them trained.

The order is the mean rank over the proxies of ``nas_proxy`` (``search/proxies``).
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyml_nas.search.allocation import train_best
from tinyml_nas.search.proxies.ranking import draw_batches, rank_mean, score_all, scoring_seconds
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate

DRAWN, CHILDREN, PARENTS = 300, 100, 10
"""Random candidates, mutations, and the best candidates that are mutated."""
SHARE = 1 / 5
"""Largest share of the work left that scoring may take."""


class Ranking:
    """Candidates and their scores so far."""

    def __init__(self, search: Search) -> None:
        problem = search.problem
        self.search, self.names = search, problem.training.nas_proxy
        self.batches = draw_batches(problem.features.train, problem.features, problem.seed)
        self.candidates: dict[str, Candidate] = {}
        self.scores: dict[str, list[float]] = {name: [] for name in self.names}

    def add(self, candidates: Sequence[Candidate]) -> None:
        """Score ``candidates``, none of them known before, and account for it."""
        problem = self.search.problem
        networks = [candidate.network for candidate in candidates]
        for name, scores in score_all(networks, self.names, self.batches, problem.seed).items():
            self.scores[name] += scores
        self.candidates |= {candidate.key: candidate for candidate in candidates}
        self.search.spend(problem.evaluator.speed * sum(map(scoring_seconds, networks)))

    def ordered(self) -> list[Candidate]:
        """All candidates, the best first; of equals the one that came first."""
        ranks = rank_mean(self.scores)
        candidates = list(self.candidates.values())
        return [candidates[i] for i in sorted(range(len(ranks)), key=lambda i: -ranks[i])]


def propose(search: Search) -> Proposals:
    """300 feasible candidates and 100 mutations of the best ten; then the best few are trained.

    Fewer are scored where that would take more than a fifth of the work.
    """
    draw, problem = search.draw("zero_shot"), search.problem
    candidates = problem.sample_with(search.warm_start, draw, DRAWN)
    cost = problem.evaluator.speed * sum(scoring_seconds(c.network) for c in candidates)
    share = min(1.0, SHARE * search.work_left() / cost * DRAWN / (DRAWN + CHILDREN))
    drawn, children = max(1, int(share * len(candidates))), int(share * CHILDREN)
    ranking = Ranking(search)
    ranking.add(candidates[:drawn])
    ranking.add(_children(search, ranking, children))
    search.notes["proxies"] = {
        "names": list(ranking.names),
        "drawn": drawn,
        "scored": len(ranking.candidates),
    }
    search.console.info(
        f"zero_shot: {len(ranking.candidates)} networks ranked by {', '.join(ranking.names)}"
    )
    yield from train_best(search, ranking.ordered())


def _children(search: Search, ranking: Ranking, count: int) -> list[Candidate]:
    """Up to ``count`` new feasible mutations of the best so far, the parents in turn."""
    draw, parents = search.draw("zero_shot", "children"), ranking.ordered()[:PARENTS]
    known = dict(ranking.candidates)
    children = []
    for number in range(count):
        child = search.problem.child(parents[number % len(parents)].genome, known, draw)
        if child is not None:
            known[child.key] = child
            children.append(child)
    return children
