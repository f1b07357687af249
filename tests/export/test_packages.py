"""The generated folder as a package of each build system, built by it where it can be had."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from c_builds import compiler_or_skip
from npu_parts import cuts, stand_in
from random_networks import random_int_network, random_samples

from tinyml_nas.export.c import CExport, emit_c

pytestmark = pytest.mark.c

SEEDS = {"one": 1, "Two_2": 2}  # prefixes of two networks in one image


def run(*command: str | Path, timeout_s: float = 300) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def packages(tmp_path: Path) -> list[CExport]:
    """Two networks as packages, side by side in a folder whose name has a space."""
    nets = {prefix: random_int_network(seed) for prefix, seed in SEEDS.items()}
    return [
        emit_c(net, prefix, tmp_path / "my libraries" / prefix, random_samples(net, 2))
        for prefix, net in nets.items()
    ]


def root(export: CExport) -> Path:
    return export.folder.parent


def all_selftests(exports: list[CExport]) -> str:
    """A program that returns 0 where the self-tests of all networks pass."""
    includes = "".join(f'#include "{e.prefix}.h"\n' for e in exports)
    calls = "".join(
        f"    static int8_t {e.prefix}_arena[{e.prefix.upper()}_ARENA_BYTES];\n"
        f"    failures += {e.prefix}_selftest({e.prefix}_arena, sizeof {e.prefix}_arena) != 0;\n"
        for e in exports
    )
    return f"{includes}int main(void)\n{{\n    int failures = 0;\n{calls}    return failures;\n}}\n"


WAYS = {
    "add_subdirectory": 'add_subdirectory("{path}")\n',
    "FetchContent": "include(FetchContent)\n"
    'FetchContent_Declare({name} SOURCE_DIR "{path}")\nFetchContent_MakeAvailable({name})\n',
}


@pytest.mark.parametrize("way", WAYS)
def test_cmake_builds_two_networks_into_one_program(
    packages: list[CExport], tmp_path: Path, way: str
) -> None:
    cmake = compiler_or_skip("cmake")
    (tmp_path / "main.c").write_text(all_selftests(packages))
    names = " ".join(e.prefix for e in packages)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.14)\nproject(firmware C)\nenable_testing()\n"
        + "".join(WAYS[way].format(path=root(e), name=e.prefix.lower()) for e in packages)
        + f"add_executable(firmware main.c)\ntarget_link_libraries(firmware PRIVATE {names})\n"
        "add_test(NAME firmware COMMAND firmware)\n"
    )
    run(cmake, "-S", tmp_path, "-B", tmp_path / "build", "-DONE_TEST=ON")
    run(cmake, "--build", tmp_path / "build")
    tests = run(Path(cmake).with_name("ctest"), "--test-dir", tmp_path / "build")
    passed = re.findall(r"Test +#\d: (\w+) \.+ +Passed", tests)
    assert sorted(passed) == ["firmware", "one_selftest"]


def test_every_global_name_starts_with_the_prefix(packages: list[CExport], tmp_path: Path) -> None:
    gcc, nm = compiler_or_skip("gcc"), compiler_or_skip("nm")
    for export in packages:
        for source in export.folder.glob("*.c"):
            target = tmp_path / "one.o"
            run(gcc, "-std=c99", "-c", source, "-o", target)
            names = [line.split()[-1] for line in run(nm, "-g", "-j", target).splitlines()]
            assert [name for name in names if name.startswith(f"{export.prefix}_")]
            known = {"memset", "memcpy", "_GLOBAL_OFFSET_TABLE_"}  # the compiler's own calls
            foreign = {name for name in names if not name.startswith(f"{export.prefix}_")}
            assert foreign <= known


@pytest.mark.parametrize("call", [True, False])
def test_a_selftest_that_is_not_called_costs_nothing(
    packages: list[CExport], tmp_path: Path, call: bool
) -> None:
    gcc = compiler_or_skip("gcc")
    (export, _) = packages
    main, program = tmp_path / "main.c", tmp_path / "program"
    entry = "one_selftest" if call else "one_run"
    main.write_text(
        '#include "one.h"\nstatic int8_t arena[ONE_ARENA_BYTES];\n'
        f"int main(void) {{ return {entry}(arena, sizeof arena); }}\n"
    )
    sections = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
    sources = sorted(export.folder.glob("*.c"))
    run(gcc, "-std=c99", "-Os", *sections, "-I", export.folder, main, *sources, "-o", program)
    run(program)
    names = run(compiler_or_skip("nm"), program)
    for name in ("one_selftest", "one_vector_inputs", "one_vector_samples"):
        assert (name in names) == call


ZEPHYR = """\
cmake_minimum_required(VERSION 3.20)
project(firmware C)
# What Zephyr's functions do, as its documentation has it: there is no Zephyr in this test.
add_library(zephyr_interface INTERFACE)
macro(zephyr_library)
  string(MAKE_C_IDENTIFIER "${CMAKE_CURRENT_SOURCE_DIR}" ZEPHYR_CURRENT_LIBRARY)
  add_library(${ZEPHYR_CURRENT_LIBRARY} STATIC "")
  target_link_libraries(${ZEPHYR_CURRENT_LIBRARY} PUBLIC zephyr_interface)
  set_property(GLOBAL APPEND PROPERTY ZEPHYR_LIBS ${ZEPHYR_CURRENT_LIBRARY})
