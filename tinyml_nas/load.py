"""The one door to a configuration: whatever runs, checks or plans one comes through here.

Each stage checks the keys that it reads by the code that it runs with, so ``check`` and a run
cannot disagree.  Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic.json_schema import JsonSchemaValue

from tinyml_nas.config import LoadedConfig, config_schema
from tinyml_nas.config.read import as_config, finished, read_config
from tinyml_nas.config.sections.dataset import GENERATOR
from tinyml_nas.config.sections.processing import CHAIN
from tinyml_nas.config.sections.training import PROXY, SPACE, STRATEGY
from tinyml_nas.data.check import check_data
from tinyml_nas.data.synthetic import GENERATORS
from tinyml_nas.devices.check import check_device
from tinyml_nas.features.chain import STEPS
from tinyml_nas.features.check import check_features
from tinyml_nas.importers.check import check_network, check_own_model
from tinyml_nas.located.choices import Choice, Names
from tinyml_nas.search.check import check_search
from tinyml_nas.search.proxies import PROXIES
from tinyml_nas.search.spaces import SPACES
from tinyml_nas.search.strategies import STRATEGIES
from tinyml_nas.train.check import check_training

NAMES: Names = {
    CHAIN: {name: Choice(step.reads) for name, step in STEPS.items()},
    GENERATOR: {name: Choice() for name in GENERATORS},
    STRATEGY: {
        name: Choice(strategy.reads, {"nas_space": strategy.space} if strategy.space else {})
        for name, strategy in STRATEGIES.items()
    },
    SPACE: {name: Choice(task=space.task) for name, space in SPACES.items()},
    PROXY: {name: Choice() for name in PROXIES},
}
"""Whatever the stages name that a key may be."""


def schema() -> JsonSchemaValue:
    """The JSON schema of the YAML, for editors."""
    return config_schema(NAMES)


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """The configuration in ``path`` with ``overrides`` such as ``training.nas_epochs=5``.

    Raises ``InvalidConfig`` with everything that is wrong in it, each at its line and column, and
    ``ConfigError`` where there is no such file.
    """
    draft = read_config(path, overrides, NAMES)
    check_device(draft, path.parent)
    check_training(draft)
    check_own_model(draft, path.parent)
    check_search(draft, path.parent)
    config = as_config(draft, path)
    check_data(draft, config)
    check_features(draft, config)
    check_network(draft, config)
    return finished(draft, path)
