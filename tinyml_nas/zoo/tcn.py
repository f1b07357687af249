"""Temporal convolutional networks whose geometry follows the window: what ``tcn`` means.

A first layer with a stride shortens the window to some hundred steps, then dilated convolutions
see much of it: Bai et al., "An Empirical Evaluation of Generic Convolutional and Recurrent Networks
for Sequence Modeling", 2018.  Theirs are causal, which a forecast alone asks for: a window is
complete when it is classified.
"""

from __future__ import annotations

from tinyml_nas.graph.ops import span_of

KERNEL = 3
UNSTRIDED = 32
"""Samples of a window below which the first layer keeps every step."""
MOST_STEPS, LARGEST_STRIDE = 225, 8
"""The stride of the first layer doubles until so many steps are left, or it is as large as this."""


BLOCKS = {
    "tcn": "cbr {width} k3 d{apart}",
    "tcnr": "{{cbr {width} k3 d{apart}, cb {width} k3 d{apart} | }} addr",
    "tcnl": "cbr {width} k3 d{apart} p0",
}
"""What follows the first layer, by the word for the network."""


def tcn(word: str, length: int, width: int, count: int) -> str:
    """The layers for a window of ``length`` samples, in the words of ``architecture.py``.

    They are a first layer and ``count`` blocks of ``width`` channels.  ``tcnl`` is what the last
    steps of a causal network ask for: these never meet its padding, so that there is none, and the
    layers shrink until one step is left that sees the whole window, or two.
    """
    kernel, stride = stem(length)
    first = f"cbr {width} k{kernel} s{stride}"
    if word == "tcnl":
        pad = (kernel - length) % stride  # the last window of the first layer ends with the samples
        first, apart = f"{first} p{pad}/0", filling((length + pad - kernel) // stride + 1, count)
    else:
        apart = dilations((length - 1) // stride + 1, count)
    return ", ".join((first, *(BLOCKS[word].format(width=width, apart=step) for step in apart)))


def stem(length: int) -> tuple[int, int]:
    """Kernel and stride of the first layer: each value sees more than twice the stride."""
    stride = 1 if length < UNSTRIDED else 2
    while stride < LARGEST_STRIDE and length > stride * MOST_STEPS:
        stride *= 2
    return max(5, 2 * stride + 1), stride


def dilations(length: int, count: int) -> tuple[int, ...]:
    """Dilations of ``count`` layers over ``length`` steps: each is twice the one before.

    The first one is 2, or more where the layers would else see less than a quarter of the steps.
    None exceeds half of ``length``, because its outer taps would meet nothing but padding.
    """
    most = max(1, length // 2)
    first = 1 if 2 << (count - 1) > most else 2
    while 4 * span_of(KERNEL, first * ((1 << count) - 1)) < length:
        first *= 2
    return tuple(min(first << layer, most) for layer in range(count))


def filling(length: int, count: int) -> tuple[int, ...]:
    """Dilations of ``count`` layers without padding that leave one of ``length`` steps, or two.

    Each is about twice the one before.
    """
    room, found = (length - 1) // 2, []
    for layer in reversed(range(count)):
        found.append(max(1, min((room << layer) // ((2 << layer) - 1), room - layer)))
        room -= found[-1]
    return tuple(reversed(found))
