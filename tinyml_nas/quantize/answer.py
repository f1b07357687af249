"""What the outputs of an integer model mean to whoever calls it."""

from __future__ import annotations

import math

import numpy as np

from tinyml_nas.features import FeatureSet
from tinyml_nas.quantize.integer import Detection, IntNetwork, Values
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.quantize.scheme import dequantize
from tinyml_nas.train.tasks.anomaly import DEFAULT_SIGMAS, NORMAL, errors_of, threshold


def answer_of(net: IntNetwork, features: FeatureSet) -> Values | Detection | None:
    """The answer of ``net`` for the task of ``features``; None for scores of classes.

    The limit of a detection comes from the integer model's own errors on normal windows of the
    training and validation sides.
    """
    if features.targets is not None:
        targets = features.targets
        scale = (targets.std * net.output_scale.scale).astype(np.float32)
        return Values(features.output_names, scale, targets.mean)
    if features.task == "anomaly":
        return Detection(_limit(net, features))
    return None


def _limit(net: IntNetwork, features: FeatureSet) -> int:
    """Whole sum of squares that the threshold, a mean of squares, comes to."""
    found = []
    for part in (features.train, features.validation):
        x = part.x[part.y == NORMAL]
        if len(x):
            q = run_reference(net, quantize_input(net, x))[net.network.output]
            found.append(errors_of(dequantize(net.output_scale, q)))
    mean_square = threshold(np.concatenate(found), DEFAULT_SIGMAS)
    size = net.network.shapes[net.network.output].size
    return math.floor(mean_square * size / float(net.output_scale.scale) ** 2)
