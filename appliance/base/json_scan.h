/* json_scan: the strict grammar check that runs before cJSON sees a byte. Private to base. */
#pragma once
#include <cove/base/err.h>

enum { JSON_TEXT_MAX = 4 << 20, JSON_VALUES_MAX = 1 << 17, JSON_DEPTH_MAX = 32 };

enum {
	JSON_VALUE_BYTES = 96,  /* a node of cJSON (64), malloc's part of it, a pointer for sorting the names */
	JSON_STRING_BYTES = 32, /* malloc's part of the smallest string */
	/* each value may be a string and have a name */
	JSON_MEMORY_MAX = JSON_VALUES_MAX * (JSON_VALUE_BYTES + 2 * JSON_STRING_BYTES) + 2 * JSON_TEXT_MAX,
};

/* OK when text is exactly one RFC 8259 value within the limits; otherwise E_HTTP_BAD with what and where. *memory is
 * what its tree may take at most, in bytes, with what a reader may write out of it again. */
CHECKED enum rc json_scan(struct str text, size_t *memory, struct err *err);
