"""What all stages of one run share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.cost.npu.ethos_u import ADD_TERMS
from tinyml_nas.data import DataSplits
from tinyml_nas.devices import Device
from tinyml_nas.features import FeatureSet
from tinyml_nas.pipeline.timing import timed_stage
from tinyml_nas.results.folder import RunFolder


@dataclass(frozen=True)
class Context:
    """One run of that ``name``; ``data`` and ``features`` have all three sides.

    Only the closing test reads the third.  ``seconds`` collects the time of each stage.
    """

    name: str
    config: Config
    device: Device
    data: DataSplits
    features: FeatureSet
    folder: RunFolder
    seconds: dict[str, float]
    console: Console

    @property
    def add_terms(self) -> int | None:
        """The form of an addition that the device's Ethos-U computes exactly, as in ``lower``."""
        return None if self.device.ethos_u is None else ADD_TERMS

    @contextmanager
    def stage(self, name: str, title: str | None = None) -> Iterator[None]:
        """Head a stage and note its duration."""
        with timed_stage(name, self.seconds, self.console, title):
            yield
