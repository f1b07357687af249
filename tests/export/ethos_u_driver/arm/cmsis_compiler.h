/* What Arm's driver wants of CMSIS. */
#define __WFE() __asm__ volatile("wfe")
#define __SEV() __asm__ volatile("sev")
