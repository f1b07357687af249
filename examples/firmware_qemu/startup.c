/* From reset to main, for Cortex-M0+, M3 and M4 without a vendor's files. */
#include <stdint.h>

#include "semihosting.h"

#define EXIT_FAULT 3
#define CPACR (*(volatile uint32_t *)0xE000ED88u) /* Coprocessor Access Control Register */
#define FULL_ACCESS_TO_CP10_AND_CP11 (0xFu << 20)

/* Addresses that qemu.ld defines. */
extern uint32_t stack_top[];
extern uint32_t data_start[], data_end[], data_in_flash[];
extern uint32_t bss_start[], bss_end[];

int main(void);
void Reset_Handler(void);
void Fault_Handler(void);

typedef struct {
    uint32_t *stack;
    void (*handlers[15])(void);
} vectors_t;

/* No interrupt is ever enabled, so the 16 entries of the core itself are all. */
__attribute__((section(".vectors"), used)) static const vectors_t vectors = {
    stack_top,
    {Reset_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, 0, 0, 0,
     0, Fault_Handler, Fault_Handler, 0, Fault_Handler, Fault_Handler},
};

void Reset_Handler(void)
{
    const uint32_t *from = data_in_flash;

#ifdef __ARM_FP
    CPACR |= FULL_ACCESS_TO_CP10_AND_CP11; /* off after reset: the first float would fault */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    for (uint32_t *word = data_start; word < data_end; word++) {
        *word = *from++;
    }
    for (uint32_t *word = bss_start; word < bss_end; word++) {
        *word = 0;
    }
    semihosting_exit(main());
}

/* An endless loop would be the end of a CI job, too, but hours later. */
void Fault_Handler(void)
{
    semihosting_exit(EXIT_FAULT);
}
