/* units: numbers with units, from text and to text. Pure. */
#pragma once
#include <cove/base/buf.h>
#include <cove/base/err.h>

/* Units of powers of 1024 to the byte; s m h d w; ms s m. */
enum units { UNITS_BYTES, UNITS_SECONDS, UNITS_MILLISECONDS };

/* A whole number and a unit, "64MiB", "12h", "500ms"; or 0. E_CONFIG. */
CHECKED enum rc units_parse(struct str text, enum units units, uint64_t *out, struct err *err);
/* Shortest exact form, "64MiB", "7d"; "0". */
void units_put(struct buf *out, enum units units, uint64_t n);