endmacro()
function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
function(zephyr_library_sources_ifdef feature)
  if(${feature})
    zephyr_library_sources(${ARGN})
  endif()
endfunction()
function(zephyr_include_directories)
  target_include_directories(zephyr_interface INTERFACE ${ARGN})
endfunction()
"""


def test_the_zephyr_module_is_whole(packages: list[CExport], tmp_path: Path) -> None:
    names = set()
    for export in packages:
        module = yaml.safe_load(export.package["zephyr_module"].read_text())
        assert set(module) == {"name", "build"}
        assert set(module["build"]) == {"cmake", "kconfig"}
        assert (root(export) / module["build"]["cmake"] / "CMakeLists.txt").is_file()
        assert root(export) / module["build"]["kconfig"] == export.package["zephyr_kconfig"]
        names.add(module["name"])
    assert len(names) == len(packages)


def test_the_zephyr_library_follows_its_configuration(
    packages: list[CExport], tmp_path: Path
) -> None:
    kconfiglib = pytest.importorskip("kconfiglib", reason="Kconfig IS UNTESTED: no kconfiglib")
    kconfig = tmp_path / "Kconfig"
    sources = [f'source "{e.package["zephyr_kconfig"].as_posix()}"\n' for e in packages]
    kconfig.write_text("".join(sources))
    symbols = kconfiglib.Kconfig(str(kconfig)).syms
    selftests = [f"TINYML_{e.prefix.upper()}_SELFTEST" for e in packages]
    for selftest in selftests:
        symbols[selftest].set_value(2)
        assert symbols[selftest].str_value == "n"  # without its network
        symbols[selftest.removesuffix("_SELFTEST")].set_value(2)
        assert symbols[selftest].str_value == "y"
    chosen = [name for name in symbols if symbols[name].str_value == "y"]
    assert len(chosen) == 2 * len(packages)

    cmake = compiler_or_skip("cmake")
    (tmp_path / "main.c").write_text(all_selftests(packages))
    folders = [export.package["zephyr_cmake"].parent for export in packages]
    (tmp_path / "CMakeLists.txt").write_text(
        ZEPHYR
        + "".join(f"set(CONFIG_{name} y)\n" for name in chosen)
        + "".join(f'add_subdirectory("{f}" module{i})\n' for i, f in enumerate(folders))
        + "get_property(libraries GLOBAL PROPERTY ZEPHYR_LIBS)\nadd_executable(app main.c)\n"
        "target_link_libraries(app PRIVATE ${libraries})\n"
    )
    run(cmake, "-S", tmp_path, "-B", tmp_path / "build")
    run(cmake, "--build", tmp_path / "build")
    run(tmp_path / "build" / "app")


def test_library_properties_has_what_arduino_requires(packages: list[CExport]) -> None:
    for export in packages:
        text = export.package["arduino_library"].read_text()
        fields = dict(line.split("=", 1) for line in text.splitlines())
        assert [name for name, value in fields.items() if not value] == ["url"]  # there is none
        required = "name version author maintainer sentence paragraph category url architectures"
        assert set(fields) == {*required.split(), "includes"}
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\- ]*", fields["name"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
        assert (export.folder / fields["includes"]).is_file()
        example = export.package["arduino_example"]
        assert example.stem == example.parent.name  # Arduino's rule for sketches


ARDUINO = Path("/usr/share/arduino/hardware")


def test_the_arduino_example_runs_on_an_emulated_board(
    packages: list[CExport], tmp_path: Path
) -> None:
    builder, emulator = compiler_or_skip("arduino-builder"), compiler_or_skip("simavr")
    if not (ARDUINO / "arduino" / "avr" / "boards.txt").is_file():
        pytest.skip("arduino-core-avr is not installed")
    (export, _) = packages
    sketch = shutil.copytree(export.package["arduino_example"].parent, tmp_path / "selftest")
    build = tmp_path / "build"
    build.mkdir()
    output = run(
        *(builder, "-compile", "-warnings", "all", "-tools", "/usr/bin"),
        *("-hardware", "/usr/share/arduino-builder", "-hardware", ARDUINO),
        *("-libraries", root(export).parent, "-fqbn", "arduino:avr:mega:cpu=atmega2560"),
        "-prefs=compiler.cpp.extra_flags=-DDECIMAL_DIG=17",  # Debian's core is newer than its gcc
        *("-build-path", build, sketch / "selftest.ino"),
    )
    assert str(root(export)) not in output  # no warning
    program = build / "selftest.ino.elf"
    board = subprocess.Popen(
        [emulator, "-m", "atmega2560", "-f", "16000000", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert board.stdout is not None
        first = board.stdout.readline()
        assert "one: bit for bit as expected" in first, first
        assert re.search(r"microseconds of one inference: \d+", board.stdout.readline())
    finally:
        board.kill()
        board.communicate()


def test_platformio_finds_name_and_version(packages: list[CExport]) -> None:
    for export in packages:
        library = json.loads(export.package["platformio"].read_text())
        assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"])
        assert library["name"] == export.prefix
        assert (export.folder / library["headers"]).is_file()


def test_the_cmsis_pack_describes_every_source(packages: list[CExport]) -> None:
    """Elements that PACK.xsd 1.7 wants, its patterns of names, and files that are there."""
    for export in packages:
        path = export.package["cmsis_pack"]
        package = ET.parse(path).getroot()
        texts = {child.tag: (child.text or "").strip() for child in package}
        assert {"vendor", "name", "description", "url", "releases"} <= set(texts)
        assert path.name == f"{texts['vendor']}.{texts['name']}.pdsc"
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9\-\s]{1,31}", texts["vendor"])
        components = package.findall("./components/component")
        for component in components:
            assert re.fullmatch(
                r"[A-Za-z0-9][A-Za-z0-9_+():/\- .]{0,31}", component.get("Csub", "")
            )
            for part in ("Cclass", "Cgroup"):
                assert re.fullmatch(r"[A-Za-z0-9][\w+()'/\-\s.]{1,31}", component.get(part, ""))
            assert component.get("Cversion") == package.find("./releases/release").get("version")
            assert component.find("description") is not None
        conditions = {
            condition.get("id") for condition in package.findall("./conditions/condition")
        }
        assert {c.get("condition") for c in components} == {None, *conditions}
        files = [file.get("name") or "" for file in package.findall(".//file")]
        assert all((root(export) / name).is_file() for name in files)
        sources = [name for name in files if name.endswith(".c")]
        assert sorted(sources) == [f"src/{p.name}" for p in sorted(export.folder.glob("*.c"))]


def test_the_readme_builds_the_selftest(packages: list[CExport]) -> None:
    compiler_or_skip("cc")
    for export in packages:
        readme = export.package["readme"].read_text()
        (command,) = re.findall(r"^cc .*$", readme, re.M)
        done = subprocess.run(
            command, shell=True, cwd=root(export), capture_output=True, text=True, timeout=300
        )
        assert "bit for bit" in done.stdout, done.stderr
        assert f"{export.arena_bytes} bytes: the arena" in readme


NPU_TARGET = (
    'add_library(ethosu_core_driver STATIC "{driver}/ethosu_driver.c")\n'
    'target_include_directories(ethosu_core_driver PUBLIC "{driver}")\n'
)
NPU_MAIN = """
#include "ethosu_driver.h"
#include "one_npu.h"

