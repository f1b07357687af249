"""The C of a stream against its definition: every chain, this machine and emulated cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.export.c_builds import SANITIZE, WARNINGS, compiler_or_skip, words_of
from tests.export.random_networks import random_samples as random_windows
from tests.export.random_streams import (
    CHAINS,
    MFCC_CHAIN,
    OTHER_CHAINS,
    Q15_CHAIN,
    WHOLE_CHAINS,
    random_stream,
)
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.cores.toolchain import Compiler, run_tool
from tinyml_nas.proof.streaming import (
    CoreStream,
    HostStream,
    expected,
    first_difference,
)
from tinyml_nas.quantize.stream import UNDECIDED, IntStream, Voting


def emit(stream: IntStream, folder: Path) -> CExport:
    return emit_c(stream.net, "model", folder, random_windows(stream.net, 1), stream=stream)


def name_of(names: tuple[str, ...]) -> str:
    return "+".join(names) or "none"


@pytest.mark.parametrize(
    ("names", "seed"),
    [
        *((names, seed) for names in (*CHAINS, MFCC_CHAIN) for seed in range(2)),
        *((names, 0) for names in OTHER_CHAINS + WHOLE_CHAINS),
        *(
            pytest.param(names, 1, marks=pytest.mark.nightly)
            for names in OTHER_CHAINS + WHOLE_CHAINS
        ),
    ],
    ids=lambda value: name_of(value) if isinstance(value, tuple) else None,
)
def test_host_gives_the_bits_of_the_definition(
    names: tuple[str, ...], seed: int, tmp_path: Path
) -> None:
    stream, samples = random_stream(seed, names)
    export = emit(stream, tmp_path)
    compiler = Compiler("gcc", (compiler_or_skip("gcc", *SANITIZE),))
    host = HostStream(export, compiler, (*WARNINGS, *SANITIZE))
    truth = expected(stream, samples)
    assert any(name.startswith("label") for name, _ in truth)
    hop = stream.frontend.chain.hop
    for given in host.run([(samples, rows) for rows in (1, min(5, hop), hop)]):
        assert first_difference(given, truth) is None


@pytest.mark.parametrize("names", [CHAINS[-1], Q15_CHAIN, MFCC_CHAIN], ids=name_of)
def test_bytes_of_16_bits_give_the_same_bits(names: tuple[str, ...], tmp_path: Path) -> None:
    stream, samples = random_stream(3, names)
    export = emit(stream, tmp_path)
    compiler = Compiler("gcc", (compiler_or_skip("gcc"),))
    host = HostStream(export, compiler, ("-O1", *words_of(tmp_path)))
    (given,) = host.run([(samples, stream.frontend.chain.hop)])
    truth = [(name, in_words(name, piece)) for name, piece in expected(stream, samples)]
    assert first_difference(given, truth) is None


def in_words(name: str, piece: bytes) -> bytes:
    """``piece`` with each int8 value in two bytes, of which this machine's trace shows half."""
    if not name.startswith(("features", "scores")):
        return piece
    return np.frombuffer(piece, np.int8).astype("<i2").tobytes()[: len(piece)]


@pytest.mark.parametrize("core", EMULATED_CORES)
@pytest.mark.parametrize(
    "names",
    [
        *CHAINS[-4:],
        Q15_CHAIN,
        MFCC_CHAIN,
        *(
            pytest.param(names, marks=pytest.mark.nightly)
            for names in OTHER_CHAINS + WHOLE_CHAINS
            if names != Q15_CHAIN
        ),
    ],
    ids=name_of,
)
def test_cores_give_the_bits_of_the_definition(
    names: tuple[str, ...], core: str, tmp_path: Path
) -> None:
    stream, samples = random_stream(7, names)
    export = emit(stream, tmp_path)
    (given,) = CoreStream(export, core).run([(samples, stream.frontend.chain.hop)])
    assert first_difference(given, expected(stream, samples)) is None


def test_the_header_serves_cpp_and_bad_calls_get_their_status(tmp_path: Path) -> None:
    stream, _ = random_stream(3, CHAINS[9])
    export = emit(stream, tmp_path)
    hop, channels = stream.frontend.chain.hop, stream.frontend.channels
    program = tmp_path / "calls.cpp"
    program.write_text(
        f"""
#include "model_stream.h"
static model_stream_t stream;
static const int16_t samples[{(hop + 1) * channels}] = {{0}};
int main()
{{
    if (model_stream_init(nullptr) != MODEL_ERROR_NULL) return 1;
    if (model_stream_init(&stream) != MODEL_OK) return 2;
    if (model_push(nullptr, samples, 1) != MODEL_ERROR_NULL) return 3;
    if (model_push(&stream, nullptr, 1) != MODEL_ERROR_NULL) return 4;
    if (model_push(&stream, samples, MODEL_HOP + 1) != MODEL_ERROR_ROWS) return 5;
    if (model_push(&stream, nullptr, 0) != MODEL_PENDING) return 6;
    return model_stream_bytes() == sizeof stream ? 0 : 7;
}}
"""
    )
    gcc, gpp = compiler_or_skip("gcc"), compiler_or_skip("g++")
    objects = []
    for source in export.stream_sources:
        objects.append(tmp_path / f"{source.stem}.o")
        run_tool([gcc, "-std=c99", *WARNINGS, "-c", source, "-o", objects[-1]])
    include = ("-I", export.folder)
    run_tool([gpp, "-Wall", "-Werror", *include, program, *objects, "-o", tmp_path / "calls"])
    run_tool([tmp_path / "calls"])


def test_a_vote_needs_agreement() -> None:
    labels = [0, 1, 1, 2, 2, 2, 0]
    assert Voting.of(1, 0.9).smooth(labels) == labels
    assert Voting.of(3, 0.0).smooth(labels) == [0, 0, 1, 1, 2, 2, 2]
    assert Voting.of(3, 0.6).smooth(labels) == [UNDECIDED, UNDECIDED, 1, 1, 2, 2, 2]
    assert Voting.of(3, 1.0).smooth(labels)[-2:] == [2, UNDECIDED]
