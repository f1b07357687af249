"""A folder or an archive as one thing: sorted relative names and the bytes behind them.

Nothing is ever written: an archive is read in memory.  Names that lead out of it, links and
encrypted members are refused.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath

from tinyml_nas.data.readers.reading import (
    check_name,
    check_regular,
    read_file,
    readable,
)
from tinyml_nas.errors import DataError, quoted

TOP = "."
"""``data_dir`` of a data set whose class folders or files lie at its top."""
LARGEST_UNPACKED_BYTES = 4 * 1024**3
TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
TYPE_MASK = 0o170000
MOST_PARTS = 100
"""Folders in one another, and the file."""
COPY_AGAIN = "Copy or download the archive again."


class Tree(ABC):
    """Files by their name relative to the data set, with forward slashes, in sorted order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def names(self) -> list[str]:
        """All files, sorted by name, without hidden ones."""

    @abstractmethod
    def folders(self) -> list[str]:
        """All folders, sorted by name, without hidden ones."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The bytes of one file."""


def is_hidden(name: str) -> bool:
    """Whether a file or a folder is none of the data set."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


class FolderTree(Tree):
    """A folder of the user's disk, walked once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._names, self._folders = self._walk(files=True), self._walk(files=False)

    def names(self) -> list[str]:
        return self._names

    def folders(self) -> list[str]:
        return self._folders

    def _walk(self, *, files: bool) -> list[str]:
        """All files, or all folders; a device or a pipe counts as a file that cannot be read."""
        try:
            found = [p for p in self.path.rglob("*") if p.exists() and p.is_dir() != files]
        except OSError as error:
            raise DataError(
                f"{self.path} cannot be walked: {error.filename} has gone or is closed.",
                hint="Name the folder of the recordings alone, where nothing else is written.",
            ) from None
        names = (p.relative_to(self.path).as_posix() for p in found)
        return sorted(name for name in names if not is_hidden(name))

    def read(self, name: str) -> bytes:
        check_name(PurePosixPath(name).name, str(self.path))
        return read_file(self.path / name)


class ZipTree(Tree):
    """A zip archive, read in memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with readable(f"{path} cannot be opened as a zip", COPY_AGAIN):
            self._archive = zipfile.ZipFile(path)  # one open file: members are read one by one
        members = self._archive.infolist()
        if sum(member.file_size for member in members) > LARGEST_UNPACKED_BYTES:
            raise _too_large(path)
        self._members = Members(path)
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            self._take(member)

    def _take(self, member: zipfile.ZipInfo) -> None:
        mode = member.external_attr >> 16 & TYPE_MASK
        raw = member.orig_filename.replace("\\", "/")  # as old writers of Windows divide names
        folder = not member.file_size and (raw.endswith("/") or mode == stat.S_IFDIR)
        if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _unsafe(self.path, member.orig_filename)
        if raw.endswith("/") and not folder:
            raise _clash(self.path, member.orig_filename)
        if member.flag_bits & 1:
            raise DataError(
                f"{self.path} is encrypted ({quoted(member.orig_filename)}).",
                hint="Pack it again without a password.",
            )
        name = self._members.add(raw, folder=folder)
        if not folder:
            self._infos[name] = member

    def names(self) -> list[str]:
        return self._members.files()

    def folders(self) -> list[str]:
        return self._members.folders()

    def read(self, name: str) -> bytes:
        with readable(f"{name} in {self.path} is damaged", COPY_AGAIN):
            return self._archive.read(self._infos[name])


class TarTree(Tree):
    """A tar archive, compressed or not, read once: it has no index to read members by."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._bytes: dict[str, bytes] = {}
        self._size = 0
        self._members = Members(path)
        with (
            readable(f"{path} cannot be read as a tar archive", COPY_AGAIN),
            tarfile.open(path) as archive,
        ):
            for member in archive:
                self._take(archive, member)

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        if not (member.isfile() or member.isdir()):
            raise _unsafe(self.path, member.name)
        name = self._members.add(member.name, folder=member.isdir())
        self._size += member.size
        if self._size > LARGEST_UNPACKED_BYTES:
            raise _too_large(self.path)
        file = archive.extractfile(member)
        if file is not None and not is_hidden(name):
            self._bytes[name] = file.read()

    def names(self) -> list[str]:
        return self._members.files()

    def folders(self) -> list[str]:
        return self._members.folders()

    def read(self, name: str) -> bytes:
        return self._bytes[name]


