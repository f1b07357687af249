"""DARTS: a supernet whose edges mix all operations, weighed by alphas that are trained with it."""

from __future__ import annotations

from tinyml_nas.search.strategy import Proposals, Search, Strategy


def propose(search: Search) -> Proposals:
    """Genotypes of the later epochs, trained on the folds; see `search/darts`."""
    from tinyml_nas.search.darts.propose import propose as propose_genotypes

    return propose_genotypes(search, sampled=False)


STRATEGY = Strategy(
    name="darts",
    description="softmax mixtures of all operations (first order or unrolled)",
    propose=propose,
    space="cells",
)
