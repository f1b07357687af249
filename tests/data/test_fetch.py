"""Data sets from an address: looked for first, fetched only with a checksum, resumed, verified."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tinyml_nas.config import InvalidConfig
from tinyml_nas.console import Console
from tinyml_nas.data.readers import fetch
from tinyml_nas.data.readers.fetch import located
from tinyml_nas.errors import DataError
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

CONTENT = bytes(range(256)) * 9000  # 2.3 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
YAML = """\
common: {{task_type: arc_fault}}
dataset: {{input_data_path: "{address}"{more}}}
data_processing_feature_extraction: {{frame_size: 64}}
training: {{model_name: CLS_1k}}
"""


@dataclass
class Server:
    """A server on this machine, what it is to do wrong, and what it was asked for."""

    address: str = ""
    # bytes after which each of the next answers is cut
    cuts: list[int] = field(default_factory=list)
    knows_ranges: bool = True
    errors: list[int] = field(default_factory=list)
    redirect: str | None = None
    # the Range header of every request
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if state.redirect is not None:
                self.send_response(302)
                self.send_header("Location", state.redirect)
                self.end_headers()
                return
            if state.errors or not self.path.endswith("/set.zip"):
                self.send_error(state.errors.pop(0) if state.errors else 404)
                return
            start = int(wanted[6:-1]) if wanted and state.knows_ranges else 0
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/*")
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(CONTENT[start:][: state.cuts.pop(0) if state.cuts else None])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.address = f"http://127.0.0.1:{http.server_port}/a/set.zip"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


def locate(folder: Path, address: str, more: str = f", sha256: {SHA256}") -> Path:
    path = folder / "config.yaml"
    path.write_text(YAML.format(address=address, more=more), encoding="utf-8")
    return located(load_config(path).config, Console())


def test_fetched_once_beside_the_yaml(server: Server, tmp_path: Path) -> None:
    path = locate(tmp_path, server.address)
    assert path == tmp_path / "datasets" / "set.zip"
    assert path.read_bytes() == CONTENT
    assert locate(tmp_path, server.address) == path
    assert server.asked == [None]
    assert [p.name for p in path.parent.iterdir()] == ["set.zip"]


def test_goes_on_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 500_000]
    assert locate(tmp_path, server.address).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-", "bytes=1500000-"]


def test_what_has_arrived_serves_the_next_run(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000] * fetch.TRIES
    with pytest.raises(DataError, match="400,000 of 2,304,000 bytes"):
        locate(tmp_path, server.address)
    assert not (tmp_path / "datasets" / "set.zip").exists()
    assert locate(tmp_path, server.address).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=400000-"


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.knows_ranges, server.cuts = False, [2_000_000]
    assert locate(tmp_path, server.address).read_bytes() == CONTENT


def test_a_complete_part_is_only_verified(server: Server, tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "set.zip.part").write_bytes(CONTENT)
    assert locate(tmp_path, server.address).read_bytes() == CONTENT


def test_a_part_of_another_file_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "set.zip.part").write_bytes(b"other" * 1000)
    assert locate(tmp_path, server.address).read_bytes() == CONTENT
    assert server.asked == ["bytes=5000-", None]


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"has the SHA-256 {SHA256}"):
        locate(tmp_path, server.address, f", sha256: {'0' * 64}")
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_local_file_is_verified_and_kept(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"dataset\.sha256 is"):
        locate(tmp_path, "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == b"mine"


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1:9/x", "http://[::1"])
def test_a_redirect_leads_nowhere_but_to_the_web(
    server: Server, tmp_path: Path, target: str
) -> None:
    server.redirect = target
    with pytest.raises(DataError, match="cannot be fetched"):
        locate(tmp_path, server.address)
    assert not (tmp_path / "datasets" / "set.zip").exists()


def test_blanks_and_accents_in_an_address_are_asked_for(server: Server, tmp_path: Path) -> None:
    address = server.address.replace("/a/", "/größe ü/")
    assert locate(tmp_path, address).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "address", ["http://[::1/set.zip", "http://a b/set.zip", "http://a:70000/set.zip"]
)
def test_what_is_no_address_is_a_mistake_in_the_yaml(tmp_path: Path, address: str) -> None:
    with pytest.raises(InvalidConfig, match=r"config\.yaml:2:28: .* is no address"):
        locate(tmp_path, address)


def test_missing_on_the_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="404 Not Found"):
        locate(tmp_path, server.address.replace("set", "sets"))
    assert server.asked == [None]


def test_a_tired_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.errors = [503]
    assert locate(tmp_path, server.address).read_bytes() == CONTENT


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be fetched") as caught:
        locate(tmp_path, "http://127.0.0.1:9/set.zip")
    assert "what has arrived is kept" in str(caught.value.hint)


def test_offline_asks_nobody(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYML_OFFLINE", "1")
    with pytest.raises(DataError, match="is not fetched"):
        locate(tmp_path, server.address)
    assert server.asked == []


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no address of http or https"):
        locate(tmp_path, "file:///etc/set.zip")


@pytest.mark.parametrize("place", ["set.zip", "datasets/set.zip", "store/set.zip", "datasets/set"])
def test_without_a_checksum_the_file_is_looked_for(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    if place.startswith("store"):
        monkeypatch.setenv("TINYML_DATASETS", str(tmp_path / "store"))
    with pytest.raises(DataError, match=r"set\.zip is not here") as caught:
        locate(tmp_path, server.address, "")
    assert "beside the YAML or into" in str(caught.value.hint)
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if place.endswith("set") else path.write_bytes(CONTENT)
    assert locate(tmp_path, server.address, "") == path
    assert server.asked == []
    told = "" if path.is_dir() else f"pin it with dataset.sha256: {SHA256}"
    assert told in " ".join(capsys.readouterr().out.split())


def test_a_data_set_of_ti_by_name_says_where_its_file_goes(tmp_path: Path) -> None:
    text = YAML.replace(
        'input_data_path: "{address}"{more}', "dataset_name: ac_arc_fault_example_dsk"
    )
    (tmp_path / "config.yaml").write_text(text.format(), encoding="utf-8")
    loaded = load_config(tmp_path / "config.yaml")
    with pytest.raises(DataError, match=r"ac_arc_fault\.zip is not here; its address is") as caught:
        located(loaded.config, Console(quiet=True))
    assert "accept TI's license" in str(caught.value.hint)
