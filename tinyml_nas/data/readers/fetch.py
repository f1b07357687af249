"""The file or folder that ``dataset.input_data_path`` names, fetched first if it is an address.

Nothing is fetched without its SHA-256, which only the user can know to be right.  What arrives is
kept in ``<name>.part``, goes on there after a cut (RFC 9110, section 14: range requests), and takes
its name only when every byte is there and right; an earlier file is never overwritten.
"""

from __future__ import annotations

import difflib
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tinyml_nas.config import Config
from tinyml_nas.config.sources import (
    TI_SERVER,
    existing,
    file_name,
    is_address,
    store,
    to_ask,
    where_to_put,
)
from tinyml_nas.console import Console
from tinyml_nas.data.readers.reading import check_regular
from tinyml_nas.errors import MOST_QUOTED, DataError, quoted

TRIES = 4
TIMEOUT_S = 30
CHUNK = 1 << 16
MEGABYTE = 1_000_000
OFFLINE_VARIABLE = "TINYML_OFFLINE"
RANGE_NOT_SATISFIABLE = 416
SERVER_ERRORS = range(500, 600)
HANDLERS: tuple[type[urllib.request.BaseHandler], ...] = (
    urllib.request.ProxyHandler,
    urllib.request.UnknownHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
)
"""The usual ones without files and FTP, which a redirect could lead to."""


class _CutError(Exception):
    """The connection ended before the file did: worth another try."""


def located(config: Config, console: Console) -> Path:
    """Path of the data set, which is there when this returns.

    Raises:
        DataError: it is not there and cannot be fetched, or it is another one than ``sha256`` says.
    """
    dataset, folder = config.dataset, config.path.parent
    text = dataset.input_data_path or ""
    path = existing(text, folder)
    if path is None and not is_address(text):
        raise _not_there(folder / os.path.expanduser(text))
    if path is not None:
        check_regular(path)
    if path is None:
        if dataset.sha256 is None:
            raise _to_be_fetched(text, folder)
        path = store(folder) / file_name(text)
        fetch(text, dataset.sha256, path, console)
    elif dataset.sha256 is not None and path.is_dir():
        console.warning(f"dataset.sha256 is that of a file; {path} is a folder and not compared.")
    elif dataset.sha256 is not None:
        _check(path, dataset.sha256, "remove it to have it fetched" if is_address(text) else None)
    elif is_address(text) and path.is_file():
        console.info(f"{path} is taken for {text}; pin it with dataset.sha256: {_sha256(path)}")
    return path


