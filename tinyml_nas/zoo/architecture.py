"""Networks written as text: one line, one model.

    cbr 8 k5 s2, max 3/2, {cbr 8 k3, cb 8 k3 | } addr, gap, fc

| word | operation |
| --- | --- |
| ``cbr W kK`` | convolution of W channels and kernel K, batch norm, ReLU |
| ``cb``, ``cr``, ``conv`` | the same without ReLU, without batch norm, without either |
| ``dw kK``, ``pw W`` | depthwise convolution; pointwise one: both with batch norm and ReLU |
| ``sS``, ``dD`` | behind a convolution: its stride and its dilation, else 1 |
| ``pP``, ``pL/R`` | its padding, on the left and the right, else K // 2 times its dilation |
| ``tcn W xN`` | a first layer that follows the window, then N dilated ones: ``tcn.py`` says which |
| ``tcnr W xN`` | the same with N residual blocks of two dilated layers each |
| ``tcnl W xN`` | the last steps of a causal one, for forecasts |
| ``max K/S``, ``avg K/S`` | pooling of kernel K and stride S, padded by K // 2 or ``pP`` |
| ``gap`` | global average pooling |
| ``fc W``, ``fcr``, ``fcbr`` | fully connected over all values; with ReLU; with both |
| ``up F``, ``lin L`` | every step F times; linear interpolation to L steps, rounded up |
| ``as W`` | the same values as W channels |
| ``{A | B} add`` | two branches from one tensor, then their sum; ``addr`` with ReLU |
| ``{A | B} cat`` | side by side as channels; ``append`` one after the other in time |

A width is a number, a letter (``c`` outputs, ``v`` channels, ``f`` steps and ``n`` values of the
input), or both: ``8c``, ``n/4``.  Without one, ``fc`` has c.  An empty branch is the tensor itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping

from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
    Op,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.zoo.tcn import tcn

Sizes = Mapping[str, int]
Steps = list[tuple[Op, tuple[int, ...]]]
"""Operations with the places of those that they read in the list; -1 is the input."""

CONVOLUTIONS = {
    "cbr": (True, True),
    "cb": (True, False),
    "cr": (False, True),
    "conv": (False, False),
}
"""Word to batch norm and ReLU, as ``LINEAR``."""
LINEAR = {"fcbr": (True, True), "fcr": (False, True), "fc": (False, False)}
POOLS: Mapping[str, Callable[[int, int, tuple[int, int]], Op]] = {"max": MaxPool, "avg": AvgPool}
JOINS: Mapping[str, Op] = {
    "add": Add(),
    "addr": Add(relu=True),
    "cat": Concat(),
    "append": Concat("length"),
}
WIDTH = re.compile(r"(\d*)([cfnv]?)(?:/(\d+))?")
MARK = re.compile(r"[dks]\d+|p\d+(/\d+)?")
TCN = re.compile(r"(tcn[rl]?) (\d+) x(\d+)")


def parse(name: str, text: str, shape: Shape, outputs: int) -> Network:
    """The network that ``text`` describes, for an input of ``shape``.

    Raises ``ValueError`` for an unknown word, and where the input is too short.
    """
    steps: Steps = []
    sizes = {"c": outputs, "v": shape.channels, "f": shape.length, "n": shape.size}
    _chain(text, sizes, -1, steps)
    total, seen = Counter(op.kind for op, _ in steps), Counter[str]()
    names: list[str] = []
    for op, _ in steps:
        seen[op.kind] += 1
        names.append(f"{op.kind}{seen[op.kind]}" if total[op.kind] > 1 else op.kind)
    named = [*names, INPUT]
    nodes = (
        Node(label, op, tuple(named[source] for source in sources))
        for label, (op, sources) in zip(names, steps, strict=True)
    )
    return Network(name, shape, tuple(nodes))


def _chain(text: str, sizes: Sizes, source: int, steps: Steps) -> int:
    """Append what ``text`` describes, reading ``source``; returns the place of its end."""
    for item in _split(text, ","):
        sources: tuple[int, ...] = (source,)
        if item.startswith("{"):
            branches, _, join = item[1:].rpartition("}")
            sources = tuple(
                _chain(branch, sizes, source, steps) for branch in _split(branches, "|")
            )
            steps.append((JOINS[join.strip()], sources))
        elif layers := TCN.fullmatch(item):
            word, width, count = layers.groups()
            _chain(tcn(word, sizes["f"], int(width), int(count)), sizes, source, steps)
        elif item:
            steps.append((_operation(item, sizes), sources))
        else:
            continue
        source = len(steps) - 1
    return source


def _split(text: str, separator: str) -> list[str]:
    """``text`` at every ``separator`` that stands in no branch."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _operation(item: str, sizes: Sizes) -> Op:
    word, *rest = item.split()
    marks = {part[0]: part[1:] for part in rest if MARK.fullmatch(part)}
    widths = [part for part in rest if not MARK.fullmatch(part)]
    kernel, stride, dilation = (int(marks.get(letter, 1)) for letter in "ksd")
    if word in POOLS:
        kernel, stride = map(int, widths[0].split("/"))
    left, _, right = marks.get("p", str(kernel // 2 * dilation)).partition("/")
    pad = (int(left), int(right or left))
    if word in POOLS:
        return POOLS[word](kernel, stride, pad)
    if word in CONVOLUTIONS:
        norm, relu = CONVOLUTIONS[word]
        width = _width(widths[0], sizes)
        return Conv(width, kernel, stride, pad, norm, relu, dilation=dilation)
    if word in LINEAR:
        norm, relu = LINEAR[word]
        return Linear(_width(widths[0] if widths else "c", sizes), relu, norm)
    match word:
        case "dw":
            return DepthwiseConv(kernel, stride, pad, dilation=dilation)
        case "pw":
            return Conv(_width(widths[0], sizes), 1)
        case "gap":
            return GlobalAvgPool()
        case "up":
            return Upsample(int(widths[0]))
        case "lin":
            return Interpolate(_width(widths[0], sizes, up=True))
        case "as":
            return Reshape(_width(widths[0], sizes))
    raise ValueError(f"an architecture has no word {word!r}")


def _width(text: str, sizes: Sizes, up: bool = False) -> int:
    match = WIDTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no width")
    factor, letter, divisor = match.groups()
    size = int(factor or 1) * (sizes[letter] if letter else 1)
    size = (size + (int(divisor) - 1) * up) // int(divisor) if divisor else size
    if size < 1:
        raise ValueError(f"an input of {sizes['n']} values leaves none for a width of {text}")
    return size
