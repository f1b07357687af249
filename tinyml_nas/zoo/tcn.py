"""Temporal convolutional networks whose geometry follows the window: what the word ``tcn`` means.

A first layer with a stride shortens the window to some hundred steps, then dilated convolutions
see it whole: Bai et al., "An Empirical Evaluation of Generic Convolutional and Recurrent Networks
for Sequence Modeling", 2018, but not causal, because a window is complete when it is classified.
"""

from __future__ import annotations

from tinyml_nas.graph.ops import span_of

KERNEL = 3
UNSTRIDED = 32
"""Samples of a window below which the first layer keeps every step."""
MOST_STEPS, LARGEST_STRIDE = 225, 8
"""The stride of the first layer doubles until so many steps are left, or it is as large as this."""


def tcn(length: int, width: int, count: int, residual: bool) -> str:
    """The layers for a window of ``length`` samples, in the words of ``architecture.py``.

    They are a first layer and ``count`` layers of ``width`` channels whose taps lie ``dilations``
    apart; a residual network has blocks of two layers each instead.
    """
    kernel, stride = stem(length)
    steps = (length - 1) // stride + 1
    block = "{{cbr {0} k{1} d{2}, cb {0} k{1} d{2} | }} addr" if residual else "cbr {0} k{1} d{2}"
    body = (block.format(width, KERNEL, dilation) for dilation in dilations(steps, count))
    return ", ".join((f"cbr {width} k{kernel} s{stride}", *body))


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
