"""The doctor: it names what was put into a data set, and keeps silent about a healthy one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_sets import signal, write_config, write_csv, write_folder

from tinyml_nas.data.doctor import findings
from tinyml_nas.data.doctor.channels import channel_findings, label_leaks
from tinyml_nas.data.doctor.dead import dead_channels
from tinyml_nas.data.doctor.findings import sorted_findings
from tinyml_nas.data.doctor.pace import clock_findings, window_findings
from tinyml_nas.data.doctor.twins import twin_findings
from tinyml_nas.data.records import DataSplits, Recording, WindowSet
from tinyml_nas.results.exploration import Finding

pytestmark = pytest.mark.fast

N, L = 60, 64


def wave(seed: int, n: int = N, length: int = L) -> np.ndarray:
    """Windows [n, 2, L] of two noisy sines of random phases."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, (n, 2, 1))
    clean = np.sin(2 * np.pi * np.arange(length) / [[13], [21]] + phase)
    return (clean + 0.3 * rng.standard_normal(clean.shape)).astype(np.float32)


def window_set(x: np.ndarray, y: np.ndarray | None = None) -> WindowSet:
    number = np.arange(len(x))
    y = number % 2 if y is None else y
    return WindowSet(x.astype(np.float32), y, number, 0 * number, number)


def splits(train: np.ndarray, test: np.ndarray | None = None) -> DataSplits:
    names = tuple("abcdefgh")[: train.shape[1]]
    validation = window_set(wave(91)[:, : train.shape[1]])
    test = wave(92)[:, : train.shape[1]] if test is None else test
    return DataSplits(window_set(train), validation, window_set(test), ("off", "on"), names, L)


def said(found: list[Finding], severity: str, words: str) -> bool:
    return any(f.severity == severity and words in f.what and f.mend for f in found)


def test_a_healthy_set_gets_no_word() -> None:
    for seed in range(5):
        assert findings(splits(wave(seed))) == []


def test_odd_channels_are_named() -> None:
    x = wave(1)
    spike = x[:, 0].copy()
    spike[3, 5] = 5000
    odd = {
        "dead": np.full((N, L), 2.5),
        "double": 3 - 2 * x[:, 0],
        "clip": np.clip(x[:, 1], -0.5, 9),
        "spike": spike,
        "clock": np.arange(N * L).reshape(N, L),
        "rest": np.maximum(x[:, 0], 0),  # rests at zero, as a rectifier does
    }
    names = ("a", "b", *odd)
    found = channel_findings(np.stack([x[:, 0], x[:, 1], *odd.values()], 1), names)
    assert said(found, "warning", "Channel 'dead' is constant")
    assert said(found, "warning", "Channels 'a' and 'double' go as one (r -1.0000)")
    assert said(found, "warning", "Channel 'clip' stays at its smallest value -0.5")
    assert said(found, "warning", "Channel 'spike' has samples")
    assert said(found, "error", "Channel 'clock' rises evenly")
    assert len(found) == 5


