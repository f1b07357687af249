"""The set-up's decisions on both systems: places, stamps, torch, pip's command lines, the lock."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tinyml_nas import _bootstrap as bootstrap
from tinyml_nas._bootstrap import Machine, Packages, SetupError, Stamp

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[2]
LINUX = Machine("/opt/zoo", "linux", {})
WINDOWS = Machine(r"C:\zoo", "win32", {"LOCALAPPDATA": r"C:\Users\me\AppData\Local"})
PACKAGES = Packages(("numpy>=2.0", "torch>=2.6,<3"), ("pytest>=8",), "numpy==2.4\ntorch==2.13.0\n")


class Recorder:
    """A runner that writes commands down; those with a word of ``failing`` in them fail."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        self.commands.append(list(command))
        return int(any(word in command for word in self.failing)), "ERROR: as the test wishes"

    @property
    def pip(self) -> list[list[str]]:
        """The arguments of every ``pip install``."""
        found = [command for command in self.commands if "install" in command]
        return [command[command.index("install") + 1 :] for command in found]


# -- places ---------------------------------------------------------------------------------------


def test_the_environment_lies_beside_the_launcher() -> None:
    assert LINUX.venv == "/opt/zoo/.venv"
    assert LINUX.python == "/opt/zoo/.venv/bin/python"
    assert WINDOWS.python == r"C:\zoo\.venv\Scripts\python.exe"


def test_a_long_windows_path_moves_the_environment() -> None:
    deep = replace(WINDOWS, root="C:\\" + "d" * 60)
    assert deep.venv.startswith("C:\\Users\\me\\AppData\\Local\\tnas\\")
    assert len(deep.venv) <= bootstrap.LONGEST_WINDOWS_VENV
    assert deep.venv == replace(deep, root=deep.root.upper()).venv
    assert deep.venv != replace(deep, root=deep.root + "e").venv


def test_the_path_file_leads_to_the_package_in_any_encoding(tmp_path: Path) -> None:
    home = str(tmp_path / "a b (1) ü! 'q'")
    bootstrap.write_path_file(tmp_path, home)
    code = f"import site, sys; site.addsitedir({str(tmp_path)!r}); print(ascii(sys.path[-1]))"
    command = [sys.executable, "-X", "utf8=0", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={"LC_ALL": "C"}, check=True)
    assert ast.literal_eval(done.stdout.strip()) == home


def test_the_source_parses_on_old_pythons_so_that_they_can_be_refused() -> None:
    source = Path(bootstrap.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))


# -- requirements ---------------------------------------------------------------------------------


def test_the_requirements_are_those_of_pyproject() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = bootstrap.read_packages(str(ROOT))
    assert list(packages.required) == project["dependencies"]
    assert list(packages.dev) == project["optional-dependencies"]["dev"]


def test_every_requirement_is_pinned_and_no_cuda_library_is() -> None:
    packages = bootstrap.read_packages(str(ROOT))
    pinned = {line.split("==")[0] for line in packages.constraints.splitlines() if "==" in line}
    for requirement in packages.required + packages.dev:
        name = re.split("[=>]=", requirement)[0].lower()
        assert name in pinned
    assert not [name for name in pinned if name.startswith(("nvidia", "cuda", "triton"))]
    assert packages.torch_version == "2.13.0"


# -- the stamp ------------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Machine, Stamp]:
    """An environment whose files exist, and the stamp it was finished with."""
    machine = Machine(str(tmp_path), "linux", {})
    python = Path(machine.python)
    python.parent.mkdir(parents=True)
    python.touch()
    stamp = bootstrap.wanted_stamp(machine, PACKAGES, dev=False)
    bootstrap.write_stamp(machine, stamp)
    return machine, stamp


def test_a_fresh_stamp_means_nothing_to_do(finished: tuple[Machine, Stamp]) -> None:
    machine, stamp = finished
    assert bootstrap.read_stamp(machine) == stamp
    assert bootstrap.missing(machine, stamp, stamp) == ""
    assert bootstrap.missing(machine, replace(stamp, dev=True), stamp) == ""


@pytest.mark.parametrize(
    ("change", "work"),
    [
        ({"bootstrap": 0}, "environment"),
        ({"venv": "/moved/.venv"}, "environment"),
        ({"system": "win32"}, "environment"),
        ({"base": "/gone/python3"}, "environment"),
        ({"python": "3.9"}, ""),  # another Python came first in PATH: the environment still works
        ({"packages": "other"}, "packages"),
        ({"torch": "skip"}, "packages"),
    ],
)
def test_an_old_stamp_means_repair(
    finished: tuple[Machine, Stamp], change: dict[str, object], work: str
) -> None:
    machine, stamp = finished
    assert bootstrap.missing(machine, replace(stamp, **change), stamp) == work


