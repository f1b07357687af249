"""The model to begin with: the one of its family that sees much of the window and fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml_nas.config.sections.common import Task
from tinyml_nas.cost.budget import Budget, resources_of
from tinyml_nas.cost.npu import lint
from tinyml_nas.devices import Device
from tinyml_nas.graph import Network, Shape, reach_of, residual_of
from tinyml_nas.zoo import ZOO

SERIES: Mapping[Task, tuple[str, ...]] = {
    "classification": ("TCN_4k", "TCN_2k", "TCN_1k", "TCN_500"),
    "regression": ("REGR_TCN_4k", "REGR_TCN_2k", "REGR_TCN_1k", "REGR_TCN_500"),
    "forecasting": ("FCST_Conv_1k",),  # the best on ETTh1, and it reads every step by itself
    "anomaly": ("AE_TCN_4k", "AE_TCN_2k", "AE_TCN_1k", "AE_TCN_500"),
}
"""Models for samples over time: the first one by choice, each later one because it needs less."""
FEATURES: Mapping[Task, tuple[str, ...]] = {
    "classification": ("CLS_4k", "CLS_1k", "CLS_500", "CLS_100"),
    "regression": ("REGR_4k", "REGR_1k", "REGR_500"),
    "forecasting": ("FCST_4k", "FCST_1k", "FCST_500"),
    "anomaly": ("AE_4k", "AE_1k", "AD_500"),
}
"""The same for spectra and statistics, whose steps do not follow one another in time."""


@dataclass(frozen=True)
class Default:
    """A model of the zoo, and why it is this one."""

    name: str
    why: str


def default_model(
    task: Task, shape: Shape, outputs: int, series: bool, device: Device, budget: Budget
) -> Default:
    """The first model that reads ``shape``, keeps ``budget`` and loses nothing on ``device``.

    ``series`` says that the steps of the input are samples over time.  Where none of the task does
    so, it is the last of ``FEATURES``.
    """
    names = (*(SERIES[task] if series else ()), *FEATURES[task])
    others = (name for name, model in ZOO.items() if model.task == task and name not in names)
    for name in (*names, *others):
        network = _built(name, shape, outputs)
        if network is None or budget.broken(resources_of(network, device)):
            continue
        if _leaves_accelerator(network, device):
            continue
        seen = f"it sees {reach_of(network)} of the {shape.length} samples of a window"
        return Default(name, f"{seen if series else 'it is small'} and fits {device.name}")
    return Default(names[-1], "none of the zoo fits")


def _built(name: str, shape: Shape, outputs: int) -> Network | None:
    model = ZOO[name]
    try:
        network = model.build(shape, outputs)
    except ValueError:
        return None
    return residual_of(network) if model.task == "anomaly" else network


def _leaves_accelerator(network: Network, device: Device) -> bool:
    """Whether dilated layers, which do most of the work, run on the core beside an accelerator."""
    placed = lint(network, device)
    dilated = {node.name for node in network.nodes if getattr(node.op, "dilation", 1) > 1}
    return placed is not None and not dilated.isdisjoint(p.layer for p in placed.on_core)
