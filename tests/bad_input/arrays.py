"""NumPy arrays: headers that lie, types that are no numbers, arrays that do not belong together."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from case import Case, Kind
from small_sets import tables, word, write_files, written

RECORDINGS, ROWS, CHANNELS = 8, 24, 2


def _raw(header: str, payload: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """An .npy with that header, be it right or wrong."""
    text = header.encode("latin-1")
    size = len(text).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + size + text + payload


def _stated(shape: object, descr: object = "<f4", fortran: object = False) -> str:
    return repr({"descr": descr, "fortran_order": fortran, "shape": shape}) + "\n"


def _saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _good(rng: random.Random, *shape: int) -> np.ndarray:
    return np.random.default_rng(rng.getrandbits(32)).normal(size=shape)


def _as_file(rng: random.Random, folder: Path, data: bytes, exit_code: int, *names: str) -> Case:
    """A data set in which one recording is ``data``, or its X."""
    if rng.random() < 0.5:
        name = f"classes/up/{word(rng)}.npy"
        write_files(folder / "set", {**tables(rng), name: data})
        config = written(folder)
    else:
        name = f"{word(rng)}.npz"
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("X.npy", data)
            archive.writestr("y.npy", _saved(np.arange(RECORDINGS) % 2))
        config = written(folder, f"input_data_path: {name}")
    return Case(("explore", config, "-o", "page.html"), exit_code, (name, *names))


UNREADABLE = "no readable NumPy array"


def huge_shapes(rng: random.Random, folder: Path) -> Case:
    """More values than there are bytes, or fewer than none."""
    big = rng.choice([10 ** rng.randint(4, 25), 2 ** rng.randint(20, 70), -rng.randint(1, 2**40)])
    shape = rng.choice([(big,), (big, CHANNELS), (ROWS, big), (3, big, CHANNELS), (big, big)])
    if shape == (big, big):
        shape = (abs(big), 2)
    data = _raw(_stated(shape), rng.randbytes(4 * rng.randint(0, 50)))
    return _as_file(rng, folder, data, 5, UNREADABLE)


def headers_of_nonsense(rng: random.Random, folder: Path) -> Case:
    noise = "".join(chr(rng.randint(1, 255)) for _ in range(rng.randint(0, 60)))
    header = rng.choice(
        [
            noise,
            "(" * rng.randint(50, 5000),
            "[" * rng.randint(50, 900) + "]" * rng.randint(50, 900),
            "{}",
            repr({word(rng): 1, 2: 3}),
            "{'descr': '<f4', 'fortran_order': False}",
            _stated((4.5, 2)),
            _stated("(3,)"),
            _stated(None),
            _stated((ROWS, 2), descr=word(rng) + "9"),
            _stated((ROWS, 2), descr=()),
            _stated((ROWS, 2), descr=[("a",)]),
            _stated((ROWS, 2), descr={"a": word(rng)}),
            _stated((ROWS, 2), fortran="yes"),
            "__import__('os').system('touch gotcha')",
            "'" + "x" * rng.randint(100, 60000) + "'",
        ]
    )
    version = rng.choice([b"\1\0", b"\1\0", b"\2\0", b"\3\0", bytes([rng.randint(4, 255), 0])])
    data = _raw(header, bytes(8 * ROWS), version)
    return _as_file(rng, folder, data, 5, UNREADABLE)


def cut_or_strange_files(rng: random.Random, folder: Path) -> Case:
    whole = _saved(_good(rng, RECORDINGS, ROWS, CHANNELS))
    noise = rng.randbytes(rng.randint(0, 300))
    data = rng.choice([whole[: rng.randint(0, len(whole) - 1)], noise, b"PK\3\4" + noise])
    return _as_file(rng, folder, data, 5, UNREADABLE)


def objects(rng: random.Random, folder: Path) -> Case:
    """Python objects, which could run code."""
    values = [rng.choice([None, word(rng), rng.random(), [1, 2], {"a": 1}]) for _ in range(ROWS)]
    data = np.empty(ROWS, dtype=object)
    data[:] = values
    return _as_file(rng, folder, _saved(data), 5, UNREADABLE)


def types_that_are_no_numbers(rng: random.Random, folder: Path) -> Case:
    shape = (RECORDINGS, ROWS, CHANNELS)
    array = rng.choice(
        [
            np.zeros(shape[1:], [("x", "f4"), (word(rng) + "_", "i2", (3,))]),
            np.full(shape[1:], word(rng)),
            np.full(shape[1:], word(rng).encode()),
            np.zeros(shape[1:], "c16"),
            np.zeros(shape[1:], "M8[s]"),
            np.zeros(shape[1:], f"V{rng.randint(1, 9)}"),
            np.zeros((2, 2, 2, rng.randint(1, 9))),
            np.float64(rng.random()),
            np.zeros((0, CHANNELS)),
            np.zeros((ROWS, 0)),
        ]
    )
    return _as_file(rng, folder, _saved(np.asarray(array)), 5)


def values_that_are_no_numbers(rng: random.Random, folder: Path) -> Case:
    name, values = f"classes/up/{word(rng)}.npy", _good(rng, ROWS, CHANNELS)
    row, column = rng.randrange(ROWS), rng.randrange(CHANNELS)
    values[row, column] = rng.choice([np.nan, np.inf, -np.inf, 1e39, -1e300])
    write_files(folder / "set", {**tables(rng), name: _saved(values)})
    names = (name, f"row {row}", f"column {column + 1}", f"{values[row, column]}")
    return Case(("explore", written(folder), "-o", "page.html"), 5, names)


def other_types(rng: random.Random, folder: Path) -> Case:
    """Numbers of every width and order of bytes are fine."""
    kind = rng.choice([">f8", "<f2", ">f4", "i1", "u2", ">i4", "<i8", "u8", "g"])
    version = rng.choice([(1, 0), (2, 0), None])
    files = {}
    for label in ("up", "down"):
        for index in range(3):
            values = (30 * abs(_good(rng, ROWS, CHANNELS))).astype(kind)
            stream = io.BytesIO()
            ordered = np.asfortranarray(values) if rng.random() < 0.5 else values
            np.lib.format.write_array(stream, ordered, version)
            files[f"classes/{label}/{index}.npy"] = stream.getvalue()
    write_files(folder / "set", files)
    config = written(folder)
    return Case(("explore", config, "-o", "page.html"), 0, ("2 channels, 2 classes",))


def _archive(folder: Path, arrays: Mapping[str, Any]) -> str:
    np.savez(folder / "set.npz", **arrays)
    return written(folder, "input_data_path: set.npz")


def arrays_that_do_not_fit(rng: random.Random, folder: Path) -> Case:
    """Lengths, labels, channels and factors of other shapes, types and sums."""
    x = _good(rng, RECORDINGS, ROWS, CHANNELS)
    flat, y = x.reshape(-1, CHANNELS), np.arange(RECORDINGS) % 2
    whole, big = np.full(RECORDINGS, ROWS), 2**62
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"X": flat, "lengths": np.full(RECORDINGS, word(rng))}, "lengths"),
        ({"X": flat, "lengths": whole.reshape(2, -1)}, "lengths"),
        ({"X": flat, "lengths": whole - rng.randint(1, 9)}, "lengths"),
        ({"X": flat, "lengths": [big, big, big, big, *whole]}, "lengths"),
        ({"X": flat, "lengths": whole.astype(float)}, "lengths"),
        ({"X": flat, "lengths": -whole}, "lengths"),
        ({"X": x, "scale": [word(rng)] * CHANNELS}, "scale"),
        ({"X": x, "scale": np.ones(rng.randint(3, 9))}, "scale"),
        ({"X": x, "scale": [1.0, rng.choice([np.nan, np.inf, 1e300])]}, "set.npz:0"),
        ({"X": x, "channels": np.full(rng.randint(3, 9), "a")}, "channels"),
        ({"X": x, "classes": [word(rng)]}, "y"),
        ({"X": x, "y": np.zeros(rng.randint(9, 99))}, "y"),
        ({"X": x, "y": np.zeros(RECORDINGS)}, "1 class"),
        ({"X": x, "names": [word(rng)]}, "names"),
        ({"X": x, "y": np.full(RECORDINGS, "n" * rng.randint(256, 9999))}, "a name of"),
        ({"X": x, "channels": ["a", "c" * rng.randint(256, 9999)]}, "a name of"),
        ({"x": x}, "no array X"),
        ({"X": x.astype(str)}, "no array X"),
    ]
    arrays, name = rng.choice(wrong)
    config = _archive(folder, {"y": y} | arrays)
    return Case(("explore", config, "-o", "page.html"), 5, ("set.npz", name))


KINDS: dict[str, Kind] = {
    "huge shapes": huge_shapes,
    "headers of nonsense": headers_of_nonsense,
    "cut or strange files": cut_or_strange_files,
    "objects": objects,
    "types that are no numbers": types_that_are_no_numbers,
    "values that are no numbers": values_that_are_no_numbers,
    "other types": other_types,
    "arrays that do not fit": arrays_that_do_not_fit,
}
