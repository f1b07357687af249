"""TI's TINPU: which layers its compiler hands to the accelerator.

Rules of the TI Neural Network Compiler's user guide and the NPU guidelines of tinyml-tensorlab 1.4;
where the two differ, the stricter one holds here.  The patterns' names are the compiler's.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyml_nas.cost.npu.report import report_of
from tinyml_nas.devices import NpuRules
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
    Reshape,
    Upsample,
)
from tinyml_nas.results.export import Npu, Placement

BASIS = "user guide of TI's neural network compiler"
Complaint = tuple[str, str]
"""Why a layer stays on the core, and what to change."""


def place(network: Network, rules: NpuRules, basis: str = BASIS) -> Npu:
    """Where each layer of ``network`` runs."""
    placed = {node.name: _placed(network, node, rules) for node in network.nodes}
    return report_of(network, rules.kind, basis, placed)


def _placed(network: Network, node: Node, rules: NpuRules) -> Placement:
    pattern, complaints = _rules_of(network, node, rules)
    complaints += _dilated(node, rules)
    if node.op.kind in rules.unsupported:
        complaints = [(f"there is no {node.op.kind}", _instead(node))]
    reasons, mends = ([part[i] for part in complaints] for i in (0, 1))
    if not complaints and isinstance(node.op, Add):
        mends = ["as long as both inputs have one scale"]
    return Placement(
        layer=node.name,
        kind=node.op.kind,
        pattern=pattern,
        on_npu=not complaints,
        reason=", ".join(reasons),
        mend=" and ".join(dict.fromkeys(mends)),
    )


def _rules_of(network: Network, node: Node, rules: NpuRules) -> tuple[str, list[Complaint]]:
    """The pattern that ``node`` is, and what of it breaks the rules."""
    entry, leave = network.input_shapes(node)[0], network.shapes[node.name]
    match node.op:
        case Conv(kernel=kernel, stride=stride) if node.inputs == (INPUT,):
            found = [*_multiple("output", leave.channels, rules), *_stride(stride, rules)]
            found += _longest("kernel", kernel, rules.first_max_kernel)
            if entry.channels != rules.first_input_channels:
                found += _first_input(entry.channels, rules)
            return "FCONV", found
        case Conv(kernel=1, stride=1):
            return "PWCONV", [*_both(entry.channels, leave.channels, rules)]
        case Conv(kernel=kernel, stride=stride):
            found = [*_both(entry.channels, leave.channels, rules), *_stride(stride, rules)]
            return "GCONV", [*found, *_longest("kernel", kernel, rules.max_kernel)]
        case DepthwiseConv(kernel=kernel, stride=stride):
            found = [*_multiple("its", entry.channels, rules), *_stride(stride, rules)]
            return "DWCONV", [*found, *_longest("kernel", kernel, rules.max_kernel)]
        case AvgPool(kernel=kernel):  # the compiler writes it as a depthwise convolution
            found = [*_multiple("its", entry.channels, rules)]
            return "DWCONV", [*found, *_longest("window", kernel, rules.max_kernel)]
        case GlobalAvgPool():
            few = entry.length < rules.mean_min_inputs
            longer = f"a mean of fewer than {rules.mean_min_inputs} values", "stride less before it"
            return "AVGPOOL", [longer] if few else []
        case MaxPool(kernel=kernel):
            found = [*_multiple("its", entry.channels, rules)]
            return "MAXPOOL", [*found, *_longest("window", kernel, rules.max_pool_kernel)]
        case Linear():
            few = entry.size < rules.linear_min_inputs
            wider = f"give it {rules.linear_min_inputs} inputs or more"
            return "FC", [(f"{entry.size} inputs are too few", wider)] if few else []
        case Add(minus=True):
            return "none", [("nothing there subtracts", "leave the difference to the core")]
        case Add():
            return "BNORMRES", [*_multiple("its", entry.channels, rules)]
        case Concat():
            return "none", [("there is no concat", _instead(node))]
        case Reshape():
            return "view", []
        case Upsample() | Interpolate():
            return "none", [("nothing there makes a signal longer", _instead(node))]
    raise TypeError(f"no rule for {node.op!r}")


def _both(into: int, out: int, rules: NpuRules) -> Iterator[Complaint]:
    yield from _multiple("input", into, rules)
    yield from _multiple("output", out, rules)


def _multiple(which: str, channels: int, rules: NpuRules) -> Iterator[Complaint]:
    multiple = rules.channel_multiple
    if channels % multiple:
        nearest = max(multiple, round(channels / multiple) * multiple)
        words = f"its {channels} channels" if which == "its" else f"{channels} {which} channels"
        yield f"{words} are no multiple of {multiple}", f"use {nearest}"


def _first_input(channels: int, rules: NpuRules) -> Iterator[Complaint]:
    """A first layer of several channels is a GCONV, if their number allows it."""
    if channels % rules.channel_multiple:
        yield (
            f"the signal's {channels} channels are neither {rules.first_input_channels} nor a "
            f"multiple of {rules.channel_multiple}",
            f"use {rules.first_input_channels} variable, or {rules.channel_multiple}",
        )


def _stride(stride: int, rules: NpuRules) -> Iterator[Complaint]:
    if stride not in rules.strides:
        known = " or ".join(map(str, rules.strides))
        yield f"its stride is {stride}", f"use a stride of {known}"


def _longest(what: str, length: int, longest: int) -> Iterator[Complaint]:
    if length > longest:
        yield f"its {what} of {length} is longer than {longest}", f"use a {what} of {longest}"


def _dilated(node: Node, rules: NpuRules) -> Iterator[Complaint]:
    """Neither the guide nor the compiler's patterns know a convolution whose taps lie apart."""
    if "dilation" not in rules.unsupported or not isinstance(node.op, Conv | DepthwiseConv):
        return
    if node.op.span > node.op.kernel:
        words = f"its dilation is {node.op.dilation}"
        yield words, "use a dilation of 1, with a stride before it or a longer kernel"


def _instead(node: Node) -> str:
    if isinstance(node.op, Concat):
        return "add the branches instead, or keep one of them"
    return "take a network without it"
