"""What leaves a foreign network, as the task wants it: scores, values on our scale, what is left.

Networks that were trained elsewhere tell values in the units of the data, and rebuild their input
in its own.  Here values have the mean 0 and the deviation 1 of the training data, so that one scale
of int8 serves them all, and an autoencoder ends in the difference to its input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_nas.errors import ConfigError
from tinyml_nas.features import Normalization, Targets
from tinyml_nas.graph import INPUT, Conv, Linear, Reshape, Shape
from tinyml_nas.importers.equality import Indices, Scores, Values
from tinyml_nas.importers.fuse import Affine, Norm, Relu, Step
from tinyml_nas.importers.reader import Reader, Value, View


@dataclass(frozen=True)
class Wanted:
    """So many ``outputs``; in the units of ``targets`` where the network tells values in those.

    What ``rebuilds`` its input gives back as many values as it reads.  ``None`` outputs are as many
    as the network gives, where nobody has looked at the data yet.
    """

    outputs: int | None
    targets: Targets | None = None
    rebuilds: bool = False


@dataclass(frozen=True)
class Ending:
    """The tensor that leaves, and which of its values the source gives at each place."""

    tensor: str
    order: Indices


def finish(reader: Reader, output: Value, layout: View, wanted: Wanted) -> Ending:
    """Let what leaves be ``outputs`` values, or have the shape of the input.

    Raises ``ConfigError`` where that is not what the network gives.
    """
    if wanted.rebuilds:
        return _rebuilt(reader, output, layout)
    shape = reader.shapes[output.tensor]
    if not reader.is_whole(output):
        raise ConfigError(
            f"{reader.file}: the output is a reordered or cut form of {output.tensor!r}.",
            hint="let the last layer's output be the output",
        )
    in_steps = wanted.targets is not None or shape.channels == 1
    if wanted.outputs not in (None, shape.size) or (shape.length > 1 and not in_steps):
        channels, length = shape
        gives = f"{channels} x {length} scores" if length > 1 else f"{channels} scores"
        raise ConfigError(
            f"{reader.file} gives {gives}; the data set asks for {wanted.outputs}.",
            hint="give the model one output for each class, or for each target and step",
        )
    tensor, order = output.tensor, np.arange(shape.size)
    if shape.length > 1:  # targets by steps become steps of all targets
        tensor = _appended(reader, Step("values", Reshape(shape.size), (tensor,)))
        order = order.reshape(shape.length, shape.channels).T.ravel()
    return Ending(tensor, order)


def scaled(reader: Reader, tensor: str, scale: Normalization) -> str:
    """``tensor`` with the channels' means taken off, in their deviations; itself where both do."""
    mean, std = (np.asarray(part, dtype=np.float64) for part in (scale.mean, scale.std))
    if not mean.any() and (std == 1).all():
        return tensor
    return _appended(reader, Step("scaled", Affine(1 / std, -mean / std), (tensor,)))


def told(ours: Scores, ending: Ending, entry: Scores | None) -> Scores:
    """What our network says, each value where its source says it.

    ``entry`` gives the input (N, C, L) that a reconstruction is told as the difference to.
    """

    def scores(x: Values) -> Values:
        found = ours(x)
        if entry is not None:
            found = entry(x).reshape(len(x), -1) - found
        return found[:, ending.order]

    return scores


def on_our_scale(source: Scores, ending: Ending, scale: Normalization) -> Scores:
    """What the source says, with ``scale`` taken off each value: its mean, in its deviations."""
    each = len(ending.order) // len(scale.mean)
    mean, std = (np.repeat(part, each)[ending.order] for part in (scale.mean, scale.std))

    def scores(x: Values) -> Values:
        return np.asarray((source(x).astype(np.float64) - mean) / std, np.float32)

    return scores


def _rebuilt(reader: Reader, output: Value, layout: View) -> Ending:
    """The reconstruction in the shape of the input, from whatever order the network gives it in."""
    entry, shape = reader.shapes[INPUT], reader.shapes[output.tensor]
    places, sources = layout.ravel(), output.view.ravel()
    if sources.size != entry.size or shape.size != entry.size:
        raise ConfigError(
            f"{reader.file} gives {sources.size} values for windows of {entry.channels} x "
            f"{entry.length}: it does not rebuild its input.",
            hint="an anomaly detection takes an autoencoder, whose output has its input's shape",
        )
    if shape == entry and np.array_equal(places, sources):
        return Ending(output.tensor, places)
    by_time = np.arange(entry.size).reshape(entry).T.ravel()  # values of the input, step by step
    source_of = np.empty(entry.size, dtype=np.int64)
    source_of[places] = sources
    if shape != Shape(entry.size, 1) or not _reorder(reader, output.tensor, source_of[by_time]):
        raise ConfigError(
            f"{reader.file}: its output {list(output.view.shape[1:])} is in another order than its "
            f"input {list(layout.shape[1:])}.",
            hint="end in a convolution, or a linear layer, whose output has the input's shape",
        )
    reshaped = Step("reconstructed", Reshape(entry.channels), (output.tensor,))
    return Ending(_appended(reader, reshaped), places)


def _reorder(reader: Reader, tensor: str, order: Indices) -> bool:
    """Let the layer that makes the one step of ``tensor`` give its values in ``order``."""
    steps = {step.name: (index, step) for index, step in enumerate(reader.steps)}
    name, changed = tensor, {}
    while isinstance(steps[name][1].op, Relu | Affine | Norm):
        index, step = steps[name]
        changed[index] = _taken(step, order)
        name = step.inputs[0]
        if name not in steps:
            return False
    index, step = steps[name]
    readers = [each for each in reader.steps for read in each.inputs if read == name]
    if not isinstance(step.op, Conv | Linear) or len(readers) > 1:
        return False
    changed[index] = _taken(step, order)
    for index, step in changed.items():
        reader.steps[index] = step
    return True


def _taken(step: Step, order: Indices) -> Step:
    """``step`` with its channels in ``order``."""
    op = step.op
    if isinstance(op, Affine):
        op = Affine(op.gain[order], op.shift[order])
    elif isinstance(op, Norm):
        op = Norm(op.scale[order], op.bias[order], op.mean[order], op.variance[order], op.epsilon)
    weight = None if step.weight is None else step.weight[order]
    bias = None if step.bias is None else step.bias[order]
    return Step(step.name, op, step.inputs, weight, bias)


def _appended(reader: Reader, step: Step) -> str:
    """The name of ``step``, which is the last one from now on."""
    name = step.name
    while name in reader.shapes:
        name += "_"
    entry = reader.shapes[step.inputs[0]]
    reader.steps.append(Step(name, step.op, step.inputs))
    is_ours = not isinstance(step.op, Affine | Norm | Relu)
    reader.shapes[name] = step.op.output_shape((entry,)) if is_ours else entry  # type: ignore[union-attr]
    return name
