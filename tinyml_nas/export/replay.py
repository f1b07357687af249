"""Samples to replay and the labels that they give: what a firmware of the user is tested with."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyml_nas.export.c.stream import sample_names
from tinyml_nas.features.integer.frontend import Int16
from tinyml_nas.graph.integer import Detection, Values
from tinyml_nas.quantize.stream import UNDECIDED, IntStream, run_stream

SAMPLES = "samples.csv"
LABELS = "labels.csv"
DIGITS = ".9g"
"""More than float32 holds, so that a sample divided by its LSB is a whole count again."""


def write_replay(stream: IntStream, samples: Sequence[Int16], folder: Path) -> dict[str, Path]:
    """Write ``samples`` [T, C], one after the other as one stream, and the labels it gives.

    ``samples.csv`` is in the unit of the data, a column for each channel.  ``labels.csv`` has a
    line for each window: how many rows it took until it ended, and the name of its class, unquoted,
    or the values that the network tells.
    """
    joined = np.concatenate(samples)
    folder.mkdir(parents=True, exist_ok=True)
    files = {"replay samples": folder / SAMPLES, "replay labels": folder / LABELS}
    with files["replay samples"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(sample_names(stream))
        for row in joined * stream.frontend.chain.lsb:
            writer.writerow([format(value, DIGITS) for value in row])
    lines = [f"row,{','.join(_columns(stream))}", *_labels(stream, joined)]
    files["replay labels"].write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return files


def _columns(stream: IntStream) -> list[str]:
    answer = stream.net.answer
    return list(answer.names) if isinstance(answer, Values) else ["label"]


def _labels(stream: IntStream, samples: Int16) -> list[str]:
    chain, truth, answer = stream.frontend.chain, run_stream(stream, samples), stream.net.answer
    if isinstance(answer, Values):
        centered = truth.scores.astype(np.float32) - stream.net.output_scale.zero_point
        told = [
            ",".join(format(value, DIGITS) for value in row)
            for row in answer.offset + answer.scale * centered
        ]
    else:
        classes = stream.net.class_names
        if isinstance(answer, Detection):
            classes = (classes[0], "anomaly")
        names = dict(enumerate(classes)) | {UNDECIDED: "undecided"}
        told = [names[label] for label in truth.labels]
    return [
        f"{chain.frame_length + frame * chain.hop},{text}"
        for frame, text in zip(truth.last, told, strict=True)
    ]
