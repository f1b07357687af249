"""Prepare the private Python environment beside the launchers, then start the program in it.

Both launchers only find a Python and run this file with it; the standard library is all it needs,
and it is one file because nothing can be imported yet.
The first start makes a virtual environment, installs the tested versions of ``constraints.txt``
with pip (so that pip's own settings, mirrors and proxies count) and writes a stamp last.  Every
later start reads the stamp and hands over at once.  A missing or old stamp means repair: changed
requirements are installed, after anything else the environment is made anew.

    TINYML_PYTHON=PATH       the Python to build on (the launchers read it)
    TINYML_TORCH=auto|cpu|cuda|skip   the build of torch; auto fetches no CUDA without a GPU
    TINYML_OFFLINE=1         the same as --offline: install from wheels/ and ask no index
    TINYML_NO_BOOTSTRAP=1    no set-up: run with the Python that the launcher found

Exit codes: 6 when the set-up fails, 130 after Ctrl-C, else the program's own.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Runner = Callable[[Sequence[str]], tuple[int, str]]  # a command to its exit code and output

BOOTSTRAP_VERSION = 1
OLDEST, NEWEST = (3, 10), (3, 13)
SETUP_FAILED, INTERRUPTED = 6, 130
LONGEST_WINDOWS_VENV = 60  # torch's own paths reach 171 characters, Windows allows 259
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
STAMP, OURS = "tinyml_nas.stamp.json", "tinyml_nas.ours"
GPU_DRIVERS = ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1")
PROXIES = (
    "behind a proxy set HTTPS_PROXY, for a mirror PIP_INDEX_URL, for its certificate PIP_CERT; "
    "offline put the wheels into wheels/ and add --offline"
)
# Runs a module and ends with its parent: a killed set-up must not leave pip at work behind it.
GUARDED = (
    "import os, runpy, sys, threading; "
    "threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start(); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


class SetupError(Exception):
    """The environment cannot be made: a message, and the way to fix it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Machine:
    """All that the plans depend on, so that a test can describe a machine it does not have."""

    root: str
    system: str  # as sys.platform: linux, win32, darwin
    environ: Mapping[str, str]
    nvidia: bool = False
    offline: bool = False

    @property
    def venv(self) -> str:
        """The environment's folder: beside the launcher unless Windows could not take its paths."""
        if self.system != "win32":
            return str(PurePosixPath(self.root) / ".venv")
        beside = str(PureWindowsPath(self.root) / ".venv")
        if len(beside) <= LONGEST_WINDOWS_VENV:
            return beside
        local = self.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
        short = hashlib.sha256(self.root.lower().encode("utf-8", "surrogateescape")).hexdigest()[:8]
        return str(PureWindowsPath(local) / "tnas" / short)

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        if self.system == "win32":
            return str(PureWindowsPath(self.venv) / "Scripts" / "python.exe")
        return str(PurePosixPath(self.venv) / "bin" / "python")


def this_machine(*, offline: bool) -> Machine:
    """The machine we run on."""
    return Machine(
        root=str(Path(__file__).resolve().parent.parent),
        system=sys.platform,
        environ=dict(os.environ),
        nvidia=any(os.path.exists(path) for path in GPU_DRIVERS),
        offline=offline or os.environ.get("TINYML_OFFLINE", "0") not in ("", "0"),
    )


def base_python() -> str:
    """The interpreter to build on, seen through an active virtual environment and links."""
    python: str = getattr(sys, "_base_executable", None) or sys.executable
    return python if sys.platform == "win32" else os.path.realpath(python)


def say(message: str) -> None:
    """Print one line where it cannot mix with the program's own output."""
    print("run_modelzoo: " + message, file=sys.stderr, flush=True)


# -- what is to be installed ----------------------------------------------------------------------


@dataclass(frozen=True)
class Packages:
    """The requirements of pyproject.toml and the tested versions."""

    required: tuple[str, ...]
    dev: tuple[str, ...]
    constraints: str

    @property
    def digest(self) -> str:
        """A hash that changes with anything that pip would be told."""
        return hashlib.sha256(
            repr((self.required, self.dev, self.constraints)).encode()
        ).hexdigest()

    @property
    def torch_version(self) -> str:
        """The tested version of torch."""
        match = re.search(r"^torch==(\S+)", self.constraints, re.M)
        if match is None:
            raise SetupError(
                "constraints.txt pins no torch", "restore the file from the repository"
            )
        return match[1]

    @property
    def constraints_but_torch(self) -> str:
        """The constraints that let an installed torch stay, whichever build it is."""
        return re.sub(r"^torch==.*\n?", "", self.constraints, flags=re.M)


