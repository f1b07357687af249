"""The model of the zoo that a run is about, or that a search is compared with, as a network."""

from __future__ import annotations

from tinyml_nas.config import Config
from tinyml_nas.config.sections.training import AUTO, Training
from tinyml_nas.cost.budget import budget_from_config
from tinyml_nas.cost.packing import as_configured
from tinyml_nas.devices import target_of
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import Network, Shape, residual_of
from tinyml_nas.zoo import ZOO
from tinyml_nas.zoo.default import default_model


def fixed_model(training: Training) -> tuple[str, str] | None:
    """Role and name of the model of the zoo that a run trains; ``None`` where it trains none.

    The name may be ``AUTO``, which :func:`resolved` knows once it knows the input.
    """
    if not training.enable:
        return None
    role = "baseline" if training.nas_enabled else "chosen"
    name = training.nas_compare_model if training.nas_enabled else training.model_name
    return None if name is None else (role, name)


def resolved(name: str, shape: Shape, outputs: int, series: bool, config: Config) -> str:
    """``name``, or for ``AUTO`` the default for inputs of ``shape`` under the search's budget.

    ``series`` says that their steps are samples over time.
    """
    if name != AUTO:
        return name
    device, written = target_of(config), config.training.nas_budget
    if not device.cycles.measured_on:  # a limit of the latency is refused where the budget is read
        written = written.model_copy(update={"latency": None})
    training = config.training.model_copy(update={"nas_budget": written})
    budget, _ = budget_from_config(config.model_copy(update={"training": training}), device)
    return default_model(config.common.task, shape, outputs, series, device, budget).name


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
