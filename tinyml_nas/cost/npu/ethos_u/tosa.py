"""TOSA 1.0 as a file: tensors, operators and their serialization as a flatbuffer.

Numbers of types, operators and slots are those of ``tosa.fbs`` in Arm's TOSA serialization library
(https://gitlab.arm.com/tosa/tosa-serialization).  Tensors are (N, H, W, C).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from flatbuffers import Builder

VERSION = (1, 0, 0)
IDENTIFIER = b"TOSA"


class DType(IntEnum):
    """Types of tensors."""

    INT8 = 3
    INT32 = 5


class Op(IntEnum):
    """Operators; an operator's attributes have the same number as a member of their union."""

    CONV2D = 3
    DEPTHWISE_CONV2D = 5
    MAX_POOL2D = 8
    CLAMP = 11
    ADD = 15
    SUB = 30
    CONCAT = 55
    PAD = 56
    RESHAPE = 57
    SLICE = 59
    RESCALE = 66
    CONST = 67
    CONST_SHAPE = 75


SINGLE_ROUND = 1
PROPAGATE = 1
"""How NaN moves, which no integer is: the field has to have a value."""

NUMPY: Mapping[DType, np.dtype[Any]] = {DType.INT8: np.dtype("<i1"), DType.INT32: np.dtype("<i4")}
Shape4 = tuple[int, int, int, int]
Field = bool | int | Sequence[int] | bytes
"""A value of a table: a flag, an enumeration or number, a vector of int32, or bytes."""


@dataclass(frozen=True)
class Tensor:
    """A value that an operator makes, reads or holds; only a constant has ``data``."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    data: bytes | None = None


@dataclass(frozen=True)
class Operator:
    """One operator; ``attribute`` are the fields of its table in the order of their slots."""

    op: Op
    inputs: tuple[str, ...]
    output: str
    attribute: tuple[Field, ...] = ()


class Graph:
    """A graph that grows by one operator at a time."""

    def __init__(self, name: str, shape: Shape4) -> None:
        self._input = name
        self._tensors = {name: Tensor(name, shape, DType.INT8)}
        self._shapes: dict[str, bytes] = {}
        self._operators: list[Operator] = []
        self._constants: dict[tuple[DType, tuple[int, ...], bytes], str] = {}

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of the tensor called ``name``."""
        return self._tensors[name].shape

    def constant(self, values: npt.ArrayLike, dtype: DType) -> str:
        """Name of a tensor that holds ``values``; equal ones are written once."""
        array: npt.NDArray[Any] = np.ascontiguousarray(np.asarray(values, NUMPY[dtype]))
        key = dtype, array.shape, array.tobytes()
        if key not in self._constants:
            name = self._constants[key] = f"#constant{len(self._constants)}"
            self._tensors[name] = Tensor(name, array.shape, dtype, key[2])
            self._operators.append(Operator(Op.CONST, (), name))
        return self._constants[key]

    def dimensions(self, values: Sequence[int]) -> str:
        """Name of a shape, which some operators take as an input."""
        name = "#shape" + "_".join(map(str, values))
        if name not in self._shapes:
            self._shapes[name] = np.array(values, "<i8").tobytes()
            self._operators.append(Operator(Op.CONST_SHAPE, (), name))
        return name

    def add(
        self,
        op: Op,
        inputs: Sequence[str],
        output: Tensor,
        attribute: tuple[Field, ...] = (),
    ) -> str:
        """One more operator; the name of what it makes."""
        self._tensors[output.name] = output
        self._operators.append(Operator(op, tuple(inputs), output.name, attribute))
        return output.name

    def rename(self, made: str, name: str) -> None:
        """Calls what the last operator made, and none has read yet, ``name``."""
        last = self._operators[-1]
        assert last.output == made
        self._operators[-1] = replace(last, output=name)
        self._tensors[name] = replace(self._tensors.pop(made), name=name)

    def serialize(self, output: str) -> bytes:
        """The file whose result is the tensor called ``output``."""
        from flatbuffers import Builder

        writer = _Writer(Builder(1 << 14))
        main = writer.string("main")
        block = writer.table(
            main,
            writer.offsets([writer.operator(op) for op in self._operators]),
            writer.offsets([writer.tensor(tensor) for tensor in self._tensors.values()]),
            writer.names([self._input]),
            writer.names([output]),
            writer.offsets([writer.shape(*item) for item in self._shapes.items()]),
        )
        region = writer.table(main, writer.offsets([block]))
        version = writer.version()
        return writer.finish(writer.table(version, writer.offsets([region])))


