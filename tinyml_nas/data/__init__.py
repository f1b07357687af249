"""From the user's recordings to leak-free windows; the user's data is only ever read.

prepare_data(config, console) -> DataSplits(train, validation, test, ..., manifest)

Names are loaded on first use: ``check`` needs few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyml_nas.data.prepare import prepare_data
    from tinyml_nas.data.records import SIDES, DataSplits, Side, WindowSet

__all__ = ["SIDES", "DataSplits", "Side", "WindowSet", "prepare_data"]

HOMES = {
    "prepare_data": "prepare",
    "SIDES": "records",
    "DataSplits": "records",
    "Side": "records",
    "WindowSet": "records",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
