/* cpu: features of this CPU, which decide the order of the TLS suites. Any thread. */
#pragma once
#include <stdbool.h>

/* AES and carry-less multiply instructions (AES-NI + PCLMULQDQ, ARMv8 AES + PMULL). */
bool cpu_has_aes(void);
