/*
 * The firmware that proves and counts "@p@" on an emulated Cortex-M55: start-up, files of the host by
 * semihosting, and what is done with the one that is there:
 *
 *   samples   float windows: writes to "output" what they are quantized to
 *   windows   int8 windows: writes every layer of each (built with @P@_TRACE as parity_trace)
 *   counted   int8 windows: writes the ticks of each layer and the stack (built with it as lap)
 */
#include <stddef.h>
#include <stdint.h>

#include "@p@.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define CCR REGISTER(0xE000ED14u)
#define CPACR REGISTER(0xE000ED88u)
#define MAX_TICKS 0xFFFFFFu
#define PAINT 0xA5A5A5A5u

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };
enum { EXIT_FAULT = 97 };

/* Of each window: the ticks of a lap around nothing, of each layer (the first with all before it)
 * and of what follows the last one. */
enum { LAPS = 1 + @P@_LAYERS + 1 };

extern uint32_t stack_start[], stack_end[]; /* of the linker script */

static int8_t arena[@P@_ARENA_BYTES] __attribute__((section(".arena"), aligned(1)));
static float samples[@P@_INPUT_BYTES];
static int8_t quantized[@P@_INPUT_BYTES];
static uint32_t ticks[LAPS];
static uint32_t laps;
static uint32_t lap_start;
static int32_t output;

void start(void);
void parity_trace(int32_t layer, const int8_t *data, int32_t rows, int32_t row_bytes);
void lap(void);

static int32_t semihost(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = arguments;

    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static __attribute__((noreturn)) void leave(uint32_t code)
{
    const uint32_t reason[2] = {0x20026u, code}; /* the application's own exit */

    semihost(SYS_EXIT_EXTENDED, reason);
    for (;;) {
    }
}

static int32_t open_file(const char *name, uint32_t mode)
{
    uint32_t length = 0;

    while (name[length] != '\0') {
        length++;
    }
    const struct { const char *name; uint32_t mode; uint32_t length; } arguments = {name, mode, length};
    return semihost(SYS_OPEN, &arguments);
}

static int read_all(int32_t file, void *data, uint32_t bytes)
{
    const struct { int32_t file; void *data; uint32_t bytes; } arguments = {file, data, bytes};

    return semihost(SYS_READ, &arguments) == 0; /* what is left to read */
}

static void write_all(const void *data, uint32_t bytes)
{
    const struct { int32_t file; const void *data; uint32_t bytes; } arguments = {output, data, bytes};

    if (semihost(SYS_WRITE, &arguments) != 0) {
        leave(EXIT_FAULT);
    }
}

void parity_trace(int32_t layer, const int8_t *data, int32_t rows, int32_t row_bytes)
{
    (void)layer;
    write_all(data, (uint32_t)(rows * row_bytes));
}

void lap(void)
{
    const uint32_t now = SYST_CVR; /* counts down */

    ticks[laps++ % LAPS] = (lap_start - now) & MAX_TICKS;
    lap_start = SYST_CVR;
}

static void quantize(int32_t file)
{
    while (read_all(file, samples, sizeof samples)) {
        @p@_quantize(samples, quantized);
        write_all(quantized, sizeof quantized);
    }
}

static int run(int32_t file)
{
    int status = @P@_OK;

    while (status == @P@_OK && read_all(file, @p@_input(arena), @P@_INPUT_BYTES)) {
        status = @p@_run(arena, sizeof arena);
    }
    return status;
}

static int count(int32_t file)
{
    int status = @P@_OK;
    uint32_t *stack;
    volatile uint32_t *deepest; /* a call of memset would overwrite its own frame */
    uint32_t bytes;

    __asm volatile("mov %0, sp" : "=r"(stack));
    for (deepest = stack_start; deepest < stack; deepest++) {
        *deepest = PAINT;
    }
    SYST_RVR = MAX_TICKS;
    SYST_CVR = 0;
    SYST_CSR = 5u; /* on, by the core's clock */
    while (status == @P@_OK && read_all(file, @p@_input(arena), @P@_INPUT_BYTES)) {
        lap();
        laps = 0;
        lap();
        status = @p@_run(arena, sizeof arena);
        lap();
        write_all(ticks, sizeof ticks);
    }
    for (deepest = stack_start; deepest < stack && *deepest == PAINT; deepest++) {
    }
    bytes = (uint32_t)(stack - deepest) * sizeof *stack;
    write_all(&bytes, sizeof bytes);
    return status;
}

static void fault(void)
{
    leave(EXIT_FAULT);
}

void start(void)
{
    int32_t file;
    int status = EXIT_FAULT;

    CPACR |= 0xFu << 20; /* coprocessors 10 and 11: Helium, floating point */
    CCR |= 1u << 19;     /* low-overhead loops */
    __asm volatile("dsb\n\tisb" ::: "memory");
    output = open_file("output", WRITE_BINARY);
    if ((file = open_file("samples", READ_BINARY)) >= 0) {
        quantize(file);
        status = 0;
    } else if ((file = open_file("windows", READ_BINARY)) >= 0) {
        status = run(file);
    } else if ((file = open_file("counted", READ_BINARY)) >= 0) {
        status = count(file);
    }
    leave((uint32_t)(status < 0 ? -status : status));
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))stack_end, start, fault, fault, fault, fault, fault, fault,
    fault, fault, fault, fault, fault, fault, fault, fault,
};
