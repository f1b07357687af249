/*
 * Files and the console of the machine that runs the debugger or the emulator: Arm's semihosting,
 * as far as main.c needs it. QEMU wants -semihosting-config enable=on; without a debugger that knows
 * it, the first call ends in HardFault.
 */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

enum { SEMIHOSTING_READ = 0, SEMIHOSTING_WRITE = 4 }; /* fopen's "r" and "w" */

/* Copies the command line; returns 0, or -1 where there is none or it does not fit. */
int semihosting_command_line(char *text, size_t size);

/* A handle, or -1. The name ":tt" is the console. */
int semihosting_open(const char *name, int mode);

/* Returns how many bytes were read: fewer than `size` at the end of the file only. */
size_t semihosting_read(int handle, void *bytes, size_t size);

void semihosting_write(int handle, const void *bytes, size_t size);

/* Ends the program; `code` is the exit code of the emulator. */
__attribute__((noreturn)) void semihosting_exit(int code);

#endif /* SEMIHOSTING_H */
