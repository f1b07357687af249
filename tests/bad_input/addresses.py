"""Addresses that are none, and servers on this machine that do not give the file."""

from __future__ import annotations

import hashlib
import random
import socketserver
import threading
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from case import Case, Kind
from small_sets import word, written

HINT = "an address looks like"


class _Server(socketserver.ThreadingTCPServer):
    """Gives the answer whose digest is the first part of the requested path."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, bytes] = {}

    def address_of(self, answer: bytes) -> str:
        """The folder at which ``answer`` is given."""
        digest = hashlib.sha256(answer).hexdigest()
        self.answers[digest] = answer
        return f"http://127.0.0.1:{self.server_address[1]}/{digest}"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        assert isinstance(self.server, _Server)
        self.wfile.write(self.server.answers[request[1].split(b"/")[1].decode()])


@cache
def _server() -> _Server:
    server = _Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _fetched(folder: Path, address: str, exit_code: int, *names: str) -> Case:
    sha256 = "0" * 64
    config = written(folder, f"input_data_path: '{address}', sha256: '{sha256}'")
    return Case(("explore", config, "-o", "page.html"), exit_code, names)


def no_addresses(rng: random.Random, folder: Path) -> Case:
    """Brackets, ports and hosts that cannot be: a mistake in the configuration."""
    file = f"{word(rng)}.zip"
    address = rng.choice(
        [
            f"http://[::{rng.randint(1, 99)}/{file}",
            f"http://::1]/{file}",
            f"http://[{word(rng)}]/{file}",
            f"http://{word(rng)} {word(rng)}/{file}",
            f"http://{word(rng)}:{rng.randint(65536, 10**9)}/{file}",
            f"http://{word(rng)}:{word(rng)}/{file}",
            f"http://{word(rng)}:-{rng.randint(1, 99)}/{file}",
            f"http:///{file}",
            f"https://:80/{file}",
            f"http://{word(rng)}..{word(rng)}.ö/{file}",
            f"http://{'ä' * rng.randint(64, 300)}/{file}",
            f"http://{word(rng)}\u00a0{word(rng)}/{file}",
        ]
    )
    more = rng.choice(["", f", sha256: '{'0' * 64}'"])
    config = written(folder, f"input_data_path: '{address}'{more}")
    command = rng.choice([("check",), ("explore",), ("run", "--quiet")])
    names = (f"{config}:2:28: error: dataset.input_data_path", "is no address", HINT)
    return Case((*command, config), 2, names)


def names_of_no_file(rng: random.Random, folder: Path) -> Case:
    end = rng.choice(["", "/", "/a/..", "/x%3F", "/%2e%2e", "/a%00", "/" + "%2F" * 3, "/<a>"])
    address = f"http://127.0.0.1:{rng.randint(1, 99)}{end}"
    config = written(folder, f"input_data_path: '{address}'")
    return Case(("check", config), 2, (f"{config}:2:", "ends in no name of a file"))


def other_schemes(rng: random.Random, folder: Path) -> Case:
    scheme = rng.choice(["ftp", "file", "gopher", "s3", "git+ssh", "data", word(rng, 3) + "x"])
    address = f"{scheme}://{word(rng)}/{word(rng)}.zip"
    return _fetched(folder, address, 5, address, "no address of http or https")


def nobody_there(rng: random.Random, folder: Path) -> Case:
    """Ports of this machine on which nothing listens, and a name that no machine has."""
    host = rng.choice(["127.0.0.1", "[::1]", f"127.0.0.{rng.randint(2, 250)}"])
    address = f"http://{host}:{rng.randint(1, 19)}/{word(rng)}/{word(rng)}.zip"
    return _fetched(folder, address, 5, f"{address}' cannot be fetched", "Try again later")


def _answered(rng: random.Random, folder: Path, answer: bytes, *names: str) -> Case:
    address = f"{_server().address_of(answer)}/{word(rng)}.zip"
    shown = f"http://127.0.0.1:{urlsplit(address).port}/"
    return _fetched(folder, address, 5, shown, *names)


def answers_that_are_none(rng: random.Random, folder: Path) -> Case:
    """No HTTP: noise, nothing, half of it, or far too much."""
    noise = rng.randbytes(rng.randint(0, 400))
    answer = rng.choice(
        [
            noise,
            b"",
            b"220 ftp ready\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/9.9 200 OK\r\n" + noise,
            b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * rng.randint(101, 300) + b"\r\n",
            b"HTTP/1.1 200 " + b"o" * rng.randint(65537, 70000),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"zz\r\n" + noise,
        ]
    )
    return _answered(rng, folder, answer, "cannot be fetched")


def bodies_that_are_cut(rng: random.Random, folder: Path) -> Case:
    there = rng.randint(0, 3000)
    stated = there + rng.randint(1, 10 ** rng.randint(1, 12)) + 4 * there
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {stated}\r\n\r\n"
    answer = head.encode() + bytes(there)
    return _answered(rng, folder, answer, "cannot be fetched", f"{there:,} of {stated:,} bytes")


def refusals(rng: random.Random, folder: Path) -> Case:
    code = rng.choice([400, 401, 403, 404, 407, 410, 418, 429, 451, 500, 502, 503])
    reason = rng.choice([word(rng), "", "n" * rng.randint(100, 20000), "\x1b[31mred"])
    answer = f"HTTP/1.1 {code} {reason}\r\nContent-Length: 0\r\n\r\n".encode()
    return _answered(rng, folder, answer, f"the server says {code}")


def redirects(rng: random.Random, folder: Path) -> Case:
    """Away from the web, into nothing, or round and round."""
    target = rng.choice(
        [
            f"file:///etc/{word(rng)}",
            f"ftp://127.0.0.1:{rng.randint(1, 19)}/{word(rng)}",
            f"data:text/plain,{word(rng)}",
            f"http://[::1/{word(rng)}",
            f"http://127.0.0.1:{rng.randint(65536, 99999)}/{word(rng)}",
            f"http://127.0.0.1:{rng.randint(1, 19)}/{word(rng)}",
            "",
            f"{word(rng)}://",
        ]
    )
    code = rng.choice([301, 302, 303, 307, 308])
    answer = f"HTTP/1.1 {code} Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    return _answered(rng, folder, answer, "cannot be fetched")


def other_bytes(rng: random.Random, folder: Path) -> Case:
    """A whole file, but not the one that was meant."""
    body = rng.randbytes(rng.randint(0, 3000))
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    case = _answered(rng, folder, answer)
    return Case(case.command, 5, ("has the SHA-256", "compare dataset.sha256", *case.names[1:]))


KINDS: dict[str, Kind] = {
    "no addresses": no_addresses,
    "names of no file": names_of_no_file,
    "other schemes": other_schemes,
    "nobody there": nobody_there,
    "answers that are none": answers_that_are_none,
    "bodies that are cut": bodies_that_are_cut,
    "refusals": refusals,
    "redirects": redirects,
    "other bytes": other_bytes,
}