def fetch(address: str, sha256: str, path: Path, console: Console) -> None:
    """Fetch ``address`` to ``path``, going on with what an earlier try has left.

    Raises:
        DataError: the server does not give the file, or its content has another SHA-256.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise DataError(
            f"{quoted(address)} is no address of http or https.",
            hint="Download the file yourself and name it in dataset.input_data_path.",
        )
    if os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0"):
        raise DataError(
            f"{OFFLINE_VARIABLE} is set, so {quoted(address)} is not fetched.",
            hint=f"Put the file at {path}.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    resumed = part.exists()
    console.info(
        f"fetching {address if len(address) <= MOST_QUOTED else quoted(address)} to {path}"
    )
    _download(address, part, console)
    if resumed and _sha256(part) != sha256.lower():  # the file on the server may be another by now
        part.unlink()
        _download(address, part, console)
    try:
        _check(part, sha256, "compare dataset.sha256 with what the publisher of the file says")
    except DataError:
        part.unlink()
        raise
    part.replace(path)


def _download(address: str, part: Path, console: Console) -> None:
    """Complete ``part``, trying again where it is cut."""
    reason: str | None = ""
    for _ in range(TRIES):
        if (reason := _cut_by(address, part, console)) is None:
            return
    raise DataError(
        f"{quoted(address)} cannot be fetched: {reason}.",
        hint="Try again later: what has arrived is kept. Or put the file there yourself: "
        f"{part.with_suffix('')}.",
    )


def _cut_by(address: str, part: Path, console: Console) -> str | None:
    """Ask once for what is missing of ``part``; what cut it short, or None when all is there."""
    have = part.stat().st_size if part.exists() else 0
    try:
        with _ask(address, have) as answer:
            if not (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
                have = 0  # the server sends it all once more
            length = answer.headers.get("Content-Length") or ""
            end = have + int(length) if length.isdecimal() else None
            _append(answer, part, _Span(have, end), console)
    except urllib.error.HTTPError as error:
        if have and error.code == RANGE_NOT_SATISFIABLE:
            return None  # nothing is missing; the SHA-256 tells whether that is true
        if error.code not in SERVER_ERRORS:
            raise _refused(address, error) from None
        return _words_of(error)
    except _CutError as error:
        return str(error)
    return None


def _ask(address: str, have: int) -> http.client.HTTPResponse:
    """The server's answer, from byte ``have`` on where it can; redirects lead to http(s) alone.

    Raises ``HTTPError`` where the server refuses, ``_CutError`` where none answers in HTTP.
    """
    opener = urllib.request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    try:
        request = urllib.request.Request(to_ask(address), headers={"Accept-Encoding": "identity"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        answer: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise _CutError(_short(str(error.reason))) from None
    except (http.client.HTTPException, OSError, ValueError) as error:  # also of a redirect
        raise _CutError(_short(f"no answer in HTTP ({error or type(error).__name__})")) from None
    return answer


def _short(reason: str) -> str:
    """What a server or a library says, one line of it at most."""
    return reason if len(reason) <= MOST_QUOTED and reason.isprintable() else quoted(reason)


def _words_of(error: urllib.error.HTTPError) -> str:
    return f"the server says {error.code} {_short(str(error.reason))}"


@dataclass(frozen=True)
class _Span:
    """The bytes that one answer brings: from, and up to where the server says."""

    start: int
    end: int | None


def _append(answer: http.client.HTTPResponse, part: Path, span: _Span, console: Console) -> None:
    """Write ``answer`` behind the first ``span.start`` bytes of ``part``."""
    steps = -(-(span.end or span.start) // MEGABYTE)
    with (
        part.open("r+b" if span.start else "wb") as file,
        console.track("  MB", steps, done=span.start // MEGABYTE) as task,
    ):
        file.seek(span.start)
        file.truncate()
        here = span.start
        while chunk := _read(answer):
            file.write(chunk)
            task.advance(steps=(here + len(chunk)) // MEGABYTE - here // MEGABYTE)
            here += len(chunk)
    if span.end is not None and here < span.end:
        raise _CutError(f"the connection ended after {here:,} of {span.end:,} bytes")


def _read(answer: http.client.HTTPResponse) -> bytes:
    """The next bytes; an error of the network, unlike one of the disk, is worth another try."""
    try:
        return answer.read(CHUNK)
    except (http.client.HTTPException, OSError) as error:
        raise _CutError(_short(str(error) or type(error).__name__)) from None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(MEGABYTE):
            digest.update(chunk)
    return digest.hexdigest()


def _check(path: Path, sha256: str, hint: str | None) -> None:
    """Raise where the content of ``path`` is not the one of ``sha256``."""
    found = _sha256(path)
    if found != sha256.lower():
        raise DataError(
            f"{path} has the SHA-256 {found}, and dataset.sha256 is {sha256.lower()}.", hint=hint
        )


def _refused(address: str, error: urllib.error.HTTPError) -> DataError:
    return DataError(
        f"{quoted(address)} cannot be fetched: {_words_of(error)}.",
        hint="Open the address in a browser: it may have moved, or want a license accepted.",
    )


def _to_be_fetched(address: str, folder: Path) -> DataError:
    """The error for an address without a checksum; it names the file and where it goes."""
    how = "Download it"
    if urlsplit(address).hostname == TI_SERVER:
        how = "Open the address in a browser, accept TI's license if asked"
    return DataError(
        f"{file_name(address)} is not here; its address is {address}.",
        hint=f"{how}, and put the file {where_to_put(folder)}. With dataset.sha256, the SHA-256 of "
        "the file, it is fetched.",
    )


def _not_there(path: Path) -> DataError:
    beside = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return DataError(
        f"There is no data at {path.absolute()}.{guess}",
        hint="dataset.input_data_path is relative to the folder of the YAML file.",
    )
