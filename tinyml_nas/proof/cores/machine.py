"""A core in a box: loads an ELF into an emulator and calls its functions like a debugger."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.graph.integer import Int8
from tinyml_nas.proof.cores.targets import EMULATED_CORES

RAM = 0x20000000
STACK_BYTES = 16 * 1024
STACK_PAINT = 0xA5
PAGE_BYTES = 4096
STOP = 0x0FFF0000  # where the called function returns to
CALL_TIMEOUT_US = 120_000_000


@dataclass(frozen=True)
class Section:
    """A piece of the image that is loaded."""

    name: str
    address: int
    data: bytes


@dataclass(frozen=True)
class Function:
    """Where a function of the image lies."""

    address: int
    size_bytes: int


class Machine:
    """A core with a program in its memory, whose functions can be called.

    RAM holds the arena, then ``extra_bytes`` for the caller, then the painted stack.
    """

    def __init__(
        self,
        program: Path,
        core: str,
        export: CExport,
        *,
        extra_bytes: int = 0,
        count: bool = False,
    ) -> None:
        self._core, self._isa = core, EMULATED_CORES[core].isa
        self._unicorn, self._constants = _load_unicorn(self._isa.architecture)
        sections = read_sections(program)
        functions = read_functions(program)
        self.symbols = {name: function.address for name, function in functions.items()}
        self._uc = self._unicorn.Uc(
            getattr(self._unicorn, f"UC_ARCH_{self._isa.architecture}"),
            sum(getattr(self._unicorn, f"UC_MODE_{mode}") for mode in self._isa.mode),
        )
        model = getattr(self._constants, f"UC_CPU_{EMULATED_CORES[core].emulated_as}")
        self._uc.ctl_set_cpu_model(model)
        self._arguments = tuple(map(self._register, self._isa.arguments))
        self._export = export
        self.arena = RAM
        self.extra = _round_up(RAM + export.arena_bytes, 8)
        self._stack_end = _round_up(self.extra + extra_bytes + STACK_BYTES, PAGE_BYTES)
        self._map_memory(sections)
        self._blocks: Counter[tuple[int, int]] = Counter()
        self._by_start: dict[int, Counter[tuple[int, int]]] = {}
        if count:  # before the first translation: cached blocks would not be counted
            self._count_blocks(functions[f"{export.prefix}_run"])

    def _map_memory(self, sections: Sequence[Section]) -> None:
        uc = self._uc
        first = min(section.address for section in sections) // PAGE_BYTES * PAGE_BYTES
        end = _round_up(max(s.address + len(s.data) for s in sections), PAGE_BYTES)
        uc.mem_map(first, end - first)
        for section in sections:
            uc.mem_write(section.address, section.data)
        uc.mem_map(RAM, self._stack_end - RAM)
        uc.mem_map(STOP, PAGE_BYTES)
        uc.mem_write(self._stack_end - STACK_BYTES, bytes([STACK_PAINT]) * STACK_BYTES)

    def call(self, function: str, *arguments: int) -> int:
        """Value that ``function`` returns; raises ``ParityError`` when the code faults."""
        for register, value in zip(self._arguments, arguments, strict=False):
            self._uc.reg_write(register, value)
        code_bit = self._isa.code_bit
        self._uc.reg_write(self._register("SP"), self._stack_end)
        self._uc.reg_write(self._register(self._isa.return_address), STOP | code_bit)
        try:
            self._uc.emu_start(self.symbols[function] | code_bit, STOP, timeout=CALL_TIMEOUT_US)
        except self._unicorn.UcError as error:
            raise ParityError(
                f"{self._core}: {function} faulted at {self._pc():#x}: {error}"
            ) from None
        if self._pc() != STOP:
            raise ParityError(
                f"{self._core}: {function} did not return; it stands at {self._pc():#x}"
            )
        return int(self._uc.reg_read(self._arguments[0]))

    def infer(self, window: Int8) -> None:
        """One inference over a time-major window; its instructions alone remain counted."""
        prefix, size = self._export.prefix, self._export.arena_bytes
        self.write(self.arena, bytes((37 * i + 11) & 0xFF for i in range(size)))  # no clean arena
        self.write(self.call(f"{prefix}_input", self.arena), window.tobytes())
        self.clear_counts()
        if status := self.call(f"{prefix}_run", self.arena, size):
            raise ParityError(f"{self._core}: {prefix}_run returned {status}")

    def clear_counts(self) -> None:
        """Forget the instructions that were counted so far."""
        for counter in (self._blocks, *self._by_start.values()):
            counter.clear()

    def on_call(self, function: str, handler: Callable[..., Any]) -> None:
        """Call ``handler`` with the first four arguments whenever ``function`` is entered."""

        def hook(uc: Any, *_: object) -> None:
            handler(*map(uc.reg_read, self._arguments))

        address = self.symbols[function]
        self._uc.hook_add(self._unicorn.UC_HOOK_CODE, hook, begin=address, end=address)

    def on_read(self, handler: Callable[[int, int], Any]) -> None:
        """Call ``handler`` with address and size of every read of memory."""

        def hook(_: Any, __: int, address: int, size: int, *___: object) -> None:
            handler(address, size)

        self._uc.hook_add(self._unicorn.UC_HOOK_MEM_READ, hook)

    def on_stack_write(self, handler: Callable[[int], Any]) -> None:
        """Call ``handler`` with the depth in bytes of every write to the stack."""

        def hook(_: Any, __: int, address: int, *___: object) -> None:
            handler(self._stack_end - address)

        first, last = self._stack_end - STACK_BYTES, self._stack_end - 1
        self._uc.hook_add(self._unicorn.UC_HOOK_MEM_WRITE, hook, begin=first, end=last)

    def map_registers(
        self, address: int, read: Callable[[int], int], write: Callable[[int, int], Any]
    ) -> None:
        """Have a page of 32-bit registers from ``address`` on, which are called by their offset."""
        self._uc.mmio_map(
            *(address, PAGE_BYTES),
            *(lambda _, offset, *__: read(offset), None),
            *(lambda _, offset, __, value, *___: write(offset, value), None),
        )

    def stack_depth(self) -> int:
        """Bytes between the stack pointer and the end of the stack."""
        return self._stack_end - int(self._uc.reg_read(self._register("SP")))

    def read(self, address: int, size: int) -> bytes:
        """Memory from ``address`` on."""
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Store ``data`` at ``address``."""
        self._uc.mem_write(address, data)

    def stack_bytes(self) -> int:
        """Deepest stack of all calls so far."""
        stack = self.read(self._stack_end - STACK_BYTES, STACK_BYTES)
        return len(stack.lstrip(bytes([STACK_PAINT])))

    def instructions_by_layer(self) -> Counter[str]:
        """Executed instructions of the last run: per layer with all it calls, "" for the rest."""
        counts = Counter({"": self._instructions(self._blocks)})
        for name in self._export.layer_functions:
            if blocks := self._by_start.get(self.symbols.get(name, -1)):
                counts[name] = self._instructions(blocks)
        return counts

    def _count_blocks(self, run: Function) -> None:
        """Count executed blocks, each for the layer that was entered last."""
        functions = self._export.layer_functions
        self._by_start = {
            self.symbols[name]: Counter() for name in functions if name in self.symbols
        }
        run_end = run.address + run.size_bytes
        current = self._blocks

        def hook(_: Any, address: int, size: int, __: object) -> None:
            nonlocal current
            if address in self._by_start:
                current = self._by_start[address]
            elif run.address <= address < run_end:
                current = self._blocks
            current[address, size] += 1

        self._uc.hook_add(self._unicorn.UC_HOOK_BLOCK, hook)

    def _instructions(self, blocks: Counter[tuple[int, int]]) -> int:
        return sum(
            times * self._isa.count(self.read(address, size))
            for (address, size), times in blocks.items()
        )

    def _pc(self) -> int:
        return int(self._uc.reg_read(self._register("PC"))) & ~1

    def _register(self, name: str) -> int:
        return int(getattr(self._constants, f"UC_{self._isa.architecture}_REG_{name}"))