def test_a_clock_with_gaps_is_a_clock_and_a_coarse_channel_is_not_clipped() -> None:
    clock = 5.0 * np.arange(N * L).reshape(N, L)
    clock[::7, L // 2 :] += 500  # lines were removed
    steps = np.random.default_rng(3).integers(-1, 2, N * L) * (np.arange(N * L) % 9 == 0)
    coarse = np.clip(np.cumsum(steps), -20, 20).reshape(N, L) / 100 + 23
    slow = np.round(90 * np.sin(np.arange(N * L) / 300)).reshape(N, L)
    x = np.stack([clock, coarse, slow], 1).astype(np.float32)
    found = channel_findings(x, ("t", "temp", "slow"))
    assert [f.where for f in found] == ["t"]


def recordings(dead: dict[int, float]) -> list[Recording]:
    """Eight recordings of two classes; channel b keeps a value in those of ``dead``."""
    made = []
    for index in range(8):
        x = np.random.default_rng(index).normal(size=(200, 3))
        if index in dead:
            x[:, 1] = dead[index]
        made.append(Recording(f"r{index}", ("off", "on")[index % 2], x.astype(np.float32)))
    return made


def test_sensors_that_were_dead_in_some_recordings_are_named() -> None:
    names = ("a", "b", "c")
    assert dead_channels(recordings({}), names) == []
    (one,) = dead_channels(recordings({5: 0.0}), names)
    assert one.what == "'b' is constant (0) in r5: a dead sensor?"
    assert (one.severity, one.where) == ("warning", "b")
    (two,) = dead_channels(recordings({5: 0.0, 2: 7.0}), names)
    assert two.what == "'b' is constant in r2 and r5: a dead sensor?"
    (whole,) = dead_channels(recordings(dict.fromkeys((1, 3, 5, 7), 0.0)), names)
    assert "r1, r3 and 2 more recordings: a dead sensor?" in whole.what
    assert whole.what.endswith("all of class 'on': the network can recognize it by this alone.")
    assert dead_channels(recordings(dict.fromkeys(range(8), 0.0)), names) == []  # said elsewhere


def test_a_sensor_that_hardly_moves_is_dead_unless_nothing_moved() -> None:
    faint = recordings({})
    faint[3] = replace(faint[3], samples=faint[3].samples * np.float32([1, 1e-5, 1]))
    assert said(dead_channels(faint, ("a", "b", "c")), "warning", "'b' hardly moves in r3")
    quiet = [replace(r, samples=r.samples * np.float32(1e-5)) for r in recordings({})[:1]]
    assert dead_channels([*quiet, *recordings({})[1:]], ("a", "b", "c")) == []  # nothing moved
    coarse = [replace(r, samples=np.round(r.samples)) for r in recordings({5: 0.0})]
    assert dead_channels(coarse, ("a", "b", "c")) == []  # a switch may well rest


def test_equal_channels_are_the_same() -> None:
    x = wave(2)[:, [0, 1, 0]]
    assert said(channel_findings(x, ("a", "b", "c")), "warning", "'a' and 'c' are the same")


def test_a_label_among_the_channels() -> None:
    x, y = wave(3), np.arange(N) % 3
    label = np.repeat(y[:, None], L, axis=1).astype(np.float32)
    wrong = label.copy()
    wrong[:3] = 0  # a few windows carry another number
    names, classes = ("a", "b", "label", "nearly", "offset"), ("p", "q", "r")
    stacked = np.stack([x[:, 0], x[:, 1], label, wrong, x[:, 0] + 10 * label], 1)
    found = label_leaks(stacked, y, names, classes)
    assert [f.where for f in found] == ["label", "nearly", "offset"]
    assert [f.severity for f in found] == ["error", "error", "hint"]
    switch = np.repeat(np.random.default_rng(0).integers(0, 2, N)[:, None], L, axis=1)
    assert label_leaks(switch[:, None].astype(np.float32), y, ("s",), classes) == []


def test_few_windows_of_a_class() -> None:
    data = splits(wave(4))
    rare = replace(data, train=window_set(wave(4), (np.arange(N) < 5).astype(np.int64)))
    found = findings(rare)
    assert said(found, "warning", "fewer than 20 training windows: on 5")
    assert said(found, "warning", "Class 'off' has 55 training windows, 'on' only 5")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x, "9 test windows equal a training window sample for sample"),
        (lambda x: 100 - 7.5 * -x, "9 test windows are a training window again, but for"),
        (lambda x: x + 1e-3, "9 test windows are a training window again, but for"),
    ],
)
def test_copies_on_another_side(change: object, words: str) -> None:
    train, test = wave(5, 400), wave(6)
    test[10:19] = change(train[100:109])  # type: ignore[operator]
    found = twin_findings(splits(train, test))
    assert [f.what.startswith(words) for f in found] == [True]
    assert found[0].severity == "error"


