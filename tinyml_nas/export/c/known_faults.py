"""Faults of C that earlier releases wrote, and that are known by now.

The C itself shows them: its header says neither which release wrote it nor, before
``MODEL_HASH``, which model it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownFault:
    """C has it whose text matches ``mark``, and whose header does not define ``fixed_with``.

    ``fixed_with`` is a macro, without the prefix, that came with the fix.
    """

    mark: str
    fixed_with: str
    what: str


KNOWN_FAULTS = (
    KnownFault(
        mark=r"\bCONV_TAP\b",
        fixed_with="MODEL_HASH",
        what="its portable convolutions do not compile with arm-none-eabi-gcc for a core with a "
        "floating-point unit (Cortex-M4F, M7F, M33F): 'asm' operand has impossible constraints",
    ),
    KnownFault(
        mark=r"#define \w+_DSP 1\b",
        fixed_with="MODEL_HASH",
        what="its DSP code loads words from any address, so it faults where SCB->CCR.UNALIGN_TRP "
        "is set or the arena lies in Device memory",
    ),
    KnownFault(
        mark=r"\(naked, noinline\)",
        fixed_with="MODEL_HASH",
        what="with -fstack-protector-all or -finstrument-functions GCC puts code before its "
        "assembly, which then faults or spoils the stack of its caller",
    ),
)
REMEDY = "run the pipeline again, for a point of a search with --take, and ship the C of that run"


def known_faults(prefix: str, header: str, source: str) -> tuple[str, ...]:
    """What is known to be wrong with the C of that ``header`` and ``source``, as clauses."""
    return tuple(
        fault.what
        for fault in KNOWN_FAULTS
        if defined(prefix, header, fault.fixed_with) is None
        and re.search(fault.mark, header + source)
    )


def defined(prefix: str, header: str, macro: str) -> str | None:
    """What ``header`` defines the ``macro`` of that ``prefix`` as, quotes left out."""
    found = re.search(rf'^#define {re.escape(prefix.upper())}_{macro} "?([^"\n]*)', header, re.M)
    return None if found is None else found[1]
