"""Compressed weights, decoded by Vela's own decoder in a process of its own.

Bytes that no encoder wrote can end that process, but not this one.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import numpy.typing as npt

from tinyml_nas.errors import ParityError

LENGTH_BYTES = 4
CHILD = """
import array, sys
from ethosu import mlw_codec
reads, writes = sys.stdin.buffer, sys.stdout.buffer
while head := reads.read(4):
    blob = bytearray(reads.read(int.from_bytes(head, "little")))
    data = array.array("h", mlw_codec.decode(blob)).tobytes()
    writes.write(len(data).to_bytes(4, "little") + data)
    writes.flush()
"""


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

    def __call__(self, blob: bytes) -> npt.NDArray[np.int16]:
        """The weights in ``blob``; raises ``ParityError`` where it is no encoder's work."""
        if self._child is None:
            command = [sys.executable, "-c", CHILD]
            pipe = subprocess.PIPE
            self._child = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
            )
        entry, leave = self._child.stdin, self._child.stdout
        assert entry is not None
        assert leave is not None
        try:
            entry.write(len(blob).to_bytes(LENGTH_BYTES, "little") + blob)
            entry.flush()
            size = int.from_bytes(leave.read(LENGTH_BYTES), "little")
            data = leave.read(size)
        except OSError:
            size, data = 0, b""
        if not data or len(data) != size:
            raise ParityError("has weights that cannot be decoded")
        return np.frombuffer(data, np.int16)
