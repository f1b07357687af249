"""What a run would do, told by ``check`` before anything runs: a few words for each stage."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.config import Config, LoadedConfig
from tinyml_nas.config.sources import existing
from tinyml_nas.cost.budget import Budget, budget_from_config, budget_warnings, check_budget
from tinyml_nas.cost.npu.ethos_u import missing
from tinyml_nas.cost.promise import promise_of
from tinyml_nas.devices import Device, NpuRules, target_of
from tinyml_nas.features.window_reach import reach_warnings, window_reach
from tinyml_nas.importers.check import Given, given_network
from tinyml_nas.search.spaces import SPACES
from tinyml_nas.search.strategies import STRATEGIES

Rows = list[tuple[str, str]]

UNPROVEN = "whose machine code is not emulated: latency unknown, bits proven on other cores"


def plan(config: Config) -> Rows:
    """Stage by stage: its name and what it does.

    Raises ``BudgetError`` for a network that cannot fit, ``ConfigError`` for one that cannot run.
    """
    device, given = target_of(config), given_network(config)
    data, npu = config.dataset, device.ethos_u
    features, training = config.data_processing_feature_extraction, config.training
    source = data.input_data_path or f"synthetic {data.generator}"
    chain = ", ".join(features.feat_ext_transform) or "the samples as they are"
    method = training.quantization_method if training.quantization else "none, float only"
    rows = [
        ("task", config.common.task_type),
        (
            "device",
            f"{device.name}: {device.core} at {device.clock_hz / 1e6:g} MHz, "
            f"{device.flash_bytes // 1024} KiB flash, {device.ram_bytes // 1024} KiB RAM"
            + (f", {npu.accelerator} at {npu.clock_hz / 1e6:g} MHz" if npu else "")
            + ("" if device.cycles.measured_on else f", {UNPROVEN}"),
        ),
        ("data", f"{source}, split {data.split_type}{_looked_at(config)}"),
        ("features", f"frames of {features.frame_size}: {chain}"),
        *_model_rows(config, device, given),
        *_npu_rows(config, device, given),
        ("quantize", method),
    ]
    if training.quantization and config.compilation.enable:
        vectors = config.testing.parity_vectors
        forms = (
            "ONNX, C and a program of the NPU" if _on_npu(config, device, given) else "ONNX and C"
        )
        rows.append(("export", f"{forms}, proven bit for bit on {vectors} windows"))
    return rows


def _on_npu(config: Config, device: Device, given: Given | None) -> bool:
    """Whether an NPU runs a part of the network, as far as it is known."""
    if device.ethos_u is None or missing() is not None:
        return False
    if given is None or given.network is None or given.role != "chosen":
        return True
    return promise_of(given.network, device, config).share is not None


def _looked_at(config: Config) -> str:
    """That recordings were not read, or are not there: ``ok`` is said of the YAML alone."""
    path = config.dataset.input_data_path
    if path is None:
        return ""
    missing = existing(path, config.path.parent) is None
    return "; not there yet" if missing else "; not looked at: explore does that"


def plan_warnings(loaded: LoadedConfig) -> list[str]:
    """What the device has to say about the search; raises ``ConfigError`` for a hopeless one."""
    config = loaded.config
    if not (config.training.enable and config.training.nas_enabled):
        return []
    device = target_of(config)
    budget_from_config(config, device, loaded.provenance)
    return [
        *budget_warnings(config, device, loaded.provenance),
        *_npu_warnings(config, device, loaded.provenance),
    ]


def network_warnings(config: Config) -> list[str]:
    """What there is to say of the network that the run is about; nothing of a mere baseline."""
    given = given_network(config)
    if given is None or given.network is None or given.role != "chosen":
        return []
    return reach_warnings(given.network, config)


def _npu_warnings(config: Config, device: Device, provenance: Mapping[str, str]) -> list[str]:
    """That cells keep no rules of an accelerator, where the device has one."""
    npu = device.npu_in_use
    if not isinstance(npu, NpuRules) or config.training.nas_space != "cells":
        return []
    origin = provenance.get("training.nas_space", "default")
    written = provenance.get("training.nas_search_strategy", "default")
    return [
        f"training.nas_space cells ({origin}, {written}) keeps no rules of the {npu.kind} "
        f"of {device.name}: layers that break them stay on the core, and the run names them. A "
        "search of chains (nas_search_strategy: auto) keeps the rules."
    ]


def _model_rows(config: Config, device: Device, given: Given | None) -> Rows:
    training = config.training
    epochs = f"{training.training_epochs} epochs of {training.optimizer}"
    if training.own_model:
        kept = "its weights are kept" if not training.enable else epochs
        unread = "" if training.model_path else "; a check runs no code of yours"
        return [
            ("train", f"{training.own_model}, {kept}{unread}"),
            *_cost_rows(config, device, given),
        ]
    if not training.enable:
        return [("train", "switched off")]
    if not training.nas_enabled:
        return [
            ("train", f"{training.model_name}, {epochs}"),
            *_cost_rows(config, device, given),
        ]
    seeds = f"{training.nas_seeds} seeds" if training.nas_seeds > 1 else "one seed"
    return [
        ("search", _search_words(config)),
        ("budget", _budget_words(*budget_from_config(config, device))),
        ("compare", _compare_words(config, given)),
        *_cost_rows(config, device, given),
        ("train", f"the searched model ({training.nas_select} of the front), {seeds}, {epochs}"),
    ]


def _cost_rows(config: Config, device: Device, given: Given | None) -> Rows:
    """What the named network costs; raises ``BudgetError`` where the device cannot hold it."""
    if given is None:
        return []
    if given.network is None:
        return [("costs", f"{given.name}: not known yet; the run computes them from the data")]
    network = given.network
    promise = promise_of(network, device, config)
    check_budget(network.name, promise.need, device)
    promise.require_npu(network.name, device)
    channels, length = network.input_shape
    reads = f"{len(network.nodes)} layers for {channels} x {length}{given.outputs}"
    return [
        ("costs", f"{network.name}, {reads}: {promise.words(device)}"),
        ("reach", f"{window_reach(network, config).words} at once"),
    ]


def _npu_rows(config: Config, device: Device, given: Given | None) -> Rows:
    """What the device's accelerator can take of a fixed model; of a search's, the run tells."""
    training = config.training
    if device.npu is None:
        return []
    if not config.compilation.may_use_npu:
        off = config.compilation.npu == "off"
        why = "compilation.npu: off" if off else "compile_preset_name forced_soft_npu_preset"
        return [("npu", f"{device.npu.kind}: not used, {why}")]
    if training.nas_enabled and training.enable:
        space, ethos_u = SPACES[training.nas_space], device.ethos_u
        words = space.on_npu if ethos_u is None else space.on_ethos_u
        return [("npu", f"{device.npu.kind}: {words}")]
    if given is None or given.network is None:
        return []
    promise = promise_of(given.network, device, config)
    return [("npu", sentence) for sentence in promise.on_npu(device)]


def _search_words(config: Config) -> str:
    training = config.training
    strategy, space = training.nas_search_strategy, training.nas_space
    reads = STRATEGIES[strategy].reads
    words = f"{strategy} over the space {space}"
    if space == "cells":
        words += f" of preset {training.nas_model_size or '(own keys)'}"
    if "nas_epochs" in reads:
        words += f", {training.nas_epochs} epochs"
    time = f"{training.nas_search_seconds:g} s"
    limit = f"{training.nas_trials} trainings" if training.nas_trials else time
    mode = training.nas_optimization_mode
    return (
        f"{words}, {limit} on {_workers_words(training.nas_workers)}, {training.nas_folds} folds, "
        + (f"for {mode}" if "nas_penalty_weight" in reads else f"{mode} breaks ties")
    )


def _workers_words(workers: int | str) -> str:
    if workers == "ray":
        return "a Ray cluster"
    return "one worker" if workers == 1 else f"{workers} workers"


def _budget_words(budget: Budget, origins: dict[str, str]) -> str:
    """``flash 8,000 B (nas_budget), RAM 131,072 B (device)``."""
    written = {
        "flash_bytes": f"flash {budget.flash_bytes:,} B",
        "ram_bytes": f"RAM {budget.ram_bytes:,} B",
        "macs": f"{budget.macs or 0:,} MACs",
        "latency_seconds": f"latency {1000 * (budget.latency_seconds or 0):g} ms",
    }
    return ", ".join(f"{written[name]} ({origin})" for name, origin in origins.items())


def _compare_words(config: Config, given: Given | None) -> str:
    training = config.training
    words = {"random": "a random search", "zoo": "the zoo"}
    controls = " and ".join(words[name] for name in training.nas_compare)
    parts = [f"{controls} at the same cost"] if controls else []
    parts += [given.name] if given else []
    return ", ".join(parts) or "nothing"