def test_recordings_that_were_cut_with_an_overlap() -> None:
    """Test windows begin between the training windows of the same long signal."""
    long = wave(7, 1, 4000)[0]
    train = np.stack([long[:, s : s + L] for s in range(0, 3900, L)])
    test = np.stack([long[:, s : s + L] for s in range(20, 1500, 128)])
    found = twin_findings(splits(train, test))
    assert len(found) == 1
    count = int(found[0].what.split()[0])
    assert 0.7 * len(test) <= count <= len(test)
    assert "hold a stretch of samples of a training window" in found[0].what


def test_periodic_signals_and_few_levels_are_no_copies() -> None:
    levels = np.random.default_rng(1).integers(0, 2, (N, 2, L))
    other = np.random.default_rng(2).integers(0, 2, (N, 2, L))
    assert twin_findings(splits(levels, other)) == []
    flat = np.repeat(wave(8)[:, :, :1], L, axis=2)
    found = twin_findings(splits(flat, flat[::-1] + 1))
    assert [(finding.severity, finding.where) for finding in found] == [
        ("warning", "train"),
        ("warning", "test"),
    ]


def test_silence_is_no_copy_and_is_told_where_there_is_much() -> None:
    train, test = wave(1), wave(2)
    train[:12], test[:3] = 0, 0
    (found,) = twin_findings(splits(train, test))
    assert found.what == f"12 of {N} train windows are constant: silence or padding."
    train[12:15, :, :-4] = test[3:6, :, :-4] = 0
    train[12:15, :, -4:], test[3:6, :, -4:] = 5, 7  # a word begins at the end of the padding
    assert twin_findings(splits(train, test)) == [found]
    test[7] = train[20]
    assert said(twin_findings(splits(train, test)), "error", "1 test windows equal a training")


def test_clocks_of_files(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    config = write_config(tmp_path, processing={"sampling_rate": 50})
    found = clock_findings(config)
    assert [f.what for f in found] == ["sampling_rate says 50 Hz, the time column 100 Hz."]
    slow = root / "classes" / "up" / "slow.csv"
    rows = [f"{i / 25},{a},{b}" for i, (a, b) in enumerate(signal(77).tolist())]
    rows[50:] = rows[:50]
    slow.write_text("\n".join(["time,a,b", *rows]) + "\n", encoding="utf-8")
    gap = root / "classes" / "up" / "gap.csv"
    rows = [f"{i / 100 + 5 * (i > 30)},{a},{b}" for i, (a, b) in enumerate(signal(78).tolist())]
    gap.write_text("\n".join(["time,a,b", *rows]) + "\n", encoding="utf-8")
    found = clock_findings(write_config(tmp_path))
    assert said(found, "error", "classes/up/slow.csv has 25 Hz")
    assert said(found, "warning", "The clock of 1 of 12 files does not always go forward")
    assert said(found, "warning", "has gaps, that of classes/up/gap.csv")
    write_csv(root / "classes" / "up" / "plain.csv", signal(79), header="a,b")
    assert len(clock_findings(write_config(tmp_path))) == len(found)


def test_a_window_shorter_than_a_period() -> None:
    time = np.arange(1000)[:, None]
    x = np.sin(2 * np.pi * time / [200, 20]).astype(np.float32)
    recordings = [Recording(str(k), "up", np.roll(x, k, axis=0)) for k in range(4)]
    found = window_findings(recordings, ("slow", "fast"), 64)
    assert [f.where for f in found] == ["slow"]
    assert "repeats every 200 samples, a window has 64" in found[0].what
    assert window_findings(recordings, ("slow", "fast"), 256) == []


def test_the_worst_comes_first() -> None:
    mixed = [Finding(s, s, "", "") for s in ("hint", "error", "warning", "error")]  # type: ignore[arg-type]
    assert [f.severity for f in sorted_findings(mixed)] == ["error", "error", "warning", "hint"]
