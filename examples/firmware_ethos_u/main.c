/*
 * Runs the golden vectors of the model on the NPU and prints what came of it. The last character is
 * EOT, which ends the fast model if it is asked to (README.md).
 */
#include <stdint.h>

#include "exercise.h"
#include "npu.h"
#include "uart.h"

#define EOT '\x04'

/* The NPU works here: SRAM, because it does not reach the core's TCM. */
__attribute__((section(".npu_arena"))) static int8_t arena[EXERCISE_ARENA_BYTES] EXERCISE_ALIGNED;

static void print(const char *text)
{
    while (*text != '\0') {
        uart_write(*text++);
    }
}

static void print_number(int number)
{
    char digits[11];
    char *first = &digits[sizeof digits - 1];
    uint32_t rest = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;

    *first = '\0';
    do {
        *--first = (char)('0' + rest % 10u);
        rest /= 10u;
    } while (rest > 0u);
    print(number < 0 ? "-" : "");
    print(first);
}

int main(void)
{
    int result;

    uart_start();
    print("model " EXERCISE_MODEL_HASH "\n");
    if (npu_start() != 0) {
        print("the NPU does not start\n");
    }
    result = exercise_selftest(arena, sizeof arena);
    if (result == 0) {
        print("self-test: bit for bit as expected\n");
    } else {
        print("self-test: failed with ");
        print_number(result);
        print("\n");
    }
    uart_write(EOT);
    return result == 0 ? 0 : 1;
}
