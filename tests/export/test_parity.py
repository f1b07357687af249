"""Every carrier gives the reference's bits, and a carrier that does not is caught by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from c_builds import Emit, core_or_skip, missing_for
from measured_networks import integer_model
from random_networks import KINDS, network_of_shifts, random_int_network, random_samples

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.export.onnx import integer_model as onnx_model
from tinyml_nas.graph import INPUT, Conv, Linear, Network, Node, Shape
from tinyml_nas.graph.integer import Int8, IntConv, IntNetwork
from tinyml_nas.proof.carriers import (
    BoardC,
    Carrier,
    EmulatedC,
    HostC,
    OnnxRuntime,
)
from tinyml_nas.proof.cores import qemu, toolchain
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.parity import c_carriers, prove, worst_inputs, worst_samples
from tinyml_nas.quantize.reference import run_reference


@dataclass(frozen=True)
class Reference:
    """The reference as a carrier, with one value changed in ``layer``."""

    net: IntNetwork
    layer: str = ""
    name: str = "reference"

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        tensors = dict(run_reference(self.net, inputs))
        if self.layer:
            tensors[self.layer] = tensors[self.layer].copy()
            tensors[self.layer][1, 0, 0] ^= 1
        return tensors


@pytest.mark.fast
def test_a_carrier_with_the_right_bits_is_proven(everything: IntNetwork) -> None:
    report = prove(everything, random_samples(everything, 3), [Reference(everything)])
    assert [result.status for result in report.carriers] == ["proven"]
    assert report.vectors == 3 + len(worst_inputs(everything))
    assert json.loads(json.dumps(report.to_json()))["carriers"][0]["mismatches"] == 0
    report.require()


@pytest.mark.c
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
@pytest.mark.parametrize("optimize", ["speed", "size"])
def test_code_made_for_speed_or_size_gives_the_same_bits(
    emit: Emit, everything: IntNetwork, optimize: Optimize, core: str
) -> None:
    export = emit(everything, optimize=optimize)
    samples = random_samples(everything, 2)
    prove(everything, samples, [EmulatedC(everything, export, core)]).require()


@pytest.mark.c
@pytest.mark.parametrize("core", list(EMULATED_CORES))
def test_the_second_window_may_start_where_the_first_one_ends(emit: Emit, core: str) -> None:
    nodes = (Node("conv", Conv(1, 1), (INPUT,)), Node("classifier", Linear(3), ("conv",)))
    net, x = integer_model(Network("pointwise", Shape(2, 16), nodes), 1)
    prove(net, x[:2], [EmulatedC(net, emit(net), core)]).require()


@pytest.mark.fast
def test_the_first_difference_is_named(everything: IntNetwork) -> None:
    layer = everything.layers[3].name
    carrier = Reference(everything, layer)
    report = prove(everything, random_samples(everything, 3), [carrier])
    (result,) = report.failed
    assert result.mismatches == 1
    assert result.detail.startswith(f"layer {layer}, vector 1, channel 0, time 0: ")
    with pytest.raises(ParityError, match=f"reference: layer {layer}"):
        report.require()


@pytest.mark.fast
def test_the_worst_cases_reach_every_end(everything: IntNetwork) -> None:
    inputs = worst_inputs(everything)
    assert inputs.dtype == np.int8
    assert (inputs.min(), inputs.max()) == (-128, 127)
    samples = worst_samples(everything)
    assert samples.dtype == np.float32
    assert not np.isnan(samples).any()
    samples = np.where(np.abs(samples) < 1e6, samples, 0)
    ratio = (samples - everything.input.mean[:, None]) / everything.input.scale[:, None]
    halves = np.isclose(np.abs(ratio % 1), 0.5, atol=1e-3)
    assert halves.sum() > 100


@pytest.mark.fast
def test_a_missing_compiler_leaves_a_carrier_unproven(
    emit: Emit, everything: IntNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "HOST_COMPILERS", ())
    monkeypatch.setattr(toolchain, "_zig_command", tuple)
    monkeypatch.setattr(qemu, "COMPILER", "a compiler that is not here")
    report = prove(
        everything, random_samples(everything, 1), c_carriers(everything, emit(everything))
    )
    assert {result.status for result in report.carriers} == {"not proven"}
    assert "apt-get install gcc-arm-none-eabi" in report.carriers[-1].detail
    assert "no C compiler was found" in report.carriers[0].detail
    assert "zig was not found" in report.carriers[1].detail
    report.require()  # not proven is no failure, and no success either


POISON = """\
#include <stdlib.h>
#include <string.h>
static inline void *poisoned(size_t bytes)
{
    void *memory = malloc(bytes);
    return memory == NULL ? NULL : memset(memory, 0x80, bytes);
}
#define malloc poisoned
"""


@pytest.mark.c
@pytest.mark.parametrize("seed", range(300, 320))
def test_it_matters_not_what_the_arena_held(emit: Emit, tmp_path: Path, seed: int) -> None:
    net = random_int_network(seed, nodes=12)
    header = tmp_path / "poison.h"
    header.write_text(POISON)
    carrier = HostC(net, emit(net), flags=("-O2", "-include", str(header)))
    (result,) = prove(net, random_samples(net, 2), [carrier]).carriers
    assert (result.status, result.mismatches) == ("proven", 0), result.detail


@pytest.mark.c
def test_a_layer_without_code_is_proven_too(emit: Emit) -> None:
    net = random_int_network(42, nodes=9)  # a pool of one value that lies where its output does
    carrier = EmulatedC(net, emit(net), "cortex-m3")
    (result,) = prove(net, random_samples(net, 2), [carrier]).carriers
    assert result.status == "proven", result.detail
    assert result.detail == f"{len(net.layers) + 1} of {len(net.layers) + 1} tensors compared"


@pytest.mark.c
@pytest.mark.parametrize("shifts", [range(1, 63), range(33, 63)])  # the rare have their own code
def test_helium_rounds_every_shift_as_the_reference(emit: Emit, shifts: Sequence[int]) -> None:
    core_or_skip(qemu.CORE)
    net = network_of_shifts(shifts)
    (result,) = prove(net, random_samples(net, 2), [BoardC(net, emit(net))]).carriers
    assert (result.status, result.mismatches) == ("proven", 0), result.detail


@pytest.mark.c
@pytest.mark.parametrize("seed", range(4))
def test_one_byte_behind_the_arena_is_a_fault_of_the_board(emit: Emit, seed: int) -> None:
    core_or_skip(qemu.CORE)
    net = random_int_network(seed)
    export = emit(net)
    source, text = export.files["source"], export.files["source"].read_text()
    for behind, status in ((-1, "proven"), (0, "failed")):
        read = f"(void)((volatile int8_t *)base)[MODEL_ARENA_BYTES + {behind}];"
        source.write_text(text.replace("return MODEL_OK;", f"{read}\n    return MODEL_OK;"))
        (result,) = prove(net, random_samples(net, 1), [BoardC(net, export)]).carriers
        assert result.status == status, result.detail


@pytest.mark.fast
@pytest.mark.parametrize(
    ("seed", "kinds"),
    [(seed, KINDS) for seed in (364, 389, 392, 407, 410)]  # sums leave int32 before R1 clamps
    + [(seed, ("depthwise", "concat", "add", "conv")) for seed in range(5)],
)
def test_onnx_runtime_matches_the_reference(
    tmp_path: Path, seed: int, kinds: tuple[str, ...]
) -> None:
    net = random_int_network(seed, nodes=9, kinds=kinds)
    file = tmp_path / "model_int8.onnx"
    file.write_bytes(onnx_model(net).SerializeToString())
    carriers = [OnnxRuntime(net, file, optimized=optimized) for optimized in (True, False)]
    report = prove(net, random_samples(net, 2), carriers)
    assert [result.status for result in report.carriers] == ["proven", "proven"], report


@pytest.mark.c
def test_zig_serves_as_host_compiler(emit: Emit, everything: IntNetwork) -> None:
    zig = next((c for c in toolchain.host_compilers() if c.name == "zig cc"), None)
    if zig is None:
        pytest.skip("ziglang is not installed")
    carrier = HostC(everything, emit(everything), zig)
    (result,) = prove(everything, random_samples(everything, 2), [carrier]).carriers
    assert result.status == "proven", result.detail


@pytest.mark.c
@pytest.mark.parametrize(
    ("table", "cores"),
    [("weight", ("cortex-m0", "cortex-m3", "riscv32imc")), ("words", ("cortex-m4",))],
)
def test_a_flipped_weight_in_the_c_names_its_layer(
    emit: Emit, everything: IntNetwork, table: str, cores: tuple[str, ...]
) -> None:
    export = emit(everything)
    tensors = run_reference(everything, worst_inputs(everything))
    convs = [layer for layer in everything.layers if isinstance(layer.op, IntConv)]
    layer = max(convs, key=lambda layer: len(np.unique(tensors[layer.name])))
    function = export.layer_functions[everything.layers.index(layer)]
    symbol = function.removeprefix("model_layer_")
    path = export.files["weights"]
    head, body, tail = re.split(rf"(?<=_{symbol}_{table}\[)(\d+\] = {{\n +-?\d+)", path.read_text())
    start, weight = re.fullmatch(r"(.* )(-?\d+)", body, re.DOTALL).groups()
    changed = int(weight) ^ 0x55 if table == "words" else -int(weight) or 77
    path.write_text(f"{head}{start}{changed}{tail}")
    carriers: list[Carrier] = [EmulatedC(everything, export, core) for core in cores]
    carriers += [HostC(everything, export)] if table == "weight" else []
    report = prove(everything, random_samples(everything, 4), carriers)
    assert {result.status for result in report.carriers} == {"failed"}
    assert all(f"layer {layer.name}," in result.detail for result in report.failed)


def carriers_here(net: IntNetwork, export: CExport) -> list[Carrier]:
    """The generated C on this machine and on every core whose tools are installed."""
    return [carrier for carrier in c_carriers(net, export) if not missing_for(carrier.name)]


@pytest.mark.c
def test_c_that_does_not_compile_is_not_proven(emit: Emit, everything: IntNetwork) -> None:
    export = emit(everything)
    export.files["source"].write_text("#error broken on purpose\n")
    report = prove(everything, random_samples(everything, 1), carriers_here(everything, export))
    assert {result.status for result in report.carriers} == {"not proven"}
    assert all("broken on purpose" in result.detail for result in report.carriers)


@pytest.mark.c
def test_a_crash_is_a_failure(emit: Emit, everything: IntNetwork) -> None:
    export = emit(everything)
    source = export.files["source"]
    text = source.read_text()
    source.write_text(
        text.replace("return MODEL_OK;", "*(volatile int *)0xF0000000u = 1;\n    return 1;")
    )
    report = prove(everything, random_samples(everything, 1), carriers_here(everything, export))
    assert {result.status for result in report.carriers} == {"failed"}, report


@pytest.mark.fast
def test_every_core_has_a_name_for_the_compiler() -> None:
    assert set(EMULATED_CORES) == {
        *("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"),
        "riscv32imc",
    }
    with pytest.raises(ToolError, match="cannot be started"):
        toolchain.run_tool(["a compiler that is not here"])


@pytest.mark.parametrize("content", [b"", b"no ONNX", None])
def test_an_onnx_file_that_cannot_be_run_is_a_failure(
    everything: IntNetwork, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "model_int8.onnx"
    if content is not None:
        file.write_bytes(content)
    carriers = [OnnxRuntime(everything, file, optimized=optimized) for optimized in (True, False)]
    report = prove(everything, random_samples(everything, 1), carriers)
    assert [result.status for result in report.carriers] == ["failed", "failed"]
    assert all("model_int8.onnx cannot be run" in result.detail for result in report.carriers)
