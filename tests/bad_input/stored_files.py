"""What a run keeps for later, after somebody or something has changed it."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from case import Case, Kind
from small_sets import tables, word, write_files, written

from tinyml_nas import cli

SEARCH = (
    "model_name: CLS_500, training_epochs: 1, quantization: 0, nas_enabled: true, "
    "nas_search_strategy: random, nas_trials: 3, nas_seeds: 1, nas_workers: 1, "
    "nas_budget: {flash: 100 kB}"
)
RUN = Path("runs", "config")
STOPPED = RUN / "20260101-000000.partial"
CHECKPOINT = Path("train", "searched", "seed0", "checkpoint.npz")


@cache
def _finished() -> Path:
    """A folder with a configuration and its only run, which was made once."""
    folder = Path(tempfile.mkdtemp(prefix="bad_input-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_files(folder / "set", tables(random.Random(0)))
    config = written(folder, training=SEARCH)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert cli.main(["run", config, "--output", str(folder / "runs"), "--quiet"]) == 0
    (folder / RUN / "latest").unlink()
    (run,) = (folder / RUN).iterdir()
    run.rename(folder / RUN / "finished")
    return folder


def _copied(folder: Path, run: Path) -> tuple[str, Path]:
    """The configuration and the run in ``folder``, there under the name ``run``."""
    source = _finished()
    shutil.copytree(source / "set", folder / "set")
    shutil.copytree(source / RUN / "finished", folder / run)
    return written(folder, training=SEARCH), folder / run


def _nonsense(rng: random.Random) -> bytes:
    """What is no JSON object, or an empty one."""
    deep = rng.randint(2000, 90000)
    return rng.choice(
        [
            b"[]",
            b"{}",
            b"null",
            b"5",
            b"NaN",
            b'"text"',
            b"{",
            b"[[1], {}]",
            b"{'a': 1}",
            b"[" * deep,
            b'{"a":' * deep,
            b"9" * 5000,
            b"\xff" + rng.randbytes(rng.randint(0, 99)),
            json.dumps({word(rng): rng.random()}).encode(),
        ]
    )


def results(rng: random.Random, folder: Path) -> Case:
    _, run = _copied(folder, RUN / "20260101-000000")
    path = run / "results.json"
    whole = path.read_bytes()
    cut = whole[: rng.randint(0, len(whole) - 3)]
    path.write_bytes(rng.choice([_nonsense(rng), _nonsense(rng), cut]))
    return Case(("prove", str(run)), 6, (str(path),))


def names_of_the_latest(rng: random.Random, folder: Path) -> Case:
    """``latest`` as the text file that it is where links fail."""
    write_files(folder, {str(RUN / "a" / "x"): b""})
    latest = folder / RUN / "latest"
    noise = bytes(rng.randint(1, 255) for _ in range(rng.randint(1, 40)))
    latest.write_bytes(
        rng.choice([b"", b"a", b".", b"../..", b"/", b"\0", noise, b"n" * rng.randint(256, 9999)])
    )
    return Case(("prove", str(latest)), 6, (str(folder / RUN),))


def archives(rng: random.Random, folder: Path) -> Case:
    """A line of the archive that no search has written."""
    config, run = _copied(folder, STOPPED)
    path = run / "search" / "archive.jsonl"
    lines = path.read_bytes().splitlines()
    number = rng.randrange(len(lines))
    record = json.loads(lines[number])
    if number and rng.random() < 0.6:
        fields = ["id", "key", "genome", "resources", "epochs", "fold", "score", "windows", "loss"]
        bad = {name: [] for name in rng.sample(fields, rng.randint(1, 3))}
        lines[number] = json.dumps(record | bad).encode()
    else:
        lines[number] = _nonsense(rng)
    path.write_bytes(b"\n".join([*lines, b""]))
    command = rng.choice([("run", config, "--resume"), ("run", config, "--take", "c1")])
    if command[2] == "--take":
        run.rename(folder / RUN / "latest")
    return Case(command, 6, ("archive.jsonl",))


def checkpoints(rng: random.Random, folder: Path) -> Case:
    config, run = _copied(folder, STOPPED)
    path = run / CHECKPOINT
    whole = path.read_bytes()
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    way = rng.randrange(4)
    if way == 0:
        path.write_bytes(rng.choice([whole[: rng.randrange(len(whole) - 30)], rng.randbytes(99)]))
    elif way == 1:
        arrays["tree.json"] = np.frombuffer(_nonsense(rng), np.uint8)
    elif way == 2:
        del arrays[rng.choice(list(arrays))]
    else:
        name = rng.choice([name for name in arrays if name != "tree.json"])
        arrays[name] = np.zeros((rng.randint(2, 5), 3, rng.randint(2, 5)), np.float32)
        arrays["a0"] = np.zeros((7, 7, 7), np.float32)
    if way:
        np.savez(path, **arrays)
    return Case(("run", config, "--resume"), 6, ("checkpoint.npz", "Delete it"))


def clocks(rng: random.Random, folder: Path) -> Case:
    """Times are worth nothing to a search that goes on."""
    config, run = _copied(folder, STOPPED)
    odd = [b'{"seconds": "x", "cpu_seconds": 1}', b'{"seconds": 1}', b'{"seconds": null}', b""]
    (run / "search" / "clock.json").write_bytes(rng.choice([*odd, _nonsense(rng)]))
    return Case(("run", config, "--resume", "--quiet"), 0, ())


def fingerprints(rng: random.Random, folder: Path) -> Case:
    """A stopped run of nobody knows what: a new one is begun beside it."""
    noise = rng.choice([rng.randbytes(rng.randint(0, 99)), _nonsense(rng), b"\xff" * 9])
    write_files(folder / "set", tables(rng))
    write_files(folder / STOPPED, {"fingerprint.txt": noise})
    return Case(("run", written(folder), "--resume"), 0, ("starting anew",))


def earlier_searches(rng: random.Random, folder: Path) -> Case:
    """What ``--take`` reads."""
    config, run = _copied(folder, RUN / "latest")
    name = rng.choice(["data/manifest.json", "features/features.json", "search/search.json"])
    bad = _nonsense(rng)
    while bad[:1] == b"{" and bad[-1:] == b"}":
        bad = _nonsense(rng)
    (run / name).write_bytes(bad)
    return Case(("run", config, "--take", "c1"), 6, (name.split("/")[1], "cannot be read"))


def warm_starts(rng: random.Random, folder: Path) -> Case:
    write_files(folder / "set", tables(rng))
    name = f"{word(rng)}.json"
    odd = [b'{"points": 5}', b'{"front": [{"genome": 3}]}', b'{"genome": []}', b""]
    (folder / name).write_bytes(rng.choice([*odd, b"[]", b"{}", b"{", b"\xff", b"[" * 50000]))
    config = written(folder, training=f"{SEARCH}, nas_warm_start: [{name}]")
    return Case(("run", config), 5, (name,))


KINDS: dict[str, Kind] = {
    "results": results,
    "names of the latest": names_of_the_latest,
    "archives": archives,
    "checkpoints": checkpoints,
    "clocks": clocks,
    "fingerprints": fingerprints,
    "earlier searches": earlier_searches,
    "warm starts": warm_starts,
}
