"""The controls of a search: a random search of the same space at the same cost, and the zoo.

Both choose as the search does, without a look at the test side; what they choose is then trained
over the same seeds as the searched network.
"""

from __future__ import annotations

from tinyml_nas.config.names import SUGGESTED
from tinyml_nas.cost.budget import budget_from_config, resources_of
from tinyml_nas.errors import ConfigError
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import Network, Shape
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.entrants import search_as
from tinyml_nas.pipeline.final import Entrant, FinalFit, Fitted, best_seed, fit_all
from tinyml_nas.results.search import Search
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.zoo.named import zoo_network


def control_entrants(
    context: Context, features: FeatureSet, found: Search
) -> list[tuple[Entrant, float]]:
    """What ``nas_compare`` asks for, each with the CPU-seconds that finding it took.

    ``found`` is the record of the search that they are to check.
    """
    controls = []
    for name in dict.fromkeys(context.config.training.nas_compare):
        with context.stage(f"control {name}"):
            if name == "random":
                controls.append(_random_search(context, features, found))
            elif models := zoo_models(context, features):
                controls.append(best_of_zoo(context, features, models))
    return controls


def _random_search(context: Context, features: FeatureSet, found: Search) -> tuple[Entrant, float]:
    """The best of a random search in the same space, for as much work as ``found`` took."""
    limits = {"nas_space": found.space, "nas_trials": None}
    training = context.config.training.model_copy(update=limits)
    config = context.config.model_copy(update={"training": training})
    entrant, record = search_as("random", context, features, config, like=found)
    return entrant, record.cpu_seconds or 0.0


def zoo_models(context: Context, features: FeatureSet) -> list[Network]:
    """The zoo's models to compare with: those that can read the data and keep the hard budget."""
    budget, _ = budget_from_config(context.config, context.device)
    found, shape = [], Shape(*features.train.x.shape[1:])
    tried = SUGGESTED[context.config.common.task]
    for name in tried:
        try:
            network = zoo_network(name, shape, features.outputs, context.config)
        except ConfigError:
            continue
        if not budget.broken(resources_of(network, context.device)):
            found.append(network)
    context.console.info(
        f"{len(found)} of {len(tried)} models of the zoo keep the budget"
        + ("" if found else ": there is nothing to compare with")
    )
    return found


def best_of_zoo(
    context: Context, features: FeatureSet, models: list[Network]
) -> tuple[Entrant, float]:
    """The model that is best on validation after one training each."""
    training = context.config.training
    recipe = recipe_from_config(training)
    folder = context.folder.path / "search_zoo"
    final = FinalFit(features, training, context.config.common.seed, folder, context.add_terms)
    tried = [Entrant(model.name, model, recipe) for model in models]
    fits = [fit for (fit,) in fit_all(final, tried, 1, training.nas_workers, context.console)]
    best = models[best_seed(fits)]
    context.console.info(f"{best.name} is the best of the zoo on validation")
    return Entrant("zoo", best, recipe), sum(map(_seconds, fits))


def _seconds(fitted: Fitted) -> float:
    """Time of a training and its fine-tuning, each on one thread."""
    tuned = fitted.quantized.record.seconds if fitted.quantized else None
    return fitted.training.seconds + (tuned or 0.0)
