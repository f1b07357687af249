"""The generator of portable C99: the network with its tables and self-test, and the stream."""

from tinyml_nas.export.c.emit import CExport, describe, emit_c, time_major
from tinyml_nas.export.c.stream import CStream, describe_stream, emit_stream

__all__ = [
    "CExport",
    "CStream",
    "describe",
    "describe_stream",
    "emit_c",
    "emit_stream",
    "time_major",
]
