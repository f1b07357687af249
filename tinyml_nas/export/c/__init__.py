"""The generator of portable C99: the network, the stream around it, and packages of both."""

from tinyml_nas.export.c.emit import CExport, describe, emit_c, time_major

__all__ = ["CExport", "describe", "emit_c", "time_major"]
