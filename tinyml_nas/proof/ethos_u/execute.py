"""Executes the command stream of an Ethos-U55 or U65, bit for bit, for many windows at once.

It is functional: it models no time.  What it does not model it refuses (``ToolError``), and what
a stream does wrong (``ParityError``) it names by the number of the operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.proof.ethos_u.arithmetic import Kernel, Rounding, scaled
from tinyml_nas.proof.ethos_u.feature_map import MOST_ELEMENTS, FeatureMap, Side, feature_map
from tinyml_nas.proof.ethos_u.regions import Addresses, Bytes, Memory
from tinyml_nas.proof.ethos_u.registers import Do, Set, Settings, Wide, Words, commands
from tinyml_nas.proof.ethos_u.weight_decoder import WeightDecoder
from tinyml_nas.proof.ethos_u.weight_stream import (
    MICRO_BLOCK,
    Order,
    ordered_weights,
    scale_records,
)

Int64 = npt.NDArray[np.int64]
INT32 = np.iinfo(np.int32)
MAX_POOL, AVERAGE_POOL = 0, 1
MUL, ADD, SUB, MIN, MAX = range(5)
SCALAR, REVERSED = 0x80, 0x40
MOST_RUNNING = 2
"""Operations that can be under way at once: the next one waits for the oldest to end."""
MOST_TRANSFERS = {"ethos-u55": 1, "ethos-u65": 2}
"""The same of transfers."""
NEUTRAL: dict[Set, int] = {
    Set.IFM_UPSCALE: 0,
    Set.ACTIVATION: 0,
    Set.PARALLEL_MODE: 0,
}
"""Registers of which only this value is modeled: no upscaling, no table, one core."""


@dataclass(frozen=True)
class Span:
    """Bytes of a region that an operation touches."""

    region: int
    addresses: Addresses

    @classmethod
    def of(cls, region: int, start: int, size: int) -> Span:
        """``size`` bytes from ``start`` on; raises ``ToolError`` for more than are modeled."""
        if size > MOST_ELEMENTS:
            raise ToolError(f"{size:,} bytes at once are not modeled")
        return cls(region, start + np.arange(size))

    def meets(self, other: Span) -> bool:
        """Whether both have a byte in common."""
        if self.region != other.region or not len(self.addresses) or not len(other.addresses):
            return False
        return bool(np.isin(self.addresses, other.addresses).any())


@dataclass
class Transfer:
    """A DMA that has been started, and takes effect when it is waited for."""

    source: Span
    target: Span
    values: Bytes


@dataclass
class Executor:
    """Registers and what is under way; ``accelerator`` decides the order of weights.

    ``outputs`` has what each operation but a transfer wrote (N, H, W, C).
    """

    accelerator: str
    memory: Memory
    decode: WeightDecoder
    outputs: list[Int64]
    narrow: Settings[Set] = field(default_factory=Settings)
    wide: Settings[Wide] = field(default_factory=Settings)
    transfers: list[Transfer] = field(default_factory=list)
    running: list[tuple[list[Span], Span]] = field(default_factory=list)
    operations: int = 0

    def run(self, words: Words) -> None:
        """Execute ``words`` up to the command that stops.

        Raises ``ParityError`` for a stream that no Ethos-U may be given, ``ToolError`` for what
        is not modeled.
        """
        for command in commands(words):
            match command.what:
                case Set():
                    self.narrow[command.what] = command.value
                case Wide():
                    self.wide[command.what] = command.value
                case Do.STOP:
                    self._wait(0)
                    return
                case _:
                    self._do(command.what, command.parameter)
        raise ParityError("The command stream does not end with a stop.")

    def _do(self, what: Do, parameter: int) -> None:
        try:
            match what:
                case Do.CONV | Do.DEPTHWISE:
                    self._convolve(depthwise=what is Do.DEPTHWISE)
                case Do.POOL:
                    self._pool(parameter)
                case Do.ELEMENTWISE:
                    self._elementwise(parameter)
                case Do.DMA_START:
                    self._start_transfer()
                case Do.DMA_WAIT:
                    self._wait(parameter)
                case Do.KERNEL_WAIT:
                    self.running = self.running[max(0, len(self.running) - parameter) :]
                case Do.IRQ | Do.PMU_MASK:
                    return
        except (ParityError, ToolError) as error:
            kind = type(error)
            raise kind(f"operation {self.operations}, {what.name}: {error.message}") from None
        self.operations += what not in (Do.DMA_WAIT, Do.KERNEL_WAIT)

    # memory -----------------------------------------------------------------------------------

    def _start_transfer(self) -> None:
        if (
            self.narrow.get(Set.DMA0_SRC_REGION, 0) & ~7
            or self.narrow.get(Set.DMA0_DST_REGION, 0) & ~7
        ):
            raise ToolError("a transfer in two dimensions, or to internal memory, not modeled")
        length = self.wide[Wide.DMA0_LEN]
        source = Span.of(self.narrow[Set.DMA0_SRC_REGION], self.wide[Wide.DMA0_SRC], length)
        target = Span.of(self.narrow[Set.DMA0_DST_REGION], self.wide[Wide.DMA0_DST], length)
        for reads, writes in self.running:
            if source.meets(writes) or any(target.meets(span) for span in (*reads, writes)):
                raise ParityError("meets the memory of an operation that it does not wait for")
        self._wait(MOST_TRANSFERS[self.accelerator.rpartition("-")[0]] - 1)
        self._settled(source, "reads")
        self.transfers.append(
            Transfer(source, target, self.memory.read(source.region, source.addresses))
        )

    def _wait(self, left: int) -> None:
        """Let transfers take effect until ``left`` are under way, the oldest first."""
        while len(self.transfers) > left:
            done = self.transfers.pop(0)
            self.memory.write(done.target.region, done.target.addresses, done.values)

    def _settled(self, span: Span, does: str) -> None:
        if any(span.meets(transfer.target) for transfer in self.transfers):
            raise ParityError(f"{does} what a transfer writes that was not waited for")

    def _read(self, region: int, start: int, size: int) -> tuple[Bytes, Span]:
        span = Span.of(region & 7, start, size)
        self._settled(span, "reads")
        return self.memory.read(span.region, span.addresses), span

    def _map(self, side: Side, shape: tuple[int, int, int]) -> FeatureMap:
        return feature_map(side, shape, self.narrow, self.wide)

    def _load(self, found: FeatureMap) -> tuple[Int64, Span]:
        span = Span(found.region, found.all_addresses())
        self._settled(span, "reads")
        return found.load(self.memory), span

    def _store(self, values: Int64, reads: list[Span]) -> None:
        """Clamp, write, and note what the operation touched."""
        found = self._map("OFM", self._output)
        if found.element_bytes == 1:
            lower, upper = (
                signed16(self.narrow[name]) for name in (Set.ACTIVATION_MIN, Set.ACTIVATION_MAX)
            )
            values = np.clip(values, lower, upper)
        writes = Span(found.region, found.all_addresses())
        self._settled(writes, "writes")
        if any(writes.meets(transfer.source) for transfer in self.transfers):
            raise ParityError("writes what a transfer reads that was not waited for")
        found.store(self.memory, values)
        self.outputs.append(values)
        self.running = [*self.running, (reads, writes)][-MOST_RUNNING:]

    # registers --------------------------------------------------------------------------------

    @property
    def _output(self) -> tuple[int, int, int]:
        names = (Set.OFM_HEIGHT_M1, Set.OFM_WIDTH_M1, Set.OFM_DEPTH_M1)
        height, width, depth = (self.narrow[name] + 1 for name in names)
        return height, width, depth

    @property
    def _rounding(self) -> Rounding:
        code = self.narrow[Set.OFM_PRECISION] >> 14 & 3
        if code not in tuple(Rounding):
            raise ToolError(f"rounding mode {code} is not modeled")
        return Rounding(code)

    @property
    def _kernel(self) -> Kernel:
        strides = self.narrow[Set.KERNEL_STRIDE]
        if strides >> 5 & 1:
            raise ToolError("KERNEL_STRIDE with its decomposition is not modeled")
        across = (strides & 1) + 1 + (strides >> 6 & 7) * 2
        down = (strides >> 1 & 1) + 1 + (strides >> 9 & 7) * 2
        dilation = (strides >> 4 & 1) + 1, (strides >> 3 & 1) + 1
        height, width = (self.narrow[n] for n in (Set.KERNEL_HEIGHT_M1, Set.KERNEL_WIDTH_M1))
        pads = [
            (self.narrow[before], self.narrow[after])
            for before, after in (
                (Set.IFM_PAD_TOP, Set.IFM_PAD_BOTTOM),
                (Set.IFM_PAD_LEFT, Set.IFM_PAD_RIGHT),
            )
        ]
        size = height // dilation[0] + 1, width // dilation[1] + 1
        return Kernel(size, (down, across), dilation, (pads[0], pads[1]))

    def _zero_point(self, register: Set) -> int:
        return signed16(self.narrow.get(register, 0))

    def _modeled(self) -> None:
        for register, value in NEUTRAL.items():
            if self.narrow.get(register, value) != value:
                raise ToolError(f"{register.name} {self.narrow[register]:#x} is not modeled")

    def _global_scale(self) -> tuple[Int64, Int64]:
        """Scale and shift of the whole output."""
        word = self.wide.get(Wide.OFM_SCALE, 0)
        return np.int64(word & 0xFFFFFFFF), np.int64(word >> 32 & 63)  # type: ignore[return-value]

    # operations -------------------------------------------------------------------------------

    def _entry(self, kernel: Kernel, depth: int) -> tuple[Int64, Span]:
        height, width = kernel.entry(self._output[:2])
        if height < 1 or width < 1:
            raise ParityError("pads more than its kernel reads")
        return self._load(self._map("IFM", (height, width, depth)))

    def _convolve(self, *, depthwise: bool) -> None:
        self._modeled()
        kernel, (height, width, outputs) = self._kernel, self._output
        x, reads = self._entry(kernel, self.narrow[Set.IFM_DEPTH_M1] + 1)
        if depthwise and x.shape[3] != outputs:
            raise ParityError(f"makes {outputs} channels of {x.shape[3]}, each of its own")
        order = Order(
            outputs,
            *kernel.size,
            x.shape[3],
            kernel.dilation,
            self.narrow[Set.OFM_BLK_DEPTH_M1] + 1,
            bool(self.narrow[Set.KERNEL_STRIDE] >> 2 & 1),
            depthwise,
            MICRO_BLOCK.get(self.accelerator, 8),
        )
        blob, from_weights = self._read(
            self.narrow[Set.WEIGHT_REGION],
            self.wide[Wide.WEIGHT_BASE],
            self.wide[Wide.WEIGHT_LENGTH],
        )
        records, from_scales = self._read(
            self.narrow[Set.SCALE_REGION], self.wide[Wide.SCALE_BASE], self.wide[Wide.SCALE_LENGTH]
        )
        weights = ordered_weights(self.decode(blob[0].tobytes()).tobytes(), order)
        bias, scale, shift = scale_records(records[0], outputs)
        x = x - self._zero_point(Set.IFM_ZERO_POINT)
        acc = np.zeros((len(x), height, width, outputs), np.int64) + bias
        for row, column, under in kernel.taps(x, (height, width), 0):
            if depthwise:
                acc += under[..., :outputs] * weights[:, row, column, 0]
            else:
                acc += _product(under, weights[:, row, column].T)
        if acc.min() < INT32.min or acc.max() > INT32.max:
            raise ParityError("has an accumulator that leaves 32 bits")
        y = scaled(acc, scale, shift, self._rounding) + self._zero_point(Set.OFM_ZERO_POINT)
        self._store(y, [reads, from_weights, from_scales])

    def _pool(self, kind: int) -> None:
        self._modeled()
        kernel, (height, width, depth) = self._kernel, self._output
        x, reads = self._entry(kernel, depth)
        x = x - self._zero_point(Set.IFM_ZERO_POINT)
        if kind == MAX_POOL:
            y = np.full((len(x), height, width, depth), np.iinfo(np.int64).min)
            for _, _, under in kernel.taps(x, (height, width), np.iinfo(np.int32).min):
                y = np.maximum(y, under)
        elif kind == AVERAGE_POOL and self.narrow[Set.OFM_PRECISION] >> 8 & 1:
            acc = sum(under for _, _, under in kernel.taps(x, (height, width), 0))
            y = scaled(np.asarray(acc), *self._global_scale(), self._rounding)
        else:
            raise ToolError(f"pooling {kind} with these scales is not modeled")
        self._store(y + self._zero_point(Set.OFM_ZERO_POINT), [reads])

    def _elementwise(self, kind: int) -> None:
        self._modeled()
        if kind not in (MUL, ADD, SUB, MIN, MAX):
            raise ToolError(f"element-wise operation {kind} is not modeled")
        broadcast, spans = self.narrow.get(Set.IFM2_BROADCAST, 0), list[Span]()
        a, span = self._load(self._map("IFM", self._output))
        spans.append(span)
        if broadcast & SCALAR:
            scalar = self.narrow[Set.IFM2_SCALAR]
            signed = self.narrow[Set.IFM2_PRECISION] & 1
            b = np.full((1, 1, 1, 1), signed16(scalar) if signed else scalar, np.int64)
        else:
            shape = tuple(1 if broadcast >> i & 1 else n for i, n in enumerate(self._output))
            b, span = self._load(self._map("IFM2", shape))  # type: ignore[arg-type]
            spans.append(span)
        a, b = a - self._zero_point(Set.IFM_ZERO_POINT), b - self._zero_point(Set.IFM2_ZERO_POINT)
        if broadcast & REVERSED:
            a, b = b, a
        if kind in (ADD, SUB) and self.narrow[Set.IFM_PRECISION] >> 2 & 3 != 2:
            raise ToolError("an addition that scales its operands is not modeled")
        y = {MUL: a * b, ADD: a + b, SUB: a - b, MIN: np.minimum(a, b), MAX: np.maximum(a, b)}[kind]
        scale, shift = np.int64(1), np.int64(0)
        if self.narrow[Set.OFM_PRECISION] >> 8 & 1:
            scale, shift = self._global_scale()  # type: ignore[assignment]
        y = np.broadcast_to(y, (len(y), *self._output))
        y = scaled(y, scale, shift, self._rounding)  # type: ignore[arg-type]
        self._store(y + self._zero_point(Set.OFM_ZERO_POINT), spans)


def _product(x: Int64, weights: Int64) -> Int64:
    """``x @ weights`` in float64, which is exact: sums of products of 8 and 16 bits stay small."""
    return np.rint(x.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)


def signed16(value: int) -> int:
    """A register of 16 bits as a number with a sign."""
    return value - 65536 if value & 0x8000 else value


def execute(
    words: Words, memory: Memory, accelerator: str, outputs: list[Int64] | None = None
) -> None:
    """Run the command ``words`` of ``accelerator`` on ``memory``; errors as ``Executor.run``.

    ``outputs`` gets what each operation but a transfer wrote (N, H, W, C).
    """
    with WeightDecoder() as decoder:
        Executor(accelerator, memory, decoder, [] if outputs is None else outputs).run(words)
