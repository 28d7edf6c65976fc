/* registry: the distribution API: its route table, one handler file per chapter of the specification. */
#pragma once
#include <cove/http/route.h>

/* The spec's endpoint table, ended by ROUTES_END. */
extern const struct route registry_routes[];
