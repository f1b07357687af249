"""``check --compat``: what becomes of every key of files that were written for TI's tools.

Exit codes: 0 when every file is ready to run, 5 when one still needs its data, 2 when one is
refused.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from tinyml_nas.config import InvalidConfig, LoadedConfig
from tinyml_nas.config.ignored import WITHOUT_EFFECT
from tinyml_nas.config.sources import existing, file_name, is_address, where_to_put
from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError, DataError, TinymlError
from tinyml_nas.load import load_config
from tinyml_nas.plan import plan, plan_warnings

Verdict = Literal["run-ready", "needs data", "refused"]
SUFFIXES = (".yaml", ".yml")
SUMMED: Mapping[Verdict, str] = {
    "run-ready": "run-ready",
    "needs data": "run-ready but for their data",
    "refused": "refused",
}
"""How the summary calls the verdicts."""
Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Fate:
    """What becomes of one file, and of its keys: (honored, replaced, ignored ..., the words)."""

    path: Path
    verdict: Verdict
    rows: Rows

    def count(self, fate: str) -> str:
        """How many things are said with this word."""
        return str(sum(name == fate for name, _ in self.rows))


def show_compat(paths: Sequence[str], overrides: Sequence[str], console: Console) -> None:
    """Show the fate of every file; raise for the worst verdict among them."""
    fates = [fate_of(path, overrides) for path in _files(paths)]
    for fate in fates:
        console.table(f"{fate.path}: {fate.verdict}", ("", "what becomes of it"), _spare(fate.rows))
    if len(fates) > 1:
        _show_summary(fates, console)
    verdicts = Counter(fate.verdict for fate in fates)
    of_all = f"of {len(fates)} files" if len(fates) > 1 else "file"
    if count := verdicts["refused"]:
        raise ConfigError(f"{count} {of_all} {'is' if count == 1 else 'are'} refused.")
    if count := verdicts["needs data"]:
        raise DataError(f"{count} {of_all} {'needs its' if count == 1 else 'need their'} data.")


def _spare(rows: Rows) -> Rows:
    """The rows, a word that is also in the row before left out."""
    before = ["", *(fate for fate, _ in rows)]
    return [
        ("" if fate == last else fate, w) for (fate, w), last in zip(rows, before, strict=False)
    ]


def fate_of(path: Path, overrides: Sequence[str] = ()) -> Fate:
    """Load, resolve and plan ``path``, and tell what became of its keys."""
    try:
        loaded = load_config(path, overrides)
        remarks = plan_warnings(loaded)
        plan(loaded.config)
    except InvalidConfig as error:
        reasons = [(problem.message, problem.hint) for problem in error.problems]
        return Fate(path, "refused", [("refused", _sentence(*reason)) for reason in reasons])
    except TinymlError as error:
        return Fate(path, "refused", [("refused", _sentence(error.message, error.hint))])
    needed = _needed(loaded)
    rows = [*_honored(loaded), *_noted(loaded), *(("remark", remark) for remark in remarks)]
    rows += [("needs data", needed)] if needed else []
    return Fate(path, "needs data" if needed else "run-ready", rows)


def _sentence(message: str, hint: str | None) -> str:
    return f"{message} ({hint})" if hint else message


def _files(paths: Sequence[str]) -> Iterator[Path]:
    """The files that are named, and all of the folders that are."""
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
        if not inside:
            raise ConfigError(f"There is no YAML file in the folder {path}.")
        yield from inside


def _honored(loaded: LoadedConfig) -> Rows:
    """A row for each section, with the keys that do what they say."""
    noted = {
        path for note in loaded.notes if note.kind in ("replaced", "ignored") for path in note.paths
    }
    kept = [path.partition(".") for path in loaded.written if path not in noted]
    sections = groupby(sorted(kept, key=lambda p: _position(loaded, p[0])), key=lambda p: p[0])
    return [
        ("honored", f"{section}: {', '.join(key for _, _, key in group)}")
        for section, group in sections
    ]


def _position(loaded: LoadedConfig, section: str) -> int:
    return list(type(loaded.config).model_fields).index(section)


def _noted(loaded: LoadedConfig) -> Rows:
    """A row for each thing to say, what is replaced first."""
    order = ("replaced", "ignored", "remark")
    return [
        (kind, note.message.removeprefix(WITHOUT_EFFECT))
        for kind in order
        for note in loaded.notes
        if note.kind == kind
    ]


def _needed(loaded: LoadedConfig) -> str | None:
    """What must be put where before the file can run; None when nothing is missing."""
    dataset, folder = loaded.config.dataset, loaded.config.path.parent
    text = dataset.input_data_path
    if text is None or existing(text, folder) is not None:
        return None
    if not is_address(text):
        return f"{text}, which is not beside the YAML"
    if dataset.sha256:
        return f"the first run fetches {text}"
    return f"put {file_name(text)} {where_to_put(folder)}; its address is {text}"


def _show_summary(fates: Sequence[Fate], console: Console) -> None:
    header = ("file", "replaced", "ignored", "verdict")
    rows = [
        (name, fate.count("replaced"), fate.count("ignored"), fate.verdict)
        for name, fate in zip(_short_names([fate.path for fate in fates]), fates, strict=True)
    ]
    console.table(f"{len(fates)} files", header, rows)
    counts = Counter(fate.verdict for fate in fates)
    console.info(", ".join(f"{counts[name]} {words}" for name, words in SUMMED.items()))


def _short_names(paths: Sequence[Path]) -> list[str]:
    """The paths without the folder that all of them are in, if there is one."""
    whole = [path.absolute() for path in paths]
    try:
        common = os.path.commonpath([path.parent for path in whole])
    except ValueError:  # two drives of Windows
        return [str(path) for path in paths]
    return [path.relative_to(common).as_posix() for path in whole]
