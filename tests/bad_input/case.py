"""A bad input: what is run, and what must be said."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """Arguments of the program, the exit code it must end with, texts that it must print."""

    command: tuple[str, ...]
    exit_code: int
    names: tuple[str, ...]


Kind = Callable[[random.Random, Path], Case]
"""Draws one input, writes what it needs into the empty folder, says how it must fare."""
