"""From the user's recordings to leak-free windows; the user's data is only ever read.

prepare_data(config, console) -> DataSplits(train, validation, test, ..., manifest)
"""

from __future__ import annotations

from tinyml_nas.data.prepare import prepare_data
from tinyml_nas.data.records import SIDES, DataSplits, Side, WindowSet

__all__ = ["SIDES", "DataSplits", "Side", "WindowSet", "prepare_data"]
