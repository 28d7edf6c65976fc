/* memory: how much memory this process may use. The limits of caches and pools are computed from it. */
#pragma once
#include <stdint.h>

/* The memory of the machine, or less if a cgroup limits this process: version 2 or 1 (older NAS systems), its own
 * cgroup or a parent. */
uint64_t memory_limit_bytes(void);
/* The limit of the cgroups below this directory, which is / except in tests. UINT64_MAX: no limit. */
uint64_t memory_limit_of_cgroups(int root_dirfd);
