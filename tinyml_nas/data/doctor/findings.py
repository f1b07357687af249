"""What the data doctor says, the worst first."""

from __future__ import annotations

from typing import get_args

from tinyml_nas.results.exploration import Finding, Severity

SEVERITIES: tuple[Severity, ...] = get_args(Severity)


def sorted_findings(findings: list[Finding]) -> list[Finding]:
    """The worst first, otherwise in the order given."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
