/*
 * A driver whose NPU is a program beside the emulator: by semihosting it writes the commands and the
 * memory behind each base pointer to one pipe, and reads the memory that came of it from another.
 */
#include "ethosu_driver.h"

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };

static int32_t semihost(uint32_t operation, const uint32_t *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const uint32_t *r1 __asm__("r1") = arguments;

    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static uint32_t open_pipe(const char *name, uint32_t mode)
{
    uint32_t length = 0;

    while (name[length] != '\0') {
        length++;
    }
    return (uint32_t)semihost(SYS_OPEN, (const uint32_t[]){(uint32_t)(uintptr_t)name, mode, length});
}

static int pass(uint32_t operation, uint32_t pipe, uint64_t memory, size_t bytes)
{
    uint32_t left = (uint32_t)bytes; /* a pipe may give and take less at once */

    while (left > 0) {
        const uint32_t at = (uint32_t)memory + (uint32_t)bytes - left;
        const int32_t rest = semihost(operation, (const uint32_t[]){pipe, at, left});

        if (rest < 0 || (uint32_t)rest == left) {
            return -1;
        }
        left = (uint32_t)rest;
    }
    return 0;
}

int ethosu_init(struct ethosu_driver *drv, void *const base_address, const void *fast_memory,
                const size_t fast_memory_size, uint32_t secure_enable, uint32_t privilege_enable)
{
    (void)drv;
    (void)base_address;
    (void)fast_memory;
    (void)fast_memory_size;
    return secure_enable && privilege_enable ? 0 : -1;
}

void ethosu_irq_handler(struct ethosu_driver *drv)
{
    (void)drv;
}

int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, const int custom_data_size,
                     uint64_t *const base_addr, const size_t *base_addr_size, const int num_base_addr,
                     void *user_arg)
{
    uint32_t pipe = open_pipe("request", WRITE_BINARY);
    int failures = pass(SYS_WRITE, pipe, (uintptr_t)custom_data_ptr, (size_t)custom_data_size);

    (void)drv;
    (void)user_arg;
    for (int i = 0; i < num_base_addr; i++) {
        failures |= pass(SYS_WRITE, pipe, base_addr[i], base_addr_size[i]);
    }
    semihost(SYS_CLOSE, &pipe);
    pipe = open_pipe("answer", READ_BINARY);
    for (int i = 1; i < num_base_addr; i++) {
        failures |= pass(SYS_READ, pipe, base_addr[i], base_addr_size[i]);
    }
    semihost(SYS_CLOSE, &pipe);
    return failures;
}
