"""Numbers as people read them: thousands separated, a unit, no false precision."""

from __future__ import annotations

import math

MISSING = "–"

# The Cortex-M0+ executes the very instructions of the Cortex-M0.
_SAME_CODE = {"cortex-m0plus": "cortex-m0", "cortex-m0+": "cortex-m0"}


def count(value: float | None) -> str:
    """``1,234``."""
    return MISSING if value is None else f"{value:,.0f}"


def size(size_bytes: float | None) -> str:
    """``980 B`` or ``12.3 kB`` (1 kB = 1,000 B)."""
    if size_bytes is None:
        return MISSING
    for factor, unit in ((1e6, "MB"), (1e3, "kB")):
        if size_bytes >= factor:
            return f"{size_bytes / factor:,.1f} {unit}"
    return f"{size_bytes:.0f} B"


def capacity(size_bytes: int) -> str:
    """A memory's size as its data sheet gives it: ``128 KiB``."""
    for factor, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes % factor == 0:
            return f"{size_bytes // factor} {unit}"
    return size(size_bytes)


def percent(fraction: float | None) -> str:
    """``95.2 %``."""
    return MISSING if fraction is None else f"{100 * fraction:.1f} %"


def figure(value: float | None) -> str:
    """A measured number with four digits: ``12.34``."""
    return MISSING if value is None else f"{value:.4g}".replace("-", "−")


def seconds(value: float | None) -> str:
    """``4.2 s`` or ``3 min 07 s``."""
    if value is None:
        return MISSING
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def milliseconds(cycles: float, clock_hz: int) -> str:
    """Time of ``cycles``: ``1.24 ms``."""
    return latency(cycles / clock_hz)


def latency(time_seconds: float | None) -> str:
    """A short time: ``1.24 ms``."""
    if time_seconds is None:
        return MISSING
    value = 1e3 * time_seconds
    decimals = max(0, 2 - math.floor(math.log10(value))) if value >= 1e-4 else 4
    return f"{value:,.{decimals}f} ms"


def plain(value: float) -> str:
    """An axis label without a unit: ``0.25``."""
    return f"{value:g}"


def whole_percent(fraction: float) -> str:
    """An axis label: ``95 %``."""
    return f"{100 * fraction:g} %"


def thousands(value: float) -> str:
    """An axis label: ``25 k``."""
    for factor, unit in ((1e6, " M"), (1e3, " k")):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"


def short_size(size_bytes: float) -> str:
    """An axis label: ``2.5 kB``."""
    return f"{thousands(size_bytes)}B" if size_bytes >= 1e3 else f"{size_bytes:g} B"


def short_latency(time_seconds: float) -> str:
    """An axis label: ``2.5 ms``."""
    return f"{1e3 * time_seconds:g} ms"


def clock(clock_hz: int) -> str:
    """``80 MHz``."""
    return f"{clock_hz / 1e6:g} MHz"


def shape(channels_length: tuple[int, int] | None) -> str:
    """``6 × 128``."""
    return MISSING if channels_length is None else f"{channels_length[0]} × {channels_length[1]}"


def core_title(core: str) -> str:
    """``Cortex-M4`` for ``cortex-m4``, ``RV32IMC`` for ``riscv32imc``."""
    if core.startswith("riscv"):
        return core.replace("riscv", "rv").upper()
    return "-".join(part.capitalize() for part in core.split("-")).replace("plus", "+")


def core_order(core: str) -> tuple[bool, int, str]:
    """A sort key that puts M4 before M33, and RISC-V behind Cortex."""
    digits = "".join(c for c in core if c.isdigit())
    return core.startswith("riscv"), int(digits or 0), core


def code_core(core: str) -> str:
    """The core whose linked code and instruction counts are those of ``core``."""
    return _SAME_CODE.get(core, core)
