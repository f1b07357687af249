"""TOSA 1.0 as a file: tensors, operators and their serialization as a flatbuffer.

Numbers of types, operators and slots are those of ``tosa.fbs`` in Arm's TOSA serialization library
(https://gitlab.arm.com/tosa/tosa-serialization).  Tensors are (N, H, W, C).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_nas.cost.npu.ethos_u.flat import Flat, elements, field, root, text

VERSION = (1, 0, 0, 0)
"""Major, minor, patch, and that it is no draft."""
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
        flat = Flat()
        main = flat.string("main")
        tables = (
            [_operator(flat, operator) for operator in self._operators],
            [_tensor(flat, tensor) for tensor in self._tensors.values()],
            [_shape(flat, name, data) for name, data in self._shapes.items()],
        )
        operators, tensors, shapes = map(flat.references, tables)
        entries, results = flat.strings([self._input]), flat.strings([output])
        fields = (main, operators, tensors, entries, results, shapes)
        block = flat.references([flat.table("RRRRRR", fields)])
        regions = flat.references([flat.table("RR", (main, block))])
        version = flat.table("IIIB", VERSION)
        return flat.finish(flat.table("RR", (version, regions)), IDENTIFIER)


def _tensor(flat: Flat, tensor: Tensor) -> int:
    name, shape = flat.string(tensor.name), flat.numbers(tensor.shape)
    if tensor.data is None:
        return flat.table("RRI", (name, shape, tensor.dtype))
    return flat.table("RRIR", (name, shape, tensor.dtype, flat.data(tensor.data)))


def _shape(flat: Flat, name: str, data: bytes) -> int:
    return flat.table("RIR", (flat.string(name), len(data) // 8, flat.data(data)))


def _operator(flat: Flat, operator: Operator) -> int:
    codes, values = "", []
    for value in operator.attribute:
        if isinstance(value, int):
            codes += "B" if isinstance(value, bool) else "I"
            values.append(int(value))
        else:
            codes += "R"
            values.append(flat.data(value) if isinstance(value, bytes) else flat.numbers(value))
    attribute = flat.table(codes, values)
    inputs, outputs = flat.strings(operator.inputs), flat.strings([operator.output])
    return flat.table("IBRRR", (operator.op, operator.op, attribute, inputs, outputs))


def made_by(model: bytes) -> list[str]:
    """Name of what each operator of the file ``model`` makes, in the order of the file."""
    region = elements(model, field(model, root(model), 1))[0]
    block = elements(model, field(model, region, 1))[0]
    operators = elements(model, field(model, block, 1))
    return [text(model, elements(model, field(model, operator, 4))[0]) for operator in operators]
