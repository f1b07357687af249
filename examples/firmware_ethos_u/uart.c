/* The "APB UART" of Arm's Cortex-M System Design Kit. */
#include "uart.h"

#include <stdint.h>

#define UART_BASE 0x49303000u
#define DATA (*(volatile uint32_t *)(UART_BASE + 0x00u))
#define STATE (*(volatile uint32_t *)(UART_BASE + 0x04u))
#define CTRL (*(volatile uint32_t *)(UART_BASE + 0x08u))
#define BAUDDIV (*(volatile uint32_t *)(UART_BASE + 0x10u))
#define TRANSMIT_FULL 1u
#define TRANSMIT_ENABLE 1u

void uart_start(void)
{
    BAUDDIV = 25000000u / 115200u;
    CTRL = TRANSMIT_ENABLE;
}

void uart_write(char character)
{
    while ((STATE & TRANSMIT_FULL) != 0u) {
    }
    DATA = (uint32_t)(unsigned char)character;
}
