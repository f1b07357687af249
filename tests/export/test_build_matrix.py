"""The generated C by each compiler, for each core, in each way: no warning, the same bits.

A sample with each pair of levels on every run, all builds with ``-m nightly``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations, product
from pathlib import Path

import pytest
from build_matrix import COMPILERS, CORES, FLOATS, KERNELS, LEVELS, Build, builds
from covering import Row, covering, pairs_of
from matrix_cases import KINDS, Case, kinds_of, make_case
from matrix_cells import examine

from tinyml_nas.errors import ToolError

CaseOf = Callable[[str, int], Case]

ROWS: list[Row] = [(*build.levels, kind) for build in builds() for kind in KINDS]
SAMPLE = covering(ROWS)


@pytest.fixture(scope="module")
def case_of(tmp_path_factory: pytest.TempPathFactory) -> CaseOf:
    """Each network once."""
    return cache(lambda kind, number: make_case(kind, number, tmp_path_factory.mktemp("generated")))


def check(build: Build, case: Case) -> None:
    if missing := build.missing_tools():
        pytest.skip(f"{' and '.join(missing)} not installed")
    examined = examine(build, case)
    assert not examined.fault, examined.fault
    assert not examined.undocumented


@pytest.mark.c
@pytest.mark.parametrize("row", SAMPLE, ids=" ".join)
def test_a_build_of_the_sample_gives_the_same_bits(case_of: CaseOf, row: Row) -> None:
    check(Build(*row[:-1]), case_of(row[-1], 1))


@pytest.mark.c
@pytest.mark.nightly
@pytest.mark.parametrize(("number", "build"), list(enumerate(builds())), ids=str)
def test_every_build_gives_the_same_bits(case_of: CaseOf, number: int, build: Build) -> None:
    for kind, seed in kinds_of(number):
        check(build, case_of(kind, seed))


@pytest.mark.fast
def test_the_sample_has_each_pair_that_is_not_void() -> None:
    factors = (COMPILERS, tuple(CORES), FLOATS, LEVELS, tuple(KERNELS), KINDS)
    valid = {row[:-1] for row in product(*factors) if not Build(*row[:-1]).void}
    sampled = {pair for row in SAMPLE for pair in pairs_of(row)}
    for i, j in combinations(range(len(factors)), 2):
        for a, b in product(factors[i], factors[j]):
            occurs = any(row[i] == a and (factors[j] is KINDS or row[j] == b) for row in valid)
            assert ((i, a, j, b) in sampled) == occurs, (a, b)
    assert len(SAMPLE) < 1.1 * len(CORES) * len(KINDS)
    assert not any(Build(*row[:-1]).void for row in SAMPLE)


@pytest.mark.fast
def test_few_rows_have_each_pair() -> None:
    rows = list(product("01", "012", "01"))
    chosen = covering(rows)
    assert {p for row in chosen for p in pairs_of(row)} == {
        p for row in rows for p in pairs_of(row)
    }
    assert len(chosen) <= 8 < len(rows)
    assert covering(rows) == chosen


@pytest.mark.c
@pytest.mark.parametrize(
    ("core", "kernels"), [("M0", "DSP"), ("M3", "DSP"), ("M33F", "MVE"), ("M55", "MVE")]
)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_kernels_that_a_core_lacks_are_refused_by_name(
    case_of: CaseOf, tmp_path: Path, compiler: str, core: str, kernels: str
) -> None:
    build, export = Build(compiler, core, "soft", "-Os", kernels), case_of("random", 1).export
    if missing := build.missing_tools():
        pytest.skip(f"{' and '.join(missing)} not installed")
    with pytest.raises(ToolError, match=rf"error: .*MODEL_{kernels}"):
        build.library(export.prefix, export.sources, tmp_path / "library.o")