def read_packages(root: str) -> Packages:
    """What the files beside the launcher ask for; Python 3.10 has no TOML reader."""
    project = (Path(root) / "pyproject.toml").read_text(encoding="utf-8")

    def listed(name: str) -> tuple[str, ...]:
        block = re.search(rf"^{name} = \[\n(.*?)^\]", project, re.M | re.S)
        return tuple(re.findall(r'^\s*"([^"]+)"', block[1], re.M)) if block else ()

    constraints = (Path(root) / "constraints.txt").read_text(encoding="utf-8")
    return Packages(listed("dependencies"), listed("dev"), constraints)


# -- the stamp ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stamp:
    """What a finished environment was made for; it moves with neither its folder nor its Python."""

    bootstrap: int
    system: str
    python: str
    base: str
    venv: str
    packages: str
    torch: str
    dev: bool


def read_stamp(machine: Machine) -> Stamp | None:
    """The stamp of the environment, None if there is none that can be read."""
    try:
        return Stamp(**json.loads((Path(machine.venv) / STAMP).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_stamp(machine: Machine, stamp: Stamp) -> None:
    """Declare the environment finished, in one step."""
    path = Path(machine.venv) / STAMP
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(stamp), indent=1), encoding="utf-8")
    os.replace(draft, path)


def wanted_stamp(machine: Machine, packages: Packages, *, dev: bool) -> Stamp:
    """The stamp of the environment as it should be."""
    return Stamp(
        bootstrap=BOOTSTRAP_VERSION,
        system=machine.system,
        python="{}.{}".format(*sys.version_info),
        base=base_python(),
        venv=machine.venv,
        packages=packages.digest,
        torch=torch_choice(machine),
        dev=dev,
    )


def missing(machine: Machine, stamp: Stamp | None, wanted: Stamp) -> str:
    """What an environment lacks: ``environment`` (all of it), ``packages`` or nothing (empty).

    A healthy environment keeps its Python when another one is found first, unless
    TINYML_PYTHON asks for that one by name.
    """
    if stamp is None or not (os.path.exists(machine.python) and os.path.exists(stamp.base)):
        return "environment"
    lasting = ["bootstrap", "system", "venv"]
    if machine.environ.get("TINYML_PYTHON"):
        lasting.append("python")
    if any(getattr(stamp, name) != getattr(wanted, name) for name in lasting):
        return "environment"
    same = stamp.packages == wanted.packages and stamp.torch == wanted.torch
    return "" if same and stamp.dev >= wanted.dev else "packages"


# -- one at a time --------------------------------------------------------------------------------


class Lock:
    """A file that one set-up at a time holds and keeps touching; the next one waits.

    Its owner counts as dead when nothing touches the file any more: for a few seconds if its
    process is known to be gone, for minutes if that cannot be known (another host, Windows).
    """

    def __init__(
        self, path: str, *, beat_s: float = 1.0, gone_s: float = 3.0, silent_s: float = 120.0
    ) -> None:
        self.path = path
        self.text = f"{os.getpid()} {socket.gethostname()} {time.time_ns()}"
        self.beat_s, self.gone_s, self.silent_s = beat_s, gone_s, silent_s
        self._done = threading.Event()

    def __enter__(self) -> Lock:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        if not self._create():
            say(f"another set-up is at work (lock {self.path}), waiting for it")
            while not self._create():
                self._wait_for_owner()
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._read()[0] == self.text:
            os.unlink(self.path)

    def _create(self) -> bool:
        try:
            file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(self.text)
        time.sleep(0.05)  # a rival that saw the same dead owner may have swept ours away
        return self._read()[0] == self.text

    def _read(self) -> tuple[str, int]:
        try:
            with open(self.path, encoding="utf-8") as stream:
                return stream.read(), os.stat(self.path).st_mtime_ns
        except OSError:
            return "", 0

    def _beat(self) -> None:
        while not self._done.wait(self.beat_s):
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def _wait_for_owner(self) -> None:
        """Return when the lock is released, or swept away because its owner is dead."""
        seen, since = self._read(), time.monotonic()
        while os.path.exists(self.path):
            patience_s = self.gone_s if process_is_gone(seen[0]) else self.silent_s
            if self._read() != seen:
                seen, since = self._read(), time.monotonic()
            elif time.monotonic() - since > patience_s:
                say("that set-up was killed, taking over")
                with contextlib.suppress(OSError):
                    os.unlink(self.path)
            time.sleep(min(0.2, self.beat_s))


