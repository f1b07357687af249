# GCC for Arm: gcc-arm-none-eabi with libnewlib-arm-none-eabi of Debian and Ubuntu, or Arm's download.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # before there is a linker script
set(CMAKE_C_COMPILER arm-none-eabi-gcc)

set(CORE cortex-m55 CACHE STRING "The core beside the NPU, as gcc calls it")
set(CORE_OPTIONS -mthumb -mcpu=${CORE} -mfloat-abi=hard)
if(CORE STREQUAL cortex-m33)
  list(APPEND CORE_OPTIONS -mfpu=fpv5-sp-d16)
endif()
