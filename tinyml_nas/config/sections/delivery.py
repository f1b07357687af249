"""Sections ``testing`` and ``compilation``: what is proven and what is written at the end."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tinyml_nas.located.fields import Ignored, Section, read_by, read_unless, without_effect

ANY_COMPILER = "the C is source for every compiler, and none of TI's is called"

LABELS = read_by(
    "common.task", "classification", "anomaly", words="a classification or an anomaly detection"
)
UNTRAINED = read_by("training.enable", False)

TAKEN = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept
    const const_cast constexpr continue decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new
    noexcept not not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast
    struct switch template this thread_local throw true try typedef typeid typename union unsigned
    using virtual void volatile wchar_t while xor xor_eq main layer
    all clean help install package test
"""
"""Words of C and C++, and targets of CMake."""

HEADERS = """
    arduino assert complex ctype errno fenv inttypes iso646 limits locale math setjmp signal
    stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads
    time uchar wchar wctype
"""
"""``<prefix>.h`` would be found in the place of these; file systems may ignore case."""


def _free(prefix: str) -> str:
    if prefix in TAKEN.split() or prefix.lower() in HEADERS.split():
        raise ValueError("is a word of C, C++, CMake or the generated files, or a standard header")
    return prefix


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, int | float) else value


CPrefix = Annotated[
    str, Field(pattern=r"^[A-Za-z](_?[A-Za-z0-9])*$", max_length=31), AfterValidator(_free)
]


Optimize = Literal["speed", "balanced", "size"]
NpuUse = Literal["auto", "off", "require"]
"""What the generated C is made for; its results are the same bits."""


class Testing(Section):
    """What is tested and proven at the end of a run."""

    enable: bool = Field(
        default=True, description="False leaves out the accuracy on the test split."
    )
    parity_vectors: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=32, description="Test windows that must give the same bits on every carrier."
    )
    skip_train: Ignored = without_effect("a run tests what it has trained; --resume goes on")
    device_inference: Ignored = without_effect(
        "the C is proven on emulated cores; export/c/replay is for the board"
    )
    test_data: Ignored = without_effect("what is tested is the test split")
    model_path: Annotated[str | None, UNTRAINED] = Field(
        default=None,
        description="The same as training.model_path, where training.enable is false.",
    )


class Compilation(Section):
    """What is generated for the device."""

    enable: bool = Field(default=True, description="False leaves out the generated C.")
    c_prefix: CPrefix = Field(
        default="model",
        description="Start of every name in the C: a letter, then letters, digits or "
        "single underscores, at most 31.",
    )
    optimize: Optimize = Field(
        default="balanced",
        description="What the generated C is made for: speed (the longest loops, up to half a kB "
        "more code), size (the least code) or balanced. The results are the same bits.",
    )
    npu: NpuUse = Field(
        default="auto",
        description="auto: the NPU of the device runs what it can take, the core the rest; "
        "off: the core runs all; require: a network that the NPU does not take whole is refused.",
    )
    sample_lsb: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...] | None, BeforeValidator(_one_or_more)
    ] = Field(
        default=None,
        description="What one count of the C's int16 samples stands for, in the unit of the data: "
        "one value, or one for each variable. Default: 1 where the recordings are whole numbers, "
        "else a power of two that the training data leave half empty.",
    )
    vote_windows: Annotated[Annotated[int, Field(ge=1, le=255)], LABELS] = Field(
        default=1, description="The C's label is the most frequent one of so many windows."
    )
    vote_share: Annotated[
        Annotated[float, Field(ge=0, le=1)],
        LABELS,
        read_unless("compilation.vote_windows", 1, words="several compilation.vote_windows"),
    ] = Field(
        default=0.0, description="Share of vote_windows that must agree on it; none does: no label."
    )
    compile_preset_name: (
        Literal["default_preset", "forced_soft_npu_preset", "compress_npu_layer_data"] | None
    ) = Field(
        default=None,
        description="forced_soft_npu_preset: the CPU alone computes, so that a search keeps no "
        "rules of the device's NPU.",
    )
    keep_libc_files: Ignored = without_effect("the C is always kept", anyway=(False, True))
    model_path: Annotated[str | None, UNTRAINED] = Field(
        default=None,
        description="The same as training.model_path, where training.enable is false.",
    )
    compile_output_path: Ignored = without_effect("the C goes to export/c in the run's folder")
    target: Ignored = without_effect(ANY_COMPILER)
    target_c_mcpu: Ignored = without_effect(ANY_COMPILER)
    cross_compiler: Ignored = without_effect(ANY_COMPILER)
    cross_compiler_options: Ignored = without_effect(ANY_COMPILER)

    @property
    def may_use_npu(self) -> bool:
        """Whether what is made should also suit the NPU of the device, if it has one."""
        return self.npu != "off" and self.compile_preset_name != "forced_soft_npu_preset"
