"""Inputs drawn by the modules of this folder: each fares as it must, and nothing else is touched.

A module that ends in ``KINDS`` joins by being here.  CI draws 300 inputs, the nightly run 6,000; a
draw is found again by its kind and its number.
"""

from __future__ import annotations

import importlib
import os
import random
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from case import Case, Kind

from tinyml_nas import cli

IN_CI, NIGHTLY = 300, 6000
CHUNK = 25
"""Draws of one nightly test."""
TEMPORARY = "temporary"
LONGEST_MESSAGE = 2500
"""Characters of what is printed: a screen, not the data."""


def _kinds() -> dict[str, Kind]:
    """All kinds by module and name."""
    found: dict[str, Kind] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem != Path(__file__).stem:
            kinds = getattr(importlib.import_module(path.stem), "KINDS", {})
            found |= {f"{path.stem}:{name}": kind for name, kind in kinds.items()}
    return found


KINDS = _kinds()


def _numbers(total: int, index: int) -> range:
    """Numbers of the draws of one kind, of ``total`` over all kinds."""
    share, rest = divmod(total, len(KINDS))
    return range(share + (index < rest))


def _in_ci() -> list[tuple[str, range]]:
    return [(name, _numbers(IN_CI, index)) for index, name in enumerate(KINDS)]


def _nightly() -> Iterator[tuple[str, range]]:
    for index, name in enumerate(KINDS):
        first, all_of_it = len(_numbers(IN_CI, index)), len(_numbers(NIGHTLY, index))
        for start in range(first, all_of_it, CHUNK):
            yield name, range(start, min(start + CHUNK, all_of_it))


def _inputs(root: Path) -> dict[str, object]:
    """Bytes of each file, target of each link, kind of everything else.

    Left out are stopped runs, which a resumed run goes on with.
    """
    found: dict[str, object] = {}
    for path in (path for path in root.rglob("*") if ".partial" not in str(path)):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            found[str(path)] = os.readlink(path)
        else:
            found[str(path)] = path.read_bytes() if stat.S_ISREG(mode) else stat.S_IFMT(mode)
    return found


def _run(case: Case, name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = root / "case"
    before = _inputs(folder)
    code = cli.main([*case.command])
    printed = "".join(capsys.readouterr())
    told = f"{name}: {[word[:200] for word in case.command]}\n{code}\n{printed[:4000]}"
    assert code == case.exit_code, told
    assert "Internal error" not in printed, told
    assert [text for text in case.names if text not in printed] == [], told
    longest_path = max(map(len, case.command))  # which may be said as it is
    assert len(printed) <= LONGEST_MESSAGE + 2 * longest_path, told
    after = _inputs(folder)
    assert {path: after.get(path) for path in before} == before, told
    assert sorted(os.listdir(root)) == [folder.name, TEMPORARY], told


def _run_all(
    name: str, numbers: range, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> None:
    """Run draws of one kind, each in a folder of its own, which is the working folder."""
    patch.setenv("COLUMNS", "2000")  # names stay in one piece
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="bad_input-") as root, patch.context() as inner:
            for name_of_folder in ("case", TEMPORARY):
                os.mkdir(os.path.join(root, name_of_folder))
            inner.chdir(os.path.join(root, "case"))
            case = KINDS[name](random.Random(f"{name} {number}"), Path(root, "case"))
            inner.setattr(tempfile, "tempdir", os.path.join(root, TEMPORARY))
            capsys.readouterr()
            _run(case, f"{name} {number}", Path(root), capsys)


@pytest.mark.parametrize(("name", "numbers"), _in_ci(), ids=[name for name, _ in _in_ci()])
def test_each_kind(
    name: str,
    numbers: range,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _run_all(name, numbers, capsys, monkeypatch)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "numbers"), [*_nightly()], ids=[f"{name}-{n.start}" for name, n in _nightly()]
)
def test_each_kind_many_times(
    name: str,
    numbers: range,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _run_all(name, numbers, capsys, monkeypatch)


def test_the_kinds_are_found() -> None:
    assert len(KINDS) > 30
    assert sum(len(numbers) for _, numbers in _in_ci()) == IN_CI
    assert sum(len(numbers) for _, numbers in (*_in_ci(), *_nightly())) == NIGHTLY
