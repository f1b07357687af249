"""PyTorch files of the user's that end, fail, or give something else than scores."""

from __future__ import annotations

import random
from pathlib import Path

from case import Case, Kind

CONFIG = """\
common: {{task_type: generic_timeseries_classification}}
dataset: {{input_data_path: set}}
data_processing_feature_extraction:
  {{data_proc_transforms: [SimpleWindow], variables: 2, frame_size: 16, stride_size: 1.0}}
training: {{model_spec: {spec}, training_epochs: 1, quantization: 0}}
"""
NET = """\
import torch
from torch import nn


class {name}(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv = nn.Conv1d(channels, {width}, 3)
        self.head = nn.Linear({width}, classes)

    def forward(self, x):
        x = self.conv(x).mean(2)
        return self.head(x)
"""
FORWARD = "    def forward(self, x):"
BUILT = "        super().__init__()"
RETURN = "        return self.head(x)"
STOPS = (
    *("import sys; sys.exit({code})", "raise SystemExit", "raise SystemExit({code})"),
    *("raise KeyboardInterrupt", "raise GeneratorExit", "raise BaseException", "1 / 0"),
    *("raise MemoryError", "raise RecursionError('{code}')", "raise OSError({code}, 'x')"),
    *(
        "assert {code} == -1",
        "raise ValueError('x' * 100_000)",
        "import no_module_{code}",
        "boom_{code}",
    ),
    *("[].index({code})", "{{}}[{code}]", "open('no_file_{code}')", "raise StopIteration({code})"),
    *("import os; os._exit({code})", "import os; os.chdir('/'); raise ValueError({code})"),
    "raise type('Mute', (Exception,), {{'__str__': lambda self: 1 / 0}})({code})",
    *("raise UnicodeDecodeError('utf-8', b'x', 0, 1, '')", "raise BrokenPipeError({code})"),
)
"""Statements that end a program, or raise."""


def write_recordings(folder: Path, rng: random.Random) -> None:
    """Two classes, three recordings of two channels and two windows of each."""
    for label in ("up", "down"):
        for number in range(3):
            path = folder / "set" / "classes" / label / f"{number}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [f"{rng.gauss(0, 1):.3f},{rng.gauss(0, 1):.3f}" for _ in range(32)]
            path.write_text("\n".join(["a,b", *rows, ""]), encoding="utf-8")


def _case(
    rng: random.Random, folder: Path, code: str, *words: str, spec: str | None = None
) -> Case:
    """A run of ``code``, behind some lines of comments, that must end naming its file."""
    write_recordings(folder, rng)
    file = f"net_{rng.randint(0, 10**9)}.py"
    (folder / file).write_text(code, encoding="utf-8")
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(spec=spec or file), encoding="utf-8")
    output = str(folder / "runs")
    return Case(("run", str(config), "--output", output), 2, (file, *words))


def _net(rng: random.Random) -> str:
    name = "".join(rng.choices("ABCDEFGHIJ", k=rng.randint(1, 9)))
    comments = "# a line\n" * rng.randint(0, 40)
    return comments + NET.format(name=name, width=rng.randint(2, 9))


def _at(code: str, text: str) -> str:
    """``:12`` of the line that ``text`` is in."""
    return f":{code[: code.index(text)].count(chr(10)) + 1}"


def _stop(rng: random.Random) -> str:
    return rng.choice(STOPS).format(code=rng.randint(0, 99))


def stops(rng: random.Random, folder: Path) -> Case:
    """A file that ends the program, or raises, while it is run."""
    code, stop = _net(rng), _stop(rng)
    lines = code.splitlines()
    at = rng.choice([number for number, line in enumerate(lines) if line and line[0] != " "])
    code = "\n".join([*lines[:at], stop, *lines[at:]])
    return _case(rng, folder, code, _at(code, stop), "running the file failed")


def _inside(rng: random.Random, folder: Path, before: str, words: str) -> Case:
    code, stop = _net(rng), _stop(rng)
    code = code.replace(before, f"{before}\n        {stop}", 1)
    return _case(rng, folder, code, _at(code, f"        {stop}"), words)


def stops_built(rng: random.Random, folder: Path) -> Case:
    """The same while the class is built."""
    return _inside(rng, folder, BUILT, "building ")


def stops_forward(rng: random.Random, folder: Path) -> Case:
    """The same in forward."""
    return _inside(rng, folder, FORWARD, "cannot be run on a window")


