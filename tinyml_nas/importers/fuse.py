"""What a foreign network does, step by step, and the steps as a network of ours.

Batch norms, gains and ReLUs join the layers that they follow.  A batch norm stays one behind a
convolution, so that the network can be trained on; elsewhere it is a gain and a shift.  At the very
input these are a normalization, which costs nothing.  What can join nobody becomes a depthwise
convolution with a kernel of 1: exact, and one more layer.

A step's operation is one of ``graph``, without batch norm and ReLU, or ``Affine``, ``Norm`` or
``Relu``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from tinyml_nas.features import Normalization
from tinyml_nas.graph import (
    INPUT,
    Add,
    Conv,
    DepthwiseConv,
    Linear,
    MaxPool,
    Network,
    Node,
    Op,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.graph.autoencoder import RESIDUAL

Array = npt.NDArray[np.float64]
EPSILON = 1e-5
"""Of the batch norm that is trained here."""
OF_MODULES = """
T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule
half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
network parameters register_backward_hook register_buffer register_forward_hook
register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
set_extra_state set_submodule share_memory state_dict tensors to to_empty train training type xpu
zero_grad
"""
OF_MODELS = "samples mean std centered scale ratio rounded shifted clipped logits scores"
TAKEN = frozenset({INPUT, RESIDUAL, *OF_MODULES.split(), *OF_MODELS.split()})
"""Names that mean something else in a network, a torch module or an exported ONNX model."""

Weights = dict[str, npt.NDArray[Any]]
"""Arrays by the parameter names of ``train.builder``."""


@dataclass(frozen=True)
class Affine:
    """gain[c] * x + shift[c], for each channel."""

    gain: Array
    shift: Array


@dataclass(frozen=True)
class Norm:
    """Batch norm in evaluation mode: scale * (x - mean) / sqrt(variance + epsilon) + bias."""

    scale: Array
    bias: Array
    mean: Array
    variance: Array
    epsilon: float

    @property
    def affine(self) -> Affine:
        """The same function as a gain and a shift."""
        gain = self.scale / np.sqrt(self.variance + self.epsilon)
        return Affine(gain, self.bias - self.mean * gain)


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class Step:
    """One operation on the tensors ``inputs``; its name is also that of the tensor it makes.

    ``weight`` is (out, in, kernel), of a linear layer (out, channels, length); ``bias`` (out,).
    """

    name: str
    op: Op | Affine | Norm | Relu
    inputs: tuple[str, ...]
    weight: Array | None = None
    bias: Array | None = None


@dataclass
class _Layer:
    """A layer of the network to be; ``end`` is the step whose tensor it makes by now."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    end: str
    weight: Array | None = None
    bias: Array | None = None
    norm: Norm | None = None


class _Fusion:
    def __init__(self, steps: list[Step], output: str) -> None:
        self.readers = Counter(name for step in steps for name in step.inputs)
        self.readers[output] += 1
        self.layers: dict[str, _Layer] = {}
        self.made_by: dict[str, str] = {INPUT: INPUT}
        self.entry: Affine | None = None
        for step in steps:
            self._take(step)

    def _take(self, step: Step) -> None:
        source = self.made_by[step.inputs[0]]
        if isinstance(step.op, Relu):
            if self._rectifies(source):
                self._join(step, source)
            else:
                self._pointwise(step, source, None, relu=True)
        elif isinstance(step.op, Norm) and self._takes_norm(source):
            self.layers[source].norm = step.op
            self._join(step, source)
        elif isinstance(step.op, Affine | Norm):
            affine = step.op if isinstance(step.op, Affine) else step.op.affine
            if self._scales(source, affine):
                self._join(step, source)
            else:
                self._pointwise(step, source, affine, relu=False)
        else:
            inputs = tuple(self.made_by[name] for name in step.inputs)
            self._append(_Layer(step.name, step.op, inputs, step.name, step.weight, step.bias))

    def _join(self, step: Step, source: str) -> None:
        self.made_by[step.name] = source
        if source in self.layers:
            self.layers[source].end = step.name
        else:
            self.readers[INPUT] = self.readers[step.name]

    def _append(self, layer: _Layer) -> None:
        self.layers[layer.name] = layer
        self.made_by[layer.name] = layer.name

    def _pointwise(self, step: Step, source: str, affine: Affine | None, relu: bool) -> None:
        """A depthwise convolution with a kernel of 1; its size is not known before the network."""
        op = DepthwiseConv(1, norm=False, relu=relu)
        weight = None if affine is None else affine.gain[:, None, None]
        bias = None if affine is None else affine.shift
        self._append(_Layer(step.name, op, (source,), step.name, weight, bias))

    def _alone(self, source: str) -> bool:
        """Whether what ``source`` makes is read once."""
        end = self.layers[source].end if source in self.layers else INPUT
        return self.readers[end] == 1

    def _takes_norm(self, source: str) -> bool:
        layer = self.layers.get(source)
        if layer is None or layer.norm is not None or not self._alone(source):
            return False
        return isinstance(layer.op, Conv | DepthwiseConv) and not layer.op.relu

    def _scales(self, source: str, affine: Affine) -> bool:
        """Whether ``source`` takes the gain and the shift into its weights."""
        layer = self.layers.get(source)
        if not self._alone(source):
            return False
        if layer is None:
            return self._normalizes(affine)
        if isinstance(layer.op, Upsample | Reshape):
            return self._scales_before(layer, affine)
        if not isinstance(layer.op, Conv | DepthwiseConv | Linear) or layer.op.relu:
            return False
        gain, shift = affine.gain, affine.shift
        if layer.norm is not None:
            norm = layer.norm
            layer.norm = replace(norm, scale=norm.scale * gain, bias=norm.bias * gain + shift)
            return True
        if layer.weight is None or layer.bias is None:  # a ReLU by itself never comes here
            return False
        layer.weight = layer.weight * gain[:, None, None]
        layer.bias = layer.bias * gain + shift
        return True

    def _scales_before(self, layer: _Layer, affine: Affine) -> bool:
        """Whether the layer before ``layer``, which only moves values, takes gain and shift.

        A step that is read as several steps has their channels one after the other.
        """
        before = self.layers.get(layer.inputs[0])
        times = 1
        if isinstance(layer.op, Reshape):
            wide = getattr(before and before.op, "out_channels", 0)
            times, rest = divmod(wide, layer.op.channels)
            if not times or rest:
                return False
        repeated = Affine(np.tile(affine.gain, times), np.tile(affine.shift, times))
        return before is not None and self._scales(before.name, repeated)

    def _normalizes(self, affine: Affine) -> bool:
        """Whether the input takes it: its deviations must stay positive."""
        if (affine.gain <= 0).any():
            return False
        before = self.entry
        self.entry = affine
        if before is not None:
            shift = before.shift * affine.gain + affine.shift
            self.entry = Affine(before.gain * affine.gain, shift)
        return True

    def _rectifies(self, source: str) -> bool:
        """Whether ``source`` takes a ReLU, or has one; it moves through pools and joins."""
        layer = self.layers.get(source)
        if layer is None:
            return False
        if getattr(layer.op, "relu", False):
            return True
        if not self._alone(source):
            return False
        if isinstance(layer.op, Conv | DepthwiseConv | Linear | Add):
            layer.op = replace(layer.op, relu=True)
            return True
        moves = isinstance(layer.op, MaxPool | Upsample | Reshape)
        return moves and self._rectifies(layer.inputs[0])


