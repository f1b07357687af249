"""What the data doctor says: how bad, what, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Finding:
    """``what`` is a sentence that stands alone, ``where`` a channel, a class or a file.

    An error makes the figures of a run worthless, a warning makes them worse, a hint is a chance.
    """

    severity: Severity
    what: str
    where: str
    mend: str


def sorted_findings(findings: list[Finding]) -> list[Finding]:
    """The worst first, otherwise in the order given."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
