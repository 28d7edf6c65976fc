/* random: bytes from getrandom(2); aborts when the kernel has none. Any thread. */
#pragma once
#include <stddef.h>

void random_bytes(void *out, size_t n);
/* A random (version 4) UUID, RFC 9562, lower case. */
void random_uuid(char out[static 37]);
