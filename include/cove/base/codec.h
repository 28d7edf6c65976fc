/* codec: hex, base64, base64url, percent-encoding, form fields. Pure. Decoders are strict and return false for invalid
 * input. */
#pragma once
#include <cove/base/arena.h>
#include <cove/base/buf.h>
#include <cove/base/str.h>

/* Lower-case hex of n bytes into out[2n+1]. */
void hex_encode(char *out, const void *bytes, size_t n);
/* Decodes exactly 2n lower-case hex digits into out[n]. */
bool hex_decode(void *out, size_t n, struct str hex);

/* RFC 4648 §5 without padding, appended to b. */
void base64url_encode(struct buf *b, const void *bytes, size_t n);
/* Returns the number of bytes written, or -1: bad character, padding, stray bits, or more than max bytes. */
ptrdiff_t base64url_decode(void *out, size_t max, struct str s);
/* RFC 4648 §4 with padding (Basic credentials). */
void base64_encode(struct buf *b, const void *bytes, size_t n);
ptrdiff_t base64_decode(void *out, size_t max, struct str s);

/* Percent-decoding (RFC 3986 §2.1) into the arena; plus_is_space for application/x-www-form-urlencoded. False on a bad
 * escape, a NUL byte or no memory. */
bool percent_decode(struct arena *a, struct str s, bool plus_is_space, struct str *out);
/* Appends s to b and escapes everything but unreserved characters. */
void percent_encode(struct buf *b, struct str s);

/* Walks `a=1&b=2` one field at a time, decoded: false at the end. A field with a bad escape has name.p == NULL. */
bool form_next(struct arena *a, struct str *rest, struct str *name, struct str *value);
