"""The command line: commands to what does them, errors to messages and exit codes.

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
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyml_nas import __version__, interrupts
from tinyml_nas.arguments import parse
from tinyml_nas.config import InvalidConfig, LoadedConfig
from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError, Interrupted, TinymlError, ToolError, missing_package
from tinyml_nas.info import TOPICS, ModelQuery, models
from tinyml_nas.load import load_config, schema

FULL = "Make room and try again; --resume continues a stopped run."
CLOSED = "Check the permissions of the folder."
IN_THE_WAY = "Move away what is there, or name another place with --output."
TOO_LONG = "Shorten common.run_name, or name a place near the root with --output."
NO_MEMORY = "Close other programs, or use less data: shorter windows, fewer files."
MOST_SHOWN = 160
OF_THE_SYSTEM = (
    "Look at the system's log for this disk and its limits; --resume continues a stopped run."
)
LIMITS = {"flash": "flash_bytes", "ram": "ram_bytes", "latency": "latency_seconds"}
"""Options of ``info models`` that leave models out, and the resource that each limits."""
MODEL_OPTIONS = {
    "device": "device",
    "fits": "device",
    "input": "input_shape",
    "outputs": "outputs",
    "task": "task",
    **LIMITS,
}
"""Options of ``info models`` and what they set in its query."""
WAYS_OUT = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: CLOSED,
    errno.EACCES: CLOSED,
    errno.EPERM: CLOSED,
    errno.EEXIST: IN_THE_WAY,
    errno.EISDIR: IN_THE_WAY,
    errno.ENOTDIR: IN_THE_WAY,
    errno.ENOTEMPTY: IN_THE_WAY,
    errno.EBUSY: IN_THE_WAY,
    errno.ENAMETOOLONG: TOO_LONG,
    errno.ELOOP: TOO_LONG,
    errno.EIO: OF_THE_SYSTEM,
    errno.EFBIG: OF_THE_SYSTEM,
    errno.EMFILE: OF_THE_SYSTEM,
    errno.ENFILE: OF_THE_SYSTEM,
    errno.ENOMEM: OF_THE_SYSTEM,
}
"""Errors of a disk or a machine, and what helps; any other error of the system is a bug of ours."""


def _run(arguments: argparse.Namespace, console: Console) -> None:
    loaded = _load(arguments.config, arguments.set, console)
    if arguments.take is not None and not loaded.config.training.nas_enabled:
        raise ConfigError(
            f"--take {arguments.take}: {arguments.config} has no search to take it from.",
            hint="Add nas_enabled: true to training.",
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
    from tinyml_nas.plan import network_warnings, plan

    for config in arguments.configs:
        loaded = _load(config, arguments.set, console)
        rows = plan(loaded.config)
        for warning in network_warnings(loaded.config):
            console.warning(warning)
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
    console.plain(json.dumps(schema(), indent=2))


def _info(arguments: argparse.Namespace, console: Console) -> None:
    given = {key: value for key in MODEL_OPTIONS if (value := getattr(arguments, key)) is not None}
    if arguments.topic == "models":
        models(console, arguments.name, _model_query(given))
    elif given:
        raise ConfigError(
            f"info {arguments.topic} takes no --{min(given)}.", hint="It is for info models."
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


ACTIONS = {
    "run": _run,
    "check": _check,
    "init": _init,
    "explore": _explore,
    "prove": _prove,
    "schema": _schema,
    "info": _info,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is no crash
            stream.reconfigure(errors="backslashreplace")
    console = Console(quiet="--quiet" in given)
    try:
        parsed = parse(given)
        ACTIONS[parsed.command](parsed, console)
    except InvalidConfig as error:
        console.rich_err.print(error.message, markup=False)
        return error.exit_code
    except TinymlError as error:
        console.error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return _stopped(console)
    except OSError as error:
        return _os_error(error, console)
    except MemoryError as error:
        console.error(f"The memory of this machine does not suffice{_asked(error)}.", NO_MEMORY)
        return ToolError.exit_code
    except ModuleNotFoundError as error:
        if (missing := missing_package(error)) is None:
            return _bug(console)
        console.error(missing.message, missing.hint)
        return missing.exit_code
    except Exception:
        return _stopped(console) if interrupts.was_asked() else _bug(console)
    return 0


def _stopped(console: Console) -> int:
    console.error("Stopped.", interrupts.SAVED)
    return Interrupted.exit_code


def _os_error(error: OSError, console: Console) -> int:
    """Exit code of an error of the file system: 6 for one of ``WAYS_OUT``, 1 for any other."""
    way_out = WAYS_OUT.get(error.errno or 0)
    if way_out is None:
        return _bug(console)
    where = f" at {_shown(error.filename)}" if error.filename else ""
    what = "The disk is full" if way_out is FULL else "Cannot write or read"
    console.error(f"{what}{where}{'' if way_out is FULL else f': {error.strerror}'}.", way_out)
    return ToolError.exit_code


def _asked(error: MemoryError) -> str:
    """The size that was asked for, where NumPy names it."""
    return f": {str(error)[:MOST_SHOWN]}" if str(error) else ""


def _shown(name: object) -> str:
    """The name of a file, its end where it is too long to be one."""
    text = os.fsdecode(name) if isinstance(name, bytes) else str(name)
    return text if len(text) <= MOST_SHOWN else f"...{text[-MOST_SHOWN:]}"


def _bug(console: Console) -> int:
    """Save the traceback of the exception at hand and say where."""
    try:
        handle, name = tempfile.mkstemp(prefix="tinyml_nas-error-", suffix=".txt", text=True)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"tinyml_nas {__version__}\n{traceback.format_exc()}")
        hint = f"Please report it with the file {name}."
    except OSError:
        hint = "The details could not be saved: no room for temporary files."
    kind = sys.exc_info()[0]
    console.error(f"Internal error ({kind.__name__ if kind else 'unknown'}): a bug of ours.", hint)
    return TinymlError.exit_code
