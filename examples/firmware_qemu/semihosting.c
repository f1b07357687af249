/* "Semihosting for AArch32 and AArch64", Arm document IHI 0112, on M-profile cores. */
#include "semihosting.h"

enum operation {
    SYS_OPEN = 0x01,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20 /* SYS_EXIT of a 32-bit core carries no exit code */
};

#define ADP_STOPPED_APPLICATION_EXIT 0x20026u

/* The operation in r0, the address of its parameters in r1, the result in r0. */
static int32_t call(enum operation operation, const void *parameters)
{
    register int32_t r0 __asm__("r0") = (int32_t)operation;
    register const void *r1 __asm__("r1") = parameters;

    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t address(const volatile void *pointer)
{
    return (uint32_t)(uintptr_t)pointer;
}

static uint32_t length(const char *text)
{
    uint32_t count = 0;

    while (text[count] != '\0') {
        count++;
    }
    return count;
}

int semihosting_command_line(char *text, size_t size)
{
    uint32_t parameters[] = {address(text), (uint32_t)size};

    return call(SYS_GET_CMDLINE, parameters) == 0 && text[0] != '\0' ? 0 : -1;
}

int semihosting_open(const char *name, int mode)
{
    const uint32_t parameters[] = {address(name), (uint32_t)mode, length(name)};

    return call(SYS_OPEN, parameters);
}

size_t semihosting_read(int handle, void *bytes, size_t size)
{
    const uint32_t parameters[] = {(uint32_t)handle, address(bytes), (uint32_t)size};
    const int32_t not_read = call(SYS_READ, parameters);

    return not_read < 0 ? 0 : size - (size_t)not_read;
}

void semihosting_write(int handle, const void *bytes, size_t size)
{
    const uint32_t parameters[] = {(uint32_t)handle, address(bytes), (uint32_t)size};

    (void)call(SYS_WRITE, parameters);
}

__attribute__((noreturn)) void semihosting_exit(int code)
{
    const uint32_t parameters[] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)code};

    (void)call(SYS_EXIT_EXTENDED, parameters);
    for (;;) {
        /* the debugger went on */
    }
}
