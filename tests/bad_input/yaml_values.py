"""Configurations with values that no name, path or computation can take."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from case import Case, Kind

from tinyml_nas.config.config import SECTIONS
from tinyml_nas.located.validate import field_names, leaf_types

FEATURES = "data_processing_feature_extraction"
GOOD = {
    "common": {"task_type": "generic_timeseries_classification"},
    "dataset": {"input_data_path": "set"},
    FEATURES: {"data_proc_transforms": "[SimpleWindow]", "variables": "2", "frame_size": "32"},
    "training": {"model_name": "CLS_500", "training_epochs": "1", "quantization": "0"},
    "testing": {},
    "compilation": {},
}
ALL_KEYS = [(section, key) for section, model in SECTIONS.items() for key in field_names(model)]


def _keys_of(*kinds: type) -> list[tuple[str, str]]:
    """Keys that take one value of ``kinds``, and nothing else."""
    return [
        (section, key)
        for section, model in SECTIONS.items()
        for key, name in field_names(model).items()
        if set(leaf_types(model.model_fields[name].annotation)) - {type(None)} <= set(kinds)
    ]


TEXTS, NUMBERS, COUNTS = _keys_of(str), _keys_of(int, float), _keys_of(int)
FOLDER_NAMES = [("common", "run_name"), ("dataset", "dataset_name")]


def written(folder: Path, section: str, key: str, value: str) -> tuple[Path, str]:
    """A configuration in ``folder`` with ``key: value`` in it, and the place of the value."""
    content = {name: dict(keys) for name, keys in GOOD.items()}
    content[section][key] = value
    lines, place = [], ""
    path = folder / "config.yaml"
    for name, keys in content.items():
        lines.append(f"{name}:")
        for word, text in keys.items():
            lines.append(f"  {word}: {text}")
            if (name, word) == (section, key):
                place = f"{path}:{len(lines)}:{len(word) + 5}"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path, place


def _checked(folder: Path, where: tuple[str, str], value: str, *names: str) -> Case:
    path, place = written(folder, *where, value)
    return Case(("check", str(path)), 2, (place, *names))


def _word(rng: random.Random, longest: int = 12) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(0, longest)))


def escapes(rng: random.Random, folder: Path) -> Case:
    """Eight hexadecimal digits beyond the last character, or half an escape."""
    section, key = rng.choice(ALL_KEYS)
    before = _word(rng)
    bad = rng.choice([f"\\U{rng.randint(0x110000, 0xFFFFFFFF):08X}", "\\UD800DC00", "\\xZ1", "\\q"])
    path, _ = written(folder, section, key, f'"{before}{bad}{_word(rng)}"')
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if bad in text)
    return Case(("check", str(path)), 2, (f"{path}:{line}:", "escape"))


def no_text(rng: random.Random, folder: Path) -> Case:
    """Half of a surrogate pair, or a control character, escaped in a value."""
    code = rng.choice([rng.randint(0xD800, 0xDFFF), rng.randint(1, 8), 0, 0x1B, 0x7F, 0x9B, 0xFFFE])
    value = f'"{_word(rng)}\\u{code:04X}{_word(rng)}"'
    return _checked(folder, rng.choice(ALL_KEYS), value, "no name and no path")


def keys_of_no_text(rng: random.Random, folder: Path) -> Case:
    """The same in a key."""
    code = rng.choice([rng.randint(0xD800, 0xDFFF), rng.randint(1, 8), 0, 0x1B])
    key = f'{{"{_word(rng)}\\u{code:04X}": {rng.randint(2, 8)}}}'
    where = rng.choice([("training", "quantization_layers"), (FEATURES, "gain_variations")])
    path, place = written(folder, *where, key)
    file, line, column = place.rsplit(":", 2)
    inside = f"{file}:{line}:{int(column) + 1}"
    return Case(("check", str(path)), 2, (inside, "no name and no path"))


def numbers(rng: random.Random, folder: Path) -> Case:
    """Numbers that are none, are infinite, or vanish when they are computed with."""
    section, key = rng.choice(NUMBERS)
    digits = "".join(rng.choices("123456789", k=rng.randint(200, 6000)))
    tiny = f"{rng.uniform(1, 9):.3f}e-{rng.randint(151, 330)}"
    huge = f"{rng.uniform(1, 9):.3f}e{rng.randint(151, 999)}"
    value = rng.choice(
        [tiny, huge, f"-{huge}", digits, f"-{digits}", ".nan", "-.inf", "0x" + "f" * 200]
    )
    if value == tiny and (section, key) in COUNTS:
        value = huge
    return _checked(folder, (section, key), value, f"{section}.{key}")


def lsb(rng: random.Random, folder: Path) -> Case:
    """A count of the converter that stands for nothing."""
    bad = f"{rng.uniform(1, 9):.2f}e-{rng.randint(160, 323)}"
    value = rng.choice([bad, f"[{bad}, 1]", f"[1, {bad}]", f"{bad[:-3]}999", "0", f"-{bad}"])
    return _checked(folder, ("compilation", "sample_lsb"), value, "compilation.sample_lsb")


def nesting(rng: random.Random, folder: Path) -> Case:
    """Lists and groups within each other, closed or not."""
    depth = rng.randint(21, 400)
    opened = "".join(rng.choices(["[", "{a: "], k=depth))
    section, key = rng.choice(ALL_KEYS)
    path, place = written(folder, section, key, opened)
    return Case(("check", str(path)), 2, (place.rsplit(":", 1)[0] + ":", "nested too deeply"))


def aliases(rng: random.Random, folder: Path) -> Case:
    """An alias within what it names, or names of names of names."""
    section, key = rng.choice(ALL_KEYS)
    if rng.random() < 0.5:
        name = "a" + _word(rng)
        value = f"&{name} [" + "1, " * rng.randint(0, 9) + f"*{name}]"
    else:
        levels, width = rng.randint(5, 9), rng.randint(9, 20)
        parts = ["&l0 [" + ", ".join(["x"] * width) + "]"]
        parts += [
            f"&l{level} [" + ", ".join([f"*l{level - 1}"] * width) + "]"
            for level in range(1, levels)
        ]
        value = "[" + ", ".join(parts) + "]"
    path, place = written(folder, section, key, value)
    return Case(("check", str(path)), 2, (place.rsplit(":", 1)[0] + ":", "too deeply or too large"))


def long_names(rng: random.Random, folder: Path) -> Case:
    """Names of runs that no file system takes."""
    letter = rng.choice(["a", "ä", "手", "🙂"])
    count = 200 // len(letter.encode()) + rng.randint(1, 300)
    section, key = rng.choice(FOLDER_NAMES)
    return _checked(folder, (section, key), letter * count, f"{section}.{key}", "200 bytes")


def long_texts(rng: random.Random, folder: Path) -> Case:
    """Names and paths beyond what Linux takes."""
    where = rng.choice([key for key in TEXTS if key not in FOLDER_NAMES])
    value = (rng.choice(["a", "a/", "../", "ä"]) * 9000)[: rng.randint(4097, 9000)]
    return _checked(folder, where, value, ".".join(where))


def long_arguments(rng: random.Random, folder: Path) -> Case:
    """Paths of the command line that are too long."""
    path, _ = written(folder, "testing", "enable", "true")
    parts = [
        "a" * rng.randint(256, 4000),
        "a/" * rng.randint(2050, 4000),
        "ä" * rng.randint(128, 999),
    ]
    long = str(folder / rng.choice(parts))
    command, option = rng.choice(
        [
            (("run", str(path), "--output"), "--output"),
            (("explore", str(path), "-o"), "-o/--output"),
            (("init", "--from", str(folder), "-o"), "-o/--output"),
            (("init", "--from"), "--from"),
            (("prove",), "RUN"),
            (("check",), "CONFIG"),
            (("run",), "CONFIG"),
        ]
    )
    return Case((*command, long), 2, (option, "too long for a path"))


def arguments(rng: random.Random, folder: Path) -> Case:
    """Arguments with bytes that are no UTF-8, as Python hands them over, or control characters."""
    path, _ = written(folder, "testing", "enable", "true")
    bad = f"{_word(rng)}{chr(rng.choice([0, 1, 0x1B, 0x7F, *range(0xDC80, 0xDD00)]))}{_word(rng)}"
    command = rng.choice(
        [
            ("check", str(folder / f"{bad}.yaml")),
            ("run", str(path), "--output", str(folder / bad)),
            ("explore", str(path), "-o", bad),
            ("run", str(path), "--set", f"common.run_name={bad}"),
            ("run", str(path), "--set", f"common.{bad}=1"),
            ("init", "--from", bad),
            ("prove", bad),
            ("info", bad),
            (bad,),
            ("run", str(path), f"--{bad}"),
        ]
    )
    return Case(command, 2, ("The argument", "no text"))


def overrides(rng: random.Random, folder: Path) -> Case:
    """Values and keys of ``--set``."""
    path, _ = written(folder, "testing", "enable", "true")
    section, key = rng.choice(TEXTS)
    name = f"{section}.{key}"
    bad, words = rng.choice(
        [
            (f'{name}="\\U{rng.randint(0x110000, 0xFFFFFFFF):08X}"', "escape"),
            (f'{name}="\\u{rng.randint(0xD800, 0xDFFF):04x}"', "no name and no path"),
            (f"{name}=" + "[" * rng.randint(21, 400), "nested too deeply"),
            (f"{name}=" + "a" * rng.randint(4097, 9000), name),
            ("a." * rng.randint(20, 5000) + "b=1", "section.key=value"),
            (_word(rng) + "=1", "section.key=value"),
            (f"{name}={_word(rng)}: [", "not valid YAML"),
            (f"compilation.sample_lsb={rng.uniform(1, 9)}e-320", "compilation.sample_lsb"),
        ]
    )
    return Case(
        (rng.choice(["check", "run"]), str(path), "--set", bad), 2, (f"--set {bad[:60]}", words)
    )


def broken_files(rng: random.Random, folder: Path) -> Case:
    """Bytes that are no text, in a random place of the file."""
    path, _ = written(folder, "testing", "enable", "true")
    content = path.read_bytes()
    at = rng.randrange(len(content))
    if rng.random() < 0.1:
        path.write_bytes(content + b"#" * 1_000_000)
        return Case(("check", str(path)), 2, (str(path), "bytes"))
    bad = rng.choice([b"\xff", b"\xed\xa0\x80", b"\xc3\n", b"\0", b"\x1b", b"\x7f"])
    path.write_bytes(content[:at] + bad + content[at:])
    return Case(("check", str(path)), 2, (f"{path}:{content[:at].count(10) + 1}:",))


ETHOS_U = [("512", "1 MHz"), ("[]", "1 MHz"), ("128", "[]"), ("128.5", "1 MHz"), ("1e9", "0 Hz")]
SPEEDS = [
    *("memory_mode: fast", "memory_mode: []", "cache: 1", "sram: 3", "sram: {clock_scale: .nan}"),
    *("sram: {clock_scale: 0}", "flash: {ports: 9}", "flash: {a: 1}", "sram: {burst_length: {}}"),
]
"""Accelerators, their clocks, and the speeds of their memories, each with one wrong value."""


def device_files(rng: random.Random, folder: Path) -> Case:
    """Boards of the user's own with one wrong value."""
    keys = {"core": "cortex-m4", "clock": "80 MHz", "flash": "256 kB", "ram": "64 kB", "note": "x"}
    bad = {
        "core": ["cortex-m9", "[]", "1e999", '"\\uD800"', '"\\UFFFFFFFF"'],
        "clock": ["80", "1e400 MHz", "-1 MHz", "0 Hz", "{a: 1}", '"8\\0 MHz"', "9" * 5000],
        "flash": ["8", "1e400 kB", "0.3 B", "-1 kB", "[1 kB]", "1 TB", "1 B", "9" * 5000 + " B"],
        "ram": ["64", "99999999 MB", "nan kB", "[[[[", '"\\xZZ"', "[" * 99],
        "note": ["[1, 2]", '"\\uDC00"', "{a: [}", "&a [*a]"],
        "npu": ["ti-npu", "{kind: x}", "{kind: ti-npu, strides: [a]}", "{kind: ti-npu, kin: 1}"]
        + [f"{{kind: ethos-u55, macs: {macs}, clock: {clock}}}" for macs, clock in ETHOS_U]
        + [f"{{kind: ethos-u65, macs: 256, clock: 1 MHz, {speed}}}" for speed in SPEEDS],
    }
    key = rng.choice([*bad])
    keys[key] = rng.choice(bad[key])
    order = rng.sample([*keys], len(keys))
    device = folder / "devices" / "board.yaml"
    device.parent.mkdir()
    device.write_text("".join(f"{word}: {keys[word]}\n" for word in order), encoding="utf-8")
    path, _ = written(
        folder, "common", "target_device", rng.choice(["board", "devices/board.yaml"])
    )
    return Case(("check", str(path)), 2, (f"{device}:{order.index(key) + 1}:",))