def test_the_chosen_python_and_the_dev_packages_count(finished: tuple[Machine, Stamp]) -> None:
    machine, stamp = finished
    assert bootstrap.missing(machine, stamp, replace(stamp, dev=True)) == "packages"
    chosen = replace(machine, environ={"TINYML_PYTHON": "python3.9"})
    assert bootstrap.missing(chosen, replace(stamp, python="3.9"), stamp) == "environment"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"bootstrap": 1}', '{"unknown": 1}'])
def test_a_torn_stamp_is_no_stamp(finished: tuple[Machine, Stamp], text: str) -> None:
    machine, stamp = finished
    (Path(machine.venv) / bootstrap.STAMP).write_text(text)
    assert bootstrap.read_stamp(machine) is None
    assert bootstrap.missing(machine, None, stamp) == "environment"


def test_anything_pip_would_be_told_changes_the_hash() -> None:
    others = [replace(PACKAGES, **{name: ()}) for name in ("required", "dev")]
    others.append(replace(PACKAGES, constraints=""))
    assert len({PACKAGES.digest, *(other.digest for other in others)}) == 4


# -- torch and pip --------------------------------------------------------------------------------

CPU = "torch==2.13.0+cpu"
PLAIN = "torch==2.13.0"


@pytest.mark.parametrize(
    ("machine", "first_words"),
    [
        (LINUX, [CPU, "--no-deps"]),
        (replace(LINUX, environ={"TINYML_TORCH": "cpu"}, nvidia=True), [CPU, "--no-deps"]),
        (replace(LINUX, nvidia=True), [PLAIN]),
        (replace(LINUX, offline=True), [CPU, PLAIN]),
        (replace(LINUX, environ={"TINYML_TORCH": "cuda"}), [f"{PLAIN},!=2.13.0+cpu"]),
        (WINDOWS, [PLAIN]),
        (replace(LINUX, system="darwin"), [PLAIN]),
    ],
)
def test_torch_comes_from_where_the_machine_wants_it(
    machine: Machine, first_words: list[str]
) -> None:
    attempts = bootstrap.torch_attempts(machine, "2.13.0")
    assert [attempt[0] for attempt in attempts] == first_words


def test_nothing_but_torch_comes_from_the_cpu_index() -> None:
    _, from_index = bootstrap.torch_attempts(LINUX, "2.13.0")
    assert from_index[-1] == CPU
    assert from_index[from_index.index("--index-url") + 1] == bootstrap.CPU_INDEX
    assert {"--no-deps", "--timeout", "--retries"} <= set(from_index)


def installed(machine: Machine, tmp_path: Path, run: Recorder, *, dev: bool = False) -> None:
    """Run the installation of ``PACKAGES`` for ``machine`` rooted in ``tmp_path``."""
    machine = replace(machine, root=str(tmp_path))
    Path(machine.venv).mkdir(exist_ok=True)
    bootstrap.install_packages(machine, PACKAGES, dev=dev, run=run)


def test_a_torch_that_will_do_stays(tmp_path: Path) -> None:
    run = Recorder()
    installed(LINUX, tmp_path, run)
    (only,) = run.pip
    assert only[-2:] == list(PACKAGES.required)
    constraints = Path(only[only.index("--constraint") + 1]).read_text()
    assert constraints == "numpy==2.4\n"


def test_a_missing_torch_comes_first_and_the_dev_packages_last(tmp_path: Path) -> None:
    run = Recorder("torch>=2.6,<3")  # what the question for an installed torch ends with
    with pytest.raises(SetupError, match="as the test wishes"):
        installed(LINUX, tmp_path, run, dev=True)
    assert [arguments[-1] for arguments in run.pip] == [CPU, "pytest>=8"]


def test_skip_leaves_torch_out(tmp_path: Path) -> None:
    run = Recorder()
    installed(replace(LINUX, environ={"TINYML_TORCH": "skip"}), tmp_path, run)
    assert not [word for command in run.commands for word in command if word.startswith("torch")]


def test_without_a_cpu_build_it_stops_before_anything_big(tmp_path: Path) -> None:
    run = Recorder("torch>=2.6,<3", CPU)
    with pytest.raises(SetupError) as caught:
        installed(LINUX, tmp_path, run)
    assert [arguments[-1] for arguments in run.pip] == [CPU, CPU]
    for word in ("TINYML_TORCH=cuda", "3 GB", "wheels/", "HTTPS_PROXY", "PIP_INDEX_URL"):
        assert word in caught.value.hint


