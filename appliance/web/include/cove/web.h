/* web: what is not the registry API: the CA certificate, health, and the front page. */
#pragma once
#include <cove/route.h>

extern const struct route web_routes[];
