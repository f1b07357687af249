"""Geometry of cells, genotypes read off alphas, and the networks derived from them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import samples

from tinyml_nas.console import Console
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.devices import target_of
from tinyml_nas.graph import Concat, Conv
from tinyml_nas.load import load_config
from tinyml_nas.search import PRIMITIVES, Genotype, derive
from tinyml_nas.search.cells.genotype import discretize, first_edge, one_hot
from tinyml_nas.search.cells.primitives import primitive_op
from tinyml_nas.search.stage import starting_point

pytestmark = pytest.mark.fast


def uniform(space, primitive: str) -> Genotype:
    genes = ((primitive, 0),) * space.nodes
    return Genotype(genes, genes, space.concat)


def test_listing_primitives_needs_no_torch():
    code = "import sys; import tinyml_nas.search.cells.primitives; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_seven_primitives_in_the_documented_order():
    assert PRIMITIVES == (
        "none",
        "avg_pool_3x1",
        "max_pool_3x1",
        "skip_connect",
        "conv_bn_relu_3x1",
        "conv_bn_relu_5x1",
        "conv_bn_relu_7x1",
    )
    with pytest.raises(ValueError, match="none"):
        primitive_op("none", 1, 1)


@pytest.mark.parametrize(
    ("preset", "channels", "lengths"),
    [
        ("s", [1, 2, 4], [128, 64, 16]),
        ("m", [1] * 3 + [2] * 3 + [4] * 4, [128] * 3 + [64] + [32] * 2 + [16] + [8] * 3),
    ],
)
def test_geometry_of_the_presets(preset, channels, lengths):
    cells = samples.space((9, 128), 6, samples.PRESETS[preset]).cells
    assert [cell.channels for cell in cells] == channels
    assert [cell.node_shape.length for cell in cells] == lengths


def test_short_inputs_are_not_strided_away():
    cells = samples.space((2, 9), 3, (6, 2, 1, 1, 2)).cells
    assert [cell.node_shape.length for cell in cells] == [9, 9, 5, 5, 5, 5]
    assert [cell.channels for cell in cells] == [1, 1, 2, 2, 4, 4]


# Published range of the presets for one channel and two classes, all-pool to all-conv7.
@pytest.mark.parametrize(
    ("preset", "low", "high"),
    [("s", 118, 790), ("m", 404, 2916), ("l", 5300, 44200)],
)
def test_sizes_are_of_the_published_order(preset, low, high):
    space = samples.space((1, 128), 2, samples.PRESETS[preset])
    pools, convs = (
        network_cost(derive(uniform(space, op), space)).parameters
        for op in ("max_pool_3x1", "conv_bn_relu_7x1")
    )
    assert 0.75 * low < pools < 1.1 * low
    assert 0.75 * high < convs < 1.1 * high


def test_the_strongest_operation_of_the_strongest_edge_is_kept():
    table = np.full((first_edge(2), 7), 0.1, np.float32)
    table[0, PRIMITIVES.index("none")] = 0.9
    table[0, PRIMITIVES.index("skip_connect")] = 0.2
    table[2, PRIMITIVES.index("conv_bn_relu_5x1")] = 0.3
    assert discretize(table) == (("skip_connect", 0), ("conv_bn_relu_5x1", 1))


def test_one_hot_tables_are_read_back():
    genes = (("max_pool_3x1", 0), ("skip_connect", 1), ("conv_bn_relu_7x1", 0))
    assert discretize(one_hot(genes)) == genes


def test_derived_costs_are_those_counted_by_hand():
    space = samples.space((1, 16), 2, (1, 2, 1, 1, 2))  # one reduction cell: 2 channels, 16 -> 8
    genes = (("conv_bn_relu_5x1", 0), ("conv_bn_relu_3x1", 1))
    cost = network_cost(derive(Genotype((), genes, (1, 2)), space))
    stem, entry, five, three, classifier = 3 + 1, 2 + 2, 20 + 2, 12 + 2, 8 + 2
    assert cost.parameters == stem + entry + five + three + classifier
    assert cost.macs == 3 * 16 + 2 * 16 + 20 * 8 + 12 * 8 + 8


def test_dead_nodes_are_dropped():
    space = samples.space((1, 16), 2, (1, 3, 1, 1, 1))
    genes = (("conv_bn_relu_7x1", 0), ("conv_bn_relu_5x1", 0), ("max_pool_3x1", 0))
    names = [node.name for node in derive(Genotype((), genes, (3,)), space).nodes]
    assert names == ["stem", "cell0_entry", "cell0_node2", "pool", "classifier"]


def test_skips_are_names_only_and_may_repeat_in_a_concatenation():
    space = samples.space((1, 3), 2, (1, 3, 1, 1, 3))  # too short for stride 2
    genes = (("skip_connect", 0), ("skip_connect", 1), ("conv_bn_relu_3x1", 2))
    network = derive(Genotype((), genes, (1, 2, 3)), space)
    concat = next(node for node in network.nodes if isinstance(node.op, Concat))
    assert concat.inputs == ("cell0_entry", "cell0_entry", "cell0_node2")
    assert network.shapes[concat.name].channels == 6


def test_a_skip_at_stride_two_is_a_linear_convolution():
    space = samples.space((1, 16), 2, (1, 1, 1, 1, 1))
    network = derive(Genotype((), (("skip_connect", 0),), (1,)), space)
    assert network.nodes[2].op == Conv(2, 1, 2, relu=False)


def test_contradicting_keys_are_refused():
    with pytest.raises(ValueError, match="5 nodes cannot leave a cell that has 4"):
        samples.space(dims=(3, 4, 1, 3, 5))
    with pytest.raises(ValueError, match="layers"):
        samples.space(dims=(0, 4, 1, 3, 4))


def test_genotypes_survive_their_json():
    genotype = uniform(samples.space(), "skip_connect")
    assert Genotype(**genotype.model_dump(mode="json")) == genotype


@pytest.mark.parametrize("preset", [None, "default_preset", "forced_soft_npu_preset"])
def test_a_file_that_keeps_to_the_cpu_keeps_no_rules_of_an_npu(tmp_path, preset):
    (tmp_path / "config.yaml").write_text(
        "common: {task_type: arc_fault, target_device: MSPM0G5187}\n"
        "dataset: {generator: arc_fault}\n"
        "data_processing_feature_extraction: {frame_size: 32}\n"
        "training: {nas_enabled: true}\n"
        f"compilation: {{compile_preset_name: {preset or ''}}}\n"
    )
    config = load_config(tmp_path / "config.yaml").config
    features = samples.features((1, 32), 2, 48)
    space = starting_point(features, config, target_of(config), Console(quiet=True)).problem.space
    assert (space.npu is None) == (preset == "forced_soft_npu_preset")
