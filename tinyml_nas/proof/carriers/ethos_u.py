"""The command stream of an Ethos-U, as it is shipped, in the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml_nas.cost.npu.ethos_u import Program, Split, head_of, missing, program_of
from tinyml_nas.devices import EthosU
from tinyml_nas.errors import ParityError
from tinyml_nas.graph.integer import Int8, IntNetwork
from tinyml_nas.proof.carriers.protocol import first_difference_of
from tinyml_nas.proof.ethos_u import first_difference, run_program
from tinyml_nas.quantize.reference import run_layers, run_reference
from tinyml_nas.results.export import STREAM_CARRIER


@dataclass(frozen=True)
class EthosUStream:
    """A program for what the NPU takes; the reference computes the rest from its tensor.

    With ``npu`` a wrong program is compiled again, to name the layer.
    """

    net: IntNetwork
    program: Program
    split: Split
    npu: EthosU | None = None

    @property
    def name(self) -> str:
        """Name in reports, with the accelerator."""
        return f"{STREAM_CARRIER} ({self.program.accelerator})"

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """The tensor that the NPU leaves, and the output where that is another one.

        Raises ``ParityError`` with layer and output where it is not that of the reference.
        """
        leaves = self.split.taken[-1]
        try:
            found = run_program(self.program, inputs, self.net.network.shapes[leaves])
        except ParityError as error:
            raise ParityError(f"{self._culprit(inputs)}; {error.message}") from error
        expected = run_reference(self.net, inputs)[leaves]
        if (found != expected).any():
            values = first_difference_of(leaves, found, expected)
            raise ParityError(f"{self._culprit(inputs)}; {values}")
        return run_layers(self.net, {leaves: found}, self.split.rest)

    def _culprit(self, inputs: Int8) -> str:
        """Whether the compiler or a change of the program is to blame, and for which layer."""
        if self.npu is None or missing():
            return "no layer is named, because the compiler is not here"
        taken = len(self.split.taken)
        fresh = program_of(head_of(self.net, taken), self.npu).program
        assert fresh is not None
        if (fresh.commands, fresh.weights) == (self.program.commands, self.program.weights):
            return self._miscompiled(inputs)
        number = first_difference(self.program, fresh, inputs)
        operations = [o for o in fresh.layers if o.operation != "DMA"]
        if number is None or number >= len(operations):
            return "the program is not the one that the compiler makes of this model"
        return f"layer {operations[number].name}: the program was changed after it was compiled"

    def _miscompiled(self, inputs: Int8) -> str:
        """The first layer whose own program is wrong."""
        assert self.npu is not None
        truth = run_reference(self.net, inputs)
        for count, layer in enumerate(self.split.taken, 1):
            program = program_of(head_of(self.net, count), self.npu).program
            assert program is not None
            wrong = f"layer {layer}: the compiler made other commands of it"
            try:
                found = run_program(program, inputs, self.net.network.shapes[layer])
            except ParityError:
                return wrong
            if (found != truth[layer]).any():
                return wrong
        return "the compiler made other commands of all layers together than of each"
