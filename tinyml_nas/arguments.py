"""The commands and options, and the errors for anything else."""

from __future__ import annotations

import argparse
import errno
import os
import re
from collections.abc import Callable
from typing import Any, NoReturn

from tinyml_nas import __version__
from tinyml_nas.config import names
from tinyml_nas.console import own_command, shell_quoted
from tinyml_nas.errors import ConfigError
from tinyml_nas.info import TOPICS
from tinyml_nas.located.marks import NO_TEXT
from tinyml_nas.located.problems import printable, shortened
from tinyml_nas.located.suggest import did_you_mean
from tinyml_nas.located.units import parse_duration, parse_size

COMMANDS = {
    "init": "look at your recordings and write a YAML for them",
    "run": "run the whole pipeline (also without the word run)",
    "check": "check the YAML and show the plan",
    "explore": "look at the data before any training",
    "prove": "prove the files of a finished run again",
    "schema": "print the JSON schema of the YAML",
    "info": "list what a YAML can name",
}
OPTIONS = (
    "--compat", "--device", "--fits", "--flash", "--from", "--help", "--input", "--latency",
    "--output", "--outputs", "--quiet", "--ram", "--resume", "--set", "--take", "--target",
    "--task", "--version",
)  # fmt: skip
"""Of all commands: what a misspelt one is compared with."""
CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
POINT = re.compile(r"c[0-9]+")


class Parser(argparse.ArgumentParser):
    """A parser whose usage errors are ``ConfigError``, like every other mistake of the user."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        unknown = message.removeprefix("unrecognized arguments: ")
        near = None
        if unknown != message:
            near = did_you_mean(unknown.split("=")[0].split()[0], OPTIONS)
        hint = near or f"See {self.prog} --help."
        raise ConfigError(f"{message[0].upper()}{message[1:].rstrip('.')}.", hint=hint)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command and its options; raises ``ConfigError`` for what is none."""
    for argument in arguments:
        if NO_TEXT.search(argument):
            shown = printable(shortened(argument))
            raise ConfigError(
                f"The argument {shown!r} holds a character that is no text.",
                hint="Rename the file, or give the path from another folder.",
            )
    if arguments[:1] == ["info"] and len(arguments) > 1 and arguments[1] not in TOPICS:
        topic = arguments[1]
        if not topic.startswith("-"):
            hint = did_you_mean(topic, TOPICS) or f"The topics are {', '.join(TOPICS)}."
            raise ConfigError(f"There is no topic {shortened(topic)!r}.", hint=hint)
    return _parser().parse_args(_with_command(arguments))


def _with_command(arguments: list[str]) -> list[str]:
    """The arguments with ``run`` in front where the user named a file instead of a command."""
    if not arguments or arguments[0] in COMMANDS:
        return arguments
    word = arguments[0]
    if not word.startswith("-") and not _names_config(word) and os.path.isdir(word):
        hint = f"For a YAML of these data: {own_command()} init --from {shell_quoted(word)}"
        raise ConfigError(f"{word} is a folder; a run begins with a YAML.", hint=hint)
    if not word.startswith("-") and not _names_config(word):
        hint = did_you_mean(word, COMMANDS) or f"The commands are {', '.join(COMMANDS)}."
        raise ConfigError(f"There is no command {shortened(word)!r}.", hint=hint)
    return ["run", *arguments] if any(map(_names_config, arguments)) else arguments


def _names_config(argument: str) -> bool:
    is_option = argument.startswith("-")
    return not is_option and (argument.endswith(CONFIG_SUFFIXES) or os.path.isfile(argument))


def _parser() -> Parser:
    parser = Parser(
        prog="tinyml_nas",
        description="One YAML in, a verified int8 model for a microcontroller out.",
    )
    parser.add_argument("--version", action="version", version=f"tinyml_nas {__version__}")
    words = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands = {name: words.add_parser(name, help=text) for name, text in COMMANDS.items()}
    _add_init_options(commands["init"])
    _add_config_options(commands)
    _add_run_options(commands["run"])
    commands["prove"].add_argument(
        "run", type=_path, metavar="RUN", help="its folder, such as runs/my_model/latest"
    )
    info = commands["info"]
    info.add_argument("topic", choices=tuple(TOPICS), metavar="TOPIC", help=", ".join(TOPICS))
    info.add_argument("name", nargs="?", metavar="NAME", help="show only this one")
    _add_model_options(info)
    for command in commands.values():
        command.add_argument("--quiet", action="store_true", help="errors and warnings only")
    return parser


