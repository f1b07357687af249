"""A genome in words: what a chain does from its input to its outputs, or a cell node by node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

BLOCKS = {
    "conv": "convolution",
    "dwsep": "depthwise and pointwise convolution",
    "pool_conv": "max pooling by 2, then convolution",
    "pool_dwsep": "max pooling by 2, then depthwise and pointwise convolution",
    "residual": "convolution added to its input",
}
HEADS = {
    "avg": "average over time",
    "max": "maximum over time",
    "avg_max": "average and maximum over time",
    "flat": "every step by itself",
}
REACHES = {
    0.25: "about a quarter of the window",
    0.5: "about half of the window",
    1.0: "all of the window",
}
CHAIN = ("stem", "stem_kernel", "stem_stride", "stem_width", "stages", "head", "hidden")
TIMES = ("augmentation", "learning_rate")  # factors on what the YAML says
NODE = re.compile(r"(?P<kind>normal|reduce)(?P<node>\d+)_op")
SOURCE = re.compile(r"(normal|reduce)\d+_from")
PARTS = ("block", "kernel", "stride", "width")


def genome_words(genome: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Named parts in the order in which a window meets them; what is no chain, choice by choice."""
    if "code" in genome:
        return _autoencoder(genome)
    if not all(name in genome for name in CHAIN):
        return _rest(genome, known=())
    stages = range(1, int(genome["stages"]) + 1)
    hidden = f", {genome['hidden']} hidden units" if genome["hidden"] else ""
    head = HEADS.get(str(genome["head"]), str(genome["head"]))
    parts = [name for name in genome if name.rstrip("0123456789") in PARTS]
    reach = REACHES.get(genome.get("reach", 0))
    return [
        ("stem", _conv(genome, "stem", "stem_kernel", "stem_stride", "stem_width")),
        *((f"stage {i}", _conv(genome, *(f"{part}{i}" for part in PARTS))) for i in stages),
        *([("reach", f"{reach}, by dilation")] if reach else []),
        ("head", f"{head}{hidden}, then the outputs"),
        *_rest(genome, known=(*CHAIN, "reach", *parts)),
    ]


def _autoencoder(genome: Mapping[str, Any]) -> list[tuple[str, str]]:
    stages = range(1, int(genome["stages"]) + 1)
    parts = [name for name in genome if name.rstrip("0123456789") in PARTS]
    return [
        *((f"stage {i}", _conv(genome, *(f"{part}{i}" for part in PARTS))) for i in stages),
        ("code", f"{genome['code']} channels, then the same stages back"),
        *_rest(genome, known=("stages", "code", *parts)),
    ]


def _conv(genome: Mapping[str, Any], *names: str) -> str:
    """One stage; a residual one keeps width and length."""
    block, kernel, stride, width = (genome.get(name, "?") for name in names)
    words = f"{BLOCKS.get(str(block), str(block))}, kernel {kernel}"
    if block == "residual":
        return words
    return f"{words}, {'' if stride == 1 else f'stride {stride}, '}{width} channels"


def _rest(genome: Mapping[str, Any], known: Sequence[str]) -> list[tuple[str, str]]:
    """All other decisions, such as those of the training recipe and of a cell's nodes."""
    words = []
    for name, value in genome.items():
        if gene := NODE.fullmatch(name):
            source = genome.get(f"{gene['kind']}{gene['node']}_from", 0)
            place = f"{gene['kind']}, node {int(gene['node']) + 1}"
            words.append((place, f"{value} from {source}"))
        elif name in TIMES:
            words.append((_spaced(name), f"{value} × the configured one"))
        elif name not in known and not SOURCE.fullmatch(name):
            words.append((_spaced(name), str(value)))
    return words


def _spaced(name: str) -> str:
    return name.replace("_", " ")
