/* json_scan: the strict grammar check that runs before cJSON sees a byte. Private to base. */
#pragma once
#include <cove/err.h>

enum { JSON_TEXT_MAX = 4 << 20, JSON_VALUES_MAX = 1 << 17, JSON_DEPTH_MAX = 32 };

/* OK when text is exactly one RFC 8259 value within the limits; otherwise E_HTTP_BAD with what and where. */
CHECKED enum rc json_scan(struct str text, struct err *err);
