"""The example configurations of TI's tinyml-tensorlab, all of them in ``ti_examples.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

SET = Path(__file__).parent / "ti_examples.yaml"
HEAD = re.compile(r"^--- # (\S+)\n", re.MULTILINE)
MODEL_CONFIG = "branched_model_parameters/residual_network_config.yaml"
OTHER_SIGNALS = {
    "MNIST_image_classification/config_image_classification_mnist.yaml": "an image has two",
    "coffee_bean_classification/config_MSPM0.yaml": "an image has two",
    "machine_readable_code_classification/config_MSPM0.yaml": "an image has two",
    "radar_point_cloud_classification/config.yaml": "a cloud of radar points is none",
}
"""Why these do not run here."""


def ti_set() -> Iterator[tuple[str, str]]:
    """The path of each example among TI's, such as ``gas_sensor/config.yaml``, and its text."""
    _, *parts = HEAD.split(SET.read_text(encoding="utf-8"))
    yield from zip(parts[::2], parts[1::2], strict=True)


def write_ti_set(folder: Path) -> dict[str, Path]:
    """Write the examples below ``folder``, as users have them on disk; the files by name."""
    files = {name: folder / name for name, _ in ti_set()}
    for name, text in ti_set():
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(text, encoding="utf-8", newline="\n")
    return files


RUN = [name for name, _ in ti_set() if name not in OTHER_SIGNALS and name != MODEL_CONFIG]
"""The examples that run here."""
