"""Which functions hold the stack where it is deepest."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from tinyml_nas.proof.cores.machine import Machine


class StackWatch:
    """Follows the calls on ``machine`` from now on and keeps the chain that reached deepest.

    A function that ends in a call leaves the chain: by then it holds nothing any more.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._calls: list[tuple[str, int]] = []  # function and depth where it was entered
        self._deepest: list[tuple[str, int]] = []
        names = {address: name for name, address in machine.symbols.items()}
        for name in names.values():
            machine.on_call(name, lambda *_, name=name: self._enter(name))
        machine.on_stack_write(self._write)

    def frames(self) -> Mapping[str, int]:
        """Bytes of the functions in the deepest chain, the caller first."""
        return {name: end - start for (name, start), (_, end) in pairwise(self._deepest)}

    def _enter(self, name: str) -> None:
        depth = self._machine.stack_depth()
        while self._calls and self._calls[-1][1] >= depth:  # it has returned, or jumped here
            self._calls.pop()
        self._calls.append((name, depth))

    def _write(self, depth: int) -> None:
        if not self._deepest or depth > self._deepest[-1][1]:
            self._deepest = [*self._calls, ("", depth)]
