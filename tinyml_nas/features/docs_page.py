"""The page about the steps, written from what the steps say of themselves.

    python -c "from pathlib import Path; from tinyml_nas.features.docs_page import write_page; \\
        write_page(Path('docs/features.md'))"
"""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.config.presets.features import FEATURE_PRESETS
from tinyml_nas.features.chain import STEPS

HEAD = """\
# Feature steps

`feat_ext_transform` lists steps in the order in which they run; a frame of samples goes in, and
what the last step leaves is a model input. Every step has a form in integers, of which the C is
made and proven bit by bit; the last column says how far that form is from the one that was trained
on. A unit is one integer: samples get as many fractional bits as the chain leaves room for, 8 at
most.
"""
MORE = """\
- A step works on what the step before it leaves; a senseless order is an error that names one that
  works. `min_bin` counts the bins of the Fourier transform, also after DC_REMOVE.
- Steps in Q15 compute 16-bit integers in training as on the target: 1 is one count of the
  converter, `FFT_Q15` and `Q15_MAG` give CMSIS-DSP's bits (`arm_rfft_q15`, `arm_cmplx_mag_q15`),
  and samples beyond int16 saturate. Samples between -1 and 1 need TO_Q15 first.
- A single window of KURT_FE, ENT_FE, ZCR_FE, DOM_FE or SLOPE_FE is the whole frame. With
  `window_count` above 1, windows begin at every `stride_size`-th part of a frame that has 4 zeros
  before it and 3 behind it. Each statistic becomes a channel, each window a step along time:
  PIR_FE of 25 windows gives 25 × 25. Frames themselves then follow one another unless SimpleWindow
  is asked for.
- Bands of PIR_FE are taken of the window repeated to `fft_size`, its other spectra of the window
  with zeros behind it.
- `gain_variations` and `offset` change only the frames that are trained on.
"""


def markdown() -> str:
    """The whole page."""
    rows = [
        f"| {name} | {step.description} | {_code(step.reads)} | {step.in_integers} |"
        for name, step in STEPS.items()
    ]
    presets = [
        f"| {name} | {' → '.join(preset.chain) or 'the samples as they are'} |"
        for name, preset in sorted(FEATURE_PRESETS.items())
    ]
    parts = [
        HEAD,
        "\n".join(["| step | meaning | keys | in integers |", "| --- | --- | --- | --- |", *rows]),
        "",
        MORE,
        "## Presets\n",
        "`info presets NAME` shows the values of a preset; keys that are written win over them.\n",
        "\n".join(["| preset | steps |", "| --- | --- |", *presets]),
    ]
    return "\n".join(parts) + "\n"


def _code(keys: tuple[str, ...]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def write_page(path: Path) -> None:
    """Write the page to ``path``."""
    path.write_text(markdown(), encoding="utf-8", newline="\n")
