"""What the C tells beside labels: values in their units, and which windows are odd."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.export.c_builds import WARNINGS, host_compiler_or_skip
from tests.export.random_networks import random_samples
from tests.export.random_streams import CHAINS, random_stream
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.graph.integer import Detection, IntNetwork, Values
from tinyml_nas.proof.cores.toolchain import build_host, run_tool
from tinyml_nas.proof.streaming import (
    CoreStream,
    HostStream,
    cut,
    expected,
    prove_stream,
)
from tinyml_nas.quantize import decide, quantize_input, run_reference
from tinyml_nas.quantize.stream import IntStream

PROGRAM = """\
#include <stdio.h>
#include "model.h"
int main(void)
{
    static int8_t arena[MODEL_ARENA_BYTES];
    float samples[MODEL_INPUT_BYTES];
    while (fread(samples, sizeof samples, 1, stdin) == 1) {
        BODY
    }
    return 0;
}
"""
PREDICT = """\
float values[MODEL_OUTPUTS];
        if (model_predict(arena, sizeof arena, samples, values) != MODEL_OK) { return 1; }
        fwrite(values, sizeof values, 1, stdout);"""
DETECT = """\
const int odd = model_detect(arena, sizeof arena, samples);
        const uint32_t error = model_error(arena);
        fwrite(&odd, sizeof odd, 1, stdout);
        fwrite(&error, sizeof error, 1, stdout);"""


def _run(net: IntNetwork, folder: Path, body: str, x: np.ndarray) -> tuple[CExport, bytes]:
    export = emit_c(net, "model", folder / "c", x[:2])
    source = folder / "main.c"
    source.write_text(PROGRAM.replace("BODY", body), encoding="ascii")
    flags = [*WARNINGS, "-std=c99", "-I", str(export.folder)]
    sources = [source, *export.sources]
    program = build_host(host_compiler_or_skip(), sources, folder / "main", flags)
    rows = np.ascontiguousarray(x.transpose(0, 2, 1), np.float32)  # [length][channels]
    return export, run_tool([program], stdin=rows.tobytes())


def test_values_are_told_in_their_units(integer: IntNetwork, tmp_path: Path) -> None:
    names, rng = ("a", "b", "c, or d", "e"), np.random.default_rng(1)
    scale, offset = (rng.normal(size=4).astype(np.float32) for _ in range(2))
    net = dataclasses.replace(integer, answer=Values(names, scale, offset))
    x = random_samples(net, 20)
    export, told = _run(net, tmp_path, PREDICT, x)
    q = run_reference(net, quantize_input(net, x))[net.network.output].reshape(20, 4)
    wanted = offset + scale * (q.astype(np.float32) - net.output_scale.zero_point)
    np.testing.assert_allclose(np.frombuffer(told, np.float32).reshape(20, 4), wanted, rtol=1e-6)
    header = export.files["header"].read_text()
    assert "a, b, c, or d, e" in header
    assert "classify" not in header


def test_the_sum_of_squares_decides_what_is_odd(integer: IntNetwork, tmp_path: Path) -> None:
    x = random_samples(integer, 40)
    q = run_reference(integer, quantize_input(integer, x))[integer.network.output]
    zero = integer.output_scale.zero_point
    errors = ((q.astype(np.int64) - zero) ** 2).sum(axis=(1, 2))
    limit = int(np.sort(errors)[20])  # equal to one of them: that one is not odd
    net = dataclasses.replace(integer, answer=Detection(limit))
    _, told = _run(net, tmp_path, DETECT, x)
    odd, sums = np.frombuffer(told, np.int32).reshape(40, 2).T
    assert sums.tolist() == errors.tolist()
    assert odd.tolist() == (errors > limit).astype(int).tolist() == decide(net, q).tolist()
    assert 0 < odd.sum() < 40


def wide_stream() -> tuple[IntStream, np.ndarray]:
    """A stream whose network gives several channels of several steps."""
    for seed in range(100):
        stream, samples = random_stream(seed, CHAINS[0])
        net = stream.net
        for count, node in enumerate(net.network.nodes, 1):
            if min(net.network.shapes[node.name]) > 1:
                network = dataclasses.replace(net.network, nodes=net.network.nodes[:count])
                short = dataclasses.replace(net, network=network, layers=net.layers[:count])
                return dataclasses.replace(stream, net=short), samples
    raise AssertionError("no seed has such a network")


@pytest.mark.parametrize("kind", ["values", "detection"])
def test_streams_tell_them_too(kind: str, tmp_path: Path) -> None:
    stream, samples = wide_stream()
    net = stream.net
    outputs = net.network.shapes[net.network.output].size
    ones = np.ones(outputs, np.float32)
    answer = Values(tuple(f"v{i}" for i in range(outputs)), ones, ones)
    net = dataclasses.replace(net, answer=answer if kind == "values" else Detection(outputs * 900))
    stream = dataclasses.replace(stream, net=net)
    export = emit_c(net, "model", tmp_path / "c", random_samples(net, 2), stream=stream)
    truth, pushes = [expected(stream, samples)], cut(stream, [samples])
    strict = HostStream(export, host_compiler_or_skip(), (*WARNINGS, "-O1"))
    for carrier in (strict, CoreStream(export, "cortex-m4")):
        result = prove_stream(truth, pushes, carrier)
        assert (result.status, result.detail) == ("proven", result.detail)
