"""The generator of portable C99: the network, the stream around it, and packages of both."""

from tinyml_nas.export.c.emit import CExport, describe, emit_c, time_major
from tinyml_nas.export.c.npu import NpuPart

__all__ = ["CExport", "NpuPart", "describe", "emit_c", "time_major"]
