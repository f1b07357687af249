"""What ``info TOPIC`` lists: the words that a YAML can name, with what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_nas.config import names
from tinyml_nas.config.sections.common import Task
from tinyml_nas.console import Console
from tinyml_nas.errors import BudgetError, ConfigError
from tinyml_nas.located.suggest import did_you_mean

if TYPE_CHECKING:
    from tinyml_nas.devices import Device
    from tinyml_nas.graph import Network
    from tinyml_nas.zoo.catalog import Entry

FIGURES = ("model", "parameters", "MACs", "flash B", "RAM B", "ms", "sees")


def _chosen(known: Sequence[str], name: str | None, what: str) -> Sequence[str]:
    """``name`` alone, or all of ``known``."""
    if name is None:
        return known
    if name not in known:
        hint = did_you_mean(name, known) or f"Known are {', '.join(list(known)[:8])}."
        raise ConfigError(f"There is no {what} {name!r}.", hint=hint)
    return [name]


def _devices(console: Console, name: str | None) -> None:
    from tinyml_nas.devices import device_names, load_device
    from tinyml_nas.devices.listing import present_name

    here = Path()
    name = name and present_name(name, here)
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
        rows.append((device.name, device.core, *marked, latency, _accelerator(device)))
    header = ("device", "core", "MHz", "flash KiB", "RAM KiB", "latency", "NPU")
    console.table("Devices (~ is assumed, not from a document)", header, rows)
    if name is not None:
        console.info(f"vendor: {devices[0].vendor or 'not given'}")
        console.info(f"source: {devices[0].source or 'not given'}")
        console.info(f"note:   {devices[0].note or 'none'}")
        if npu := devices[0].ethos_u:
            console.info(
                f"NPU:    {npu.accelerator}, {npu.clock_hz / 1e6:g} MHz, {npu.memory_mode}"
            )
            console.info(f"SRAM:   {npu.sram.words}")
            console.info(f"flash:  {npu.flash.words}")
            console.info(f"assumed: {', '.join(devices[0].assumed) or 'nothing'}")


def _accelerator(device: Device) -> str:
    """Its kind; of an Ethos-U ``u55-128``, and whether a figure of it is assumed."""
    if device.ethos_u is None:
        return device.npu.kind if device.npu else ""
    mark = "~" if any(name.startswith("npu.") for name in device.assumed) else ""
    return f"{mark}{device.ethos_u.accelerator.removeprefix('ethos-')}"


@dataclass(frozen=True)
class ModelQuery:
    """What ``info models`` is asked: the input, the device, and limits by resource."""

    device: str = "cortex-m4"
    input_shape: tuple[int, int] = (1, 256)
    outputs: int | None = None
    task: Task | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


def models(console: Console, name: str | None, query: ModelQuery) -> None:
    """A table of the zoo's models that keep the limits; of one model all that is known.

    Raises ``BudgetError`` where none keeps them, ``ConfigError`` for a limit of the latency on a
    device that has no cycle model.
    """
    from tinyml_nas.cost.latency import require_cycle_model
    from tinyml_nas.cost.npu.ethos_u import missing
    from tinyml_nas.devices import load_device
    from tinyml_nas.graph import Shape
    from tinyml_nas.zoo import ZOO
    from tinyml_nas.zoo.catalog import catalog
    from tinyml_nas.zoo.entries import own_model, renamed, zoo_entries

    own = own_model(name, query.task) if name else None
    known = _chosen(tuple(ZOO), own.name if own else name, "model")
    asked = [ZOO[key] for key in known if query.task in (None, ZOO[key].task)]
    device, (channels, length) = load_device(query.device), query.input_shape
    if "latency_seconds" in query.limits:
        require_cycle_model(device, "--latency", "leave it out")
    every, refused = catalog(asked, device, Shape(*query.input_shape), query.outputs)
    found = [entry for entry in every if entry.keeps(query.limits)]

    def row(entry: Entry) -> tuple[str, ...]:
        need = entry.need
        figures = (need.parameters, need.macs, need.flash_bytes, need.ram_bytes)
        seconds = need.latency_seconds
        latency = "unknown" if seconds is None else f"{1000 * seconds:.3g}"
        sees = f"{entry.reach} of {length}"
        return (entry.model.name, *map(str, figures), latency, sees)

    if every and not found:
        raise BudgetError(
            f"None of {len(every)} models keeps these limits for a {channels}x{length} input.",
            hint=_least(every, query.limits),
        )
    outputs = "" if query.outputs is None else f" and {query.outputs} outputs"
    where = f"for a {channels}x{length} input{outputs}, on {device.name}"
    for task, of_task in groupby(found, lambda entry: entry.model.task):
        console.table(f"Models for {task}, {where}", FIGURES, [row(entry) for entry in of_task])
    for note, of in groupby(found, lambda entry: entry.model.has_note and entry.model.description):
        if note:
            console.info(f"{', '.join(entry.model.name for entry in of)}: {note}")
    if own is not None:
        aliases = [alias for alias, e in zoo_entries().items() if e.alias_of == own.name]
        aliases += [former for former, now in renamed(own.task).items() if now == own.name]
        console.info(f"architecture: {own.net}")
        console.info(f"other names:  {', '.join(aliases) or 'none'}")
    if npu := device.ethos_u:
        how = missing() or "Vela's estimate; flash is an upper bound, with random weights"
        console.info(f"on the {npu.accelerator}: {how}")
    for model, why in refused.items():
        console.info(f"{model} cannot read this input: {why}")


def _least(entries: Sequence[Entry], limits: Mapping[str, float]) -> str:
    """The smallest of each limited figure, and the model that has it."""
    from tinyml_nas.cost.budget import RESOURCES, shown

    parts = []
    for name in limits:
        best = min(entries, key=lambda entry: float(getattr(entry.need, name)))
        least = shown(name, getattr(best.need, name))
        parts.append(f"{least} of {RESOURCES[name]} ({best.model.name})")
    return f"The least are {', '.join(parts)}."


def _npu(console: Console, name: str | None) -> None:
    from tinyml_nas.devices import device_names, load_device
    from tinyml_nas.devices.listing import present_name
    from tinyml_nas.graph import Shape
    from tinyml_nas.zoo import ZOO, fewest_outputs
    from tinyml_nas.zoo.entries import models_for

    devices = [load_device(each, folder=Path()) for each in device_names(Path())]
    having = {device.name: device for device in devices if device.npu}
    asked = present_name(name, Path()) if name else next(iter(having))
    chosen = _chosen(tuple(having), asked, "device with an accelerator")[0]
    device, rows, basis = having[chosen], [], ""
    query = ModelQuery()
    for model in (ZOO[known] for known in models_for("classification")):
        try:
            network = model.build(Shape(*query.input_shape), fewest_outputs(model.task))
        except ValueError:
            continue  # it reads inputs of another shape
        row, basis = _on_npu(network, device)
        rows.append((model.name, *row))
    channels, length = query.input_shape
    costs = ("cycles", "us") if device.ethos_u else ()
    console.table(
        f"What the accelerator of {chosen} can take, for {channels}x{length} inputs ({basis})",
        ("model", "layers", "MACs", *costs, "what stays on the core, and what to change"),
        rows,
    )
    console.info(f"devices with an accelerator: {', '.join(having)}")


def _on_npu(network: Network, device: Device) -> tuple[tuple[str, ...], str]:
    """Layers and MACs there, Vela's cycles of an Ethos-U, what stays; and what says so."""
    from tinyml_nas.cost.npu import lint
    from tinyml_nas.cost.npu.share import npu_share

    report, costs = lint(network, device), tuple[str, ...]()
    assert report is not None
    if device.ethos_u is not None:
        share = npu_share(network, device.ethos_u)
        seconds = share.seconds(device) if share else None
        latency = "unknown" if seconds is None else f"{1e6 * seconds:.3g}"
        costs = (f"{share.program.cycles:,}" if share else "unknown", latency)
    count, left = len(report.placements), report.on_core
    why = "; ".join(f"{p.layer}: {p.reason}; {p.mend}" for p in left) or "nothing"
    row = (f"{count - len(left)} of {count}", f"{report.macs_share:.0%}", *costs, why)
    return row, report.basis


