"""A program of an Ethos-U in a file: the fields of the ``.npz`` that Vela itself writes.

Firmware and tools that read Vela's raw output read this file too.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_nas.cost.npu.ethos_u.program import Program, Region
from tinyml_nas.devices import EthosU
from tinyml_nas.errors import ToolError
from tinyml_nas.files import write_whole

DAMAGE = (OSError, EOFError, ValueError, LookupError, TypeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Stored:
    """A program, the NPU that it is for, and the tensor that it leaves."""

    program: Program
    npu: EthosU
    leaves: str


def save_program(path: Path, stored: Stored) -> Path:
    """Write ``stored``; the same bytes each time.

    What the compiler says of its layers is left out.
    """
    program = stored.program
    fields: dict[str, Any] = {
        "leaves": stored.leaves,
        "npu": _stated(stored.npu),
        "accelerator": program.accelerator,
        "cycles": program.cycles,
        "cmd_data": np.frombuffer(program.commands, np.uint8),
        "weight_data": np.frombuffer(program.weights, np.uint8),
        "weight_region": program.weights_region,
    }
    for name in ("scratch", "scratch_fast"):
        region = program.scratch if name == "scratch" else program.fast_scratch
        fields[f"{name}_region"] = region.index
        fields[f"{name}_shape"] = [region.size_bytes]
        fields[f"{name}_size"] = region.size_bytes
    for name, region in (("input", program.input), ("output", program.output)):
        fields[f"{name}_shape"] = [[region.size_bytes]]
        fields[f"{name}_elem_size"] = [1]
        fields[f"{name}_region"] = [region.index]
        fields[f"{name}_offset"] = [region.offset]
    content = io.BytesIO()
    np.savez(content, **fields)
    return write_whole(path, content.getvalue())


def load_program(path: Path) -> Stored:
    """What :func:`save_program` was given; raises ``ToolError`` when it cannot be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            fields = {name: archive[name] for name in archive.files}
        npu = EthosU.model_validate_json(str(fields["npu"]))
        return Stored(_program(fields), npu, str(fields["leaves"]))
    except DAMAGE as error:
        raise ToolError(
            f"The program {path} cannot be read: {error}.",
            hint="Put back the file as the run wrote it, or run the pipeline again.",
        ) from error


def _stated(npu: EthosU) -> str:
    """``npu`` as a device file states it, with units, in JSON."""
    units = {"clock": f"{npu.clock_hz} Hz", "cache": f"{npu.cache_bytes} B"}
    return json.dumps(npu.model_dump(mode="json", by_alias=True) | units)


def _program(fields: dict[str, np.ndarray[Any, Any]]) -> Program:
    def number(name: str) -> int:
        return int(fields[name].ravel()[0])

    def region(name: str) -> Region:
        size = int(np.prod(fields[f"{name}_shape"]))
        return Region(number(f"{name}_region"), number(f"{name}_offset"), size)

    def scratch(name: str) -> Region:
        return Region(number(f"{name}_region"), 0, number(f"{name}_size"))

    return Program(
        accelerator=str(fields["accelerator"]),
        commands=fields["cmd_data"].tobytes(),
        weights=fields["weight_data"].tobytes(),
        weights_region=number("weight_region"),
        scratch=scratch("scratch"),
        fast_scratch=scratch("scratch_fast"),
        input=region("input"),
        output=region("output"),
        cycles=number("cycles"),
    )
