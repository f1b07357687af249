"""Small wav files of tones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

FULL = 32768


def tone(samples: int, hertz: float = 440.0, rate: int = 8000, peak: float = 9000.0) -> np.ndarray:
    """Whole counts of 16 bits [T, 1]."""
    time = np.arange(samples) / rate
    return np.rint(peak * np.sin(2 * np.pi * hertz * time))[:, None]


def encode(samples: np.ndarray, rate: int, kind: str = "i16", *, extensible: bool = False) -> bytes:
    """A wav file of ``samples`` [T, C] in counts of 16 bits."""
    bits = int(kind[1:])
    code = 3 if kind[0] == "f" else 1
    match kind:
        case "u8":
            body = np.rint(samples / 256 + 128).astype(np.uint8).tobytes()
        case "i24":
            wide = np.rint(samples * 65536).astype("<i4")
            body = wide.reshape(-1, 1).view(np.uint8)[:, 1:].tobytes()
        case "f32":
            body = (samples / FULL).astype("<f4").tobytes()
        case _:
            body = np.rint(samples * 2.0 ** (bits - 16)).astype(f"<i{bits // 8}").tobytes()
    channels = samples.shape[1]
    row = channels * bits // 8
    fmt = struct.pack("<HHIIHH", code, channels, rate, rate * row, row, bits)
    if extensible:
        guid = struct.pack("<H", code) + bytes.fromhex("000000001000800000aa00389b71")
        fmt = struct.pack("<H", 0xFFFE) + fmt[2:] + struct.pack("<HHI", 22, bits, 0) + guid
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    chunks += b"data" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def write_words(root: Path, rate: int, clips: int = 6) -> Path:
    """``set/classes/{high,low}/s<k>.wav``: a rising and a falling tone of a tenth of a second."""
    rng = np.random.default_rng(5)
    for label, (first, last) in {"high": (500.0, 2000.0), "low": (2000.0, 500.0)}.items():
        for index in range(clips):
            time = np.arange(int(rate * rng.uniform(0.06, 0.12))) / rate
            sweep = first + (last - first) * time / 0.2
            wave = rng.uniform(2000, 20_000) * np.sin(2 * np.pi * sweep * time)
            path = root / "set" / "classes" / label / f"s{index}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = rng.normal(0, 20, len(time))
            path.write_bytes(encode(np.rint(wave + noise)[:, None], rate))
    return root / "set"
