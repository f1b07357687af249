"""GDAS: a supernet whose edges compute one operation a step, drawn by the alphas."""

from __future__ import annotations

from tinyml_nas.search.strategy import Proposals, Search, Strategy


def propose(search: Search) -> Proposals:
    """Genotypes of the later epochs, trained on the folds; see `search/darts`."""
    from tinyml_nas.search.darts.propose import propose as propose_genotypes

    return propose_genotypes(search, sampled=True)


STRATEGY = Strategy(
    name="gdas",
    description="one sampled operation an edge: cheap, for large presets",
    propose=propose,
    space="cells",
)
