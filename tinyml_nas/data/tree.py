"""A folder or an archive as one thing: sorted relative names and the bytes behind them.

Nothing is ever written: an archive is read in memory.  Names that lead out of it, links and
encrypted members are refused.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath

from tinyml_nas.errors import DataError

TOP = "."
"""``data_dir`` of a data set whose class folders or files lie at its top."""
LARGEST_UNPACKED_BYTES = 4 * 1024**3
TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
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
        try:
            found = [p for p in self.path.rglob("*") if (p.is_file() if files else p.is_dir())]
        except OSError as error:
            raise DataError(
                f"{self.path} cannot be walked: {error.filename} has gone or is closed.",
                hint="Name the folder of the recordings alone, where nothing else is written.",
            ) from None
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
            raise _too_large(path)
        self._files = sorted(
            m.filename for m in members if not m.is_dir() and not _hidden(m.filename)
        )
        self._folders = _find_folders([m.filename for m in members])

    def _check(self, member: zipfile.ZipInfo) -> None:
        name = member.orig_filename
        if _leads_out(name) or member.external_attr >> 16 & TYPE_MASK == LINK_MODE:
            raise _unsafe(self.path, name)
        if member.flag_bits & 1:
            raise DataError(
                f"{self.path} is encrypted ({name}).", hint="Pack it again without a password."
            )

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


class TarTree(Tree):
    """A tar archive, compressed or not, read once: it has no index to read members by."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._bytes: dict[str, bytes] = {}
        self._size = 0
        names = []
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    name = member.name.removeprefix("./") + "/" * member.isdir()
                    names.append(name)
                    self._take(archive, member, name)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{path} cannot be read as a tar archive: {error}.",
                hint="Copy or download the archive again.",
            ) from None
        self._folders = _find_folders([name for name in names if name not in ("./", "/")])

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        if _leads_out(name) or not (member.isfile() or member.isdir()):
            raise _unsafe(self.path, member.name)
        self._size += member.size
        if self._size > LARGEST_UNPACKED_BYTES:
            raise _too_large(self.path)
        file = archive.extractfile(member)
        if file is not None and not _hidden(name):
            self._bytes[name] = file.read()

    def names(self) -> list[str]:
        return sorted(self._bytes)

    def folders(self) -> list[str]:
        return self._folders

    def read(self, name: str) -> bytes:
        return self._bytes[name]


def _leads_out(name: str) -> bool:
    """Whether a member's name would lie elsewhere than in its archive, on any system."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or bool(set(name) & set("\\:\0"))


def _unsafe(path: Path, name: str) -> DataError:
    return DataError(
        f"{path} holds {name!r}, a link or a name that leads out of the archive.",
        hint="Pack the data set again, with plain relative names.",
    )


def _too_large(path: Path) -> DataError:
    return DataError(
        f"{path} unpacks to more than {LARGEST_UNPACKED_BYTES // 1024**3} GiB.",
        hint="Unpack it yourself and name the folder in dataset.input_data_path.",
    )


def _find_folders(names: list[str]) -> list[str]:
    explicit = {name.rstrip("/") for name in names if name.endswith("/")}
    parents = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    return sorted(name for name in (explicit | parents) - {"."} if not _hidden(name))


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
    if not path.is_file():
        return FolderTree(path)
    return TarTree(path) if path.name.lower().endswith(TARS) else ZipTree(path)
