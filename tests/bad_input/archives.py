"""Archives: odd names that are fine, names that are not, damage, and what is no file."""

from __future__ import annotations

import io
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from case import Case, Kind
from small_sets import table, tables, word, written

TARS = {".tar": "w:", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
Files = Iterable[tuple[str, bytes]]


def _zip(path: Path, files: Files, compression: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files:
            member = zipfile.ZipInfo(name)
            member.compress_type = compression
            archive.writestr(member, data)


def _tar(path: Path, files: Files, suffix: str) -> None:
    with tarfile.open(path, TARS[suffix]) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _packed(rng: random.Random, folder: Path, files: Files, *, tar: bool | None = None) -> str:
    """An archive of ``files`` that a configuration names; its name."""
    tar = rng.random() < 0.5 if tar is None else tar
    suffix = rng.choice(list(TARS)) if tar else ".zip"
    name = f"{word(rng)}{suffix}"
    if tar:
        _tar(folder / name, files, suffix)
    else:
        _zip(folder / name, files, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    return name


def _case(folder: Path, archive: str, exit_code: int, *names: str) -> Case:
    config = written(folder, f"input_data_path: {archive}")
    return Case(("explore", config, "-o", "page.html"), exit_code, (archive, *names))


def odd_names(rng: random.Random, folder: Path) -> Case:
    """``./classes//up/./1.csv`` and backslashes in a zip: another way to write the same name."""
    tar = rng.random() < 0.5
    ways = [
        lambda name: f"./{name}",
        lambda name: f".//{name}",
        lambda name: name.replace("/", "//", 1),
        lambda name: name.replace("/", "/./"),
        lambda name: name.replace("/", "///"),
    ] + ([] if tar else [lambda name: name.replace("/", "\\")])
    files = [(rng.choice(ways)(name), data) for name, data in tables(rng).items()]
    rng.shuffle(files)
    archive = _packed(rng, folder, files, tar=tar)
    config = written(folder, f"input_data_path: {archive}")
    return Case(("explore", config, "-o", "page.html"), 0, ("2 channels, 2 classes",))


def names_that_lead_out(rng: random.Random, folder: Path) -> Case:
    tar = rng.random() < 0.5
    inside = f"{word(rng)}/{word(rng)}.csv"
    bad = rng.choice(
        [f"../{inside}", f"classes/../../{inside}", f"/{inside}", f"//{inside}", f"C:/{inside}"]
        + [f"classes/up/..//../{word(rng)}.csv", f"./../{inside}", f"a/{word(rng)}:b.csv"]
        + ([f"a\\{word(rng)}/b.csv"] if tar else [f"..\\{word(rng)}.csv", f"c\\..\\..\\{inside}"])
    )
    files = [*tables(rng).items(), (bad, b"1,2\n")]
    rng.shuffle(files)
    archive = _packed(rng, folder, files, tar=tar)
    last = bad.replace("\\", "/").split("/")[-1]
    return _case(folder, archive, 5, last, "leads out of the archive")


def members_twice(rng: random.Random, folder: Path) -> Case:
    """The same name twice, at times written in two ways."""
    files = list(tables(rng).items())
    name = rng.choice(files)[0]
    other = rng.choice([f"./{name}", name.replace("/", "//"), name.replace("/", "/./", 1)])
    files.insert(rng.randint(0, len(files)), (other, table(rng).encode()))
    return _case(folder, _packed(rng, folder, files), 5, "twice", name.split("/")[-1])


def files_that_are_folders(rng: random.Random, folder: Path) -> Case:
    files = list(tables(rng).items())
    name = rng.choice([rng.choice(files)[0] + f"/{word(rng)}.csv", "classes", "classes/up"])
    files.insert(rng.randint(0, len(files)), (name, b"1,2\n"))
    return _case(folder, _packed(rng, folder, files), 5, "both as a file and as a folder")


def members_that_are_no_files(rng: random.Random, folder: Path) -> Case:
    """Links, pipes and devices."""
    files, name = tables(rng), f"classes/up/{word(rng)}.csv"
    if rng.random() < 0.5:
        archive = f"{word(rng)}.zip"
        _zip(folder / archive, files.items())
        member = zipfile.ZipInfo(name)
        kind = rng.choice([stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
        member.external_attr = (kind | 0o644) << 16
        with zipfile.ZipFile(folder / archive, "a") as file:
            file.writestr(member, b"../../secret")
    else:
        suffix = rng.choice(list(TARS))
        archive = f"{word(rng)}{suffix}"
        with tarfile.open(folder / archive, TARS[suffix]) as file:
            other = tarfile.TarInfo(name)
            kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
            other.type, other.linkname = rng.choice(kinds), f"../{word(rng)}"
            file.addfile(other)
    return _case(folder, archive, 5, name, "a link or a name that leads out")


def long_names(rng: random.Random, folder: Path) -> Case:
    count = rng.randint(256, 5000)
    bad, words = rng.choice(
        [
            (f"classes/up/{'n' * count}.csv", f"a name of {count + 4:,} characters"),
            (f"{'n' * count}/x.csv", f"a name of {count:,} characters"),
            ("d/" * count + "x.csv", f"in {count + 1:,} folders"),
        ]
    )
    files = [*tables(rng).items(), (bad, b"1,2\n")]
    return _case(folder, _packed(rng, folder, files), 5, words)


def cut_archives(rng: random.Random, folder: Path) -> Case:
    archive = ""
    while not archive or archive.endswith(".tar"):  # a plain tar has no end that could be missing
        archive = _packed(rng, folder, tables(rng).items())
    path = folder / archive
    data = path.read_bytes()
    path.write_bytes(data[: rng.randint(0, int(len(data) * 0.9))])
    return _case(folder, archive, 5, "Copy or download the archive again")


def other_things(rng: random.Random, folder: Path) -> Case:
    """Something else under the name of an archive."""
    tar = rng.random() < 0.5
    source = folder / _packed(rng, folder, tables(rng).items(), tar=tar)
    suffix = ".zip" if tar else rng.choice(list(TARS))
    noise = rng.randbytes(rng.randint(1, 3000))
    data = rng.choice([source.read_bytes(), noise, b"", table(rng).encode()])
    archive = f"{word(rng)}{suffix}"
    (folder / archive).write_bytes(data)
    return _case(folder, archive, 5, "Copy or download the archive again")


def flipped_bits(rng: random.Random, folder: Path) -> Case:
    """A byte inside the content of a member of a zip: its checksum tells."""
    files = list(tables(rng).items())
    archive = f"{word(rng)}.zip"
    _zip(folder / archive, files, zipfile.ZIP_STORED)
    data = bytearray((folder / archive).read_bytes())
    name, content = rng.choice(files)
    place = data.index(content) + rng.randrange(len(content))
    data[place] ^= 1 << rng.randrange(8)
    (folder / archive).write_bytes(data)
    return _case(folder, archive, 5, name, "is damaged", "Bad CRC-32")


def encrypted(rng: random.Random, folder: Path) -> Case:
    archive = f"{word(rng)}.zip"
    _zip(folder / archive, tables(rng).items())
    data = bytearray((folder / archive).read_bytes())
    place = -1
    for _ in range(rng.randint(1, 6)):
        place = data.index(b"PK\1\2", place + 1)
    data[place + 8] |= 1
    (folder / archive).write_bytes(data)
    return _case(folder, archive, 5, "is encrypted", "without a password")


def too_large(rng: random.Random, folder: Path) -> Case:
    """Sizes that are stated and would fill the memory."""
    archive = f"{word(rng)}.zip"
    _zip(folder / archive, tables(rng).items())
    data = bytearray((folder / archive).read_bytes())
    place = -1
    for _ in range(rng.randint(3, 6)):
        place = data.index(b"PK\1\2", place + 1)
        struct.pack_into("<I", data, place + 24, rng.randint(2**31, 2**32 - 2))
    (folder / archive).write_bytes(data)
    return _case(folder, archive, 5, "unpacks to more than 4 GiB")


def strange_methods(rng: random.Random, folder: Path) -> Case:
    """Ways to compress that nobody knows."""
    archive = f"{word(rng)}.zip"
    _zip(folder / archive, tables(rng).items())
    data = bytearray((folder / archive).read_bytes())
    method = rng.choice([1, 2, 6, 9, 10, 19, 93, 95, 97, 98, rng.randint(100, 65000)])
    place = data.index(b"PK\1\2")
    struct.pack_into("<H", data, place + 10, method)
    struct.pack_into("<H", data, data.index(b"PK\3\4") + 8, method)
    (folder / archive).write_bytes(data)
    return _case(folder, archive, 5, "is damaged", "compression")


KINDS: dict[str, Kind] = {
    "odd names": odd_names,
    "names that lead out": names_that_lead_out,
    "members twice": members_twice,
    "files that are folders": files_that_are_folders,
    "members that are no files": members_that_are_no_files,
    "long names": long_names,
    "cut archives": cut_archives,
    "other things": other_things,
    "flipped bits": flipped_bits,
    "encrypted": encrypted,
    "too large": too_large,
    "strange methods": strange_methods,
}
