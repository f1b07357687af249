# Clang as zig brings it: "pip install ziglang" on Linux, Windows and macOS, with nothing else to install.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # before there is a linker script

set(venv ${CMAKE_CURRENT_LIST_DIR}/../../../.venv) # of run_modelzoo: it has ziglang
find_program(PYTHON NAMES python python3 HINTS ${venv}/bin ${venv}/Scripts)
execute_process(
  COMMAND ${PYTHON} -c "import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).parent.as_posix())"
  OUTPUT_VARIABLE ziglang OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
find_program(ZIG zig HINTS ${ziglang})
if(NOT ZIG)
  message(FATAL_ERROR "zig was not found: run pip install ziglang, or name it with -D ZIG=...")
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG)
set(CMAKE_C_COMPILER ${ZIG} cc)
set(CMAKE_C_ARCHIVE_CREATE "\"${ZIG}\" ar qc <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_APPEND "\"${ZIG}\" ar q <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "\"${ZIG}\" ranlib <TARGET>")

set(CORE cortex-m4 CACHE STRING "cortex-m0plus, cortex-m3 or cortex-m4")
string(REPLACE - _ ZIG_CORE ${CORE})
if(CORE STREQUAL cortex-m4)
  set(CORE_OPTIONS -target thumb-freestanding-eabihf -mcpu=${ZIG_CORE}+vfp4d16sp) # zig's M4 has no FPU
else()
  set(CORE_OPTIONS -target thumb-freestanding-eabi -mcpu=${ZIG_CORE})
endif()
list(APPEND CORE_OPTIONS -fno-sanitize=undefined -fno-unwind-tables)
set(CORE_LINK_OPTIONS -Wl,--entry=Reset_Handler) # zig asks for _start otherwise
