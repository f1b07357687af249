"""What the outputs of an integer model mean to whoever calls it."""

from __future__ import annotations

import math

import numpy as np
import torch

from tinyml_nas.features import FeatureSet
from tinyml_nas.graph.integer import Detection, IntNetwork, Values
from tinyml_nas.quantize.reference import real_outputs
from tinyml_nas.train.tasks.anomaly import errors, threshold


def answer_of(net: IntNetwork, features: FeatureSet) -> Values | Detection | None:
    """The answer of ``net`` for the task of ``features``; None for scores of classes.

    The limit of a detection is the threshold of the report: it comes from the integer model's own
    errors on the training and validation sides, whose windows are all normal.
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
    outputs = torch.from_numpy(real_outputs(net, features.known().x))
    mean_square = threshold(errors(outputs))
    size = net.network.shapes[net.network.output].size
    return math.floor(mean_square * size / float(net.output_scale.scale) ** 2)