def read_sections(program: Path) -> list[Section]:
    """The sections of an ELF that take up memory, empty ones left out."""
    allocated = 0x2
    with program.open("rb") as file:
        return [
            Section(section.name, int(section["sh_addr"]), section.data())
            for section in _elf(file).iter_sections()
            if section["sh_flags"] & allocated and section["sh_size"]
        ]


def read_functions(program: Path) -> Mapping[str, Function]:
    """Functions of an ELF by name."""
    with program.open("rb") as file:
        table = _elf(file).get_section_by_name(".symtab")
        return {
            symbol.name: Function(int(symbol["st_value"]) & ~1, int(symbol["st_size"]))
            for symbol in table.iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC"
        }


@dataclass(frozen=True)
class Symbol:
    """A function or table of an ELF by one of its names; ``local`` to the file that defines it."""

    section: str
    name: str
    place: Function
    local: bool


def read_symbols(program: Path) -> list[Symbol]:
    """Each function and table of an ELF; a place may have two names."""
    with program.open("rb") as file:
        elf = _elf(file)
        return [
            Symbol(
                elf.get_section(symbol["st_shndx"]).name,
                symbol.name,
                Function(int(symbol["st_value"]) & ~1, int(symbol["st_size"])),
                symbol["st_info"]["bind"] == "STB_LOCAL",
            )
            for symbol in elf.get_section_by_name(".symtab").iter_symbols()
            if symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT") and symbol["st_size"]
        ]


def _elf(file: Any) -> Any:
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise ToolError("pyelftools is missing", hint="run: pip install pyelftools") from None
    return ELFFile(file)


def _load_unicorn(architecture: str) -> tuple[Any, Any]:
    """The emulator, and its constants for one architecture."""
    try:
        import unicorn

        constants = importlib.import_module(f"unicorn.{architecture.lower()}_const")
    except ImportError:
        raise ToolError("the emulator is missing", hint="run: pip install unicorn") from None
    return unicorn, constants


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
