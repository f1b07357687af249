"""The fixed models: each a line of the YAML of its task, in the words of ``architecture.py``.

Names and topologies are those that users of TI's zoo for C2000 and MSPM0 know, and some of our own.
What theirs learn as a batch norm of the input is part of the input quantization here.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.config.sections.common import Task
from tinyml_nas.graph import Network, Shape
from tinyml_nas.zoo.architecture import parse
from tinyml_nas.zoo.entries import ModelEntry, zoo_entries

__all__ = ["ZOO", "ZooModel", "fewest_outputs"]


@dataclass(frozen=True)
class ZooModel:
    """A fixed model: its name in ``training.model_name``, what it is for and how to build it."""

    name: str
    task: Task
    description: str
    architecture: str

    @property
    def has_note(self) -> bool:
        """Whether its description is more than its architecture."""
        return self.description != self.architecture

    def build(self, input_shape: Shape, outputs: int) -> Network:
        """The network for an input; an autoencoder's output has its shape, whatever ``outputs``.

        Raises ``ValueError`` for an input that it cannot read.
        """
        network = parse(self.name, self.architecture, input_shape, outputs)
        length = network.shapes[network.output].length
        if self.task == "anomaly" and length != input_shape.length:
            multiple = self._multiple(input_shape)
            raise ValueError(f"its output has {length} steps; it reads multiples of {multiple}")
        return network

    def _multiple(self, shape: Shape) -> int:
        """The shortest length to which the output of this autoencoder is equal."""
        for power in range(10):
            probe = parse(self.name, self.architecture, shape._replace(length=1 << power), 1)
            if probe.shapes[probe.output].length == 1 << power:
                return 1 << power
        raise ValueError(f"{self.architecture} does not lead back to the length of its input")


def fewest_outputs(task: Task) -> int:
    """The fewest outputs that a task can have, for use before the data are read."""
    return 2 if task == "classification" else 1


def _model(entry: ModelEntry) -> ZooModel:
    return ZooModel(entry.name, entry.task, entry.note or entry.net, entry.net)


ZOO: dict[str, ZooModel] = {
    name: _model(entry) for name, entry in zoo_entries().items() if entry.alias_of is None
}
