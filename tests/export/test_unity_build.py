"""Two generated networks in one translation unit, as some build systems join all sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_matrix import GCC, Build
from c_builds import WARNINGS, compiler_or_skip
from random_networks import random_int_network, random_samples
from random_streams import CHAINS, MFCC_CHAIN, random_stream

from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.proof.cores.toolchain import run_tool

pytestmark = pytest.mark.c

MAIN = """\
static int8_t arena_of_left[LEFT_ARENA_BYTES];
static int8_t arena_of_right[RIGHT_ARENA_BYTES];

int main(void)
{
    if (left_selftest(arena_of_left, sizeof arena_of_left) != 0) { return 1; }
    return right_selftest(arena_of_right, sizeof arena_of_right) == 0 ? 0 : 2;
}
"""


def unity(exports: list[CExport], folder: Path, tail: str = "") -> Path:
    """One source that includes all C files of ``exports``."""
    files = [file for export in exports for file in sorted(export.folder.rglob("*.c"))]
    source = folder / "unity.c"
    source.write_text("".join(f'#include "{file.as_posix()}"\n' for file in files) + tail)
    return source


@pytest.fixture
def two_networks(everything: IntNetwork, tmp_path: Path) -> list[CExport]:
    """With every layer both, and one with packed weights as well."""
    right = random_int_network(3, nodes=14, bits=(8, 4, 2))
    return [
        emit_c(net, prefix, tmp_path / prefix, random_samples(net, 2))
        for prefix, net in (("left", everything), ("right", right))
    ]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_both_networks_pass(two_networks: list[CExport], tmp_path: Path, compiler: str) -> None:
    source, program = unity(two_networks, tmp_path, MAIN), tmp_path / "unity"
    run_tool([compiler_or_skip(compiler), "-std=c99", *WARNINGS, "-O1", source, "-o", program])
    run_tool([program])


@pytest.mark.parametrize("core", ["M0", "M4F", "M55 Helium"])
def test_the_assembly_of_both_networks_has_its_own_names(
    two_networks: list[CExport], tmp_path: Path, core: str
) -> None:
    compiler_or_skip(GCC)
    source = unity(two_networks, tmp_path)
    build = Build("gcc", core, "soft" if core == "M0" else "hard", "-Os", "found")
    build.library("any", [source], tmp_path / "unity.o", WARNINGS)


def test_two_streams_compile_as_one(tmp_path: Path) -> None:
    exports = []
    for prefix, chain in (("left", MFCC_CHAIN), ("right", CHAINS[-1])):
        stream, _ = random_stream(3, chain)
        samples = random_samples(stream.net, 1)
        exports.append(emit_c(stream.net, prefix, tmp_path / prefix, samples, stream=stream))
    source, made = unity(exports, tmp_path), tmp_path / "unity.o"
    run_tool([compiler_or_skip("gcc"), "-std=c99", *WARNINGS, "-O1", "-c", source, "-o", made])
