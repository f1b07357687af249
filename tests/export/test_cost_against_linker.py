"""The cost that is promised before training is the cost that the linker and the planner deliver."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tinyml_nas.export.c import emit_c
from tinyml_nas.export.emulate import linked_size
from tinyml_nas.export.toolchain import build_thumb
from tinyml_nas.features import Normalization
from tinyml_nas.graph import Shape, network_cost
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import folded_parameters
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.c


@pytest.mark.parametrize("name", ZOO)
def test_flash_within_five_per_cent_and_ram_exact(name: str, tmp_path: Path) -> None:
    network = ZOO[name].build(Shape(6, 64), 7)
    folded = fold_batch_norm(build_module(network, generator(1, name)))
    x = torch.randn(16, 6, 64, generator=generator(2, name))
    net = lower(
        folded.network,
        folded_parameters(folded),
        calibrate(folded, x, "min_max"),
        Normalization(np.zeros(6, np.float32), np.ones(6, np.float32)),
        tuple("abcdefg"),
        tuple("uvwxyz"),
    )
    export = emit_c(net, "model", tmp_path, x[:2].numpy())
    program = tmp_path / "model.elf"
    keep = ["model_run", "model_input", "model_scores", "model_arena_bytes"]
    build_thumb("cortex-m4", export.sources, program, keep)
    cost = network_cost(network)
    assert cost.ram_bytes == export.arena_bytes
    assert cost.flash_bytes == pytest.approx(linked_size(program).flash_bytes, rel=0.05)
