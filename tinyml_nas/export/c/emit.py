"""Prints the C files of an ``IntNetwork``: same network, same bytes, on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.packing import PACKED_CHANNELS, PACKED_ROWS, is_packed
from tinyml_nas.cost.unroll import UNROLL
from tinyml_nas.devices.cores import Backend
from tinyml_nas.export.c.conv_dsp import PAIRS
from tinyml_nas.export.c.layers import CModel, resolve
from tinyml_nas.export.c.names import c_comment, c_string, unique_identifiers
from tinyml_nas.export.c.namespace import prefixed
from tinyml_nas.export.c.npu import ALIGNMENT_BYTES, CNpu, NpuPart, guards, resolve_npu
from tinyml_nas.export.c.stream import stream_context
from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import Detection, Float32, IntNetwork, Values
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.quantize.stream import IntStream

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
}
STREAM_TEMPLATES = {
    "stream_header": "{prefix}_stream.h",
    "stream": "{prefix}_stream.c",
}
"""Samples to labels, where the features have a form in integers."""
NPU_TEMPLATES = {"npu_header": "{prefix}_npu.h", "npu": "{prefix}_npu.c"}
"""What an NPU takes of the network."""
LIBRARY = ("source", "weights")
"""What a firmware compiles: the model and its tables."""
SELFTEST = ("selftest", "vectors")

PACKAGE = {
    "readme": "README.md",
    "cmake": "CMakeLists.txt",
    "zephyr_module": "zephyr/module.yml",
    "zephyr_cmake": "zephyr/CMakeLists.txt",
    "zephyr_kconfig": "zephyr/Kconfig",
    "arduino_library": "library.properties",
    "arduino_example": "examples/selftest/selftest.ino",
    "platformio": "library.json",
    "cmsis_pack": "{vendor}.{prefix}.pdsc",
}
"""What makes the folder a package of each build system; the C lies in ``src`` for all of them."""
VENDOR = "tinyml-nas"  # CMSIS-Pack allows no underscore

CORES: Mapping[Backend, str] = {
    "one_row": "Cortex-M0, M0+",
    "dsp": "Cortex-M4, M7, M33",
    "mve": "Cortex-M55 and M85 with Helium",
    "two_rows": "other cores",
}
STACK_BYTES: dict[Backend, int] = {
    "one_row": 208,
    "dsp": 304,
    "mve": 304,
    "two_rows": 304,
}
"""More than any network was seen to need below ``<prefix>_run``, at -Os, -O2 and -O3."""
PACKED_STACK_BYTES: Mapping[Backend, int] = STACK_BYTES | {"one_row": 304}
"""The same with packed weights."""
HIDDEN_STACK_BYTES: dict[Backend, int] = {"one_row": 0, "dsp": 84, "mve": 160, "two_rows": 52}
"""Of these at most: the frames of functions in assembly, of which compilers know nothing."""
DILATED_HIDDEN_BYTES: Mapping[Backend, int] = HIDDEN_STACK_BYTES | {"dsp": 96, "two_rows": 56}
"""The same where taps lie apart."""


@dataclass(frozen=True)
class CoreMemory:
    """What a network needs on some cores: bytes of tables, of tables with code, and of stack."""

    cores: str
    table_bytes: int
    flash_bytes: int
    stack_bytes: int
    hidden_bytes: int


@dataclass(frozen=True)
class CExport:
    """The generated files and the figures that their macros state."""

    prefix: str
    folder: Path
    """Where the C lies: the folder to include."""
    files: Mapping[str, Path]
    """The C."""
    package: Mapping[str, Path]
    """What build systems read, in the folder above."""
    arena_bytes: int
    outputs: int
    table_bytes: Mapping[Backend, int]
    """Flash of the tables, by how convolutions run on a core."""
    layer_functions: tuple[str, ...]
    """The function that computes each layer, in order."""
    layer_outputs: tuple[tuple[int, int], ...]
    """Where in the arena each layer leaves its output, and its bytes."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """What a firmware compiles: the model and its tables."""
        return tuple(self.files[kind] for kind in LIBRARY)

    @property
    def stream_sources(self) -> tuple[Path, ...]:
        """What a firmware compiles that pushes samples: the stream too."""
        return (*self.sources, self.files["stream"])

    @property
    def npu_sources(self) -> tuple[Path, ...]:
        """What a firmware compiles that runs on an NPU."""
        return (*self.sources, self.files["npu"])


def emit_c(
    net: IntNetwork,
    prefix: str,
    folder: Path,
    vectors: Float32,
    optimize: Optimize = "balanced",
    stream: IntStream | None = None,
    run: str = "",
    npu: NpuPart | None = None,
) -> CExport:
    """Write ``net`` as a package of C into ``folder``; ``vectors`` are golden windows (N, C, L).

    ``prefix`` and ``optimize`` are as ``compilation`` takes them; ``stream`` is the way from
    samples to labels around ``net``.  The C bears the name of the ``run``.  With ``npu`` one macro
    chooses the kernels or its program; the scores are the same.
    """
    model = resolve(net, prefix, optimize)
    environment = _environment()
    context = _context(net, prefix, model, vectors)
    context |= {"unroll": UNROLL[optimize], "memory": _memory(net, model, optimize)}
    context |= {"stream": stream, "run": c_comment(run), "run_string": c_string(run)}
    parts = None if npu is None else resolve_npu(npu, net.network, model)
    context |= _npu_context(prefix, model, parts)
    computed = stream is not None and stream.frontend.chain.operations
    context["values"] = "features" if computed else "samples"
    if stream is not None:
        context |= stream_context(stream, model.plan, parts.alone if parts else None)
    export = describe(net, prefix, folder / "src", stream=stream is not None, npu=npu is not None)
    library = [kind for kind in (*LIBRARY, "npu", "stream") if kind in export.files]
    context["library"] = [export.files[kind].name for kind in library]
    outputs = {f"{kind}.j2": path for kind, path in export.files.items()}
    outputs |= {f"package/{kind}.j2": path for kind, path in export.package.items()}
    for template, path in outputs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = environment.get_template(template).render(context)
        if path.suffix == ".c":
            text = prefixed(text, prefix)
        path.write_text(text, encoding="ascii", newline="\n")
    return export


def describe(
    net: IntNetwork, prefix: str, folder: Path, *, stream: bool, npu: bool = False
) -> CExport:
    """What ``folder`` and the package around it hold, and what macros state; writes nothing."""
    model = resolve(net, prefix)
    templates = TEMPLATES | (STREAM_TEMPLATES if stream else {}) | (NPU_TEMPLATES if npu else {})
    names = {"prefix": prefix, "vendor": VENDOR}
    return CExport(
        prefix=prefix,
        folder=folder,
        files={kind: folder / name.format(**names) for kind, name in templates.items()},
        package={kind: folder.parent / name.format(**names) for kind, name in PACKAGE.items()},
        arena_bytes=model.plan.arena_bytes,
        outputs=net.network.shapes[net.network.output].size,
        table_bytes={
            "one_row": model.table_bytes,
            "two_rows": model.table_bytes,
            "two_steps": model.table_bytes,
            "dsp": model.dsp_table_bytes,
            "mve": model.table_bytes,
        },
        layer_functions=tuple(f"{prefix}_layer_{layer.symbol}" for layer in model.layers),
        layer_outputs=tuple((la.data_offset, la.rows * la.row_bytes) for la in model.layers),
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
    environment.filters["of_arena"] = format_of_arena
    return environment


def _context(net: IntNetwork, prefix: str, model: CModel, vectors: Float32) -> dict[str, Any]:
    output = net.network.shapes[net.network.output]
    quantized = quantize_input(net, vectors)
    return {
        "p": prefix,
        "P": prefix.upper(),
        "abi_version": ABI_VERSION,
        "version": f"{ABI_VERSION}.0.0",
        "vendor": VENDOR,
        "selftest": [TEMPLATES[kind].format(prefix=prefix) for kind in SELFTEST],
        "model_hash": model_hash(net),
        "network": c_comment(net.network.name),
        "cost": network_cost(net.network),
        "model": model,
        "layers": model.layers,
        "packed_rows": PACKED_ROWS,
        "packed_channels": PACKED_CHANNELS,
        "packed_pairs": PAIRS,
        "uses_fill": any(layer.margins for layer in model.layers),
        "input": net.network.shapes[INPUT],
        "input_buffer": model.plan.buffers[INPUT],
        "output_buffer": model.plan.buffers[net.network.output],
        "output_scale": net.output_scale,
        "outputs": output.size,
        "answer": net.answer,
        "labels": _labels(net),
        "kind": "classes" if net.answer is None else type(net.answer).__name__.lower(),
        "class_symbols": _class_symbols(net, output.size),
        "class_names": tuple(map(c_string, net.class_names)),
        "value_names": tuple(map(c_comment, getattr(net.answer, "names", ()))),
        "channels": tuple(map(c_comment, net.channel_names)),
        "quantization": net.input,
        "mean": format_floats(net.input.mean),
        "scale": format_floats(net.input.scale),
        "vectors": time_major(quantized),
        "samples": time_major(vectors[:1]),
        "expected": time_major(run_reference(net, quantized)[net.network.output]),
    }


def _npu_context(prefix: str, model: CModel, npu: CNpu | None) -> dict[str, Any]:
    """What templates print where there is an NPU, or as if there were none."""
    return {
        "npu": npu,
        "npu_alignment": ALIGNMENT_BYTES,
        "aligned": f" {prefix.upper()}_ALIGNED" if npu else "",
        "guards": guards(prefix, model, npu.model if npu else None),
    }


def _memory(net: IntNetwork, model: CModel, optimize: Optimize) -> list[CoreMemory]:
    """One for each way to run convolutions."""
    packed = any(map(is_packed, net.network.nodes))
    stack_bytes = PACKED_STACK_BYTES if packed else STACK_BYTES
    hidden_bytes = DILATED_HIDDEN_BYTES if model.dilates else HIDDEN_STACK_BYTES
    return [
        CoreMemory(
            cores,
            model.dsp_table_bytes if backend == "dsp" else model.table_bytes,
            network_cost(net.network, backend, optimize).flash_bytes,
            stack_bytes[backend],
            hidden_bytes[backend],
        )
        for backend, cores in CORES.items()
    ]


def _labels(net: IntNetwork) -> int:
    """How many labels a window can have."""
    match net.answer:
        case Detection():
            return 2
        case Values():
            return 1
        case None:
            return net.network.shapes[net.network.output].size


def _class_symbols(net: IntNetwork, count: int) -> tuple[str, ...]:
    names = net.class_names if net.answer is None and len(net.class_names) == count else ()
    return tuple(symbol.upper() for symbol in unique_identifiers(names))


def time_major(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(N, C, L) as rows (N, L * C): what one window looks like in the arena."""
    return np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(len(x), -1)


def format_numbers(values: Iterable[Any], indent: int = 4) -> str:
    """Comma-separated numbers, wrapped and indented as the body of an initializer."""
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


def format_of_arena(numbers: Sequence[int], prefix: str) -> str:
    """A number of the arena of all kernels, and of that of an NPU alone if there is one."""
    if len(set(numbers)) == 1:
        return str(numbers[0])
    return "({}_CORE_LAYERS ? {} : {})".format(prefix, *numbers)


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
    """Literals of all ``values``, as the body of an initializer."""
    return format_numbers(list(values))
