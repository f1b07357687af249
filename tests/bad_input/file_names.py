"""Names and kinds of files: devices, pipes, loops of links, and paths that no system takes."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

from case import Case, Kind
from small_sets import POSIX, tables, word, write_files, written


def _pipe(path: Path) -> str:
    os.mkfifo(path)
    return "a pipe"


def _device(path: Path) -> str:
    path.symlink_to(random.Random(path.name).choice(["/dev/zero", "/dev/full", "/dev/random"]))
    return "a device"


def _socket(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as plug:
        folder = os.open(path.parent, os.O_RDONLY)
        try:  # the name of a socket is short
            plug.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
    return "a socket"


SPECIAL: list[Callable[[Path], str]] = [_pipe, _device, _socket]


def data_that_is_no_file(rng: random.Random, folder: Path) -> Case:
    """As the data set itself, or as one recording in it."""
    if rng.random() < 0.5:
        name = f"{word(rng)}{rng.choice(['.csv', '.npz', '.zip', '.tar.gz', '.tar', '.bin'])}"
    else:
        name = f"classes/up/{word(rng)}{rng.choice(['.csv', '.npy', '.txt'])}"
        write_files(folder / "set", tables(rng))
        name = f"set/{name}"
    kind = rng.choice(SPECIAL)(folder / name)
    source = "set" if name.startswith("set/") else name
    more = rng.choice(["", f", sha256: '{'0' * 64}'"]) if source == name else ""
    config = written(folder, f"input_data_path: {source}{more}")
    command = rng.choice([("explore", config, "-o", "page.html"), ("init", "--from", source)])
    if command[0] == "init":
        command = (*command, "-o", "new.yaml")
        if name.endswith(".bin"):
            return Case(command, 5, (name,))
    return Case(command, 5, (name, f"is {kind}, not a file"))


def configurations_that_are_no_files(rng: random.Random, folder: Path) -> Case:
    name = f"{word(rng)}.yaml"
    kind = rng.choice([_device, _socket, _folder])(folder / name)
    command = rng.choice([("check",), ("run",), ("explore",), ("check", "--compat")])
    return Case((*command, name), 2, (name, f"is {kind}, not a file"))


def pages_that_are_no_files(rng: random.Random, folder: Path) -> Case:
    """What ``-o`` names is there, and is not replaced."""
    write_files(folder / "set", tables(rng))
    page = f"{word(rng)}.html"
    kind = rng.choice([*SPECIAL, _folder])(folder / page)
    return Case(("explore", written(folder), "-o", page), 2, (page, f"is {kind}", "-o PAGE.html"))


def _folder(path: Path) -> str:
    path.mkdir()
    return "a folder"


def files_of_others(rng: random.Random, folder: Path) -> Case:
    """Pages and configurations that somebody else has written."""
    write_files(folder / "set", tables(rng))
    name = f"{word(rng)}.{rng.choice(['html', 'yaml', 'txt'])}"
    (folder / name).write_bytes(rng.randbytes(rng.randint(0, 99)))
    command = rng.choice([("explore", written(folder)), ("init", "--from", "set")])
    return Case((*command, "-o", name), 2, (name, "is not overwritten"))


def loops(rng: random.Random, folder: Path) -> Case:
    """Links that lead to themselves, as a file or on the way to one."""
    write_files(folder / "set", tables(rng))
    names = [word(rng) + str(index) for index in range(rng.randint(1, 4))]
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        (folder / name).symlink_to(other)
    config = written(folder)
    command = rng.choice(
        [
            ("explore", config, "-o", f"{names[0]}/{word(rng)}.html"),
            ("run", config, "--output", names[0]),
            ("run", config, "--output", f"{names[0]}/{word(rng)}"),
        ]
    )
    return Case(command, 6, (names[0],))


def deep_folders(rng: random.Random, folder: Path) -> Case:
    """An output whose own path is short enough, but not those of the files in it."""
    write_files(folder / "set", tables(rng))
    deep = f"{folder}/" + ("d" * rng.randint(50, 200) + "/") * 90
    deep = deep[: rng.randint(4050, 4090)].rstrip("/")
    return Case(("run", written(folder), "--output", deep), 6, ("too long",))


def files_in_the_way(rng: random.Random, folder: Path) -> Case:
    """A file where a folder is to be made."""
    write_files(folder / "set", tables(rng))
    name = word(rng)
    (folder / name).write_text("mine", encoding="utf-8")
    config = written(folder)
    command, code = rng.choice(
        [
            (("run", config, "--output", name), 6),
            (("run", config, "--output", f"{name}/{word(rng)}"), 6),
            (("explore", config, "-o", f"{name}/{word(rng)}.html"), 6),
            (("init", "--from", "set", "-o", f"{name}/{word(rng)}.yaml"), 6),
            (("prove", name), 6),
            (("prove", f"{name}/{word(rng)}"), 6),
            (("check", f"{name}/{word(rng)}.yaml"), 2),
        ]
    )
    return Case(command, code, (name,))


def names_of_recordings(rng: random.Random, folder: Path) -> Case:
    """Whatever a file system takes as a name is fine."""
    files = {}
    for name, data in tables(rng).items():
        odd = rng.choice(["[b]", "手", "é", "%s", "{0}", "'", '"', "a b", "$(x)", "#", "-n", "😀"])
        files[name.replace(".csv", f"{odd}{word(rng)}.csv")] = data
    write_files(folder / "set", files)
    config = written(folder)
    return Case(("explore", config, "-o", "page.html"), 0, ("2 channels, 2 classes",))


def bytes_in_names(rng: random.Random, folder: Path) -> Case:
    """Names that are no UTF-8, as other systems and old archives have them."""
    write_files(folder / "set", tables(rng))
    odd = rng.choice([b"gr\xfc\xdf", b"\xff\xfe", b"caf\xe9", bytes([rng.randint(128, 255)])])
    path = os.fsencode(folder / "set" / "classes" / "up" / word(rng)) + odd + b".csv"
    with open(path, "wb") as file:
        file.write(tables(rng)["classes/up/0.csv"])
    config = written(folder)
    command = rng.choice([("explore", config, "-o", "page.html"), ("run", config)])
    return Case(command, 5, (str(folder), "no UTF-8", "Rename the file"))


KINDS: dict[str, Kind] = {
    "files of others": files_of_others,
    "files in the way": files_in_the_way,
}
if POSIX:
    KINDS |= {
        "data that is no file": data_that_is_no_file,
        "pages that are no files": pages_that_are_no_files,
        "configurations that are no files": configurations_that_are_no_files,
        "loops": loops,
        "deep folders": deep_folders,
        "names of recordings": names_of_recordings,
        "bytes in names": bytes_in_names,
    }
