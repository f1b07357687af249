"""Sections ``testing`` and ``compilation``: what is proven and what is written at the end."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tinyml_nas.config.base import Ignored, Section


class Testing(Section):
    """What is tested and proven at the end of a run."""

    enable: bool = Field(
        default=True, description="False leaves out the accuracy on the test split."
    )
    parity_vectors: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=32, description="Test windows that must give the same bits on every carrier."
    )
    skip_train: Ignored = None
    device_inference: Ignored = None
    test_data: Ignored = None
    model_path: Ignored = None


class Compilation(Section):
    """What is generated for the device."""

    enable: bool = Field(default=True, description="False leaves out the generated C.")
    c_prefix: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,30}$")] = Field(
        default="model",
        description="Start of every name in the C: a letter, then letters, digits or _.",
    )
    compile_preset_name: Ignored = None
    keep_libc_files: Ignored = None
    model_path: Ignored = None
    compile_output_path: Ignored = None
    target: Ignored = None
    target_c_mcpu: Ignored = None
    cross_compiler: Ignored = None
    cross_compiler_options: Ignored = None
