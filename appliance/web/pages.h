/* pages: the handlers of web/. */
#pragma once
#include <cove/http/route.h>

handler ca_get, live_get, ready_get, front_get;
