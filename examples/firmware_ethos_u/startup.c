/* From reset to main, without a vendor's files. */
#include <stdint.h>

#include "npu.h"
#include "uart.h"

#define INTERRUPTS 64
#define NPU_IRQ 56
#define CPACR (*(volatile uint32_t *)0xE000ED88u) /* Coprocessor Access Control Register */
#define FULL_ACCESS_TO_CP10_AND_CP11 (0xFu << 20)

/* Addresses that corstone300.ld defines. */
extern uint32_t stack_top[];
extern uint32_t data_start[], data_end[], data_in_flash[];
extern uint32_t bss_start[], bss_end[];

int main(void);
void Reset_Handler(void);
void Fault_Handler(void);

typedef struct {
    uint32_t *stack;
    void (*handlers[15])(void);
    void (*interrupts[INTERRUPTS])(void);
} vectors_t;

__attribute__((section(".vectors"), used)) static const vectors_t vectors = {
    stack_top,
    {Reset_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler,
     Fault_Handler, 0, 0, 0, Fault_Handler, Fault_Handler, 0, Fault_Handler, Fault_Handler},
    {[NPU_IRQ] = NPU_Handler},
};

void Reset_Handler(void)
{
    const uint32_t *from = data_in_flash;

    CPACR |= FULL_ACCESS_TO_CP10_AND_CP11; /* off after reset: the first float would fault */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    for (uint32_t *word = data_start; word < data_end; word++) {
        *word = *from++;
    }
    for (uint32_t *word = bss_start; word < bss_end; word++) {
        *word = 0;
    }
    (void)main();
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void Fault_Handler(void)
{
    for (const char *text = "fault\n\x04"; *text != '\0'; text++) {
        uart_write(*text);
    }
    for (;;) {
    }
}
