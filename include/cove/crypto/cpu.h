/* cpu: what this CPU has; decides the order of TLS suites. Any thread. */
#pragma once
#include <stdbool.h>

/* AES and carry-less multiply instructions (AES-NI + PCLMULQDQ, ARMv8 AES + PMULL). */
bool cpu_has_aes(void);
