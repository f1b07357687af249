"""The model of the zoo that a run is about, or that a search is compared with, as a network."""

from __future__ import annotations

from tinyml_nas.config import Config
from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.packing import as_configured
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import Network, Shape, residual_of
from tinyml_nas.zoo import ZOO


def fixed_model(training: Training) -> tuple[str, str] | None:
    """Role and name of the model of the zoo that a run trains; ``None`` where it trains none."""
    if not training.enable:
        return None
    role = "baseline" if training.nas_enabled else "chosen"
    name = training.nas_compare_model if training.nas_enabled else training.model_name
    return None if name is None else (role, name)


def zoo_network(name: str, shape: Shape, outputs: int, config: Config) -> Network:
    """The zoo's model of that name with the weight bits that the YAML fixes.

    Raises ``ConfigError`` for a ``shape`` that it cannot read, and for ``quantization_layers`` that
    it does not have.
    """
    try:
        network = ZOO[name].build(shape, outputs)
        network = residual_of(network) if config.common.task == "anomaly" else network
    except ValueError as error:
        raise ConfigError(
            f"{name} cannot read an input of {shape.channels} x {shape.length}: {error}",
            hint="choose a longer frame_size, or another training.model_name",
        ) from error
    return as_configured(network, config.training)
