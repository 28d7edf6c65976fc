/* memory: how much of it this process may have, for what costs much of it. */
#pragma once
#include <stdint.h>

/* The machine's, or less where a cgroup around this process says so: of version 2 or 1 (older NAS systems), its own or
 * one further out. */
uint64_t memory_limit_bytes(void);
/* What the cgroups below this directory say, which is / but in tests. UINT64_MAX: no limit. */
uint64_t memory_limit_of_cgroups(int root_dirfd);
