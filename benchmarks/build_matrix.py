"""The build matrix of the generated C: each compiler, core, float ABI, level, choice of kernels.

    python benchmarks/build_matrix.py [--networks 4] [--every 1] [--jobs 2]

Each build makes some small networks without a warning and runs them; `tests/export/build_matrix.py`
says which builds there are.  Prints a table: a cell has the networks whose bits were right, of all
choices of kernels, and what ran them.  Below it, what is void and why, what the C takes from
outside, by compiler and core, and each fault.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from build_matrix import COMPILERS, CORES, FLOATS, KERNELS, LEVELS, Build, builds
from matrix_cases import Case, kinds_of, make_case
from matrix_cells import Examined, examine


class Done(NamedTuple):
    """One network by one build."""

    build: Build
    network: str
    examined: Examined


@cache
def _case(kind: str, number: int, folder: Path) -> Case:
    """Each network once in every process."""
    return make_case(kind, number, folder / f"{kind} {number} {os.getpid()}")


def _run(folder: Path, build: Build, networks: Iterable[tuple[str, int]]) -> list[Done]:
    if missing := build.missing_tools():
        raise SystemExit(f"{' and '.join(missing)} not installed")
    return [
        Done(build, f"{kind} {number}", examine(build, _case(kind, number, folder)))
        for kind, number in networks
    ]


def _row(done: Iterable[Done]) -> Iterator[str]:
    """The cells of one row of the table."""
    of_level = defaultdict(list)
    for one in done:
        of_level[one.build.level].append(one)
    for level in LEVELS:
        ran = of_level[level]
        right = sum(not one.examined.fault for one in ran)
        where = " ".join(sorted({one.build.emulator for one in ran}))
        if not ran:
            yield "not run"
            continue
        yield f"{right} {where}" if right == len(ran) else f"**{right} of {len(ran)}** {where}"


def _print_table(done: list[Done]) -> None:
    print(f"| compiler, core, float | {' | '.join(LEVELS)} |")
    print("| --- |" + " --- |" * len(LEVELS))
    for row in product(COMPILERS, CORES, FLOATS):
        if of_row := [one for one in done if one.build.levels[:3] == row]:
            print(f"| {' '.join(row)} | {' | '.join(_row(of_row))} |")


def _print_void() -> None:
    print("\nVoid, for every compiler and level:")
    reasons = defaultdict(set)
    for core, abi, kernels in product(CORES, FLOATS, KERNELS):
        build = Build("gcc", core, abi, "-Os", kernels)
        if build.void:
            everything = all(Build("gcc", core, abi, "-Os", k).void for k in KERNELS)
            reasons[build.void].add(f"{core} {abi}" if everything else f"{core} with {kernels}")
    for reason, void in reasons.items():
        print(f"- {reason}: {', '.join(sorted(void))}")


def _print_undefined(done: list[Done]) -> None:
    print("\nTaken from outside:")
    taken = defaultdict(set)
    for one in done:
        taken[one.build.compiler, one.build.core].update(one.examined.undefined)
    for (compiler, core), names in taken.items():
        print(f"- {compiler} {core}: {', '.join(sorted(names))}")


def _print_faults(done: list[Done]) -> None:
    faults = [one for one in done if one.examined.fault]
    print(f"\n{len(done)} programs of {len({one.build for one in done})} builds,", end=" ")
    print(f"{len(faults)} of them at fault")
    for message, count in Counter(_first_line(one.examined.fault) for one in faults).most_common():
        example = next(one for one in faults if _first_line(one.examined.fault) == message)
        print(f"- {count}: {message}; as {example.build}, {example.network}")


def _first_line(message: str) -> str:
    """The line of a complaint that says what is wrong, without its place."""
    lines = message.splitlines()
    told = next((line for line in lines if "error: " in line), lines[0])
    return told.split("error: ")[-1]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=4, help="for each build")
    parser.add_argument("--every", type=int, default=1, help="of so many builds one")
    parser.add_argument("--jobs", type=int, default=2)
    words = parser.parse_args()
    chosen = [(i, build) for i, build in enumerate(builds()) if i % words.every == 0]
    networks = [kinds_of(i, words.networks) for i, _ in chosen]
    done: list[Done] = []
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(words.jobs) as pool:
        run = partial(_run, Path(name))
        for some in pool.map(run, (build for _, build in chosen), networks):
            done += some
            print(f"\r{len(done)} programs", end="", file=sys.stderr)
    print(file=sys.stderr)
    _print_table(done)
    _print_void()
    _print_undefined(done)
    _print_faults(done)


if __name__ == "__main__":
    main()