def literals(rng: random.Random, folder: Path) -> Case:
    """Python text in the place of a group, as TI's files have it."""
    text = rng.choice(
        [
            "{" * rng.randint(150, 3000),
            "(" * rng.randint(90, 3000) + "1",
            "-" * rng.randint(3000, 4000) + "1",
            f"__import__({_word(rng)})",
            f"{{{_word(rng)}",
            f"{{'{_word(rng)}': (1, 1e999)}}",
            f"{{'{_word(rng)}': (2, {rng.random()})}}",
        ]
    )
    return _checked(folder, (FEATURES, "gain_variations"), f'"{text}"', "gain_variations")


def _posix(kinds: dict[str, Callable[[random.Random, Path], Case]]) -> dict[str, Kind]:
    return kinds if os.name == "posix" else {}


KINDS: dict[str, Kind] = {
    "yaml_escapes": escapes,
    "yaml_no_text": no_text,
    "yaml_keys_of_no_text": keys_of_no_text,
    "yaml_numbers": numbers,
    "yaml_lsb": lsb,
    "yaml_nesting": nesting,
    "yaml_aliases": aliases,
    "yaml_long_names": long_names,
    "yaml_long_texts": long_texts,
    "yaml_overrides": overrides,
    "yaml_broken_files": broken_files,
    "yaml_device_files": device_files,
    "yaml_literals": literals,
    **_posix({"long_arguments": long_arguments, "arguments": arguments}),
}
