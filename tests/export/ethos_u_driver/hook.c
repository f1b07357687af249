/* The handle of the tests' firmware, in memory that the test sets aside, and the start of the driver. */
#include "ethosu_driver.h"
#include "model_npu.h"

#define HANDLE ((struct ethosu_driver *)HANDLE_ADDRESS)

int start(void);

int start(void)
{
    return ethosu_init(HANDLE, (void *)NPU_ADDRESS, NULL, 0, 1, 1);
}

struct ethosu_driver *model_npu_driver(void)
{
    return HANDLE;
}
