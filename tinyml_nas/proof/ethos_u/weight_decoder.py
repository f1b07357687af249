"""Compressed weights, decoded by Vela's own decoder in a process of its own.

Bytes that no encoder wrote can end that process, but not this one.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import numpy.typing as npt

from tinyml_nas.errors import ParityError, ToolError

LENGTH_BYTES = 4
READY = b"r"
CHILD = """
import array, sys
from ethosu import mlw_codec
reads, writes = sys.stdin.buffer, sys.stdout.buffer
writes.write(b"r")
writes.flush()
while head := reads.read(4):
    blob = bytearray(reads.read(int.from_bytes(head, "little")))
    data = array.array("h", mlw_codec.decode(blob)).tobytes()
    writes.write(len(data).to_bytes(4, "little") + data)
    writes.flush()
"""

ENDED_FROM_OUTSIDE = -9
"""SIGKILL: by a person, or for want of memory."""


class WeightDecoder:
    """Decodes one blob after the other; the process starts with the first."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> WeightDecoder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started where it was not; raises ``ToolError``."""
        if self._child is None:
            self._child = _started()
        return self._child

    def __call__(self, blob: bytes) -> npt.NDArray[np.int16]:
        """The weights in ``blob``; raises ``ParityError`` where it is no encoder's work.

        Raises ``ToolError`` where the process does not start, or is ended from outside: that says
        nothing of the weights.
        """
        child = self.start()
        entry, leave = child.stdin, child.stdout
        assert entry is not None
        assert leave is not None
        try:
            entry.write(len(blob).to_bytes(LENGTH_BYTES, "little") + blob)
            entry.flush()
            head = leave.read(LENGTH_BYTES)
            size = int.from_bytes(head, "little")
            data = leave.read(size)
        except OSError:
            head, size, data = b"", 0, b""
        ended = len(head) < LENGTH_BYTES or len(data) < size
        if ended or not data:
            if ended and child.wait() == ENDED_FROM_OUTSIDE:
                raise ToolError("Vela's decoder of weights was killed from outside.")
            raise ParityError("has weights that cannot be decoded")
        return np.frombuffer(data, np.int16)


def _started() -> subprocess.Popen[bytes]:
    """The process, once it has what it needs."""
    pipe = subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=pipe, stdout=pipe, stderr=pipe)
    assert child.stdout is not None
    if child.stdout.read(len(READY)) != READY:
        _, said = child.communicate()
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise ToolError(f"Vela's decoder of weights does not start: {last or child.returncode}.")
    return child
