"""The cell space that the configuration describes."""

from __future__ import annotations

from tinyml_nas.config import Config
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import Shape
from tinyml_nas.search.cells.plan import SearchSpace


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
