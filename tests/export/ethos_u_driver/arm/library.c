/*
 * What Arm's driver wants of a C library and of an operating system. The emulated core takes no
 * interrupts, so whoever waits looks for them.
 */
#include <stddef.h>

#include "ethosu_driver.h"
#include "model_npu.h"

void *malloc(size_t size);
void free(void *memory);
void *memset(void *memory, int value, size_t size);

void *malloc(size_t size)
{
    static _Alignas(8) unsigned char heap[512];
    static size_t used;
    unsigned char *const memory = heap + used;

    used += (size + 7u) / 8u * 8u;
    return used <= sizeof heap ? memory : NULL;
}

void free(void *memory)
{
    (void)memory;
}

void *memset(void *memory, int value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((unsigned char *)memory)[i] = (unsigned char)value;
    }
    return memory;
}

void *ethosu_semaphore_create(void)
{
    return malloc(sizeof(int));
}

int ethosu_semaphore_take(void *sem)
{
    int *const semaphore = sem;

    while (*semaphore == 0) {
        ethosu_irq_handler(model_npu_driver());
    }
    (*semaphore)--;
    return 0;
}

int ethosu_semaphore_give(void *sem)
{
    (*(int *)sem)++;
    return 0;
}
