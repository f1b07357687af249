"""Text tables: cells, names and rows of all sizes, other encodings, and what is no text."""

from __future__ import annotations

import random
from pathlib import Path

from case import Case, Kind
from small_sets import ROWS, table, tables, word, write_files, written

LONG = 300_000


def _spoiled(rng: random.Random, folder: Path, data: bytes, *names: str) -> Case:
    """A data set with one more recording."""
    name = f"classes/up/{word(rng)}{rng.choice(['.csv', '.txt', '.CSV'])}"
    write_files(folder / "set", {**tables(rng), name: data})
    return Case(("explore", written(folder), "-o", "page.html"), 5, (name, *names))


def huge_cells(rng: random.Random, folder: Path) -> Case:
    """A cell that no message can hold."""
    lines, row, column = table(rng).splitlines(), rng.randint(1, ROWS), rng.randint(0, 1)
    size = rng.randint(1000, LONG)
    cell = rng.choice(["x" * size, "1" * size, "0." + "7" * size + "e", "-" * size, "手" * size])
    cells = lines[row].split(",")
    cells[column] = cell
    lines[row] = ",".join(cells)
    place = f"line {row + 1}, column {column + 1} ({'ab'[column]}) holds"
    return _spoiled(rng, folder, "\n".join(lines).encode(), place, f"({len(cell):,} characters)")


def cells_that_are_no_numbers(rng: random.Random, folder: Path) -> Case:
    lines, row, column = table(rng).splitlines(), rng.randint(1, ROWS), rng.randint(0, 1)
    bad = rng.choice(["nan", "-inf", "1e99", word(rng, 3), "0x10", "1.2.3", "--1", "1 2", "", "é"])
    cells = lines[row].split(",")
    cells[column] = bad
    lines[row] = ",".join(cells)
    place = f"line {row + 1}, column {column + 1} ({'ab'[column]})"
    return _spoiled(rng, folder, "\n".join(lines).encode(), place, repr(bad) if bad else "is empty")


def long_headers(rng: random.Random, folder: Path) -> Case:
    name = word(rng) + "n" * rng.randint(256, LONG)
    text = table(rng).replace("a,b", rng.choice([f"a,{name}", f"{name},b"]), 1)
    return _spoiled(rng, folder, text.encode(), "line 1", f"a name of {len(name):,} characters")


def long_labels(rng: random.Random, folder: Path) -> Case:
    """A column of labels with an essay in it."""
    bad, row = word(rng) + "l" * rng.randint(256, LONG), rng.randint(1, ROWS)
    labels = ["up"] * (ROWS // 2) + ["down"] * (ROWS - ROWS // 2)
    labels[row - 1] = bad
    head, *lines = table(rng).splitlines()
    rows = [f"{line},{label}" for line, label in zip(lines, labels, strict=True)]
    (folder / "set.csv").write_text("\n".join([f"{head},label", *rows]), encoding="utf-8")
    config = written(folder, "input_data_path: set.csv")
    names = ("set.csv", f"line {row + 1}, column 3", f"a name of {len(bad):,} characters")
    return Case(("explore", config, "-o", "page.html"), 5, names)


def many_columns(rng: random.Random, folder: Path) -> Case:
    """So many names that a message can only show the first."""
    count = rng.randint(300, 3000)
    names = [f"{word(rng)}{index}" for index in range(count)]
    text = ",".join(names) + "\n" + ",".join(["1"] * count) + "\n"
    write_files(folder / "set", {**tables(rng), "classes/up/x.csv": text.encode()})
    config = written(folder, variables="[a, b]")
    wanted = ("classes/up/x.csv", "no column 'a'", f"and {count - 10:,} more")
    return Case(("explore", config, "-o", "page.html"), 5, wanted)


def many_labels(rng: random.Random, folder: Path) -> Case:
    """A column of numbers that is taken for the labels."""
    count = rng.randint(60, 900)
    rows = [f"{rng.random()},{rng.random()},{index}" for index in range(count)]
    (folder / "set.csv").write_text("\n".join(["a,b,label", *rows]), encoding="utf-8")
    config = written(folder, "input_data_path: set.csv")
    return Case(("explore", config, "-o", "page.html"), 5, ())


def what_is_no_text(rng: random.Random, folder: Path) -> Case:
    text = table(rng)
    data = rng.choice(
        [
            text.encode("utf-16-le"),
            text.encode("utf-32"),
            b"\0" * rng.randint(1, 5000),
            text.encode() + b"\0",
            b"\xff\xfe" + rng.randbytes(2 * rng.randint(0, 20) + 1),
            b"",
            b" \n\n\t",
            b"a,b\n",
            b"\xef\xbb\xbf",
            b"\x89PNG\r\n\x1a\n" + b"\0" * rng.randint(1, 99),
        ]
    )
    return _spoiled(rng, folder, data)


def ragged_rows(rng: random.Random, folder: Path) -> Case:
    lines, row = table(rng).splitlines(), rng.randint(2, ROWS)
    width = rng.choice([1, 3, rng.randint(4, 5000)])
    lines[row] = ",".join(["1"] * width)
    place = f"line {row + 1}: {width} columns where the first line has 2"
    return _spoiled(rng, folder, "\n".join(lines).encode(), place)


def other_ways_to_write(rng: random.Random, folder: Path) -> Case:
    """What spreadsheets and loggers write is fine."""
    mark = rng.choice([",", ";", "\t"])
    end = rng.choice(["\n", "\r\n", "\r", "\n\n"])
    files = {}
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16", "latin-1"])
    for name, data in tables(rng).items():
        text = data.decode().replace(",", "|")
        text = text.replace(".", ",") if mark == ";" and rng.random() < 0.5 else text
        text = text.replace("|", mark + " " * rng.randint(0, 2)).replace("\n", end)
        files[name] = text.encode(encoding)
    write_files(folder / "set", files)
    config = written(folder)
    return Case(("explore", config, "-o", "page.html"), 0, ("2 channels, 2 classes",))


KINDS: dict[str, Kind] = {
    "huge cells": huge_cells,
    "cells that are no numbers": cells_that_are_no_numbers,
    "long headers": long_headers,
    "long labels": long_labels,
    "many columns": many_columns,
    "many labels": many_labels,
    "what is no text": what_is_no_text,
    "ragged rows": ragged_rows,
    "other ways to write": other_ways_to_write,
}