class _Writer:
    """Tables of the schema out of the records."""

    def __init__(self, builder: Builder) -> None:
        self._builder: Any = builder
        self._strings: dict[str, int] = {}

    def string(self, text: str) -> int:
        if text not in self._strings:
            self._strings[text] = self._builder.CreateString(text)
        return self._strings[text]

    def names(self, names: Sequence[str]) -> int:
        return self.offsets([self.string(name) for name in names])

    def offsets(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def numbers(self, numbers: Sequence[int]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(numbers, "<i4")))

    def data(self, data: bytes) -> int:
        self._builder.Prep(8, len(data))  # the schema has them begin at multiples of 8
        return int(self._builder.CreateByteVector(data))

    def table(self, *offsets: int) -> int:
        """A table of which every field is an offset; 0 is one that is left out."""
        self._builder.StartObject(len(offsets))
        for slot, offset in enumerate(offsets):
            self._builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        return int(self._builder.EndObject())

    def tensor(self, tensor: Tensor) -> int:
        name, shape = self.string(tensor.name), self.numbers(tensor.shape)
        data = 0 if tensor.data is None else self.data(tensor.data)
        self._builder.StartObject(4)
        self._builder.PrependUOffsetTRelativeSlot(0, name, 0)
        self._builder.PrependUOffsetTRelativeSlot(1, shape, 0)
        self._builder.PrependUint32Slot(2, tensor.dtype, 0)
        self._builder.PrependUOffsetTRelativeSlot(3, data, 0)
        return int(self._builder.EndObject())

    def shape(self, name: str, data: bytes) -> int:
        text, values = self.string(name), self.data(data)
        self._builder.StartObject(3)
        self._builder.PrependUOffsetTRelativeSlot(0, text, 0)
        self._builder.PrependUint32Slot(1, len(data) // 8, 0)
        self._builder.PrependUOffsetTRelativeSlot(2, values, 0)
        return int(self._builder.EndObject())

    def operator(self, operator: Operator) -> int:
        attribute = self._attribute(operator.attribute)
        inputs, outputs = self.names(operator.inputs), self.names([operator.output])
        self._builder.StartObject(5)
        self._builder.PrependUint32Slot(0, operator.op, 0)
        self._builder.PrependUint8Slot(1, operator.op, 0)
        self._builder.PrependUOffsetTRelativeSlot(2, attribute, 0)
        self._builder.PrependUOffsetTRelativeSlot(3, inputs, 0)
        self._builder.PrependUOffsetTRelativeSlot(4, outputs, 0)
        return int(self._builder.EndObject())

    def _attribute(self, fields: tuple[Field, ...]) -> int:
        ready: list[bool | int] = []
        vectors: set[int] = set()
        for slot, field in enumerate(fields):
            if isinstance(field, int):
                ready.append(field)
            else:
                vectors.add(slot)
                ready.append(self.data(field) if isinstance(field, bytes) else self.numbers(field))
        self._builder.StartObject(len(ready))
        for slot, value in enumerate(ready):
            if slot in vectors:
                self._builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            elif isinstance(value, bool):
                self._builder.PrependBoolSlot(slot, value, False)
            else:
                self._builder.PrependUint32Slot(slot, value, 0)
        return int(self._builder.EndObject())

    def version(self) -> int:
        self._builder.StartObject(4)
        for slot, number in enumerate(VERSION):
            self._builder.PrependInt32Slot(slot, number, -1)
        self._builder.PrependBoolSlot(3, False, True)  # no draft
        return int(self._builder.EndObject())

    def finish(self, root: int) -> bytes:
        self._builder.Finish(root, IDENTIFIER)
        return bytes(self._builder.Output())
