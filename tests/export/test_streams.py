"""The C of a stream against its definition: every chain, this machine and emulated cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.c_builds import WARNINGS, compiler_or_skip
from tests.export.random_networks import random_samples as random_windows
from tests.export.random_streams import CHAINS, random_stream
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.export.streaming import CoreStream, HostStream, expected
from tinyml_nas.export.toolchain import THUMB_CORES, Compiler
from tinyml_nas.quantize.stream import IntStream

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def emit(stream: IntStream, folder: Path) -> CExport:
    return emit_c(stream.net, "model", folder, random_windows(stream.net, 1), stream)


def name_of(names: tuple[str, ...]) -> str:
    return "+".join(names) or "none"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("names", CHAINS, ids=name_of)
def test_host_gives_the_bits_of_the_definition(
    names: tuple[str, ...], seed: int, tmp_path: Path
) -> None:
    stream, samples = random_stream(seed, names)
    export = emit(stream, tmp_path)
    compiler = Compiler("gcc", (compiler_or_skip("gcc"),))
    host = HostStream(export, compiler, ("-O1", "-g", *WARNINGS, *SANITIZERS))
    truth = expected(stream, samples)
    assert len(truth) > stream.frontend.features
    for rows in {1, min(5, stream.frontend.chain.hop), stream.frontend.chain.hop}:
        assert host.run(samples, rows) == truth


@pytest.mark.parametrize("core", THUMB_CORES)
@pytest.mark.parametrize("names", CHAINS[-4:], ids=name_of)
def test_cores_give_the_bits_of_the_definition(
    names: tuple[str, ...], core: str, tmp_path: Path
) -> None:
    stream, samples = random_stream(7, names)
    export = emit(stream, tmp_path)
    rows = stream.frontend.chain.hop
    assert CoreStream(export, core).run(samples, rows) == expected(stream, samples)
