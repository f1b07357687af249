"""The generator of portable C99: one header, one source, one file of tables, and a self-test."""

from tinyml_nas.export.c.emit import CExport, describe, emit_c, time_major

__all__ = ["CExport", "describe", "emit_c", "time_major"]
