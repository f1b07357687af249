"""Which bits a weight has: what the YAML fixes, and what packed weights take."""

from __future__ import annotations

from typing import Any

import pytest

from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.packing import (
    as_configured,
    fixed_bits,
    weight_bits,
    weight_bytes,
)
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import (
    INPUT,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    Network,
    Node,
    Shape,
)

pytestmark = pytest.mark.fast

NETWORK = Network(
    "net",
    Shape(3, 40),
    (
        Node("first", Conv(10, 5), (INPUT,)),
        Node("depthwise", DepthwiseConv(3), ("first",)),
        Node("point", Conv(16, 1), ("depthwise",)),
        Node("pool", GlobalAvgPool(), ("point",)),
        Node("last", Linear(4), ("pool",)),
    ),
)


@pytest.mark.parametrize(
    ("keys", "bits"),
    [
        ({}, [8, 8, 8]),
        ({"quantization_weight_bitwidth": 4}, [4, 4, 4]),
        ({"quantization_weight_bitwidth": 2, "partial_quantization": True}, [8, 2, 8]),
        ({"quantization_weight_bitwidth": 4, "auto_quantization": True}, [4, 4, 4]),
        ({"quantization_layers": {"point": 2}}, [8, 2, 8]),
        (
            {
                "quantization_weight_bitwidth": 4,
                "partial_quantization": True,
                "quantization_layers": {"first": 2},
            },
            [2, 4, 8],
        ),
        ({"quantization_weight_bitwidth": 4, "quantization": 0}, [8, 8, 8]),
    ],
)
def test_a_single_layer_wins_over_the_ends_and_these_over_all(
    keys: dict[str, Any], bits: list[int]
) -> None:
    network = as_configured(NETWORK, Training(**keys))
    assert list(weight_bits(network).values()) == bits
    assert Network.from_json(network.to_json()) == network


def test_only_what_is_not_written_is_left_to_choose() -> None:
    training = Training(auto_quantization=True, partial_quantization=True)
    assert fixed_bits(NETWORK, training) == {"first": 8, "last": 8}


@pytest.mark.parametrize("name", ["pont", "depthwise"])
def test_a_layer_without_a_choice_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match=name) as raised:
        as_configured(NETWORK, Training(quantization_layers={name: 4}))
    assert "point" in (raised.value.hint or "")


def test_packed_weights_take_less_flash_and_some_ram() -> None:
    narrow = NETWORK.with_weight_bits(dict.fromkeys(weight_bits(NETWORK), 4))
    assert weight_bytes(NETWORK) == 10 * 15 + 30 + 160 + 64
    assert weight_bytes(narrow) == 4 * (8 + 8 + 4) + 30 + 80 + 32  # first: groups of 4, 4, 2
    assert network_cost(narrow).table_bytes < network_cost(NETWORK).table_bytes
    assert set(plan_memory(narrow).scratch) == {"first", "point", "last"}
    assert not plan_memory(NETWORK).scratch
