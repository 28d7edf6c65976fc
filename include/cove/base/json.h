/*
 * json: strict parsing of what peers send, and writing. Parsing wraps cJSON behind limits: the grammar of RFC 8259 and
 * nothing more, at most 4 MiB, 131,072 values and depth 32, no duplicate member names, no NUL in strings, valid UTF-8.
 * A document takes at most 28 MiB of memory. All documents of more than 256 KiB together take at most 32 MiB: the
 * others wait in json_parse for their turn. A thread therefore parses and frees such a document without waiting for a
 * peer in between, and has only one at a time. Values are borrowed from their document and valid until json_free.
 * Writing goes to a struct buf, escaping in one place. One thread at a time per document or buffer.
 */
#pragma once
#include <cove/base/buf.h>
#include <cove/base/err.h>

struct json; /* a value: the document or a part of it */

/* For invalid text the code is E_HTTP_BAD with a sentence that says what is wrong and where; callers replace the code
 * with their own, such as E_MANIFEST_INVALID. E_BUSY when no memory is left. */
CHECKED enum rc json_parse(struct str text, struct json **out, struct err *err);
void json_free(struct json *document);
/* For documents with passwords: wipes the texts before it frees them. */
void json_free_wiped(struct json *document);

/* For an absent member or a value of another kind, these return NULL, false or STR_NONE. */
const struct json *json_member(const struct json *object, const char *name);
bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);
bool json_is_string(const struct json *v);
bool json_is_null(const struct json *v);
struct str json_string(const struct json *v);
/* A whole number from 0 to 2^53 - 1: above that, two different texts can give the same number (RFC 7493 §2.2). */
bool json_u64(const struct json *v, uint64_t *out);
/* Like json_u64, but it must also be written as an integer: clients that parse into an integer reject 5.0 and 5e0. */
bool json_integer(const struct json *v, uint64_t *out);
/* Any number from 0 on, rounded down. */
bool json_floor(const struct json *v, uint64_t *out);
bool json_bool(const struct json *v, bool *out);
size_t json_count(const struct json *array_or_object);
/* for (const struct json *e = json_first(a); e; e = json_next(e)) */
const struct json *json_first(const struct json *array_or_object);
const struct json *json_next(const struct json *v);
/* The member's name when v was reached by json_first/next over an object. */
struct str json_name(const struct json *v);

/* Writes v (and all below it) as compact JSON. */
void json_write(struct buf *b, const struct json *v);

/* Appends s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void json_put_str(struct buf *b, struct str s);
/* Appends `"name":` with a comma before it unless the buffer ends in '{', '[' or ':'. */
void json_put_name(struct buf *b, const char *name);
/* json_put_name and a value. */
void json_put_member_str(struct buf *b, const char *name, struct str value);
void json_put_member_u64(struct buf *b, const char *name, uint64_t value);
/* A comma unless the buffer ends in '{', '[' or ':' or is empty; for the elements of arrays. */
void json_put_comma(struct buf *b);
