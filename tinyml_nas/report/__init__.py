"""What a run found out, for people: a static HTML page and a closing table.

Reads ``results.json`` and nothing else; imports no stage.
"""

from __future__ import annotations

from tinyml_nas.report.page import write_report
from tinyml_nas.report.summary import summary_table, verdict_of
from tinyml_nas.results.run import (
    load_provable,
    load_results,
    results_schema,
    write_schema,
)

__all__ = [
    "load_provable",
    "load_results",
    "results_schema",
    "summary_table",
    "verdict_of",
    "write_report",
    "write_schema",
]
