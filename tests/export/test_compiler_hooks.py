"""Compilers that put code of their own into every function leave the assembly alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from c_builds import Emit, compiler_or_skip
from random_networks import random_int_network, random_samples

from tinyml_nas.proof.carriers import EmulatedC
from tinyml_nas.proof.cores.toolchain import GCC, gcc_build
from tinyml_nas.proof.parity import prove

pytestmark = pytest.mark.c

HOOKS = """
const unsigned __stack_chk_guard = 0x5eed5eed;
void __stack_chk_fail(void) { for (;;) { } }
__attribute__((no_instrument_function)) void __cyg_profile_func_enter(void *f, void *from)
{ (void)f; (void)from; __asm__ volatile("mov r0, #0; mov r1, #0; mov r2, #0; mov r3, #0"); }
__attribute__((no_instrument_function)) void __cyg_profile_func_exit(void *f, void *from)
{ (void)f; (void)from; }
"""


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
@pytest.mark.parametrize("flag", ["-fstack-protector-all", "-finstrument-functions"])
@pytest.mark.parametrize("seed", [1, 3])
def test_canaries_and_hooks_stay_out_of_the_kernels(
    emit: Emit, tmp_path: Path, flag: str, core: str, seed: int
) -> None:
    compiler_or_skip(GCC)
    hooks = tmp_path / "hooks.c"
    hooks.write_text(HOOKS, encoding="ascii")

    def build(name: str, sources: Sequence[Path], program: Path, keep: Sequence[str]) -> Path:
        build_with = gcc_build(flags=(flag,))
        return build_with(name, [*sources, hooks], program, keep, optimize="-O2")

    net = random_int_network(seed, nodes=7, bits=(8, 4, 2))
    carrier = EmulatedC(net, emit(net), core, build)
    (result,) = prove(net, random_samples(net, 1).astype(np.float32), [carrier]).carriers
    assert (result.status, result.mismatches) == ("proven", 0), result.detail
