"""The generated C under real compilers: no warning, no undefined behaviour, the golden scores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from c_builds import SANITIZE, WARNINGS, Emit, compiler_or_skip, host_compiler_or_skip, words_of
from random_networks import KINDS, random_int_network, random_samples

from tinyml_nas.export.c import CExport
from tinyml_nas.graph.integer import IntNetwork

pytestmark = pytest.mark.c

SEEDS = range(12)


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def selftest(export: CExport, compiler: str, *flags: str) -> str:
    program = export.folder / "selftest"
    sources = sorted(export.folder.glob("*.c"))
    macro = f"-D{export.prefix.upper()}_SELFTEST_MAIN"
    run(compiler, "-std=c99", *WARNINGS, *flags, macro, *sources, "-o", program)
    return run(program)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3"])
def test_the_selftest_passes_without_a_warning(
    emit: Emit, everything: IntNetwork, compiler: str, level: str
) -> None:
    assert "bit for bit" in selftest(emit(everything), compiler_or_skip(compiler), level)


@pytest.mark.parametrize(("compiler", "level"), [("gcc", "-O3"), ("clang", "-O0")])
@pytest.mark.parametrize("bits", [(4,), (8, 4, 2)])
def test_packed_weights_pass_without_a_warning(
    emit: Emit, compiler: str, level: str, bits: tuple[int, ...]
) -> None:
    export = emit(random_int_network(3, bits=bits))
    assert "bit for bit" in selftest(export, compiler_or_skip(compiler), level)


@pytest.mark.parametrize("seed", range(6))
def test_bytes_of_16_bits_give_the_same_bits(emit: Emit, everything: IntNetwork, seed: int) -> None:
    export = emit(random_int_network(seed) if seed else everything)
    assert "bit for bit" in selftest(export, compiler_or_skip("gcc"), *words_of(export.folder))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_are_free_of_undefined_behaviour(emit: Emit, seed: int) -> None:
    export = emit(random_int_network(seed))
    (compiler,) = host_compiler_or_skip(*SANITIZE).command
    assert "bit for bit" in selftest(export, compiler, *SANITIZE)


@pytest.mark.parametrize("level", ["-O0", "-Os", "-O3"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("left_out", [(), ("MVE",), ("DSP",), ("MVE", "DSP")])
def test_arm_gcc_compiles_every_choice_of_kernels(
    emit: Emit, everything: IntNetwork, left_out: tuple[str, ...], core: str, level: str
) -> None:
    arm_gcc_compiles(emit(everything), core, level, left_out)


@pytest.mark.parametrize("level", ["-O0", "-Os"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_arm_gcc_compiles_packed_weights(emit: Emit, core: str, level: str) -> None:
    arm_gcc_compiles(emit(random_int_network(3, bits=(8, 4, 2))), core, level)


def arm_gcc_compiles(
    export: CExport, core: str, level: str, left_out: tuple[str, ...] = ()
) -> None:
    gcc = compiler_or_skip("arm-none-eabi-gcc")
    macros = [f"-DMODEL_{kernels}=0" for kernels in left_out]
    abi = "hard" if core == "cortex-m55" else "soft"
    target = (f"-mcpu={core}", "-mthumb", f"-mfloat-abi={abi}", "-std=c99", "-ffreestanding")
    for frame in ("-fomit-frame-pointer", "-fno-omit-frame-pointer"):
        for source in export.sources:
            run(gcc, *target, *WARNINGS, level, frame, *macros, "-c", source, "-o", "/dev/null")


def test_gcc_at_o2_keeps_two_concat_inputs_apart(emit: Emit) -> None:
    # with restrict pointers GCC 12 vectorizes this network's concat into wrong results
    export = emit(random_int_network(23, kinds=KINDS))
    assert "bit for bit" in selftest(export, compiler_or_skip("gcc"), "-O2")


@pytest.mark.windows
def test_the_selftest_passes_on_windows(emit: Emit, everything: IntNetwork, tmp_path: Path) -> None:
    compiler, wine = compiler_or_skip("x86_64-w64-mingw32-gcc"), compiler_or_skip("wine")
    export, program = emit(everything), tmp_path / "selftest.exe"
    sources = sorted(export.folder.glob("*.c"))
    environ = {**os.environ, "WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all"}
    environ["WINEDLLOVERRIDES"] = "mscoree,mshtml="  # no Mono
    for level in ("-O0", "-Os", "-O2"):
        macro = "-DMODEL_SELFTEST_MAIN"
        run(compiler, "-std=c99", *WARNINGS, level, macro, *sources, "-o", program)
        done = subprocess.run(
            [wine, program],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=240,
        )
        assert b"bit for bit" in done.stdout, done.stdout + done.stderr
        assert done.returncode == 0


def test_a_changed_score_fails_the_selftest(emit: Emit, everything: IntNetwork) -> None:
    export = emit(everything)
    vectors = export.files["vectors"]
    head, tail = vectors.read_text().split("_vector_scores[MODEL_VECTORS]")
    first = tail.index("{\n        ") + len("{\n        ")
    changed = "1" if tail[first:].startswith("0") else "0"
    end = min(i for i in (tail.find(",", first), tail.find("\n", first)) if i > 0)
    vectors.write_text(f"{head}_vector_scores[MODEL_VECTORS]{tail[:first]}{changed}{tail[end:]}")
    with pytest.raises(AssertionError, match="self-test failed with 1"):
        selftest(export, compiler_or_skip("gcc"), "-O1")


def test_the_header_serves_cpp(emit: Emit, everything: IntNetwork, tmp_path: Path) -> None:
    export = emit(everything)
    source = tmp_path / "main.cpp"
    source.write_text(
        '#include "model.h"\n#include "model_vectors.h"\n'
        "static int8_t arena[MODEL_ARENA_BYTES];\n"
        "static const char *const names[] = MODEL_NAMES_OF_CLASSES;\n"
        "int main() { return names[0] == nullptr ||"
        " model_classify(arena, sizeof arena, model_vector_samples) < 0; }\n"
    )
    objects = []
    for path in (*export.sources, export.files["vectors"]):
        objects.append(path.with_suffix(".o"))
        run(compiler_or_skip("gcc"), "-std=c99", "-c", path, "-o", objects[-1])
    program = tmp_path / "cpp"
    include = f"-I{export.folder}"
    run(compiler_or_skip("g++"), *WARNINGS, include, source, *objects, "-o", program)
    run(program)


def test_it_builds_with_cmake(emit: Emit, everything: IntNetwork, tmp_path: Path) -> None:
    export = emit(everything)
    cmake, build = compiler_or_skip("cmake"), tmp_path / "build"
    run(cmake, "-S", export.folder.parent, "-B", build)
    run(cmake, "--build", build)
    assert "100% tests passed" in run(Path(cmake).with_name("ctest"), "--test-dir", build)


BEHAVIOUR = """\
#include <math.h>
#include "model.h"
#define CHECK(condition) do { if (!(condition)) { return __LINE__ & 0x7f; } } while (0)
int main(void)
{
    static int8_t arena[MODEL_ARENA_BYTES];
    static float samples[MODEL_INPUT_BYTES];
    int8_t quantized[MODEL_INPUT_BYTES];
    CHECK(model_arena_bytes() == MODEL_ARENA_BYTES);
    CHECK(model_run(NULL, sizeof arena) == MODEL_ERROR_NULL);
    CHECK(model_run(arena, sizeof arena - 1) == MODEL_ERROR_ARENA);
    CHECK(model_classify(arena, sizeof arena, NULL) == MODEL_ERROR_NULL);
    CHECK(model_classify(NULL, sizeof arena, samples) == MODEL_ERROR_NULL);
    CHECK(model_classify(arena, 0, samples) == MODEL_ERROR_ARENA);
    samples[0] = NAN;
    samples[1] = INFINITY;
    samples[2] = -INFINITY;
    model_quantize(samples, quantized);
    CHECK(quantized[0] == MODEL_INPUT_ZERO_POINT);
    CHECK(quantized[1] == 127);
    CHECK(quantized[2] == -128);
    int best = model_classify(arena, sizeof arena, samples);
    const int8_t *scores = model_scores(arena);
    for (int i = 0; i < MODEL_CLASSES; i++) {
        CHECK(scores[i] < scores[best] || (i >= best && scores[i] == scores[best]));
    }
    return 0;
}
"""


def test_errors_nan_and_the_highest_score(
    emit: Emit, everything: IntNetwork, tmp_path: Path
) -> None:
    export = emit(everything)
    source = tmp_path / "behaviour.c"
    source.write_text(BEHAVIOUR)
    program = tmp_path / "behaviour"
    include = f"-I{export.folder}"
    gcc = compiler_or_skip("gcc", *SANITIZE)
    run(gcc, "-std=c99", *SANITIZE, include, source, *export.sources, "-o", program)
    run(program)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("level", ["-O2", "-Os"])
def test_gcc_for_arm_has_nothing_to_warn_of(
    emit: Emit, everything: IntNetwork, core: str, level: str
) -> None:
    export, gcc = emit(everything), compiler_or_skip("arm-none-eabi-gcc")
    abi = "hard" if core == "cortex-m55" else "soft"
    flags = ("-ffreestanding", f"-mcpu={core}", "-mthumb", f"-mfloat-abi={abi}")
    for source in export.sources:
        run(gcc, "-std=c99", *WARNINGS, *flags, level, "-c", source, "-o", source.with_suffix(".o"))


def test_the_objects_have_no_variables_and_no_outside_calls(
    emit: Emit, everything: IntNetwork
) -> None:
    if sys.platform != "linux":
        pytest.skip("reads ELF objects")
    export = emit(everything)
    target = export.folder / "model.o"
    run(compiler_or_skip("gcc"), "-fno-pie", "-O1", "-c", export.files["source"], "-o", target)
    symbols = [line.split() for line in run(compiler_or_skip("nm"), target).splitlines()]
    assert not [words for words in symbols if words[-2] in "dDbBcC"]
    outside = {words[-1] for words in symbols if words[-2] == "U"}
    assert all(name.startswith("model_") for name in outside), outside


def test_vectors_hold_the_quantized_samples(emit: Emit, everything: IntNetwork) -> None:
    export = emit(everything)
    text = export.files["vectors"].read_text()
    body = text.split("_vector_samples[MODEL_INPUT_BYTES] = {")[1].split("}")[0]
    stored = np.array([word.strip()[:-1] for word in body.split(",")], np.float32)
    expected = random_samples(everything, 2)[0].T.reshape(-1)
    assert np.array_equal(stored, expected)