def process_is_gone(owner: str) -> bool:
    """Whether the process that a lock's text names certainly runs no more."""
    pid, host = ([*owner.split(), "", ""])[:2]
    if os.name == "nt" or host != socket.gethostname() or not pid.isdigit():
        return False  # on Windows os.kill(pid, 0) would end that process
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


# -- the work -------------------------------------------------------------------------------------


def logged_runner(log: str, environ: Mapping[str, str]) -> Runner:
    """A runner which writes the output to ``log`` and shows downloads on a terminal."""

    def run(command: Sequence[str]) -> tuple[int, str]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # stays open and empty: GUARDED watches it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=environ,
        )
        lines = []
        with process, open(log, "a", encoding="utf-8", buffering=1) as file:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                lines.append(line)
                show_progress(line.strip())
        show_progress("")
        return process.returncode, "".join(lines)

    return run


def show_progress(line: str) -> None:
    """Keep pip's current download as one changing line; an empty line wipes it."""
    if sys.stderr.isatty() and (not line or line.startswith(("Downloading ", "Installing "))):
        print("\r" + line[:78].ljust(78) + "\r", end="", file=sys.stderr, flush=True)


def create_environment(machine: Machine, run: Runner) -> None:
    """Make an empty environment which finds this package from wherever it is started."""
    venv = Path(machine.venv)
    discard(venv)
    venv.mkdir(parents=True)
    (venv / OURS).write_text(
        "Made by run_modelzoo; may be deleted at any time.\n", encoding="utf-8"
    )
    maker = "venv" if importlib.util.find_spec("ensurepip") else "virtualenv"
    if importlib.util.find_spec(maker) is None:
        version = "{}.{}".format(*sys.version_info)
        raise SetupError(
            f"Python {version} ({base_python()}) cannot make virtual environments",
            f"on Debian or Ubuntu: sudo apt install python{version}-venv",
        )
    python = base_python() if maker == "venv" else sys.executable
    code, output = run([python, "-I", "-c", GUARDED, maker, str(venv)])
    if code:
        raise SetupError(
            f"No virtual environment could be made in {venv}:\n{tail(output)}",
            "free space on that disk, or name another Python with TINYML_PYTHON",
        )
    site = next(iter(venv.glob("lib/python3*/site-packages")), venv / "Lib" / "site-packages")
    write_path_file(site, machine.root)


def write_path_file(site: Path, root: str) -> None:
    """Make the package importable from ``site``, the environment's site-packages."""
    # Code in ASCII, not a bare path: a .pth file is read in the locale's encoding.
    line = f"import sys; sys.path.append({root!a})\n"
    (site / "tinyml_nas.pth").write_text(line, encoding="ascii")


