/* The NPU of the board and Arm's driver of it. */
#ifndef NPU_H
#define NPU_H

/* Starts the driver; returns 0, or -1 where there is no such NPU. */
int npu_start(void);

/* The interrupt of the NPU, for the vector table. */
void NPU_Handler(void);

#endif /* NPU_H */
