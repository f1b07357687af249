"""A folder or a zip as one thing: sorted relative names and the bytes behind them.

Nothing is ever written: a zip is read in memory.  Names that lead out of the archive, links and
encrypted members are refused before anything is read.
"""

from __future__ import annotations

import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath

from tinyml_nas.errors import DataError

TOP = "."
"""``data_dir`` of a data set whose class folders or files lie at its top."""
LARGEST_UNPACKED_BYTES = 4 * 1024**3
LINK_MODE = 0o120000
TYPE_MASK = 0o170000


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


def _hidden(name: str) -> bool:
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
        found = (p for p in self.path.rglob("*") if (p.is_file() if files else p.is_dir()))
        names = (p.relative_to(self.path).as_posix() for p in found)
        return sorted(name for name in names if not _hidden(name))

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise DataError(
                f"{self.path / name} cannot be read: {error.strerror}.",
                hint="Check the permissions of the file.",
            ) from None


class ZipTree(Tree):
    """A zip archive, read in memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._archive = zipfile.ZipFile(path)  # one open file: members are read one by one
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(
                f"{path} cannot be opened as a zip: {error}.",
                hint="Copy or download the archive again.",
            ) from None
        members = self._archive.infolist()
        for member in members:
            self._check(member)
        if sum(member.file_size for member in members) > LARGEST_UNPACKED_BYTES:
            raise DataError(
                f"{path} unpacks to more than {LARGEST_UNPACKED_BYTES // 1024**3} GiB.",
                hint="Unpack it yourself and name the folder in dataset.input_data_path.",
            )
        self._files = sorted(
            m.filename for m in members if not m.is_dir() and not _hidden(m.filename)
        )
        self._folders = self._find_folders([m.filename for m in members])

    def _check(self, member: zipfile.ZipInfo) -> None:
        name = member.orig_filename
        path = PurePosixPath(name)
        unsafe = (
            path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name
        )
        if unsafe or member.external_attr >> 16 & TYPE_MASK == LINK_MODE:
            raise DataError(
                f"{self.path} holds {name!r}, a link or a name that leads out of the archive.",
                hint="Pack the data set again, with plain relative names.",
            )
        if member.flag_bits & 1:
            raise DataError(
                f"{self.path} is encrypted ({name}).", hint="Pack it again without a password."
            )

    @staticmethod
    def _find_folders(names: list[str]) -> list[str]:
        explicit = {name.rstrip("/") for name in names if name.endswith("/")}
        parents = {str(parent) for name in names for parent in PurePosixPath(name).parents}
        return sorted(name for name in (explicit | parents) - {"."} if not _hidden(name))

    def names(self) -> list[str]:
        return self._files

    def folders(self) -> list[str]:
        return self._folders

    def read(self, name: str) -> bytes:
        try:
            return self._archive.read(name)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
            raise DataError(
                f"{name} in {self.path} is damaged: {error}.",
                hint="Copy or download the archive again.",
            ) from None


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
    tree: Tree = ZipTree(path) if path.is_file() else FolderTree(path)
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
