"""Which networks a run trains: the searched one, its controls, and the zoo model beside them.

Every choice here is made without a look at the test side.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml_nas.config import Config
from tinyml_nas.features import FeatureSet
from tinyml_nas.features.window_reach import is_series
from tinyml_nas.graph import Shape
from tinyml_nas.importers.model import Imported
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.final import Entrant
from tinyml_nas.results.search import Search
from tinyml_nas.search.spaces.recipe_genes import recipe_of
from tinyml_nas.search.stage import search
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.zoo.named import fixed_model, resolved, zoo_network


def fixed_entrants(
    config: Config, features: FeatureSet, imported: Imported | None = None
) -> list[Entrant]:
    """The model that the run is about, the user's own or the zoo's, or the baseline of a search."""
    training = config.training
    if imported is not None:
        recipe = recipe_from_config(training)
        recipe = recipe if training.enable else replace(recipe, epochs=0)
        return [Entrant("chosen", imported.network, recipe, imported)]
    fixed = fixed_model(training)
    if fixed is None:
        return []
    role, name = fixed
    shape, outputs = Shape(*features.train.x.shape[1:]), features.outputs
    name = resolved(name, shape, outputs, is_series(config), config)
    network = zoo_network(name, shape, outputs, config)
    return [Entrant(role, network, recipe_from_config(training))]


def search_as(
    role: str,
    context: Context,
    features: FeatureSet,
    config: Config,
    like: Search | None = None,
) -> tuple[Entrant, Search]:
    """What a search finds, and its record; with ``like`` a random one for what that one spent."""
    name = "search" if role == "searched" else f"search_{role}"
    found = search(
        features,
        config,
        context.device,
        folder=context.folder.path / name,
        console=context.console,
        strategy="random" if like else None,
        like=like,
    )
    recipe = recipe_of(found.recipe_genes, recipe_from_config(config.training))
    return Entrant(role, found.network, recipe), found.record
