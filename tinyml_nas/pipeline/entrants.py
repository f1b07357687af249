"""Which networks a run trains: the searched one, its controls, and the zoo model beside them.

Every choice here is made without a look at the test side.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml_nas.config import Config
from tinyml_nas.cost.packing import as_configured
from tinyml_nas.errors import ConfigError
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import Network, Shape, residual_of
from tinyml_nas.importers import Imported
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.final import Entrant
from tinyml_nas.results.search import Search
from tinyml_nas.search.spaces.recipe_genes import recipe_of
from tinyml_nas.search.stage import search
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.zoo import ZOO


def fixed_entrants(
    config: Config, features: FeatureSet, imported: Imported | None = None
) -> list[Entrant]:
    """The model that the run is about, the user's own or the zoo's, or the baseline of a search."""
    training = config.training
    if imported is not None:
        recipe = recipe_from_config(training)
        recipe = recipe if training.enable else replace(recipe, epochs=0)
        return [Entrant("chosen", imported.network, recipe, imported)]
    role = "baseline" if training.nas_enabled else "chosen"
    name = training.nas_compare_model if training.nas_enabled else training.model_name
    if not training.enable or name is None:
        return []
    network = as_configured(zoo_network(name, features), training)
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


def zoo_network(name: str, features: FeatureSet) -> Network:
    """The zoo's model of that name for the data at hand."""
    channels, length = features.train.x.shape[1:]
    try:
        network = ZOO[name].build(Shape(channels, length), features.outputs)
        return residual_of(network) if features.task == "anomaly" else network
    except ValueError as error:
        raise ConfigError(
            f"{name} cannot read an input of {channels} x {length}: {error}",
            hint="choose a longer frame_size, or another training.model_name",
        ) from error
