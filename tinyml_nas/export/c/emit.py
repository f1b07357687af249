"""Prints the C files of an ``IntNetwork``: same network, same bytes, on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt

from tinyml_nas.devices.cores import Backend
from tinyml_nas.export.c.layers import CModel, resolve
from tinyml_nas.export.c.names import c_comment, c_string, unique_identifiers
from tinyml_nas.graph import DSP_UNROLL, INPUT, network_cost
from tinyml_nas.quantize.integer import Float32, IntNetwork
from tinyml_nas.quantize.reference import quantize_input, run_reference

ABI_VERSION = 1
LINE_WIDTH = 96
TEMPLATES = {
    "header": "{prefix}.h",
    "source": "{prefix}.c",
    "weights_header": "{prefix}_weights.h",
    "weights": "{prefix}_weights.c",
    "vectors_header": "{prefix}_vectors.h",
    "vectors": "{prefix}_vectors.c",
    "selftest": "{prefix}_selftest.c",
    "cmake": "CMakeLists.txt",
}


@dataclass(frozen=True)
class CExport:
    """The generated files and the figures that their macros state."""

    prefix: str
    folder: Path
    files: Mapping[str, Path]
    arena_bytes: int
    table_bytes: Mapping[Backend, int]
    """Flash of the tables, by how convolutions run on a core."""
    symbols: tuple[str, ...]
    """C name of each layer, in order: its function is ``<prefix>_layer_<symbol>``."""

    @property
    def sources(self) -> tuple[Path, Path]:
        """What a firmware compiles: the model and its tables."""
        return self.files["source"], self.files["weights"]


def emit_c(net: IntNetwork, prefix: str, folder: Path, vectors: Float32) -> CExport:
    """Write the C of ``net`` into ``folder``; ``vectors`` are golden float windows (N, C, L).

    ``prefix`` is as ``compilation.c_prefix`` takes it.
    """
    model = resolve(net, prefix)
    environment = _environment()
    context = _context(net, prefix, model, vectors)
    folder.mkdir(parents=True, exist_ok=True)
    export = describe(net, prefix, folder)
    for template, path in export.files.items():
        text = environment.get_template(f"{template}.j2").render(context)
        path.write_text(text, encoding="ascii", newline="\n")
    return export


def describe(net: IntNetwork, prefix: str, folder: Path) -> CExport:
    """Where the C of ``net`` lies in ``folder`` and what its macros state; writes nothing."""
    model = resolve(net, prefix)
    return CExport(
        prefix=prefix,
        folder=folder,
        files={t: folder / pattern.format(prefix=prefix) for t, pattern in TEMPLATES.items()},
        arena_bytes=model.plan.arena_bytes,
        table_bytes={
            "one_row": model.table_bytes,
            "two_rows": model.table_bytes,
            "two_steps": model.table_bytes,
            "dsp": model.dsp_table_bytes,
            "mve": model.table_bytes,
        },
        symbols=tuple(layer.symbol for layer in model.layers),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["numbers"] = format_numbers
    environment.filters["float32"] = format_float
    return environment


def _context(net: IntNetwork, prefix: str, model: CModel, vectors: Float32) -> dict[str, Any]:
    output = net.network.shapes[net.network.output]
    quantized = quantize_input(net, vectors)
    return {
        "p": prefix,
        "P": prefix.upper(),
        "abi_version": ABI_VERSION,
        "network": c_comment(net.network.name),
        "cost": network_cost(net.network),
        "model": model,
        "layers": model.layers,
        "unroll": DSP_UNROLL,
        "uses_fill": any(layer.margins for layer in model.layers) or bool(model.input_margins),
        "input": net.network.shapes[INPUT],
        "input_buffer": model.plan.buffers[INPUT],
        "output_buffer": model.plan.buffers[net.network.output],
        "output_scale": net.output_scale,
        "classes": output.size,
        "class_symbols": _class_symbols(net, output.size),
        "class_names": tuple(map(c_string, net.class_names)),
        "channels": tuple(map(c_comment, net.channel_names)),
        "quantization": net.input,
        "mean": format_floats(net.input.mean),
        "scale": format_floats(net.input.scale),
        "vectors": time_major(quantized),
        "samples": time_major(vectors[:1]),
        "expected": time_major(run_reference(net, quantized)[net.network.output]),
    }


def _class_symbols(net: IntNetwork, count: int) -> tuple[str, ...]:
    names = net.class_names if len(net.class_names) == count else ()
    return tuple(symbol.upper() for symbol in unique_identifiers(names))


def time_major(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(N, C, L) as rows (N, L * C): what one window looks like in the arena."""
    return np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(len(x), -1)


def format_numbers(values: Iterable[Any], indent: int = 4) -> str:
    """Comma-separated numbers, wrapped and indented as the body of an initialiser."""
    lines, line = [], ""
    for value in values:
        text = format_float(value) if isinstance(value, np.floating) else _integer(int(value))
        if line and len(line) + len(text) + 2 > LINE_WIDTH - indent:
            lines.append(line + ",")
            line = text
        else:
            line = f"{line}, {text}" if line else text
    lines.append(line)
    return "\n".join(" " * indent + text for text in lines)


def _integer(value: int) -> str:
    # -2147483648 is a unary minus on a literal that no 32-bit int holds
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value)


def format_float(value: float | np.floating[Any]) -> str:
    """Shortest decimal literal that a C compiler reads back as exactly this float32."""
    number = np.float32(value)
    if not np.isfinite(number):
        raise ValueError(f"{number} cannot stand in generated C")
    if number == 0 or 1e-4 <= abs(number) < 1e7:
        return np.format_float_positional(number, trim="0") + "f"
    return np.format_float_scientific(number, trim="0") + "f"


def format_floats(values: Float32) -> str:
    """Literals of all ``values``, as the body of an initialiser."""
    return format_numbers(list(values))