def test_a_wrong_choice_of_torch_is_named() -> None:
    with pytest.raises(SetupError, match="'gpu'"):
        bootstrap.torch_choice(replace(LINUX, environ={"TINYML_TORCH": "gpu"}))


def test_pip_is_the_environments_own_and_offline_asks_no_index(tmp_path: Path) -> None:
    machine = replace(LINUX, root=str(tmp_path))
    command = bootstrap.pip_install(machine)
    assert command[0] == machine.python
    assert not {"--no-index", "--find-links"} & set(command)
    (tmp_path / "wheels").mkdir()
    command = bootstrap.pip_install(replace(machine, offline=True))
    assert "--no-index" in command
    assert command[command.index("--find-links") + 1] == str(tmp_path / "wheels")


def test_a_failed_update_leaves_the_environment_usable(finished: tuple[Machine, Stamp]) -> None:
    machine, stamp = finished
    wanted = replace(stamp, dev=True)
    with pytest.raises(SetupError, match="pip could not install the packages"):
        bootstrap.bring_up_to_date(machine, PACKAGES, stamp, wanted, Recorder("pytest>=8"))
    assert bootstrap.read_stamp(machine) == stamp
    bootstrap.bring_up_to_date(machine, PACKAGES, stamp, wanted, Recorder())
    assert bootstrap.read_stamp(machine) == wanted


# -- making and removing environments --------------------------------------------------------------


def test_a_strangers_environment_is_left_alone(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    venv.mkdir()
    (venv / "precious").touch()
    with pytest.raises(SetupError, match="not made by this launcher"):
        bootstrap.discard(venv)
    assert (venv / "precious").exists()


def test_our_half_made_environment_goes_with_its_leftovers(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    venv.mkdir()
    (venv / bootstrap.OURS).touch()
    (tmp_path / ".venv.old-12").mkdir()
    bootstrap.discard(venv)
    assert list(tmp_path.iterdir()) == []


def test_a_python_without_venv_names_the_debian_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError) as caught:
        bootstrap.create_environment(replace(LINUX, root=str(tmp_path)), Recorder())
    version = "{}.{}".format(*sys.version_info)
    assert caught.value.hint.endswith(f"sudo apt install python{version}-venv")


def test_the_runner_logs_and_answers(tmp_path: Path) -> None:
    run = bootstrap.logged_runner(str(tmp_path / "log"), dict(os.environ))
    code, output = run([sys.executable, "-c", "print('seen'); raise SystemExit(3)"])
    assert (code, output) == (3, "seen\n")
    assert (tmp_path / "log").read_text() == "seen\n"


# -- the hand-over --------------------------------------------------------------------------------


def test_nobody_elses_modules_reach_our_python() -> None:
    environ = {"PYTHONHOME": "/x", "PYTHONPATH": "/y", "PATH": "/bin"}
    machine = replace(LINUX, environ=environ, offline=True)
    expected = {"PATH": "/bin", "PYTHONUTF8": "1", "TINYML_OFFLINE": "1"}
    assert bootstrap.clean_environ(machine) == expected


def test_on_windows_the_exit_code_comes_back() -> None:
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    assert bootstrap.hand_over(WINDOWS, command, dict(os.environ)) == 7


def test_arguments_reach_the_program_and_test_reaches_the_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[list[str]] = []
    prepared: list[bool] = []
    monkeypatch.setattr(bootstrap, "prepare", lambda machine, *, dev: prepared.append(dev))
    monkeypatch.setattr(bootstrap, "hand_over", lambda m, command, e: started.append(command[1:]))
    bootstrap.start(["x.yaml", "--offline", "--set", "a b=c d"])
    bootstrap.start(["test", "-m", "fast"])
    assert started[0] == ["-m", "tinyml_nas", "x.yaml", "--set", "a b=c d"]
    assert started[1] == ["-m", "tinyml_nas._checks", "-m", "fast"]
    assert prepared == [False, True]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SetupError("no luck", "try again"), 6, ["no luck", "try again"]),
        (OSError(28, "No space left on device"), 6, ["No space left"]),
        (KeyboardInterrupt(), 130, ["stopped"]),
    ],
)
def test_a_failed_setup_is_one_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: list[str],
) -> None:
    def fail(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(bootstrap, "start", fail)
    assert bootstrap.main() == code
    shown = capsys.readouterr().err
    assert all(word in shown for word in words)


def test_an_old_python_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 18))
    assert bootstrap.main() == 6
    assert "3.10 to 3.13" in capsys.readouterr().err


def test_the_stamp_is_readable_by_people(finished: tuple[Machine, Stamp]) -> None:
    machine, _ = finished
    stored = json.loads((Path(machine.venv) / bootstrap.STAMP).read_text(encoding="utf-8"))
    assert stored["venv"] == machine.venv
