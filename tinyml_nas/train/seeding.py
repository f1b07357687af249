"""All randomness from one seed: each purpose and epoch has its own generator.

No generator outlives its epoch, so a run that stops and resumes draws the same numbers as one that
never stopped, and adding a consumer never shifts another one's draws.
"""

from __future__ import annotations

import hashlib

import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for ``purpose``, e.g. ``derive_seed(42, "search", "batches", epoch)``."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for ``purpose``; see :func:`derive_seed`."""
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))


def make_deterministic() -> None:
    """One thread and reproducible kernels: equal seeds give equal bits on one machine."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
