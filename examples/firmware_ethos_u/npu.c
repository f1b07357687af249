#include "npu.h"

#include "ethosu_driver.h"
#include "exercise_npu.h"

/* Corstone-300: base address and interrupt of the Ethos-U55. Another board has others. */
#define NPU_BASE 0x48102000u
#define NPU_IRQ 56u
#define NVIC_ISER ((volatile uint32_t *)0xE000E100u)

static struct ethosu_driver npu;
static int started;

int npu_start(void)
{
    if (ethosu_init(&npu, (void *)NPU_BASE, NULL, 0, 1, 1) != 0) { /* secure, privileged */
        return -1;
    }
    NVIC_ISER[NPU_IRQ / 32u] = 1u << NPU_IRQ % 32u;
    started = 1;
    return 0;
}

void NPU_Handler(void)
{
    ethosu_irq_handler(&npu);
}

/* What exercise_run asks for. */
struct ethosu_driver *exercise_npu_driver(void)
{
    return started ? &npu : NULL;
}
