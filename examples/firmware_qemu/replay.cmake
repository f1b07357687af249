# Runs FIRMWARE on QEMU's BOARD with SAMPLES as its command line; what it prints must be LABELS.
string(REPLACE "," ",," argument "${SAMPLES}") # QEMU's way to write a comma
execute_process(
  COMMAND ${QEMU} -M ${BOARD} -display none -monitor none -serial none
          -semihosting-config "enable=on,target=native,arg=${argument}" -kernel ${FIRMWARE}
  OUTPUT_VARIABLE printed OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE code)
message("${printed}")
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the firmware ended with exit code ${code}")
endif()

file(READ ${LABELS} expected)
string(STRIP "${expected}" expected)
string(REPLACE "\r" "" printed "${printed}")
string(REPLACE "\r" "" expected "${expected}")
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR "${LABELS} has other labels:\n${expected}")
endif()
message("as in ${LABELS}")
