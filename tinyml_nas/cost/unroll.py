"""What ``compilation.optimize`` means: how far the inner loops of convolutions are unrolled."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.devices.cores import Backend

FIXED: Mapping[Backend, int] = {"two_steps": 2, "mve": 1}
"""Loops that are as they are: C, and Helium's."""
UNROLL: Mapping[Optimize, Mapping[Backend, int]] = {
    "size": {"one_row": 2, "two_rows": 2, "dsp": 2, **FIXED},
    "balanced": {"one_row": 4, "two_rows": 4, "dsp": 8, **FIXED},
    "speed": {"one_row": 8, "two_rows": 8, "dsp": 12, **FIXED},
}
"""Steps of one pass: bytes of the window, in powers of two; with DSP words of four bytes."""

STEP_BYTES: Mapping[Backend, int] = {
    "one_row": 16,
    "two_rows": 32,
    "two_steps": 0,
    "dsp": 76,
    "mve": 0,
}
"""Code of one step, which is assembly in every back-end."""


def code_bytes(optimize: Optimize, backend: Backend) -> int:
    """Code that ``optimize`` adds to the kernel of the convolution, beyond ``balanced``."""
    steps = UNROLL[optimize][backend] - UNROLL["balanced"][backend]
    return steps * STEP_BYTES[backend]
