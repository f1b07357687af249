"""A finished run with everything in it, made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_nas.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello_arc_fault" / "config.yaml"
SHORT = ("training.training_epochs=2", "training.qat_epochs=1", "testing.parity_vectors=2")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run.  Whoever changes a file puts it back."""
    output = tmp_path_factory.mktemp("prove")
    sets = [part for item in SHORT for part in ("--set", item)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(output)  # a relative folder, as most users name it
        assert main(["run", str(EXAMPLE), *sets, "--output", ".", "--quiet"]) == 0
    (final,) = output.glob("hello_arc_fault/2*")
    return final
