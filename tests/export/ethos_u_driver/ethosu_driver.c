/* See the header. Registers, by word, as the "Ethos-U55 NPU Technical Reference Manual" has them. */
#include "ethosu_driver.h"

enum { STATUS = 0x04 / 4, CMD = 0x08 / 4, RESET = 0x0C / 4, QBASE = 0x10 / 4, QREAD = 0x18 / 4,
       QSIZE = 0x20 / 4, PROT = 0x24 / 4, CONFIG = 0x28 / 4, BASEP = 0x80 / 4 };

#define RUNNING 1u
#define IRQ_RAISED 2u
#define RESETTING 8u
#define ENDED 32u
#define FAULTS (4u | 16u | 128u | 256u) /* bus, command, watchdog, memory */
#define RUN 1u
#define CLEAR_IRQ 2u
#define PAYLOAD 0x31504F43u /* COP1 */
#define OPTIMIZER_CONFIG 1u
#define COMMAND_STREAM 2u
#define NOP 5u
#define PATIENCE 1000000

static int reset(struct ethosu_driver *drv)
{
    drv->registers[RESET] = drv->reset;
    for (int i = 0; i < PATIENCE && (drv->registers[STATUS] & RESETTING) != 0; i++) {
    }
    return (drv->registers[STATUS] & RESETTING) == 0 && drv->registers[PROT] == drv->reset ? 0 : -1;
}

int ethosu_init(struct ethosu_driver *drv, void *const base_address, const void *fast_memory,
                const size_t fast_memory_size, uint32_t secure_enable, uint32_t privilege_enable)
{
    (void)fast_memory;
    (void)fast_memory_size;
    drv->registers = (volatile uint32_t *)base_address;
    drv->reset = (secure_enable ? 0u : 2u) | (privilege_enable ? 1u : 0u);
    drv->done = 0;
    return reset(drv);
}

void ethosu_irq_handler(struct ethosu_driver *drv)
{
    drv->registers[CMD] = CLEAR_IRQ;
    drv->done = 1;
}

static int run(struct ethosu_driver *drv, const uint32_t *stream, uint32_t bytes, const uint64_t *bases, int count)
{
    volatile uint32_t *const registers = drv->registers;
    uint32_t status;

    if (((uintptr_t)stream & 15u) != 0 || reset(drv) != 0) {
        return -1;
    }
    registers[QBASE] = (uint32_t)(uintptr_t)stream;
    registers[QBASE + 1] = 0;
    registers[QSIZE] = bytes;
    for (int i = 0; i < count; i++) {
        if ((bases[i] & 15u) != 0) {
            return -1;
        }
        registers[BASEP + 2 * i] = (uint32_t)bases[i];
        registers[BASEP + 2 * i + 1] = (uint32_t)(bases[i] >> 32);
    }
    drv->done = 0;
    registers[CMD] = RUN;
    for (int i = 0; i < PATIENCE && !drv->done; i++) {
        if ((registers[STATUS] & IRQ_RAISED) != 0) {
            ethosu_irq_handler(drv);
        }
    }
    status = registers[STATUS];
    return (status & (FAULTS | RUNNING)) == 0 && (status & ENDED) != 0 && registers[QREAD] == bytes ? 0 : -1;
}

int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, const int custom_data_size,
                     uint64_t *const base_addr, const size_t *base_addr_size, const int num_base_addr,
                     void *user_arg)
{
    const uint32_t *word = custom_data_ptr;
    const uint32_t *const end = word + custom_data_size / 4;

    (void)base_addr_size;
    (void)user_arg;
    if (custom_data_size % 4 != 0 || *word != PAYLOAD) {
        return -1;
    }
    for (word++; word < end; word++) {
        const uint32_t action = *word & 0xFFu;
        const uint32_t length = *word >> 16 | (*word >> 8 & 0xFFu) << 16;

        if (action == OPTIMIZER_CONFIG) {
            if (word[1] != drv->registers[CONFIG]) {
                return -1;
            }
            word += 2;
        } else if (action == COMMAND_STREAM) {
            return run(drv, word + 1, 4 * length, base_addr, num_base_addr);
        } else if (action != NOP) {
            return -1;
        }
    }
    return -1;
}
