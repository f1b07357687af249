"""A program in a file, in the fields of Vela's own raw output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured_networks import random_chain
from test_ethos_u_streams import npu_of

from tinyml_nas.cost.npu.ethos_u import placeholder, program_of
from tinyml_nas.errors import ToolError
from tinyml_nas.export.npu.vela_file import Stored, load_program, save_program


@pytest.fixture(scope="module")
def stored() -> Stored:
    compiled = program_of(placeholder(random_chain(1)), npu_of("AlifE3-HE"))
    assert compiled.program is not None
    return Stored(compiled.program, compiled.npu, compiled.split.taken[-1])


def test_a_program_comes_back_but_for_the_words_on_its_layers(
    stored: Stored, tmp_path: Path
) -> None:
    path = save_program(tmp_path / "a.npz", stored)
    found = load_program(path)
    assert found == replace(stored, program=replace(stored.program, layers=()))
    assert save_program(tmp_path / "b.npz", found).read_bytes() == path.read_bytes()


def test_it_has_the_fields_that_vela_writes(stored: Stored, tmp_path: Path) -> None:
    fields = np.load(save_program(tmp_path / "a.npz", stored), allow_pickle=False)
    named = {"cmd_data", "weight_data", "weight_region", "scratch_shape", "scratch_region"}
    named |= {f"{side}_{what}" for side in ("input", "output") for what in ("shape", "offset")}
    assert named <= {*fields.files}
    assert fields["cmd_data"].tobytes()[:4] == b"COP1"


@pytest.mark.parametrize("size", [0, 10, 700])
def test_a_damaged_file_is_named(stored: Stored, tmp_path: Path, size: int) -> None:
    path = save_program(tmp_path / "a.npz", stored)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ToolError, match=r"a\.npz cannot be read"):
        load_program(path)
