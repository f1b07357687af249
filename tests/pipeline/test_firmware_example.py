"""examples/firmware_qemu by its README: a run, then a firmware in QEMU with Python's labels."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tinyml_nas.cli import main
from tinyml_nas.quantize.storage import load_integer
from tinyml_nas.quantize.stream import UNDECIDED, IntStream, load_stream, run_stream

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = Path("examples") / "firmware_qemu"
SHORT = ("training.training_epochs=3", "training.qat_epochs=1", "testing.parity_vectors=2")
NEEDED = {"gcc": ("arm-none-eabi-gcc",), "zig": ()}
BUILDS = [
    ("gcc", "cortex-m0plus"),
    ("gcc", "cortex-m3"),
    ("gcc", "cortex-m4"),
    ("zig", "cortex-m0plus"),
    ("zig", "cortex-m4"),
]
BOARD = {"cortex-m0plus": "mps2-an385", "cortex-m3": "mps2-an385", "cortex-m4": "mps2-an386"}
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def run(*command: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``command`` with the Python of this test, which has ziglang, first on the path."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        timeout=600,  # zig builds its runtime library once, which is slow on a loaded machine
    )


def need(*tools: str) -> None:
    """Skip the test where one of ``tools`` is not installed."""
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"THE FIRMWARE IS UNTESTED: no {', '.join(missing)}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, and a run of it, where the README expects them."""
    root = tmp_path_factory.mktemp("firmware") / "my, repository"
    shutil.copytree(REPOSITORY / EXAMPLE, root / EXAMPLE, ignore=shutil.ignore_patterns("build"))
    sets = [part for item in SHORT for part in ("--set", item)]
    config = str(REPOSITORY / EXAMPLE / "config.yaml")
    assert main(["run", config, *sets, "--output", str(root / "runs"), "--quiet"]) == 0
    return root


@pytest.fixture(scope="module")
def package(root: Path) -> Path:
    return root / "runs" / "firmware_qemu" / "latest" / "export" / "c"


@pytest.fixture(scope="module")
def stream(package: Path) -> tuple[IntStream, np.ndarray]:
    """The stream as the run has stored it, and all samples [T, C] that it was proven on."""
    folder = package.parents[1] / "quantize" / "chosen"
    net, _ = load_integer(folder / "integer.npz")
    stream, samples = load_stream(folder / "stream.npz", net)
    return stream, np.concatenate(samples)


def labels(stream: IntStream, samples: np.ndarray) -> str:
    """What a firmware must print for ``samples`` [T, C]."""
    chain, truth = stream.frontend.chain, run_stream(stream, samples)
    names = {UNDECIDED: "undecided"} | dict(enumerate(stream.net.class_names))
    ends = truth.last * chain.hop + chain.frame_length
    pairs = zip(ends, truth.labels, strict=True)
    return "".join(["row,label\n", *(f"{end},{names[label]}\n" for end, label in pairs)])


def emulate(firmware: Path, core: str, file: Path) -> subprocess.CompletedProcess[str]:
    argument = str(file).replace(",", ",,")
    return run(
        *("qemu-system-arm", "-M", BOARD[core], "-display", "none", "-monitor", "none"),
        *("-serial", "none", "-semihosting-config", f"enable=on,target=native,arg={argument}"),
        *("-kernel", firmware),
    )


