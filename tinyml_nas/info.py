"""What ``info TOPIC`` lists: the words that a YAML can name, with what they mean."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from tinyml_nas.config import names
from tinyml_nas.config.suggest import did_you_mean
from tinyml_nas.config.training import Training
from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError

EXAMPLE_INPUT = (1, 256)
EXAMPLE_CLASSES = 2
SPACES = get_args(Training.model_fields["nas_space"].annotation)


def _chosen(known: Sequence[str], name: str | None, what: str) -> Sequence[str]:
    """``name`` alone, or all of ``known``."""
    if name is None:
        return known
    if name not in known:
        hint = did_you_mean(name, known) or f"known are {', '.join(list(known)[:8])}"
        raise ConfigError(f"There is no {what} {name!r}.", hint=hint)
    return [name]


def _devices(console: Console, name: str | None) -> None:
    from tinyml_nas.devices import device_names, load_device

    here = Path()
    is_file = name is not None and name.endswith((".yaml", ".yml"))
    known = [name] if name and is_file else _chosen(device_names(here), name, "device")
    devices = [load_device(each, folder=here) for each in known]
    rows = []
    for device in devices:
        figures = {
            "clock": f"{device.clock_hz / 1e6:g}",
            "flash": f"{device.flash_bytes / 1024:g}",
            "ram": f"{device.ram_bytes / 1024:g}",
        }
        marked = [f"~{text}" if key in device.assumed else text for key, text in figures.items()]
        latency = "estimated" if device.cycles.measured_on else "unknown"
        npu = device.npu.kind if device.npu else ""
        rows.append((device.name, device.core, *marked, latency, npu))
    header = ("device", "core", "MHz", "flash KiB", "RAM KiB", "latency", "NPU")
    console.table("Devices (~ is assumed, not from a document)", header, rows)
    if name is not None:
        console.info(f"vendor: {devices[0].vendor or 'not given'}")
        console.info(f"source: {devices[0].source or 'not given'}")
        console.info(f"note:   {devices[0].note or 'none'}")


def _models(console: Console, name: str | None) -> None:
    from tinyml_nas.graph import Shape, network_cost
    from tinyml_nas.zoo import ZOO

    own = names.own_model(name) or name if name else None
    rows = []
    for model in (ZOO[key] for key in _chosen(tuple(ZOO), own, "model")):
        cost = network_cost(model.build(Shape(*EXAMPLE_INPUT), EXAMPLE_CLASSES))
        figures = (cost.parameters, cost.macs, cost.flash_bytes, cost.ram_bytes)
        rows.append((model.name, *map(str, figures), model.description))
    channels, length = EXAMPLE_INPUT
    console.table(
        f"Models, for {channels}x{length} inputs and {EXAMPLE_CLASSES} classes",
        ("model", "parameters", "MACs", "flash bytes", "RAM bytes", "what it is"),
        rows,
    )


def _npu(console: Console, name: str | None) -> None:
    from tinyml_nas.devices import device_names, load_device
    from tinyml_nas.export.npu import lint
    from tinyml_nas.graph import Shape
    from tinyml_nas.zoo import ZOO

    devices = [load_device(each, folder=Path()) for each in device_names(Path())]
    having = {device.name: device for device in devices if device.npu}
    chosen = _chosen(tuple(having), name or next(iter(having)), "device with an accelerator")[0]
    device, rows, basis = having[chosen], [], ""
    for model in ZOO.values():
        report = lint(model.build(Shape(*EXAMPLE_INPUT), EXAMPLE_CLASSES), device)
        assert report is not None
        count, left = len(report.placements), report.on_core
        why = "; ".join(f"{p.layer}: {p.reason}; {p.mend}" for p in left) or "nothing"
        rows.append(
            (model.name, f"{count - len(left)} of {count}", f"{report.macs_share:.0%}", why)
        )
        basis = report.basis
    channels, length = EXAMPLE_INPUT
    console.table(
        f"What the accelerator of {chosen} can take, for {channels}x{length} inputs ({basis})",
        ("model", "layers", "MACs", "what stays on the core, and what to change"),
        rows,
    )
    console.info(f"devices with an accelerator: {', '.join(having)}")


def _features(console: Console, name: str | None) -> None:
    from tinyml_nas.features import STEPS

    chosen = _chosen(tuple(STEPS), name, "feature step")
    rows = [(step, STEPS[step].description) for step in chosen]
    console.table("Steps of feat_ext_transform", ("step", "what it does"), rows)


def _presets(console: Console, name: str | None) -> None:
    from tinyml_nas.config.feature_presets import FEATURE_PRESETS

    chosen = _chosen((*names.NAS_PRESETS, *FEATURE_PRESETS), name, "preset")
    console.stage("nas_model_size and feature_extraction_name")
    for key in chosen:
        if key in names.NAS_PRESETS:
            sizes = zip(names.NAS_KEYS, names.NAS_PRESETS[key], strict=True)
            console.info(f"{key}: " + ", ".join(f"{k} {v}" for k, v in sizes))
            continue
        preset = FEATURE_PRESETS[key]
        steps = ", ".join(preset.chain) or "the samples as they are"
        console.info(f"{key}: {steps}")
        if name is not None:
            for parameter, value in preset.values.items():
                console.info(f"  {parameter}: {value}")


def _primitives(console: Console, name: str | None) -> None:
    from tinyml_nas.search.cells.primitives import DESCRIPTIONS

    chosen = _chosen(tuple(DESCRIPTIONS), name, "primitive")
    rows = [(primitive, DESCRIPTIONS[primitive]) for primitive in chosen]
    console.table("Primitives of the search", ("primitive", "what it is"), rows)


def _strategies(console: Console, name: str | None) -> None:
    from tinyml_nas.search.strategies import load_strategy

    chosen = _chosen(names.strategy_names(), name, "strategy")
    strategies = [load_strategy(known) for known in chosen]
    rows = [(each.name, each.space or "any", each.description) for each in strategies]
    console.table("nas_search_strategy", ("strategy", "space", "how it searches"), rows)


def _proxies(console: Console, name: str | None) -> None:
    from tinyml_nas.search.proxies import load_proxy

    chosen = _chosen(names.proxy_names(), name, "proxy")
    rows = [(known, load_proxy(known).description) for known in chosen]
    console.table("nas_proxy", ("proxy", "what it measures before any training"), rows)


def _spaces(console: Console, name: str | None) -> None:
    rows = []
    for space in _chosen(SPACES, name, "space"):
        module = importlib.import_module(f"tinyml_nas.search.spaces.{space}")
        rows.append((space, (module.__doc__ or "").split("\n")[0]))
    console.table("nas_space", ("space", "what is searched"), rows)


TOPICS: Mapping[str, Callable[[Console, str | None], None]] = {
    "devices": _devices,
    "models": _models,
    "npu": _npu,
    "features": _features,
    "presets": _presets,
    "strategies": _strategies,
    "proxies": _proxies,
    "spaces": _spaces,
    "primitives": _primitives,
}