def discard(venv: Path) -> None:
    """Remove an earlier environment of ours; one that somebody else made is left alone."""
    for leftover in venv.parent.glob(venv.name + ".old-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if not venv.exists():
        return
    if any(venv.iterdir()) and not (venv / OURS).exists():
        raise SetupError(
            f"{venv} was not made by this launcher",
            "move it away, or activate it and set TINYML_NO_BOOTSTRAP=1 to run with what it has",
        )
    trash = venv.with_name(f"{venv.name}.old-{os.getpid()}")
    os.replace(venv, trash)  # first out of the way, as a whole: a kill leaves no half of it
    shutil.rmtree(trash, ignore_errors=True)


def install_packages(machine: Machine, packages: Packages, *, dev: bool, run: Runner) -> None:
    """Bring the environment to what ``packages`` asks for, torch by its own rule."""
    path = Path(machine.venv) / "constraints.txt"
    path.write_text(packages.constraints_but_torch, encoding="utf-8")
    common = [*pip_install(machine), "--constraint", str(path)]
    needed = [*packages.required, *(packages.dev if dev else ())]
    torch = next((name for name in needed if re.match(r"torch\b", name)), "")
    if torch_choice(machine) == "skip":
        needed.remove(torch)
    elif not torch_stays(machine, torch, run):
        install_torch(machine, packages.torch_version, common, run)
    code, output = run([*common, *needed])
    if code:
        raise SetupError(f"pip could not install the packages:\n{tail(output)}", PROXIES)


def pip_install(machine: Machine) -> list[str]:
    """The beginning of every call of pip; its own configuration stays in force."""
    command = [machine.python, "-I", "-c", GUARDED, "pip", "install"]
    command += ["--no-input", "--disable-pip-version-check", "--no-user"]
    wheels = os.path.join(machine.root, "wheels")
    if os.path.isdir(wheels):
        command += ["--find-links", wheels]
    return [*command, "--no-index"] if machine.offline else command


def torch_choice(machine: Machine) -> str:
    """The user's word on torch."""
    choice = machine.environ.get("TINYML_TORCH") or "auto"
    if choice not in ("auto", "cpu", "cuda", "skip"):
        raise SetupError(f"TINYML_TORCH is {choice!r}", "use auto, cpu, cuda or skip")
    return choice


def torch_stays(machine: Machine, requirement: str, run: Runner) -> bool:
    """Whether the environment already holds a torch that will do."""
    if torch_choice(machine) == "cuda":
        return False  # pip knows whether the installed one is a CUDA build
    code = (
        "import importlib.metadata, sys; "
        "from pip._vendor.packaging.requirements import Requirement; "
        "found = importlib.metadata.version('torch'); "
        "sys.exit(found not in Requirement(sys.argv[1]).specifier)"
    )
    return run([machine.python, "-I", "-c", code, requirement])[0] == 0


def torch_attempts(machine: Machine, version: str) -> list[list[str]]:
    """Arguments for pip, best first, none of which fetches CUDA unasked.

    Only Linux has two kinds of build.  The CPU build is asked for by its full name, ``+cpu``: pip
    then finds it wherever the user's configuration offers it, and never falls for the other.
    """
    choice = torch_choice(machine)
    cpu, plain = f"torch=={version}+cpu", f"torch=={version}"
    if choice == "cuda":
        return [[f"{plain},!={version}+cpu"]]
    if machine.system != "linux" or (choice == "auto" and machine.nvidia):
        return [[plain]]
    if machine.offline:
        return [[cpu], [plain]]  # what lies in wheels/ was put there on purpose
    # From PyTorch's own index comes torch alone, so that it can never replace another package.
    return [
        [cpu],
        ["--no-deps", "--index-url", CPU_INDEX, "--timeout", "15", "--retries", "1", cpu],
    ]


def install_torch(machine: Machine, version: str, common: Sequence[str], run: Runner) -> None:
    """Install the first build of torch that can be had."""
    output = ""
    attempts = torch_attempts(machine, version)
    for attempt in attempts:
        code, output = run([*common, *attempt])
        if code == 0:
            return
    if len(attempts) == 1 or machine.offline:
        raise SetupError(f"pip could not install torch {version}:\n{tail(output)}", PROXIES)
    raise SetupError(
        f"No CPU build of torch {version} is within reach, and this machine has no NVIDIA driver:\n"
        + tail(output),
        f"let pip reach {CPU_INDEX}, or put the wheel torch-{version}+cpu into wheels/, or accept "
        f"the CUDA build (a download of about 3 GB) with TINYML_TORCH=cuda; {PROXIES}",
    )


def tail(output: str) -> str:
    """The lines of a command's output that say why it failed: its errors, else its end."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return "\n".join("  " + line for line in (errors or lines)[-8:])


def prepare(machine: Machine, *, dev: bool) -> None:
    """Make the environment what it should be; at once when it is already."""
    packages = read_packages(machine.root)
    wanted = wanted_stamp(machine, packages, dev=dev)
    if not missing(machine, read_stamp(machine), wanted):
        return
    log = machine.venv + ".log"
    with Lock(machine.venv + ".lock"):
        stamp = read_stamp(machine)  # another start may have finished it while we waited
        work = missing(machine, stamp, wanted)
        if not work:
            return
        Path(log).unlink(missing_ok=True)
        start, run = time.monotonic(), logged_runner(log, clean_environ(machine))
        if stamp is None or work == "environment":
            make_anew(machine, packages, wanted, run)
        else:
            bring_up_to_date(machine, packages, stamp, wanted, run)
    say(f"ready after {time.monotonic() - start:.0f} s")


def make_anew(machine: Machine, packages: Packages, wanted: Stamp, run: Runner) -> None:
    """Make the whole environment, and stamp it last."""
    say(f"setting up Python {wanted.python} in {machine.venv}")
    if machine.venv != os.path.join(machine.root, ".venv"):
        say("(Windows could not take the long paths beside the launcher)")
    if not machine.offline:
        say("downloading about 300 MB the first time, a few minutes; later starts are immediate")
    create_environment(machine, run)
    install_packages(machine, packages, dev=wanted.dev, run=run)
    write_stamp(machine, wanted)


def bring_up_to_date(
    machine: Machine, packages: Packages, old: Stamp, wanted: Stamp, run: Runner
) -> None:
    """Install what changed; the old stamp comes back when pip refuses to change anything."""
    say(f"bringing {machine.venv} up to date")
    dev = old.dev or wanted.dev
    (Path(machine.venv) / STAMP).unlink()
    try:
        install_packages(machine, packages, dev=dev, run=run)
    except SetupError:
        write_stamp(machine, old)
        raise
    write_stamp(machine, replace(old, packages=wanted.packages, torch=wanted.torch, dev=dev))


# -- the hand-over --------------------------------------------------------------------------------


def clean_environ(machine: Machine) -> dict[str, str]:
    """The environment variables for our own Python: nobody else's modules, UTF-8 everywhere."""
    foreign = ("PYTHONHOME", "PYTHONPATH")
    kept = {name: value for name, value in machine.environ.items() if name not in foreign}
    if machine.offline:
        kept["TINYML_OFFLINE"] = "1"
    return {**kept, "PYTHONUTF8": "1"}


def hand_over(machine: Machine, command: list[str], environ: dict[str, str]) -> int:
    """The exit code of ``command``, which takes our place where the system allows it."""
    if machine.system != "win32":
        os.execve(command[0], command, environ)
    process = subprocess.Popen(command, env=environ)
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # the program gets the same Ctrl-C and ends
            return process.wait()


def start(arguments: list[str]) -> int:
    """Set up what is missing, then run the program with ``arguments``."""
    machine = this_machine(offline="--offline" in arguments)
    arguments = [argument for argument in arguments if argument != "--offline"]
    checks = arguments[:1] == ["test"]
    module = (
        ["-m", "tinyml_nas._checks", *arguments[1:]] if checks else ["-m", "tinyml_nas", *arguments]
    )
    if machine.environ.get("TINYML_NO_BOOTSTRAP", "0") not in ("", "0"):
        paths = [machine.root, *filter(None, [machine.environ.get("PYTHONPATH")])]
        environ = {**machine.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}
        return hand_over(machine, [sys.executable, *module], environ)
    prepare(machine, dev=checks)
    environ = clean_environ(machine)
    if not checks:
        environ["PYTHONSAFEPATH"] = "1"  # a json.py in the user's folder is none of ours
    return hand_over(machine, [machine.python, *module], environ)


def main() -> int:
    """The exit code of the whole start."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        found = sys.version.split()[0]
        say(f"Python {found} ({sys.executable}) will not do; 3.10 to 3.13 will (TINYML_PYTHON)")
        return SETUP_FAILED
    try:
        return start(sys.argv[1:])
    except SetupError as error:
        say(f"{error}\n  hint: {error.hint}")
        return SETUP_FAILED
    except OSError as error:
        say(f"{error}\n  hint: the set-up needs to write to its folder and about 2 GB of disk")
        return SETUP_FAILED
    except KeyboardInterrupt:
        say("stopped; the next start goes on from there")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
