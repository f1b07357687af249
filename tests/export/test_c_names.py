"""Identifiers, literals and comments of the generated C."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_nas.export.c.emit import format_float, format_numbers
from tinyml_nas.export.c.names import c_comment, c_string, unique_identifiers
from tinyml_nas.export.c.namespace import prefixed

pytestmark = pytest.mark.fast


@given(st.lists(st.text(max_size=8), max_size=12))
def test_identifiers_are_legal_and_distinct(names: list[str]) -> None:
    parts = unique_identifiers(names)
    assert len(set(parts)) == len(names)
    assert all(f"x_{part}".isidentifier() and part.isascii() for part in parts)


@given(st.text())
def test_a_comment_cannot_be_ended_from_inside(text: str) -> None:
    inside = c_comment(text)
    assert "*/" not in f"{inside} "
    assert inside.isascii()
    assert "\n" not in inside


def test_strings_escape_what_c_would_read_otherwise() -> None:
    assert c_string('a"b\\c??') == '"a\\042b\\134c\\077\\077"'
    assert c_string("é1") == '"\\303\\2511"'


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_literal_reads_back_exactly(value: float) -> None:
    text = format_float(value)
    assert text.endswith("f")
    assert "." in text or "e" in text
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


def test_the_smallest_int32_is_not_a_unary_minus_on_a_long() -> None:
    assert format_numbers([-(1 << 31), 5]) == "    (-2147483647 - 1), 5"


PIECE = """\
/* clamp is a word here */
#define LIMIT 3
typedef struct {
    int low;
} pair_t;
static const int table[LIMIT] = {1, 2, 3};
static __attribute__((naked, noinline)) void loop(void)
{
    __asm__("clamp");
}
NET_INLINE int clamp(const pair_t *pair)
{
    return pair->low < LIMIT ? table[pair->low] : net_run();
}
"""


def test_what_a_file_keeps_to_itself_has_the_prefix() -> None:
    assert prefixed(PIECE, "net") == (
        PIECE.replace("LIMIT", "NET_LIMIT")
        .replace("pair_t", "net_pair_t")
        .replace("table[", "net_table[")
        .replace("loop(", "net_loop(")
        .replace("int clamp(", "int net_clamp(")
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return net_run();", "net_run is the name of something else"),
        ("return op->run;", "run is the name of a field too"),
    ],
)
def test_two_things_of_one_name_are_refused(body: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prefixed(f"static int run(const op_t *op)\n{{\n    {body}\n}}\n", "net")
