"""The fixed models have the sizes that their names promise."""

import pytest

from tinyml_nas.config.names import NOMINAL_PARAMETERS
from tinyml_nas.graph import Network, Shape, network_cost
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.fast

# Weights and biases after batch-norm folding, input 1x512, 2 classes; published figures count batch
# norm and the input normalisation too (532, 876, 3692, 12580).
PARAMETERS = {"CLS_500": 482, "CLS_1k": 810, "CLS_4k": 3562, "CLS_13k": 12242}
MACS = {"CLS_500": 217_120, "CLS_1k": 282_656, "CLS_4k": 182_336, "CLS_13k": 649_344}


@pytest.mark.parametrize("name", ZOO)
def test_size_and_work(name: str) -> None:
    cost = network_cost(ZOO[name].build(Shape(1, 512), 2))
    assert cost.parameters == PARAMETERS[name]
    assert cost.macs == MACS[name]


def test_the_names_of_a_yaml_are_those_of_the_zoo() -> None:
    assert tuple(NOMINAL_PARAMETERS) == tuple(ZOO)


@pytest.mark.parametrize("name", ZOO)
def test_json_round_trip(name: str) -> None:
    network = ZOO[name].build(Shape(6, 64), 7)
    assert Network.from_json(network.to_json()) == network
