"""Where a data set lies: the path of the YAML, or the file that an address names, looked for here.

An address is never a reason to ask the network while a configuration is read.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, quote, unquote, urlsplit

from tinyml_nas.located.suggest import did_you_mean

STORE = "datasets"
STORE_VARIABLE = "TINYML_DATASETS"
"""Environment variable with the folder that serves all YAMLs as ``datasets/`` beside each."""

RESERVED = "/%:@!$&'()*+,;=?~"
"""Marks that mean something in an address (RFC 3986), and the one of what is quoted already."""

TI_SERVER = "software-dl.ti.com"


def is_address(text: str) -> bool:
    """Whether ``input_data_path`` is an address of the network."""
    return "://" in text


def fault_of(address: str) -> str | None:
    """Why ``address`` cannot be an address of anything, as the end of a sentence; None if it can.

    A scheme that is not fetched is no fault: its file may be here.
    """
    try:
        host, _ = urlsplit(address).hostname or "", urlsplit(address).port
        if any(letter == " " or not letter.isprintable() for letter in host):
            return "its host has a blank in it"
        host.encode("idna")
    except UnicodeError:
        return "its host is no name of a machine"
    except ValueError as error:  # of brackets and ports
        return str(error).lower()
    return None if host or urlsplit(address).scheme == "file" else "it names no host"


def to_ask(address: str) -> str:
    """``address`` as a server is asked for it: ASCII, with %20 for a blank."""
    parts: SplitResult = urlsplit(address)
    path, query = (quote(text, safe=RESERVED) for text in (parts.path, parts.query))
    return parts._replace(path=path, query=query, fragment="").geturl()


def file_name(address: str) -> str:
    """Name of the file that an address ends in; empty where it names none."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    return "" if name in ("", ".", "..") or set(name) & set('\\:"<>|?*\0') else name


def store(folder: Path) -> Path:
    """The folder that fetched data sets go to, for a YAML in ``folder``."""
    written = os.environ.get(STORE_VARIABLE, "").strip()
    return Path(written).expanduser() if written else folder / STORE


def exists_beside(folder: Path, text: str) -> bool:
    """Whether ``text`` names something there is, seen from ``folder``."""
    try:
        return (folder / os.path.expanduser(text)).exists()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def is_file_beside(folder: Path, text: str) -> bool:
    """Whether ``text`` names a file, seen from ``folder``."""
    return exists_beside(folder, text) and (folder / os.path.expanduser(text)).is_file()


def nearest_file(path: Path) -> str | None:
    """A did-you-mean among the files where ``path`` should be."""
    try:
        return did_you_mean(path.name, [file.name for file in path.parent.iterdir()])
    except (OSError, ValueError):
        return None


def where_to_put(folder: Path) -> str:
    """The places of ``existing`` in words, for a YAML in ``folder``."""
    inside = "datasets/ there" if store(folder) == folder / STORE else str(store(folder))
    return f"beside the YAML or into {inside}"


def existing(text: str, folder: Path) -> Path | None:
    """The data of ``input_data_path`` if they are on this machine, for a YAML in ``folder``.

    For an address that is a file of its name beside the YAML or in the store, or a folder of that
    name, unpacked.
    """
    if not is_address(text):
        return folder / os.path.expanduser(text) if exists_beside(folder, text) else None
    name = file_name(text)
    names = [n for n in (name, name.split(".")[0]) if n]
    places = [(where, n) for where in (folder, store(folder)) for n in names]
    return next((where / n for where, n in places if exists_beside(where, n)), None)
