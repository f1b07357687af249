"""One model through training, quantization, test and export, with its record for results.json."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import torch

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.export import export_model
from tinyml_nas.export.stage import golden_windows
from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.graph import Cost, MemoryPlan, Network, network_cost, plan_memory
from tinyml_nas.pipeline.folder import RunFolder
from tinyml_nas.pipeline.timing import timed_stage
from tinyml_nas.quantize import quantize, quantize_input, run_reference
from tinyml_nas.quantize.integer import IntNetwork
from tinyml_nas.quantize.storage import save_integer
from tinyml_nas.train.builder import NetworkModule, build_module
from tinyml_nas.train.checkpoint import save_checkpoint
from tinyml_nas.train.loop import FitResult, Normalizer, fit, predict
from tinyml_nas.train.metrics import IntArray, accuracy, confusion_matrix, macro_f1
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.train.seeding import derive_seed, generator


def run_model(
    role: str,
    network: Network,
    features: FeatureSet,
    config: Config,
    folder: RunFolder,
    seconds: dict[str, float],
    console: Console,
) -> dict[str, Any]:
    """Train, quantize, test and export ``network``; returns its entry in results.json.

    ``role`` names its folders.  The test split is read here, after every choice is made, and for
    nothing but the report.
    """
    title = f"{network.name} ({role})"
    record: dict[str, Any] = {"role": role, "name": network.name, "network": network.to_json()}
    record["cost"] = _cost_record(network, network_cost(network))
    with timed_stage(f"train {role}", seconds, console, f"train: {title}"):
        module, fitted = _train(role, network, features, config, folder, console)
    record["training"] = {
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "seconds": round(fitted.seconds, 2),
        "history": list(fitted.history),
    }
    quantized = None
    if config.training.quantization:
        with timed_stage(f"quantize {role}", seconds, console, f"quantize: {title}"):
            quantized = quantize(
                module,
                features,
                config.training,
                recipe_from_config(config.training),
                seed=derive_seed(config.common.seed, "quantize", role),
                checkpoint=folder.path / "quantize" / role / "checkpoint.npz",
                resume=True,
                console=console,
                title=f"fine-tune {network.name}",
            )
    golden = golden_windows(features, config.testing.parity_vectors)
    if quantized is not None:
        record["quantization"] = quantized.record
        save_integer(folder.path / "quantize" / role / "integer.npz", quantized.integer, golden)
    integer = quantized.integer if quantized else None
    record |= _test(module, integer, features, test=config.testing.enable)
    with timed_stage(f"export {role}", seconds, console, f"export: {title}"):
        where = "export" if role != "baseline" else "export/baseline"
        record |= export_model(
            module, quantized, features, golden, config, folder.path / where, console
        )
        record["files"] = {label: f"{where}/{name}" for label, name in record["files"].items()}
    record["memory"] = _memory_record(plan_memory(network))
    return record


def _train(
    role: str,
    network: Network,
    features: FeatureSet,
    config: Config,
    folder: RunFolder,
    console: Console,
) -> tuple[NetworkModule, FitResult]:
    seed = derive_seed(config.common.seed, "train", role)
    module = build_module(network, generator(seed, "weights"))
    fitted = fit(
        module,
        features,
        recipe_from_config(config.training),
        seed=seed,
        checkpoint=folder.path / "train" / role / "checkpoint.npz",
        resume=True,
        console=console,
        title=f"train {network.name}",
    )
    module.load_state_dict(fitted.state)
    module.cpu().eval()
    save_checkpoint(folder.path / "train" / role / "weights.npz", {"model": fitted.state})
    return module, fitted


def _test(
    module: NetworkModule, integer: IntNetwork | None, features: FeatureSet, *, test: bool
) -> dict[str, Any]:
    """Accuracy, macro F1 and confusion of the float and the integer model."""
    record: dict[str, Any] = {"accuracy": {}, "f1": {}, "confusion": {}}
    classify = {"float": partial(_float_classes, module, features)}
    if integer is not None:
        classify["int8"] = partial(_int8_classes, integer)
    for precision, classes_of in classify.items():
        parts = {"validation": features.validation} | ({"test": features.test} if test else {})
        matrices = {
            name: confusion_matrix(part.y, classes_of(part), len(features.class_names))
            for name, part in parts.items()
        }
        record["accuracy"][precision] = {name: accuracy(m) for name, m in matrices.items()}
        if test:
            record["f1"][precision] = macro_f1(matrices["test"])
            record["confusion"][precision] = matrices["test"].tolist()
    return record


def _float_classes(module: NetworkModule, features: FeatureSet, part: Examples) -> IntArray:
    logits = predict(module, Normalizer(features)(torch.from_numpy(part.x)))
    classes: IntArray = logits.argmax(1).numpy()
    return classes


def _int8_classes(integer: IntNetwork, part: Examples) -> IntArray:
    tensors = run_reference(integer, quantize_input(integer, part.x))
    scores = tensors[integer.network.output].reshape(len(part.x), -1)
    classes: IntArray = np.argmax(scores, axis=1)
    return classes


def _cost_record(network: Network, cost: Cost) -> dict[str, Any]:
    layers = [
        dataclasses.asdict(layer) | {"output_shape": list(network.shapes[layer.name])}
        for layer in cost.layers
    ]
    return dataclasses.asdict(cost) | {"layers": layers}


def _memory_record(plan: MemoryPlan) -> list[dict[str, Any]]:
    return [
        {
            "name": buffer.name,
            "offset": buffer.offset,
            "size_bytes": buffer.size_bytes,
            "first": buffer.first,
            "last": buffer.last,
        }
        for buffer in plan.buffers.values()
    ]
