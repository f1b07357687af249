/*
 * A driver that knows what the NPU's layers give for each golden vector: prepared.inc has it. It
 * overwrites the rest of the NPU's memory.
 */
#include "ethosu_driver.h"
#include "model_npu.h"
#include "model_vectors.h"
#include "prepared.inc"

#ifndef HANDLE
#define HANDLE &npu
#endif
#ifndef FAILS
#define FAILS 0
#endif

struct ethosu_driver *model_npu_driver(void)
{
    static struct ethosu_driver npu;

    (void)npu;
    return HANDLE;
}

int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, const int custom_data_size,
                     uint64_t *const base_addr, const size_t *base_addr_size, const int num_base_addr,
                     void *user_arg)
{
    int8_t *const scratch = (int8_t *)(uintptr_t)base_addr[1];
    int vector = 0;

    (void)drv;
    (void)user_arg;
    if (custom_data_size != MODEL_NPU_COMMAND_BYTES || ((const char *)custom_data_ptr)[3] != '1' ||
        num_base_addr != 3 || base_addr_size[0] != MODEL_NPU_WEIGHT_BYTES ||
        ((base_addr[0] | base_addr[1] | base_addr[2]) & 15u) != 0) {
        return -2;
    }
    for (int i = 0; i < MODEL_INPUT_BYTES && vector < MODEL_VECTORS;) {
        if (scratch[INPUT_AT + i] == model_vector_inputs[vector][i]) {
            i++;
        } else {
            vector++;
            i = 0;
        }
    }
    for (size_t i = 0; i < base_addr_size[1]; i++) {
        scratch[i] = 0x5a;
    }
    for (size_t i = 0; i < base_addr_size[2]; i++) {
        ((int8_t *)(uintptr_t)base_addr[2])[i] = 0x5a;
    }
    if (FAILS || vector == MODEL_VECTORS) {
        return -3;
    }
    for (int i = 0; i < OUTPUT_BYTES; i++) {
        scratch[OUTPUT_AT + i] = prepared[vector][i];
    }
    return 0;
}
