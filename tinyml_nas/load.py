"""The one door to a configuration: whatever runs, checks or plans one comes through here.

Each stage checks the keys that it reads by the code that it runs with, so ``check`` and a run
cannot disagree.  Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tinyml_nas.config import LoadedConfig
from tinyml_nas.config.load import as_config, finished, read_config
from tinyml_nas.data.check import check_data
from tinyml_nas.features.check import check_features
from tinyml_nas.search.check import check_search
from tinyml_nas.train.check import check_training


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """The configuration in ``path`` with ``overrides`` such as ``training.nas_epochs=5``.

    Raises ``InvalidConfig`` with everything that is wrong in it, each at its line and column, and
    ``ConfigError`` where there is no such file.
    """
    draft = read_config(path, overrides)
    config = as_config(draft, path)
    check_data(draft, config)
    check_features(draft, config)
    check_training(draft)
    check_search(draft, path.parent)
    return finished(draft, path)