def _features(console: Console, name: str | None) -> None:
    from tinyml_nas.features import STEPS

    chosen = _chosen(tuple(STEPS), name, "feature step")
    rows = [(step, STEPS[step].description) for step in chosen]
    console.table("Steps of feat_ext_transform", ("step", "what it does"), rows)


def _presets(console: Console, name: str | None) -> None:
    from tinyml_nas.config.presets.features import FEATURE_PRESETS

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
    from tinyml_nas.search.strategies import STRATEGIES

    strategies = [STRATEGIES[known] for known in _chosen(tuple(STRATEGIES), name, "strategy")]
    rows = [(each.name, each.space or "any", each.description) for each in strategies]
    console.table("nas_search_strategy", ("strategy", "space", "how it searches"), rows)


def _proxies(console: Console, name: str | None) -> None:
    from tinyml_nas.search.proxies import PROXIES

    chosen = _chosen(tuple(PROXIES), name, "proxy")
    rows = [(known, PROXIES[known].description) for known in chosen]
    console.table("nas_proxy", ("proxy", "what it measures before any training"), rows)


def _spaces(console: Console, name: str | None) -> None:
    from tinyml_nas.search.spaces import SPACES

    chosen = _chosen(tuple(SPACES), name, "space")
    rows = [(known, SPACES[known].description) for known in chosen]
    console.table("nas_space", ("space", "what is searched"), rows)


TOPICS: Mapping[str, Callable[[Console, str | None], None]] = {
    "devices": _devices,
    "models": lambda console, name: models(console, name, ModelQuery()),
    "npu": _npu,
    "features": _features,
    "presets": _presets,
    "strategies": _strategies,
    "proxies": _proxies,
    "spaces": _spaces,
    "primitives": _primitives,
}
