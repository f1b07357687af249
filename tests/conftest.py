"""Shared fixtures: a network with every operation, and its integer model."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from tinyml_nas.features import Normalization
from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.train.builder import NetworkModule, build_module
from tinyml_nas.train.seeding import generator

CHANNELS, LENGTH, CLASSES = 3, 20, 4


def pytest_configure() -> None:
    hear_ctrl_c()
    settings.register_profile(
        "any speed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("any speed")


def hear_ctrl_c() -> None:
    """A shell without job control makes its background commands ignore SIGINT.

    Every process that a test starts would inherit that, and Ctrl-C could not stop it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Two threads on a shared two-core machine are far slower than one."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def every_op() -> Network:
    """A small network that uses every operation, odd paddings included."""
    nodes = (
        Node("stem", Conv(5, 4, 1, (1, 2)), (INPUT,)),
        Node("max", MaxPool(3, 2, (1, 1)), ("stem",)),
        Node("avg", AvgPool(3, 2, (1, 1)), ("stem",)),
        Node("left", Conv(5, 3, 1, (1, 1), relu=False), ("max",)),
        Node("sum", Add(relu=True), ("left", "avg")),
        Node("plain_sum", Add(), ("sum", "avg")),
        Node("difference", Add(minus=True), ("sum", "avg")),
        Node("cat", Concat(), ("plain_sum", "max", "difference")),
        Node("narrow", Conv(7, 5, 3, (2, 2)), ("cat",)),
        Node("depthwise", DepthwiseConv(4, 2, (2, 1)), ("narrow",)),
        Node("plain_depthwise", DepthwiseConv(2, norm=False, relu=False), ("depthwise",)),
        Node("hidden", Linear(6, relu=True, norm=True), ("plain_depthwise",)),
        Node("steps", Reshape(2), ("hidden",)),
        Node("stairs", Upsample(2), ("steps",)),
        Node("line", Interpolate(7), ("steps",)),
        Node("row", Concat("length"), ("stairs", "line", "steps")),
        Node("wide", Conv(8, 1), ("row",)),
        Node("pool", GlobalAvgPool(), ("wide",)),
        Node("fc", Linear(CLASSES), ("pool",)),
    )
    return Network("every_op", Shape(CHANNELS, LENGTH), nodes)


@pytest.fixture(scope="session")
def windows() -> np.ndarray:
    """Float windows (64, C, L) whose channels differ in offset and spread."""
    rng = np.random.default_rng(7)
    spread = np.array([1.0, 30.0, 0.02]).reshape(1, -1, 1)
    offset = np.array([0.5, -200.0, 9.81]).reshape(1, -1, 1)
    return (rng.normal(size=(64, CHANNELS, LENGTH)) * spread + offset).astype(np.float32)


@pytest.fixture(scope="session")
def normalization(windows: np.ndarray) -> Normalization:
    """Statistics of ``windows``."""
    return Normalization(windows.mean(axis=(0, 2)), windows.std(axis=(0, 2)))


@pytest.fixture(scope="session")
def normalized(windows: np.ndarray, normalization: Normalization) -> torch.Tensor:
    """``windows`` with zero mean and unit deviation per channel."""
    mean, std = normalization.mean.reshape(1, -1, 1), normalization.std.reshape(1, -1, 1)
    return torch.from_numpy((windows - mean) / std)


@pytest.fixture(scope="session")
def trained(every_op: Network, normalized: torch.Tensor) -> NetworkModule:
    """``every_op`` with random weights and batch-norm statistics that have seen data."""
    module = build_module(every_op, generator(3, "test"))
    module.train()
    for _ in range(20):
        module(normalized)
    return module.eval()


@pytest.fixture
def quantized_module(trained: NetworkModule, normalized: torch.Tensor) -> QuantizedModule:
    """``trained``, folded and calibrated; a fresh one for each test."""
    folded = fold_batch_norm(trained)
    return QuantizedModule(folded, calibrate(folded, normalized, "min_max"))


@pytest.fixture
def integer(quantized_module: QuantizedModule, normalization: Normalization) -> IntNetwork:
    """The integer model of ``quantized_module``."""
    return lower(
        quantized_module.network,
        quantized_module.parameters_by_node(),
        quantized_module.scales,
        normalization,
        tuple("abcd"),
        tuple("xyz"),
    )