static int8_t arena[ONE_ARENA_BYTES] ONE_ALIGNED;

struct ethosu_driver *one_npu_driver(void)
{
    return NULL; /* no NPU here */
}

int main(void)
{
    const int expected = ONE_NPU_FALLBACK ? 0 : ONE_ERROR_NPU;

    return ONE_NPU == 1 && one_selftest(arena, sizeof arena) == expected ? 0 : 1;
}
"""
DRIVER = Path(__file__).with_name("ethos_u_driver")


@pytest.fixture
def npu_package(tmp_path: Path) -> CExport:
    """A network of which an NPU takes all layers, as a package."""
    net = random_int_network(1)
    part = stand_in(net.network, cuts(net.network)[0])
    return emit_c(net, "one", tmp_path / "my libraries" / "one", random_samples(net, 2), npu=part)


@pytest.mark.parametrize("fallback", ["OFF", "ON"])
def test_cmake_chooses_the_npu(npu_package: CExport, tmp_path: Path, fallback: str) -> None:
    cmake = compiler_or_skip("cmake")
    (tmp_path / "main.c").write_text(NPU_MAIN)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.14)\nproject(firmware C)\nenable_testing()\n"
        f'add_subdirectory("{root(npu_package)}" one)\n'
        + NPU_TARGET.format(driver=DRIVER)
        + "add_executable(firmware main.c)\ntarget_link_libraries(firmware PRIVATE one)\n"
    )
    options = ("-DONE_NPU=ON", f"-DONE_NPU_FALLBACK={fallback}")
    run(cmake, "-S", tmp_path, "-B", tmp_path / "build", *options)
    run(cmake, "--build", tmp_path / "build")
    run(tmp_path / "build" / "firmware")


def test_zephyr_offers_the_npu_where_it_has_the_driver(
    npu_package: CExport, tmp_path: Path
) -> None:
    kconfiglib = pytest.importorskip("kconfiglib", reason="Kconfig IS UNTESTED: no kconfiglib")
    kconfig = tmp_path / "Kconfig"
    source = f'source "{npu_package.package["zephyr_kconfig"].as_posix()}"\n'
    chosen = ("TINYML_ONE", "TINYML_ONE_NPU", "TINYML_ONE_NPU_FALLBACK")
    for driver, offered in (('config ETHOS_U\n\tbool "driver"\n\tdefault y\n', "y"), ("", "n")):
        kconfig.write_text(driver + source)
        symbols = kconfiglib.Kconfig(str(kconfig)).syms
        for name in chosen:
            symbols[name].set_value(2)
        assert [symbols[name].str_value for name in chosen] == ["y", offered, offered]

    cmake = compiler_or_skip("cmake")
    (tmp_path / "main.c").write_text(NPU_MAIN)
    (tmp_path / "CMakeLists.txt").write_text(
        ZEPHYR + "function(zephyr_compile_definitions)\n"
        "  target_compile_definitions(zephyr_interface INTERFACE ${ARGN})\nendfunction()\n"
        + NPU_TARGET.format(driver=DRIVER)
        + "target_link_libraries(zephyr_interface INTERFACE ethosu_core_driver)\n"
        + "".join(f"set(CONFIG_{name} y)\n" for name in (*chosen, "TINYML_ONE_SELFTEST"))
        + f'add_subdirectory("{npu_package.package["zephyr_cmake"].parent}" one)\n'
        "get_property(libraries GLOBAL PROPERTY ZEPHYR_LIBS)\nadd_executable(app main.c)\n"
        "target_link_libraries(app PRIVATE ${libraries} zephyr_interface)\n"
    )
    run(cmake, "-S", tmp_path, "-B", tmp_path / "build")
    run(cmake, "--build", tmp_path / "build")
    run(tmp_path / "build" / "app")


def test_the_cmsis_pack_has_a_component_for_the_npu(npu_package: CExport) -> None:
    test_the_cmsis_pack_describes_every_source([npu_package])
    package = ET.parse(npu_package.package["cmsis_pack"]).getroot()
    defines = {
        component.get("Cgroup"): re.findall(r"#define (\w+ 1)", text.text or "")
        for component in package.findall("./components/component")
        if (text := component.find("Pre_Include_Global_Component_h")) is not None
    }
    assert defines == {
        "Network on Ethos-U": ["ONE_NPU 1"],
        "Fallback of Ethos-U": ["ONE_NPU_FALLBACK 1"],
    }
