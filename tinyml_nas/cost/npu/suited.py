"""What a search chooses from where an accelerator runs the layers: what it takes, what is cheap.

Of an Ethos-U nearly every layer is taken; what differs is the cost.  Vela's estimates for the
Ethos-U55 (64 steps): twelve channels cost nearly as much as sixteen, and twenty as twenty-four; a
layer costs the same from five to eight taps; strides up to 3 are the NPU's own, longer ones first
copy the input.  A depthwise convolution and the pointwise one behind it cost more than one
convolution up to 32 channels, and less from 48 on.  Of 8 channels and 3 taps a convolution costs
474 cycles, one of stride 2 costs 266, a pool of 2 costs 356, and a convolution with a sum 1,688.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.devices import Device, EthosU


@dataclass(frozen=True)
class LayerChoices:
    """The layers that suit an accelerator.

    Chains have none of the ``costly_blocks``.  A separable convolution is taken where its input and
    output have ``separable_from`` channels.  ``code_multiple`` is of the channels at an
    autoencoder's narrowest place.  Where ``few_layers`` a search also begins with networks of fewer
    layers.
    """

    channel_multiple: int
    code_multiple: int
    first_max_kernel: int
    max_kernel: int
    strides: tuple[int, ...]
    dilation: bool
    concat: bool
    costly_blocks: tuple[str, ...]
    separable_from: int
    linear_min_inputs: int
    mean_min_inputs: int
    few_layers: bool


ETHOS_U = LayerChoices(
    channel_multiple=8,
    code_multiple=1,
    first_max_kernel=8,
    max_kernel=8,
    strides=(1, 2, 3, 4, 8),
    dilation=True,
    concat=True,
    costly_blocks=("pool_conv", "pool_dwsep", "residual"),
    separable_from=48,
    linear_min_inputs=1,
    mean_min_inputs=1,
    few_layers=True,
)


def choices_on(device: Device) -> LayerChoices | None:
    """What suits the accelerator that ``device`` uses; ``None`` where it uses none."""
    npu = device.npu_in_use
    if npu is None:
        return None
    if isinstance(npu, EthosU):
        return ETHOS_U
    return LayerChoices(
        channel_multiple=npu.channel_multiple,
        code_multiple=npu.channel_multiple,
        first_max_kernel=npu.first_max_kernel,
        max_kernel=npu.max_kernel,
        strides=npu.strides,
        dilation="dilation" not in npu.unsupported,
        concat="concat" not in npu.unsupported,
        costly_blocks=(),
        separable_from=0,
        linear_min_inputs=npu.linear_min_inputs,
        mean_min_inputs=npu.mean_min_inputs,
        few_layers=False,
    )
