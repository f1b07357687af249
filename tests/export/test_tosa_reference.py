"""The TOSA file means the integer model, by Arm's reference model: an oracle that is not ours.

``tosa_reference_model`` comes with the package ``tosa-tools``, which wants an old NumPy and so an
environment of its own; TOSA_REFERENCE_MODEL names the program in it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from measured_networks import integer_model
from test_ethos_u_streams import drawn, noise, npu_of

from tinyml_nas.cost.npu.ethos_u import ADD_TERMS, lower_tosa, placeholder, split
from tinyml_nas.graph import INPUT, Network, Shape
from tinyml_nas.graph.integer import Int8, IntNetwork
from tinyml_nas.proof.ethos_u.regions import as_rows
from tinyml_nas.quantize import run_reference
from tinyml_nas.zoo import ZOO, fewest_outputs

pytestmark = pytest.mark.nightly
PROGRAM = "TOSA_REFERENCE_MODEL"
NPU = npu_of("AlifE8")  # the only accelerator whose streams nothing executes


@pytest.fixture(scope="module")
def program() -> str:
    found = os.environ.get(PROGRAM)
    if not found:
        pytest.skip(f"THE TOSA FILES ARE PROVEN BY OUR SIMULATOR ALONE: {PROGRAM} names no program")
    return found


def by_the_reference_model(program: str, net: IntNetwork, x: Int8, folder: Path) -> Int8:
    """Output (N, values), channels fastest."""
    (folder / "model.tosa").write_bytes(lower_tosa(net, NPU))
    channels, length = net.network.input_shape
    found = []
    for row in as_rows(x).view(np.int8):
        np.save(folder / "in.npy", row.reshape(1, 1, length, channels))
        files = {"tosa": "model.tosa", "ifm": "in.npy", "ofm": "out.npy"}
        arguments = [f"--{name}_file={folder / file}" for name, file in files.items()]
        names = [f"--ifm_name={INPUT}", f"--ofm_name={net.network.output}"]
        roots = ["--output_dir=/", "--flatbuffer_dir=/"]
        subprocess.run([program, *arguments, *names, *roots], check=True, capture_output=True)
        found.append(np.load(folder / "out.npy").ravel())
    return np.array(found, np.int8)


def check(program: str, net: IntNetwork, folder: Path) -> None:
    x = noise(net.network, 2)
    truth = as_rows(run_reference(net, x)[net.network.output]).view(np.int8)
    np.testing.assert_array_equal(by_the_reference_model(program, net, x, folder), truth)


@pytest.mark.parametrize("number", range(20))
def test_a_random_network(program: str, number: int, tmp_path: Path) -> None:
    net, _ = integer_model(drawn(number), number, ADD_TERMS)
    check(program, net, tmp_path)


@pytest.mark.parametrize("name", ZOO)
def test_a_network_of_the_zoo(program: str, name: str, tmp_path: Path) -> None:
    model = ZOO[name]
    try:
        network: Network = model.build(Shape(1, 128), max(3, fewest_outputs(model.task)))
    except ValueError:
        pytest.skip(f"{name} does not read 1 x 128")
    assert not split(network, NPU).rest
    check(program, placeholder(network), tmp_path)
