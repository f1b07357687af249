"""The traced build of the generated C, shared by the host and the emulated carriers.

Each layer's output leaves the C through ``<PREFIX>_TRACE`` as it is written, time-major.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tinyml_nas.export.c import CExport
from tinyml_nas.graph.integer import Int8, IntNetwork

TRACE_FUNCTION = "parity_trace"
PROTOTYPE = (
    f"void {TRACE_FUNCTION}(int32_t layer, const int8_t *data, int32_t rows, int32_t row_bytes)"
)


def write_trace_header(export: CExport, folder: Path) -> Path:
    """A header to ``-include``: every layer calls ``parity_trace`` with its output."""
    path = folder / "parity_trace.h"
    path.write_text(
        "#include <stdint.h>\n"
        f"{PROTOTYPE};\n"
        f"#define {export.prefix.upper()}_TRACE {TRACE_FUNCTION}\n",
        encoding="ascii",
    )
    return path


def split_trace(net: IntNetwork, data: bytes, windows: int) -> Mapping[str, Int8]:
    """Tensors (N, C, L) by layer from the concatenated outputs of all layers of all windows."""
    rows = np.frombuffer(data, np.int8).reshape(windows, -1)
    tensors, start = {}, 0
    for layer in net.layers:
        shape = net.network.shapes[layer.name]
        values = rows[:, start : start + shape.size].reshape(windows, shape.length, shape.channels)
        tensors[layer.name] = values.transpose(0, 2, 1)
        start += shape.size
    return tensors
