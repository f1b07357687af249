"""The fake-quant module that was fine-tuned, run on the integers of the input."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import Int8, IntNetwork
from tinyml_nas.quantize.qat import QuantizedModule


@dataclass(frozen=True)
class TorchModule:
    """The forward pass of quantization-aware training, in float64 so that every sum is exact."""

    net: IntNetwork
    module: QuantizedModule
    name: str = "torch"

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """Every layer."""
        module = copy.deepcopy(self.module).double()
        zero_point = self.net.scales[INPUT].zero_point
        with torch.no_grad():
            centered = module.tensors(torch.from_numpy(inputs.astype(np.float64) - zero_point))
        return {
            name: (value.numpy() + self.net.scales[name].zero_point).astype(np.int8)
            for name, value in centered.items()
        }
