"""The C of an NPU: its text, its builds, and what it does around the driver's call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_builds import SANITIZE, WARNINGS, compiler_or_skip, host_compiler_or_skip
from npu_parts import cuts, handed, stand_in
from random_networks import random_int_network, random_samples
from random_streams import CHAINS, random_stream
from test_c_emit import tiny_network

from tinyml_nas.export.c import CExport, NpuPart, emit_c, time_major
from tinyml_nas.export.c.emit import format_numbers
from tinyml_nas.graph.integer import Float32, IntNetwork
from tinyml_nas.proof.cores.toolchain import GCC, build_host, run_tool
from tinyml_nas.proof.streaming import HostStream, expected, first_difference
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.quantize.stream import frames

pytestmark = pytest.mark.c
DRIVER = Path(__file__).with_name("ethos_u_driver")
GOLDEN = Path(__file__).parents[1] / "golden" / "c_npu"
MODES = {
    "kernels": (),
    "npu": ("-DMODEL_NPU=1",),
    "fallback": ("-DMODEL_NPU=1", "-DMODEL_NPU_FALLBACK=1"),
}
CORES = {
    "m33": ("-mcpu=cortex-m33", "-mthumb"),
    "m55": ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
    "m0": ("-mcpu=cortex-m0", "-mthumb"),
}


def emit(net: IntNetwork, part: NpuPart, folder: Path) -> CExport:
    return emit_c(net, "model", folder, random_samples(net, 3), npu=part)


def fake_driver(
    net: IntNetwork, part: NpuPart, folder: Path, vectors: Float32 | None = None
) -> Path:
    """The source of a driver for golden ``vectors``, by default those of ``emit``."""
    windows = random_samples(net, 3) if vectors is None else vectors
    outputs = run_reference(net, quantize_input(net, windows))
    prepared = time_major(outputs[handed(net.network, part.split)])
    program = part.program
    rows = ",\n".join("{\n" + format_numbers(row) + "\n}" for row in prepared)
    (folder / "prepared.inc").write_text(
        f"#define INPUT_AT {program.input.offset}\n#define OUTPUT_AT {program.output.offset}\n"
        f"#define OUTPUT_BYTES {program.output.size_bytes}\n"
        f"static const int8_t prepared[{len(prepared)}][OUTPUT_BYTES] = {{\n{rows}\n}};\n"
    )
    return Path(shutil.copy(DRIVER / "known_answers.c", folder))


def selftest(export: CExport, fake: Path, folder: Path, *flags: str) -> str:
    """What the self-test prints, built for this machine with the ``fake`` driver."""
    compiler = host_compiler_or_skip(*SANITIZE)
    sources = [*sorted(export.folder.glob("*.c")), fake]
    include = (f"-I{export.folder}", f"-I{DRIVER}", f"-I{folder}")
    flags = (*SANITIZE, *WARNINGS, *include, "-DMODEL_SELFTEST_MAIN", *flags)
    program = build_host(compiler, sources, folder / "selftest", flags)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.strip().removeprefix("model: ")


PASSED = "3 vectors, bit for bit as expected"
ERROR_NPU = "self-test failed with -6"
CASES = [(2, "all"), (5, "first"), (2, "last")]
MORE = [(seed, place) for seed in (0, 3, 7, 8, 11) for place in ("all", "first", "last")]


@pytest.fixture(
    params=[*CASES, *(pytest.param(case, marks=pytest.mark.nightly) for case in MORE)], ids=str
)
def parted(request: pytest.FixtureRequest) -> tuple[IntNetwork, NpuPart]:
    """Random networks: all of it on the NPU, the least of it, and all but the last layers."""
    seed, place = request.param
    net = random_int_network(seed, nodes=7, bits=(8, 4) if seed % 2 else (8,))
    whole, *found = cuts(net.network)
    split = whole if place == "all" else found[0 if place == "first" else -1]
    return net, stand_in(net.network, split, fast_bytes=40 if seed % 2 else 0)


def test_the_text_is_the_golden_one(tmp_path: Path) -> None:
    net = tiny_network()
    part = stand_in(net.network, cuts(net.network)[1])
    export = emit_c(net, "tiny", tmp_path, np.zeros((1, 2, 6), np.float32), npu=part)
    for path in (export.files["npu"], export.files["npu_header"], export.files["header"]):
        golden = GOLDEN / path.name
        if os.environ.get("UPDATE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(path.read_text(), encoding="ascii", newline="\n")
        assert path.read_text() == golden.read_text()


@pytest.mark.parametrize(
    "mode", ["npu", "fallback", pytest.param("kernels", marks=pytest.mark.nightly)]
)
def test_the_scores_are_the_same_with_the_npu_and_without(
    parted: tuple[IntNetwork, NpuPart], tmp_path: Path, mode: str
) -> None:
    net, part = parted
    export = emit(net, part, tmp_path)
    fake = fake_driver(net, part, tmp_path)
    assert selftest(export, fake, tmp_path, *MODES[mode]) == PASSED


@pytest.mark.parametrize("failure", ["-DFAILS=1", "-DHANDLE=NULL"])
def test_a_failure_of_the_driver_is_an_error_or_the_kernels_turn(
    tmp_path: Path, failure: str
) -> None:
    net = random_int_network(2, nodes=7)
    part = stand_in(net.network, cuts(net.network)[-1])
    export = emit(net, part, tmp_path)
    fake = fake_driver(net, part, tmp_path)
    assert selftest(export, fake, tmp_path, *MODES["npu"], failure) == ERROR_NPU
    assert selftest(export, fake, tmp_path, *MODES["fallback"], failure) == PASSED


def test_the_self_test_sees_a_wrong_bit_of_the_npu(tmp_path: Path) -> None:
    net = random_int_network(2, nodes=7)
    part = stand_in(net.network, cuts(net.network)[0])
    export = emit(net, part, tmp_path)
    fake = fake_driver(net, part, tmp_path)
    last = "scratch[OUTPUT_AT + i] = prepared[vector][i]"
    text = fake.read_text()
    assert last in text
    fake.write_text(text.replace(last, f"{last} ^ (vector == 1 && i == 0)"))
    assert selftest(export, fake, tmp_path, *MODES["npu"]) == "self-test failed with 2"


def test_an_arena_out_of_line_is_refused(tmp_path: Path) -> None:
    net = random_int_network(2, nodes=7)
    part = stand_in(net.network, cuts(net.network)[0])
    export = emit(net, part, tmp_path)
    fake = fake_driver(net, part, tmp_path)
    main = tmp_path / "main.c"
    main.write_text(
        '#include "model.h"\nstatic int8_t arena[MODEL_ARENA_BYTES + 16] MODEL_ALIGNED;\n'
        "int main(void) { return model_run(arena + 16, MODEL_ARENA_BYTES) =="
        " MODEL_ERROR_ALIGNMENT ? 0 : 1; }\n"
    )
    compiler = host_compiler_or_skip()
    include = (f"-I{export.folder}", f"-I{DRIVER}", f"-I{tmp_path}")
    sources = [*export.npu_sources, export.files["vectors"], fake, main]
    run_tool([build_host(compiler, sources, tmp_path / "main", (*include, *MODES["npu"]))])


@pytest.mark.parametrize(
    ("core", "mode"),
    [("m33", "npu"), ("m33", "fallback"), ("m55", "npu"), ("m55", "kernels")]
    + [pytest.param("m0", mode, marks=pytest.mark.nightly) for mode in MODES],
)
def test_every_build_is_free_of_warnings(
    parted: tuple[IntNetwork, NpuPart], tmp_path: Path, core: str, mode: str
) -> None:
    gcc = compiler_or_skip(GCC)
    export = emit(*parted, tmp_path)
    flags = ("-std=c99", "-O0", *CORES[core], *WARNINGS, *MODES[mode])
    run_tool([gcc, *flags, "-I", DRIVER, "-c", *export.npu_sources], folder=tmp_path)


@pytest.mark.parametrize("mode", ["npu", "fallback"])
def test_only_what_the_kernels_compute_is_linked(
    parted: tuple[IntNetwork, NpuPart], tmp_path: Path, mode: str
) -> None:
    """Functions, tables and stated bytes: of the rest alone, of all layers with the fallback."""
    gcc, nm = compiler_or_skip(GCC), compiler_or_skip("arm-none-eabi-nm")
    net, part = parted
    export = emit(net, part, tmp_path)
    image = tmp_path / "image.o"
    flags = ("-std=c99", "-O0", *CORES["m33"], *MODES[mode], "-nostdlib", "-r")
    run_tool([gcc, *flags, "-I", DRIVER, *export.npu_sources, "-o", image])
    symbols = run_tool([nm, image]).decode()
    kept = part.split.rest if mode == "npu" else [node.name for node in net.network.nodes]
    functions = dict(zip(part.split.taken + part.split.rest, export.layer_functions, strict=True))
    assert set(re.findall(r"model_layer_\w+", symbols)) == {functions[name] for name in kept}
    stems = {name: function.replace("layer_", "") for name, function in functions.items()}
    tables = set(re.findall(r"[Rr] (model_\w+)_(?:weights|packed|words|pairs)\b", symbols))
    assert tables <= {stems[name] for name in kept}
    assert {"model_commands", "model_weights"} <= set(re.findall(r"[Rr] (\w+)", symbols))


@pytest.mark.parametrize(
    ("names", "mode"),
    [(CHAINS[5], MODES["npu"]), (CHAINS[-1], (*MODES["fallback"], "-DHANDLE=NULL"))],
)
def test_a_stream_gives_the_same_labels(
    names: tuple[str, ...], mode: tuple[str, ...], tmp_path: Path
) -> None:
    """Features are computed beside the input, which lies elsewhere in the arena of an NPU."""
    stream, samples = random_stream(2, names)
    net, frontend = stream.net, stream.frontend
    *_, features = frontend.stages(np.stack(list(frames(samples, frontend.chain))))
    inputs, _ = frontend.inputs(frontend.quantize(features))
    column = (1, -1, 1)
    windows = (inputs.astype(np.float32) - net.input.zero_point) * net.input.scale.reshape(column)
    windows += net.input.mean.reshape(column)
    assert np.array_equal(quantize_input(net, windows), inputs)
    part = stand_in(net.network, cuts(net.network)[0])
    export = emit_c(net, "model", tmp_path, windows, stream=stream, npu=part)
    fake = fake_driver(net, part, tmp_path, windows)
    compiler = host_compiler_or_skip(*SANITIZE)
    flags = (*WARNINGS, *SANITIZE, f"-I{DRIVER}", f"-I{tmp_path}", f"-I{export.folder}", *mode)
    sources = (str(export.files["npu"]), str(export.files["vectors"]), str(fake))
    host = HostStream(export, compiler, (*flags, *sources))
    (given,) = host.run([(samples, frontend.chain.hop)])
    assert first_difference(given, expected(stream, samples)) is None
