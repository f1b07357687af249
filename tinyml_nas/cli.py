"""The command line: arguments to commands, errors to messages and exit codes.

A command imports what it needs when it runs, so that ``check`` answers before torch is loaded.
Exit codes are those of ``errors``: 0 done, 1 a bug, 2 configuration or usage, 3 budget, 4 parity,
5 data, 6 tool or disk, 130 stopped.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tinyml_nas import __version__, interrupts
from tinyml_nas.config import InvalidConfig, LoadedConfig, config_schema, load_config, names
from tinyml_nas.config.suggest import did_you_mean
from tinyml_nas.config.units import parse_duration, parse_size
from tinyml_nas.console import Console, own_command, shell_quoted
from tinyml_nas.errors import ConfigError, Interrupted, TinymlError, ToolError
from tinyml_nas.info import TOPICS, ModelQuery, models

OPTIONS = (
    *(
        "--compat",
        "--from",
        "--help",
        "--output",
        "--quiet",
        "--resume",
        "--set",
        "--take",
        "--target",
        "--version",
    ),
    *("--device", "--fits", "--flash", "--input", "--latency", "--outputs", "--ram", "--task"),
)
LIMITS = {"flash": "flash_bytes", "ram": "ram_bytes", "latency": "seconds"}
"""Options of ``info models`` that leave models out, and the figure that each limits."""
MODEL_OPTIONS = {
    "device": "device",
    "fits": "device",
    "input": "input_shape",
    "outputs": "outputs",
    "task": "task",
    **LIMITS,
}
"""Options of ``info models`` and what they set in its query."""
CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
POINT = re.compile(r"c[0-9]+")
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class Parser(argparse.ArgumentParser):
    """A parser whose usage errors are ``ConfigError``, like every other mistake of the user."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        unknown = message.removeprefix("unrecognized arguments: ")
        near = (
            None if unknown == message else did_you_mean(unknown.split("=")[0].split()[0], OPTIONS)
        )
        hint = near or f"see {self.prog} --help"
        raise ConfigError(f"{message[0].upper()}{message[1:].rstrip('.')}.", hint=hint)


def _run(arguments: argparse.Namespace, console: Console) -> None:
    loaded = _load(arguments.config, arguments.set, console)
    if arguments.take is not None and not loaded.config.training.nas_enabled:
        raise ConfigError(
            f"--take {arguments.take}: {arguments.config} has no search to take it from.",
            hint="add nas_enabled: true to training",
        )
    from tinyml_nas import pipeline

    interrupts.stop_tidily()
    output = None if arguments.output is None else Path(arguments.output)
    pipeline.run(
        loaded, output=output, resume=arguments.resume, console=console, take=arguments.take
    )


def _prove(arguments: argparse.Namespace, console: Console) -> None:
    from tinyml_nas import pipeline

    interrupts.stop_tidily()
    pipeline.prove_run(Path(arguments.run), console)


def _check(arguments: argparse.Namespace, console: Console) -> None:
    if arguments.compat:
        from tinyml_nas.compat import show_compat

        show_compat(arguments.configs, arguments.set, console)
        return
    from tinyml_nas.plan import plan

    for config in arguments.configs:
        loaded = _load(config, arguments.set, console)
        rows = plan(loaded.config)
        console.info(f"ok  {config}")
        for name, text in rows:
            console.info(f"    {name:<10}{text}")


def _explore(arguments: argparse.Namespace, console: Console) -> None:
    loaded = _load(arguments.config, arguments.set, console)
    from tinyml_nas import pipeline

    interrupts.stop_tidily()
    pipeline.explore(
        loaded.config,
        pipeline.run_name(loaded.config),
        None if arguments.output is None else Path(arguments.output),
        console,
    )


def _init(arguments: argparse.Namespace, console: Console) -> None:
    from tinyml_nas.init import write_config

    write_config(Path(arguments.source), Path(arguments.output), console, arguments.target)


def _schema(arguments: argparse.Namespace, console: Console) -> None:
    console.plain(json.dumps(config_schema(), indent=2))


def _info(arguments: argparse.Namespace, console: Console) -> None:
    given = {key: value for key in MODEL_OPTIONS if (value := getattr(arguments, key)) is not None}
    if arguments.topic == "models":
        models(console, arguments.name, _model_query(given))
    elif given:
        raise ConfigError(
            f"info {arguments.topic} takes no --{min(given)}.", hint="it is for info models"
        )
    else:
        TOPICS[arguments.topic](console, arguments.name)


def _model_query(given: dict[str, Any]) -> ModelQuery:
    """What ``info models`` is asked: ``--fits`` names a device, whose memories are the limits."""
    limits = {LIMITS[key]: given[key] for key in LIMITS if key in given}
    asked = {MODEL_OPTIONS[key]: given[key] for key in given if key not in LIMITS and key != "fits"}
    if "fits" in given:
        from tinyml_nas.devices import load_device

        device = load_device(given["fits"])
        asked["device"] = device.name
        limits = {"flash_bytes": device.flash_bytes, "ram_bytes": device.ram_bytes} | limits
    return ModelQuery(**asked, limits=limits)


def _load(config: str, overrides: Sequence[str], console: Console) -> LoadedConfig:
    loaded = load_config(Path(config), overrides)
    from tinyml_nas.plan import plan_warnings

    for warning in (*loaded.warnings, *plan_warnings(loaded)):
        console.warning(warning)
    return loaded


COMMANDS = {
    "run": _run,
    "check": _check,
    "init": _init,
    "explore": _explore,
    "prove": _prove,
    "schema": _schema,
    "info": _info,
}


