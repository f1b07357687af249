"""What the clocks of the files and the rhythm of the recordings say about rate and window."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path

from tinyml_nas.config import Config
from tinyml_nas.config.sources import existing
from tinyml_nas.data.doctor.rhythm import (
    Clock,
    dominant_period,
    is_clock,
    read_clock,
    tells_time,
)
from tinyml_nas.data.readers.tables import TEXT_SUFFIXES, is_time
from tinyml_nas.data.readers.text_table import read_cells
from tinyml_nas.data.readers.tree import FolderTree, Tree, ZipTree
from tinyml_nas.data.records import Recording
from tinyml_nas.errors import DataError
from tinyml_nas.results.exploration import Finding, Severity

MOST_FILES = 40
UNEVEN = 0.05
"""Jitter from which samples are uneven enough to blur a spectrum."""
OFF = 0.02
"""Relative difference of two rates that rounding does not explain."""


def clock_findings(config: Config) -> list[Finding]:
    """Gaps, jitter, steps back and wrong rates, from the time columns of the first files."""
    clocks = _clocks(config)
    findings = _uneven(clocks)
    if not clocks:
        return findings
    rates = {name: clock.rate_hz for name, clock in clocks.items()}
    usual = statistics.median(rates.values())
    others = [name for name, rate in rates.items() if abs(rate / usual - 1) > OFF]
    if others:
        what = (
            f"{len(others)} of {len(rates)} files are not sampled at {usual:g} Hz like the others: "
            f"{others[0]} has {rates[others[0]]:g} Hz."
        )
        findings.append(Finding("error", what, others[0], "Resample or remove these files."))
    written = config.data_processing_feature_extraction.sampling_rate
    if written != 1 and abs(usual / written - 1) > OFF:
        what = f"sampling_rate says {written:g} Hz, the time column {usual:g} Hz."
        mend = f"Write sampling_rate: {usual:g}, or the unit into the column's name (time_ms)."
        findings.append(Finding("warning", what, "sampling_rate", mend))
    return findings


def _uneven(clocks: dict[str, Clock]) -> list[Finding]:
    """One finding for each way in which clocks go wrong, with the first file that shows it."""
    ways: tuple[tuple[Severity, Callable[[Clock], bool], str, str], ...] = (
        ("warning", lambda c: c.back > 0, "does not always go forward", "Cut the files there."),
        ("warning", lambda c: c.gaps > 0, "has gaps", "Cut the files there: samples are lost."),
        ("hint", lambda c: c.jitter > UNEVEN, "ticks unevenly", "Sample by a timer, or resample."),
    )
    findings = []
    for severity, is_odd, how, mend in ways:
        odd = [name for name, clock in clocks.items() if is_odd(clock)]
        if odd:
            files = "the one file" if len(clocks) == 1 else f"{len(odd)} of {len(clocks)} files"
            what = f"The clock of {files} {how}, that of {odd[0]} for one."
            findings.append(Finding(severity, what, odd[0], mend))
    return findings


def _clocks(config: Config) -> dict[str, Clock]:
    """The clock of each text file that has one, of every so many files of a large data set."""
    if config.dataset.input_data_path is None:
        return {}
    path = existing(config.dataset.input_data_path, config.path.parent)
    if path is None:  # the run says so
        return {}
    tree = _tree(path)
    names = tree.names() if tree else [path.name]
    names = [name for name in names if name.lower().endswith(TEXT_SUFFIXES)]
    clocks = {}
    for name in names[:: max(1, -(-len(names) // MOST_FILES))]:
        clock = _clock(tree.read(name) if tree else path.read_bytes(), name)
        if clock is not None:
            clocks[name] = clock
    return clocks


def _tree(path: Path) -> Tree | None:
    if path.is_dir():
        return FolderTree(path)
    return ZipTree(path) if path.suffix.lower() == ".zip" else None


def _clock(data: bytes, name: str) -> Clock | None:
    try:
        cells = read_cells(data, name)
        names = cells.header or ()
        column = next((i for i, title in enumerate(names) if tells_time(title)), None)
        texts = [] if column is None else cells.column(column)
        if column is not None and not is_time(names, column) and not is_clock(texts, names[column]):
            texts = []  # a temperature may be called t
    except (DataError, IndexError):  # a note, or a file that the data stage has refused
        return None
    return read_clock(texts, (cells.header or ())[column or 0]) if texts else None


def window_findings(
    recordings: Iterable[Recording], channels: tuple[str, ...], frame: int
) -> list[Finding]:
    """Whether a window of ``frame`` samples is long enough to see the signal repeat."""
    chosen = [r for r in recordings if len(r) > frame][:MOST_FILES]
    findings = []
    for index, name in enumerate(channels):
        found = [dominant_period(r.samples[:, index].astype("f8")) for r in chosen]
        periods = [period for period in found if period is not None]
        if 2 * len(periods) <= len(found) or statistics.median(periods) <= frame:
            continue
        what = (
            f"Channel {name!r} repeats every {statistics.median(periods):.0f} samples, a window "
            f"has {frame}: less than one period."
        )
        findings.append(Finding("hint", what, name, "Raise frame_size, or num_frame_concat."))
    return findings
