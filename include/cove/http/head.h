/*
 * head: the head of a request, in two phases. head_complete() looks only for its end, each time more bytes have come;
 * head_parse() then turns the finished bytes into slices of them. It is strict where leniency allows request smuggling
 * (RFC 9112 §11.2): CRLF only, no folding, no blank before the colon, only one way to give the length of the body.
 * Pure: no memory, no I/O; any thread. After an error the connection must be closed, because the start of the next
 * request is unknown.
 */
#pragma once
#include <cove/base/err.h>
#include <cove/base/str.h>

enum {
	HEAD_MAX_BYTES = 16384,     /* with all line ends; E_HTTP_HEAD_TOO_LARGE */
	HEAD_LINE_MAX_BYTES = 8192, /* request line without its CRLF; E_HTTP_URI_TOO_LONG */
	HEAD_FIELDS_MAX = 100,      /* E_HTTP_HEAD_TOO_LARGE */
};

/* The supported methods; any other one, including CONNECT and TRACE, is E_HTTP_METHOD_UNKNOWN (501). */
enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE, METHOD_OPTIONS };

struct field {
	struct str name;
	struct str value; /* trimmed; no CR, LF, NUL or other control character but HTAB */
};

/* All slices point into the parsed bytes (path may be a constant) and live as long as these. */
struct head {
	enum method method;
	struct str method_text;
	struct str target; /* as sent */
	struct str path;   /* not decoded; begins with '/', or is "*" (OPTIONS only) */
	struct str query;  /* not decoded, without '?'; p == NULL when there was no '?' */
	struct str host;   /* name or address, with port if sent; valid. Empty only in HTTP/1.0 */
	int minor;         /* of HTTP/1.x: 0 or 1 */
	bool chunked;      /* the body is chunked; never together with has_length */
	bool has_length;
	uint64_t length;      /* Content-Length, at most INT64_MAX; 0 without */
	bool keep_alive;      /* as requested by the version and the field Connection */
	bool expect_continue; /* the peer waits for 100 */
	size_t field_count;
	struct field fields[HEAD_FIELDS_MAX];
};

/* Where head_complete() continues; all zero for a new head. */
struct head_scan {
	size_t at;         /* bytes looked at */
	size_t line_start; /* of the line that is not finished */
	size_t lines;      /* finished, without a leading empty one */
};

/* bytes: all bytes of this head that have arrived so far, possibly more. *length becomes the length of the head with
 * its empty line, or 0 when more bytes are needed. It scans only new bytes. E_HTTP_BAD (a line end that is not CRLF),
 * E_HTTP_URI_TOO_LONG, E_HTTP_HEAD_TOO_LARGE: so a buffer of HEAD_MAX_BYTES never fills up without an answer. */
CHECKED enum rc head_complete(struct str bytes, struct head_scan *scan, size_t *length, struct err *err);

/* bytes: exactly what head_complete() measured. E_HTTP_BAD, E_HTTP_VERSION, E_HTTP_METHOD_UNKNOWN,
 * E_HTTP_TRANSFER_CODING, E_HTTP_EXPECT, and the caps as above. After an error *head must not be used. */
CHECKED enum rc head_parse(struct str bytes, struct head *head, struct err *err);

/* The first field of that name (any case). False, and STR_NONE, if the request has none. */
bool head_field(const struct head *head, struct str name, struct str *value);
/* Each field of that name, in order: start with *at = 0. */
bool head_field_next(const struct head *head, struct str name, size_t *at, struct str *value);
/* Whether the comma-separated lists in all fields of that name contain this element (any case). */
bool head_list_has(const struct head *head, struct str name, struct str element);
/* `host[:port]` as accepted in Host: name, IPv4 or [IPv6], port 1 to 65535. */
bool host_is_valid(struct str host);