def results(rng: random.Random, folder: Path) -> Case:
    """Forward gives something else than one tensor of scores."""
    code = _net(rng)
    result, words = rng.choice(
        [
            ("return (self.head(x), x)", "gives a tuple"),
            ("return [self.head(x)]", "gives a list"),
            ("return {'scores': self.head(x)}", "gives a dict"),
            ("self.head(x)", "gives nothing"),
            ("return None", "gives nothing"),
            (f"return {rng.randint(0, 9)}", "gives a int"),
            ("return 'scores'", "gives a str"),
            ("return self.head(x).detach().numpy()", "gives a ndarray"),
            ("return self.head(x).argmax(1, keepdim=True)", "gives values of type int64"),
            ("return self.head(x) > 0", "gives values of type bool"),
            ("return torch.complex(self.head(x), self.head(x))", "gives values of type complex64"),
            ("return self.head(x).mean()", "gives a tensor of the shape []"),
            ("return self.head(x)[0]", "gives a tensor of the shape [2]"),
            ("return self.head(x)[:0]", "gives a tensor of the shape [0, 2]"),
            (f"return self.head(x).repeat({rng.randint(2, 9)}, 1)", "gives a tensor of the shape"),
            ("return self.head(x) + torch.rand(2)", "other scores each time"),
            ("return self.head(x + torch.randn_like(x))", "other scores each time"),
        ]
    )
    code = code.replace(RETURN, f"        {result}")
    return _case(rng, folder, code, _at(code, FORWARD), words)


def shapes(rng: random.Random, folder: Path) -> Case:
    """Scores for another number of classes, or layers for other windows."""
    code, wrong = _net(rng), rng.randint(3, 99)
    if rng.random() < 0.5:
        code = code.replace(", classes)\n\n", f", {wrong})\n\n")
        return _case(rng, folder, code, f"gives {wrong} scores; the data set asks for 2")
    code = code.replace("Conv1d(channels", f"Conv1d({wrong}")
    return _case(rng, folder, code, "cannot be run on a window", _at(code, "x = self.conv(x)"))


def decisions(rng: random.Random, folder: Path) -> Case:
    """Forward decides by its values, counts its calls, or takes one window alone."""
    code = _net(rng)
    body, words = rng.choice(
        [
            ("x = -x if x.abs().max() > 1e-6 and len(x) > 1 else x + 1", "is not what PyTorch"),
            ("self.calls = getattr(self, 'calls', 0) + 1; x = x + self.calls", "each time"),
            ("x = x.reshape(1, 2, 16)", "running forward on a batch of"),
            (f"assert len(x) == 1, {rng.randint(0, 99)}", "running forward on a batch of"),
        ]
    )
    code = code.replace(FORWARD, f"{FORWARD}\n        {body}")
    return _case(rng, folder, code, words)


def classes(rng: random.Random, folder: Path) -> Case:
    """No class, two, another one, or one that asks for more."""
    code = _net(rng)
    name = code[code.index("class ") + 6 : code.index("(nn.Module)")]
    word = "".join(rng.choices("klmnop", k=rng.randint(2, 9)))
    changed, words = rng.choice(
        [
            ("", "defines no class at all"),
            (code[: code.index("class ")] + f"{word} = 1\n", "defines no class at all"),
            (code.replace("nn.Module", "object"), "defines no class at all"),
            (code + f"\n\nclass Z{word}({name}):\n    pass\n", f"defines {name}, Z{word}"),
            (code.replace("channels,", f"channels, {word},"), f"asks for '{word}'"),
            (code.replace(BUILT, f"        self.{word} = nn.ReLU()"), "building"),
            (code.replace(BUILT, f"        self.{word} = 1"), "building"),
            (code.replace("__init__(self, channels", "__new__(cls, channels"), "building"),
            (code.replace("def forward", f"def {word}"), "cannot be run on a window"),
        ]
    )
    return _case(rng, folder, changed, words)


def syntax(rng: random.Random, folder: Path) -> Case:
    """Text that is no Python: refused before anything is run."""
    lines = _net(rng).splitlines()
    at = rng.randrange(len(lines))
    bad = rng.choice(
        ["def (:", "class 1:", "x = = 1", "'open", "return 1 +", "\tif", "\0", "$", "é ="]
    )
    code = "\n".join([*lines[:at], bad, *lines[at:]])
    case = _case(rng, folder, code, "training.model_spec: Python cannot read", "config.yaml:5:")
    return Case(("check", case.command[1]), 2, case.names)


def names(rng: random.Random, folder: Path) -> Case:
    """A name of a class or file that is not there, or is no Python file."""
    code = _net(rng)
    word = "".join(rng.choices("klmnop", k=rng.randint(2, 9)))
    suffix = rng.choice([".txt", ".pt", ".onnx", ".pyc"])
    (folder / f"{word}{suffix}").write_text(code, encoding="utf-8")
    spec, said = rng.choice(
        [
            (f"{word}.py", f"there is no file '{word}.py'"),
            (f"{word}.py:{word}", f"there is no file '{word}.py'"),
            (f"{word}{suffix}", "is no .py file"),
            (word, f"there is no file '{word}'"),
            ("set", "there is no file 'set'"),
        ]
    )
    case = _case(rng, folder, code, spec=spec)
    return Case(("check", case.command[1]), 2, ("config.yaml:5:", "training.model_spec", said))


KINDS: dict[str, Kind] = {
    "spec_stops": stops,
    "spec_stops_built": stops_built,
    "spec_stops_forward": stops_forward,
    "spec_results": results,
    "spec_shapes": shapes,
    "spec_decisions": decisions,
    "spec_classes": classes,
    "spec_syntax": syntax,
    "spec_names": names,
}