def _add_init_options(init: argparse.ArgumentParser) -> None:
    init.add_argument(
        "--from",
        dest="source",
        type=_path,
        required=True,
        metavar="DATA",
        help="a folder or zip of .csv, .txt or .npy files, or one table",
    )
    init.add_argument(
        "--target", metavar="COLUMN", help="a column that is to be predicted from the others"
    )
    init.add_argument(
        "-o",
        "--output",
        type=_path,
        default="config.yaml",
        metavar="YAML",
        help="the file to write; default: config.yaml, never overwritten",
    )


def _add_config_options(commands: dict[str, Parser]) -> None:
    """What names YAML files, and changes values in them."""
    run, check, explore = (commands[name] for name in ("run", "check", "explore"))
    for command in (run, explore):
        command.add_argument("config", type=_path, metavar="CONFIG", help="the YAML or JSON file")
    check.add_argument(
        "configs",
        type=_path,
        metavar="CONFIG",
        nargs="+",
        help="the YAML or JSON files; with --compat folders",
    )
    check.add_argument(
        "--compat",
        action="store_true",
        help="for files of TI's tools: what becomes of every key, and whether they run here",
    )
    for command in (run, check, explore):
        command.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="SECTION.KEY=VALUE",
            help="override one value; may be repeated",
        )
    explore.add_argument(
        "-o",
        "--output",
        type=_path,
        metavar="HTML",
        help="the page to write; default: runs/NAME/data.html",
    )


def _add_run_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--resume", action="store_true", help="continue a run that was stopped")
    run.add_argument(
        "--output", type=_path, metavar="DIR", help="folder of the runs; default: runs"
    )
    run.add_argument(
        "--take",
        type=_point,
        metavar="ID",
        help="take another point of the last search, such as c17, or its baseline, without a new "
        "search",
    )


def _add_model_options(info: argparse.ArgumentParser) -> None:
    group = info.add_argument_group("models")
    where = group.add_mutually_exclusive_group()
    where.add_argument("--device", metavar="NAME", help="on which they run; default: cortex-m4")
    where.add_argument("--fits", metavar="NAME", help="only models that fit this device")
    group.add_argument("--input", type=_shape, metavar="CxL", help="channels x steps, as 3x128")
    group.add_argument("--outputs", type=_positive, metavar="N", help="classes, targets or steps")
    group.add_argument("--task", choices=names.TASKS, help="only models of this task")
    group.add_argument("--flash", type=_size, metavar="SIZE", help="at most so much, as 16kB")
    group.add_argument("--ram", type=_size, metavar="SIZE", help="at most so much, as 4kB")
    group.add_argument("--latency", type=_time, metavar="TIME", help="at most so long, as 1ms")


def _path(text: str) -> str:
    """The path that an option names; an unset variable of a script is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    try:
        os.stat(text)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise argparse.ArgumentTypeError(
                f"{shortened(text)!r} is too long for a path"
            ) from None
    return text


def _point(text: str) -> str:
    """The ID of a point of a front, or ``baseline``."""
    identifier = text.strip().lower()
    if identifier != "baseline" and not POINT.fullmatch(identifier):
        raise argparse.ArgumentTypeError(f"{text!r} is no point such as c17, nor is it baseline")
    return identifier


def _shape(text: str) -> tuple[int, int]:
    if not (match := re.fullmatch(r"([1-9][0-9]*)[xX×]([1-9][0-9]*)", text.strip())):
        raise argparse.ArgumentTypeError(f"{text!r} is no input such as 3x128, channels x steps")
    return int(match[1]), int(match[2])


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of outputs such as 3")
    return int(text)


def _size(text: str) -> object:
    return _quantity(parse_size, text + "B" if text[-1:] in ("k", "M") else text)


def _time(text: str) -> object:
    return _quantity(parse_duration, text)


def _quantity(parse: Callable[[object], object], text: str) -> object:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