@pytest.fixture(scope="module")
def firmware(root: Path, package: Path) -> Path:
    """The firmware for Cortex-M4, by the one command of the README."""
    need("cmake", "ninja", "qemu-system-arm", "arm-none-eabi-gcc")
    done = run("cmake", "--workflow", "--preset", "gcc", folder=root / EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr
    assert f"as in {root / EXAMPLE}/../../runs/firmware_qemu/latest" in done.stdout
    return root / EXAMPLE / "build" / "gcc" / "firmware.elf"


def test_the_files_to_replay_have_the_labels_of_python(
    package: Path, stream: tuple[IntStream, np.ndarray]
) -> None:
    truth, samples = stream
    lines = (package / "replay" / "samples.csv").read_text().splitlines()
    assert lines[0] == "ax,ay,az"
    x = np.array([line.split(",") for line in lines[1:]], np.float64)
    assert np.array_equal(truth.frontend.chain.samples(x.T[None])[0].T, samples)
    expected = (package / "replay" / "labels.csv").read_text()
    assert expected == labels(truth, samples)
    assert len({line.split(",")[1] for line in expected.splitlines()[1:]}) > 2
    assert "samples.csv" in (package / "README.md").read_text()


@pytest.mark.parametrize(("toolchain", "core"), BUILDS)
def test_the_firmware_prints_the_labels_of_python(
    root: Path, stream: tuple[IntStream, np.ndarray], toolchain: str, core: str
) -> None:
    need("cmake", "ninja", "qemu-system-arm", *NEEDED[toolchain])
    build = root / "build" / f"{toolchain} {core}"
    for step in (
        ("cmake", "--preset", toolchain, "-B", build, "-D", f"CORE={core}"),
        ("cmake", "--build", build),
        ("ctest", "--test-dir", build, "--no-tests=error"),
    ):
        done = run(*step, folder=root / EXAMPLE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout + done.stderr
    file = root / "runs" / "firmware_qemu" / "latest" / "export" / "c" / "replay" / "samples.csv"
    done = emulate(build / "firmware.elf", core, file)
    assert done.returncode == 0
    assert done.stdout == labels(*stream)


def test_other_labels_are_a_failure(root: Path, firmware: Path, package: Path) -> None:
    expected = package / "replay" / "labels.csv"
    whole = expected.read_text()
    ending = whole.rindex(",")
    expected.write_text(f"{whole[:ending]},something else\n")
    try:
        done = run("ctest", "--preset", "gcc", folder=root / EXAMPLE)
    finally:
        expected.write_text(whole)
    assert done.returncode != 0
    assert "has other labels" in done.stdout


def test_a_recording_of_the_users_own_is_replayed(
    root: Path, firmware: Path, package: Path, tmp_path: Path
) -> None:
    rows = 200
    samples = (package / "replay" / "samples.csv").read_text().splitlines(keepends=True)
    (tmp_path / "samples.csv").write_text("".join(samples[: rows + 1]))
    header, *lines = (package / "replay" / "labels.csv").read_text().splitlines(keepends=True)
    ended = [line for line in lines if int(line.split(",")[0]) <= rows]
    (tmp_path / "labels.csv").write_text("".join([header, *ended]))
    options = [f"-DSAMPLES={tmp_path}/samples.csv", f"-DLABELS={tmp_path}/labels.csv"]
    build = root / "build" / "own samples"
    for step in (
        ("cmake", "--preset", "gcc", "-B", build, f"-DMODEL={package}", *options),
        ("cmake", "--build", build),
        ("ctest", "--test-dir", build, "--no-tests=error", "-V"),
    ):
        done = run(*step, folder=root / EXAMPLE)
        assert done.returncode == 0, done.stdout + done.stderr
    assert f"as in {tmp_path}/labels.csv" in done.stdout


def test_the_newest_run_is_found_where_links_are_not_allowed(
    root: Path, firmware: Path, package: Path
) -> None:
    latest = package.parents[1]
    name = latest.readlink()
    latest.unlink()
    latest.write_text(str(name))
    try:
        done = run("cmake", "--workflow", "--preset", "gcc", folder=root / EXAMPLE)
    finally:
        latest.unlink()
        latest.symlink_to(name, target_is_directory=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"as in {root / EXAMPLE}/../../runs/firmware_qemu/{name}/export/c" in done.stdout


def test_numbers_as_other_programs_write_them(
    firmware: Path, stream: tuple[IntStream, np.ndarray], tmp_path: Path
) -> None:
    truth, _ = stream
    chain = truth.frontend.chain
    rng = np.random.default_rng(3)
    walk = np.cumsum(rng.normal(0, 900, (400, len(chain.lsb))), axis=0)
    walk[100:140] = 1e9  # a converter saturates
    walk[140:180] = -1e9
    styles = ("{:.9g}", "{:.12f}", "{:e}", "{:.15E}", "{:.25f}", "{!r}")
    values = (np.rint(walk) * chain.lsb).tolist()
    texts = [[styles[rng.integers(len(styles))].format(v) for v in row] for row in values]
    file = tmp_path / "other.csv"
    file.write_text("x,y,z\r\n" + "\r\n".join(",".join(row) for row in texts))  # no last newline
    samples = chain.samples(np.array(texts, np.float64).T[None])[0].T
    assert samples.max() == 32767
    assert samples.min() == -32768
    done = emulate(firmware, "cortex-m4", file)
    assert done.returncode == 0
    assert done.stdout == labels(truth, samples)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "the CSV cannot be opened, row 0"),
        ("x,y,z\n1,2,3\n1,2\n", "there must be a number for each channel, row 2"),
        ("x,y,z\n1,2,3,4\n", "there must be a number for each channel, row 1"),
        ("x,y,z\n1,2,nan\n", "there must be a number for each channel, row 1"),
        ("x,y,z\n1,,3\n", "there must be a number for each channel, row 1"),
        ("x,y,z\n1,2e,3\n", "there must be a number for each channel, row 1"),
    ],
)
def test_a_file_that_cannot_be_read_ends_in_an_exit_code(
    firmware: Path, tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "bad.csv"
    if text is not None:
        file.write_text(text)
    done = emulate(firmware, "cortex-m4", file)
    assert done.returncode == 1
    assert f"error: {message}" in done.stdout


def workflow() -> dict[str, Any]:
    """The CI template, with ``${{ env.NAME }}`` and ``$NAME`` replaced by their values."""
    text = (REPOSITORY / EXAMPLE / "ci.yml").read_text(encoding="utf-8")
    for name, value in yaml.safe_load(text)["env"].items():
        text = text.replace(f"${{{{ env.{name} }}}}", value).replace(f"${name}", value)
    template: dict[str, Any] = yaml.safe_load(text)
    return template


@pytest.mark.fast
def test_the_ci_template_names_what_exists() -> None:
    template = workflow()
    assert set(template) == {
        "name",
        True,
        "permissions",
        "env",
        "jobs",
    }  # YAML 1.1 reads "on" as a truth value
    assert Path(template["env"]["FIRMWARE"]) == EXAMPLE
    assert (REPOSITORY / template["env"]["TINYML_NAS"] / "pyproject.toml").is_file()
    run_name = yaml.safe_load((REPOSITORY / EXAMPLE / "config.yaml").read_text())["common"]
    assert template["env"]["RUN"] == f"runs/{run_name['run_name']}/latest"
    (job,) = template["jobs"].values()
    steps = job["steps"]
    for step in steps:
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/any@v1"))
        assert "${{" not in str(step).replace("${{ !cancelled() }}", "")
    commands = "\n".join(step.get("run", "") for step in steps)
    named = re.findall(r"[\w./-]+\.(?:yaml|txt|toml|py|sh)\b", commands)
    assert named == ["examples/firmware_qemu/config.yaml"]
    assert all((REPOSITORY / path).is_file() for path in named)
    readme = (REPOSITORY / EXAMPLE / "README.md").read_text(encoding="utf-8")
    installed = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    (packages,) = re.findall(r"--no-install-recommends \\\n *(.+)", commands)
    for name in packages.split():
        assert name in readme
        assert f"need {name} " in installed  # so that these tests run


def test_the_ci_template_uploads_what_it_has_made(root: Path, firmware: Path) -> None:
    (job,) = workflow()["jobs"].values()
    build = next(step for step in job["steps"] if "cmake" in step.get("run", ""))
    assert build["run"] == "cmake --workflow --preset gcc"  # what `firmware` ran
    assert Path(build["working-directory"]) == EXAMPLE
    upload = job["steps"][-1]["with"]["path"].split()
    assert len(upload) == 5
    assert [path for path in upload if not (root / path).exists()] == []