class Members:
    """The names in an archive, each in its plain form: ``./a//b.csv`` is ``a/b.csv``."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._files: set[str] = set()
        self._folders: set[str] = {TOP}

    def add(self, raw: str, *, folder: bool) -> str:
        """The plain form of a member's name; raises for one that leads out or comes twice."""
        path = PurePosixPath(raw)
        for part in path.parts:
            check_name(part, str(self._archive))
        if path.is_absolute() or ".." in path.parts or set(raw) & set("\\:\0"):
            raise _unsafe(self._archive, raw)
        if len(path.parts) > MOST_PARTS:
            raise DataError(
                f"{self._archive} holds {quoted(raw)}, in {len(path.parts):,} folders.",
                hint="Pack the data set again, with names that a file system takes.",
            )
        name, parents = str(path), {str(parent) for parent in path.parents}
        if name in self._files or parents & self._files or (name in self._folders and not folder):
            raise _clash(self._archive, raw)
        self._folders |= parents | ({name} if folder else set())
        self._files |= set() if folder else {name}
        return name

    def files(self) -> list[str]:
        """All files, sorted by name, without hidden ones."""
        return sorted(name for name in self._files if not is_hidden(name))

    def folders(self) -> list[str]:
        """All folders, sorted by name, without hidden ones."""
        return sorted(name for name in self._folders - {TOP} if not is_hidden(name))


def _unsafe(path: Path, name: str) -> DataError:
    return DataError(
        f"{path} holds {quoted(name)}, a link or a name that leads out of the archive.",
        hint="Pack the data set again, with plain relative names.",
    )


def _clash(path: Path, name: str) -> DataError:
    return DataError(
        f"{path} holds {quoted(name)} twice, or both as a file and as a folder.",
        hint="Pack the data set again, each file once.",
    )


def _too_large(path: Path) -> DataError:
    return DataError(
        f"{path} unpacks to more than {LARGEST_UNPACKED_BYTES // 1024**3} GiB.",
        hint="Unpack it yourself and name the folder in dataset.input_data_path.",
    )


def is_archive(path: Path) -> bool:
    """Whether ``path`` is called like an archive that can be read."""
    return path.name.lower().endswith((".zip", *TARS))


class SubTree(Tree):
    """A tree seen from one of its folders."""

    def __init__(self, tree: Tree, folder: str) -> None:
        super().__init__(tree.path)
        self._tree, self._prefix = tree, folder + "/"

    def _below(self, names: list[str]) -> list[str]:
        cut = len(self._prefix)
        return [name[cut:] for name in names if name.startswith(self._prefix)]

    def names(self) -> list[str]:
        return self._below(self._tree.names())

    def folders(self) -> list[str]:
        return self._below(self._tree.folders())

    def read(self, name: str) -> bytes:
        return self._tree.read(self._prefix + name)


def open_tree(path: Path, classes: str) -> Tree:
    """The tree with the folder ``classes`` at its top: the path itself or its only folder."""
    tree = _opened(path)
    folders = tree.folders()
    if classes in (TOP, *folders):
        return tree
    deeper = [
        name for name in folders if PurePosixPath(name).name == classes and name.count("/") == 1
    ]
    if len(deeper) == 1:
        return SubTree(tree, str(PurePosixPath(deeper[0]).parent))
    raise DataError(
        f"{path} has no folder {classes!r}.",
        hint=f"Put the recordings into {classes}/<label>/*.csv, or set dataset.data_dir, or let "
        f"`init --from {path.name}` look at them.",
    )


def whole_tree(path: Path) -> Tree:
    """The tree of a folder or a zip; where the top holds nothing but one folder, of that one."""
    tree = _opened(path)
    top = {PurePosixPath(name).parts[0] for name in tree.names()}
    if len(top) == 1 and (only := top.pop()) in tree.folders() and only != "files":
        return SubTree(tree, only)
    return tree


def _opened(path: Path) -> Tree:
    if path.is_dir():
        return FolderTree(path)
    check_regular(path)
    return TarTree(path) if path.name.lower().endswith(TARS) else ZipTree(path)
