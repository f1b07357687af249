"""The integer model in a file: what is read back computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyml_nas.graph.integer import IntConv, IntNetwork
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.quantize.storage import load_integer, save_integer

pytestmark = pytest.mark.fast


def test_every_operation_survives_the_file(
    integer: IntNetwork, windows: np.ndarray, tmp_path: Path
) -> None:
    save_integer(tmp_path / "integer.npz", integer, windows)
    restored, stored = load_integer(tmp_path / "integer.npz")
    np.testing.assert_array_equal(stored, windows)
    assert restored.network == integer.network
    assert any(layer.op.groups > 1 for layer in restored.layers if isinstance(layer.op, IntConv))
    q = quantize_input(restored, windows)
    expected = run_reference(integer, quantize_input(integer, windows))
    for name, tensor in run_reference(restored, q).items():
        np.testing.assert_array_equal(tensor, expected[name], err_msg=name)