def layer_name(node: onnx.NodeProto, constants: Container[str]) -> str:
    """A readable name, that of the weights or of ``node``, which other layers may have too."""
    weights = [name for name in node.input[1:] if name in constants]
    start = weights[0].removesuffix(".weight") if weights else ""
    if not start or not weights[0].endswith("weight"):
        start = node.name.strip("/").removesuffix(f"/{node.op_type}") or node.op_type.lower()
    name = re.sub(r"\W+", "_", start).strip("_") or node.op_type.lower()
    if name[0].isdigit() or name in TAKEN:
        name = f"{node.op_type.lower()}_{name}"
    return name


def fuse(
    steps: list[Step], output: str, name: str, shape: Shape
) -> tuple[Network, Weights, Normalization]:
    """The network of ``steps``, its weights by parameter name, and how its input is normalized.

    Steps that nobody reads are left out.
    """
    needed = {output}
    for step in reversed(steps):
        if step.name in needed:
            needed |= set(step.inputs)
    fusion = _Fusion([step for step in steps if step.name in needed], output)
    layers = tuple(fusion.layers.values())
    nodes = tuple(Node(layer.name, _with_norm(layer), layer.inputs) for layer in layers)
    network = Network(name, shape, nodes)
    state: Weights = {}
    for layer in layers:
        state |= _parameters(layer, network.shapes[layer.name].channels)
    return network, state, _normalization(fusion.entry, shape.channels)


def _with_norm(layer: _Layer) -> Op:
    if layer.norm is not None and isinstance(layer.op, Conv | DepthwiseConv):
        return replace(layer.op, norm=True)
    return layer.op


def _parameters(layer: _Layer, channels: int) -> Weights:
    """The parameters of a layer as ``train.builder`` names them."""
    if not isinstance(layer.op, Conv | DepthwiseConv | Linear):
        return {}
    weight = np.ones((channels, 1, 1)) if layer.weight is None else layer.weight
    bias = np.zeros(channels) if layer.bias is None else layer.bias
    if layer.norm is None:
        parts = {"conv.weight": weight, "conv.bias": bias}
    else:  # its convolution has no bias, and one epsilon serves all
        norm = layer.norm
        parts = {
            "conv.weight": weight,
            "norm.weight": norm.scale,
            "norm.bias": norm.bias,
            "norm.running_mean": norm.mean - bias,
            "norm.running_var": norm.variance + norm.epsilon - EPSILON,
        }
    arrays: Weights = {
        f"{layer.name}.{part}": np.array(array, dtype=np.float32) for part, array in parts.items()
    }
    if layer.norm is not None:
        arrays[f"{layer.name}.norm.num_batches_tracked"] = np.array(0)
    return arrays


def _normalization(entry: Affine | None, channels: int) -> Normalization:
    """(x - mean) / std with the gain and shift of ``entry``; none changes nothing."""
    gain = np.ones(channels) if entry is None else entry.gain
    shift = np.zeros(channels) if entry is None else entry.shift
    return Normalization((-shift / gain).astype(np.float32), (1 / gain).astype(np.float32))
