# GCC for Arm: gcc-arm-none-eabi with libnewlib-arm-none-eabi of Debian and Ubuntu, or Arm's download.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # before there is a linker script

set(CMAKE_C_COMPILER arm-none-eabi-gcc)

set(CORE cortex-m4 CACHE STRING "cortex-m0plus, cortex-m3 or cortex-m4")
set(CORE_OPTIONS -mthumb -mcpu=${CORE})
if(CORE STREQUAL cortex-m4)
  list(APPEND CORE_OPTIONS -mfpu=fpv4-sp-d16 -mfloat-abi=hard)
endif()
set(CORE_LINK_OPTIONS -nostartfiles --specs=nano.specs -Wl,-Map,firmware.map -Wl,--print-memory-usage)