def _folder(text: str) -> str:
    """The folder that an option names; an unset variable of a script is no folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return text


def _point(text: str) -> str:
    """The ID of a point of a front."""
    if not POINT.fullmatch(text.strip().lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is no point such as c17")
    return text.strip().lower()


def _parser() -> Parser:
    parser = Parser(
        prog="tinyml_nas",
        description="One YAML in, a verified int8 model for a microcontroller out.",
    )
    parser.add_argument("--version", action="version", version=f"tinyml_nas {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    init = commands.add_parser("init", help="look at your recordings and write a YAML for them")
    init.add_argument(
        "--from",
        dest="source",
        type=_folder,
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
        type=_folder,
        default="config.yaml",
        metavar="YAML",
        help="the file to write; default: config.yaml, never overwritten",
    )
    run = commands.add_parser("run", help="run the whole pipeline (also without the word run)")
    check = commands.add_parser("check", help="check the YAML and show the plan")
    explore = commands.add_parser("explore", help="look at the data before any training")
    for command in (run, explore):
        command.add_argument("config", metavar="CONFIG", help="the YAML or JSON file")
    check.add_argument(
        "configs", metavar="CONFIG", nargs="+", help="the YAML or JSON files; with --compat folders"
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
    run.add_argument("--resume", action="store_true", help="go on where a stopped run ended")
    run.add_argument(
        "--output", type=_folder, metavar="DIR", help="folder of the runs; default: runs"
    )
    run.add_argument(
        "--take",
        type=_point,
        metavar="ID",
        help="take another point of the last search, such as c17, without a new search",
    )
    prove = commands.add_parser("prove", help="prove the files of a finished run again")
    prove.add_argument("run", metavar="RUN", help="its folder, such as runs/my_model/latest")
    schema = commands.add_parser("schema", help="print the JSON schema of the YAML")
    info = commands.add_parser("info", help="list what a YAML can name")
    info.add_argument("topic", choices=tuple(TOPICS), metavar="TOPIC", help=", ".join(TOPICS))
    info.add_argument("name", nargs="?", metavar="NAME", help="show only this one")
    _add_model_options(info)
    explore.add_argument(
        "-o",
        "--output",
        type=_folder,
        metavar="HTML",
        help="the page to write; default: runs/NAME/data.html",
    )
    for command in (init, explore, run, check, prove, schema, info):
        command.add_argument("--quiet", action="store_true", help="errors and warnings only")
    return parser


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


def _with_command(arguments: list[str]) -> list[str]:
    """The arguments with ``run`` in front where the user named a file instead of a command."""
    if not arguments or arguments[0] in COMMANDS:
        return arguments
    word = arguments[0]
    if not word.startswith("-") and not _names_config(word) and Path(word).is_dir():
        hint = f"for a YAML of these data: {own_command()} init --from {shell_quoted(word)}"
        raise ConfigError(f"{word} is a folder; a run begins with a YAML.", hint=hint)
    if not word.startswith("-") and not _names_config(word):
        hint = did_you_mean(word, COMMANDS) or f"the commands are {', '.join(COMMANDS)}"
        raise ConfigError(f"There is no command {word!r}.", hint=hint)
    return ["run", *arguments] if any(map(_names_config, arguments)) else arguments


def _names_config(argument: str) -> bool:
    is_option = argument.startswith("-")
    return not is_option and (argument.endswith(CONFIG_SUFFIXES) or Path(argument).is_file())


def _parse(arguments: list[str]) -> argparse.Namespace:
    if arguments[:1] == ["info"] and len(arguments) > 1 and arguments[1] not in TOPICS:
        topic = arguments[1]
        if not topic.startswith("-"):
            hint = did_you_mean(topic, TOPICS) or f"the topics are {', '.join(TOPICS)}"
            raise ConfigError(f"There is no topic {topic!r}.", hint=hint)
    return _parser().parse_args(_with_command(arguments))


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is no crash
            stream.reconfigure(errors="backslashreplace")
    console = Console(quiet="--quiet" in given)
    try:
        parsed = _parse(given)
        COMMANDS[parsed.command](parsed, console)
    except InvalidConfig as error:
        console.rich_err.print(error.message, markup=False)
        return error.exit_code
    except TinymlError as error:
        console.error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return _stopped(console)
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _os_error(error, console)
    except Exception:
        return _stopped(console) if interrupts.was_asked() else _bug(console)
    return 0


def _stopped(console: Console) -> int:
    console.error("Stopped.", interrupts.SAVED)
    return Interrupted.exit_code


def _os_error(error: OSError, console: Console) -> int:
    """Exit code of an error of the file system: the disk's, or ours if it is none of those."""
    if error.errno not in DISK_ERRORS:
        return _bug(console)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    where = f" at {error.filename}" if error.filename else ""
    console.error(
        f"The disk is full{where}." if full else f"Cannot write or read{where}: {error.strerror}.",
        "make room, then --resume goes on" if full else "check the permissions of the folder",
    )
    return ToolError.exit_code


def _bug(console: Console) -> int:
    """Save the traceback of the exception at hand and say where."""
    try:
        handle, name = tempfile.mkstemp(prefix="tinyml_nas-error-", suffix=".txt", text=True)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"tinyml_nas {__version__}\n{traceback.format_exc()}")
        hint = f"please report it with the file {name}"
    except OSError:
        hint = "the details could not be saved: no room for temporary files"
    kind = sys.exc_info()[0]
    console.error(f"Internal error ({kind.__name__ if kind else 'unknown'}): a bug of ours.", hint)
    return TinymlError.exit_code
