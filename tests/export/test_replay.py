"""What a run gives to replay: the samples and labels of its stream, the same bytes each time."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.export.random_streams import random_stream
from tinyml_nas.export.replay import write_replay
from tinyml_nas.quantize.stream import run_stream

pytestmark = pytest.mark.fast
CHAIN = ("FFT_FE", "FFT_POS_HALF", "ABS", "LOG_DB", "CONCAT")


@pytest.mark.parametrize("seed", range(8))
def test_the_files_hold_the_stream(seed: int, tmp_path: Path) -> None:
    stream, samples = random_stream(seed, CHAIN if seed % 2 else ())
    parts = np.array_split(samples, 3)
    files = write_replay(stream, parts, tmp_path / "one")
    header, *rows = csv.reader(files["replay samples"].read_text("utf-8").splitlines())
    lsb = stream.frontend.chain.lsb
    assert len(header) == len(lsb)
    # a firmware may divide in float32
    counts = np.array(rows, np.float32) / lsb.astype(np.float32)
    assert np.array_equal(np.rint(counts), samples)
    assert np.abs(counts - samples).max() < 0.1

    truth = run_stream(stream, samples)
    names = [*stream.net.class_names, "undecided"]
    first, *lines = files["replay labels"].read_text("utf-8").splitlines()
    assert first == "row,label"
    assert [line.split(",", 1)[1] for line in lines] == [names[max(x, -1)] for x in truth.labels]
    ends = [int(line.split(",")[0]) for line in lines]
    chain = stream.frontend.chain
    window = chain.frame_length + (chain.joined - 1) * chain.hop
    assert window <= min(ends) < window + chain.skip * chain.hop
    assert set(np.diff(ends)) <= {chain.hop * (chain.skip if chain.joined > 1 else 1)}
    assert max(ends) <= len(samples)

    again = write_replay(stream, parts, tmp_path / "two")
    assert [path.read_bytes() for path in again.values()] == [
        path.read_bytes() for path in files.values()
    ]
    assert b"\r" not in b"".join(path.read_bytes() for path in files.values())
