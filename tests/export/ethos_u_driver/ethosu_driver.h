/*
 * A driver for an Ethos-U of tests: what firmware calls of Arm's core driver, with its names and types,
 * in a hundred lines. It polls where Arm's waits for an interrupt.
 */
#ifndef ETHOSU_DRIVER_H
#define ETHOSU_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ethosu_driver {
    volatile uint32_t *registers;
    uint32_t reset; /* the security level and the privilege that a reset asks for */
    volatile int done;
};

int ethosu_init(struct ethosu_driver *drv, void *const base_address, const void *fast_memory,
                const size_t fast_memory_size, uint32_t secure_enable, uint32_t privilege_enable);

/* The interrupt of the NPU calls it. */
void ethosu_irq_handler(struct ethosu_driver *drv);

/* Returns 0, or -1 where the program is another NPU's or the NPU has failed. */
int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, const int custom_data_size,
                     uint64_t *const base_addr, const size_t *base_addr_size, const int num_base_addr,
                     void *user_arg);

#ifdef __cplusplus
}
#endif

#endif
