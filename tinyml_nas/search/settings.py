"""What the configuration says about a search."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.config import Config
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import Shape
from tinyml_nas.search.cells.space import SearchSpace


@dataclass(frozen=True)
class SearchSettings:
    """How to search a space; ``preset`` and ``strategy`` are only reported."""

    epochs: int
    batch_size: int
    mode: str
    penalty_weight: float
    alpha_learning_rate: float
    weight_decay: float
    unrolled: bool
    balanced: bool
    seed: int
    preset: str | None = None
    strategy: str = "darts"

    @property
    def name(self) -> str:
        """Name of the network that the search finds."""
        return "_".join(filter(None, (self.strategy, self.preset)))


def settings_from_config(config: Config) -> SearchSettings:
    """The settings that the YAML's ``common`` and ``training`` sections ask for."""
    training = config.training
    return SearchSettings(
        epochs=training.nas_epochs,
        batch_size=training.nas_batch_size or training.batch_size,
        mode=training.nas_optimization_mode,
        penalty_weight=training.nas_penalty_weight,
        alpha_learning_rate=training.nas_learning_rate,
        weight_decay=training.weight_decay,
        unrolled=training.nas_unrolled,
        balanced=training.class_weights == "balanced",
        seed=config.common.seed,
        preset=training.nas_model_size,
        strategy=training.nas_search_strategy,
    )


def space_from_config(config: Config, input_shape: Shape, classes: int) -> SearchSpace:
    """The space that presets and customization keys describe, for the data at hand.

    Raises ``ConfigError`` when the keys contradict each other.
    """
    training = config.training
    try:
        return SearchSpace(
            input_shape,
            classes,
            layers=training.nas_layers,
            nodes=training.nas_nodes_per_layer,
            channels=training.nas_init_channels,
            stem_multiplier=training.nas_init_channel_multiplier,
            fanout=training.nas_fanout_concat,
        )
    except ValueError as error:
        raise ConfigError(
            str(error), hint="change training.nas_fanout_concat or training.nas_nodes_per_layer"
        ) from None
