/*
 * api: what the files of the JSON API share. Its operations are the rows of api.def; what a body or a reply has are
 * tables of members, from which bodies are checked and the OpenAPI document is written.
 *
 * There are no cookies. A browser may send Basic credentials by itself, but a page of another origin can neither send
 * PUT, PATCH or DELETE nor a body of application/json without a preflight request, which gets no permission here; so
 * every body must be of that type, and nothing changes by GET.
 */
#pragma once
#include <cove/base/json.h>
#include <cove/auth/roles.h>
#include <cove/http/route.h>

enum api_type { API_TEXT, API_SECRET, API_BOOL, API_NUMBER, API_TEXTS, API_TEXT_MAP, API_OBJECT, API_LIST };
enum { API_OPTIONAL = 1 };

struct api_schema {
	const char *name;
	struct api_member {
		const char *name;
		enum api_type type;
		unsigned flags;
		const struct api_schema *schema; /* of API_OBJECT and API_LIST */
		const char *help;
	} members[12]; /* ended by one without name */
};
#define API_MEMBERS_MAX 12

struct api_operation {
	const char *id;
	enum method method;
	const char *path;
	enum needs needs;
	const struct api_schema *body; /* NULL: none */
	int status;
	const struct api_schema *reply; /* NULL: none */
	const char *query;              /* parameters, separated by spaces; `!` behind one that is needed */
	const char *example; /* what <object>, <id> or the query are, and a body, in an example that works when
			      * the rows are tried in their order */
	const char *example_body;
	const char *help;
};
extern const struct api_operation api_operations[]; /* ended by one without id */

/* What query parameters are, by name. NULL: there is none of that name. */
struct api_parameter {
	const char *name;
	enum api_type type; /* API_TEXT, API_BOOL, API_NUMBER */
	const char *help;
};
const struct api_parameter *api_parameter(struct str name);
/* One of the query's words; without its `!`. */
struct str api_query_word(struct str *query, bool *needed);

#define API_BODY_MAX 65536
#define API_PAGE 1000 /* elements of one page at most */

/* The schemas of api_schemas.c. */
#define SCHEMA(symbol) extern const struct api_schema symbol;
#include "api_schemas.def"
#undef SCHEMA

/* The body's members in the order of the schema; NULL: not given. Unknown ones, missing ones, and those of another type
 * are E_REQUEST with a sentence that names them. Valid until the exchange ends. */
CHECKED enum rc api_body(
    struct exchange *x, const struct api_schema *schema, const struct json *values[API_MEMBERS_MAX]);
/* The same of an object within the body. */
CHECKED enum rc api_object(struct exchange *x, const struct json *object, const struct api_schema *schema,
    const struct json *values[API_MEMBERS_MAX]);
/* A query parameter that is true or false. */
bool api_flag(struct exchange *x, const char *name);
/* A query parameter as a number; `otherwise` without it. E_REQUEST. */
CHECKED enum rc api_number(struct exchange *x, const char *name, uint64_t otherwise, uint64_t *out);
/* x->upload_id as a number. E_NOT_FOUND. */
CHECKED enum rc api_id(struct exchange *x, int64_t *id);
/* Copied into the exchange's memory, wiped at its end by the caller. E_REQUEST when too long. */
CHECKED enum rc api_secret(struct exchange *x, const struct json *v, struct secret *out);
/* n of the request: 1 to API_PAGE. */
CHECKED enum rc api_page(struct exchange *x, uint64_t *n);

/* The reply: begun, written, ended; not kept by anybody on the way. */
struct buf *api_begin(struct exchange *x);
enum rc api_end(struct exchange *x, int status);
void put_bool(struct buf *b, const char *name, bool value);
void put_i64(struct buf *b, const char *name, int64_t value); /* negative: 0 */
/* "name":[ and the grants or names, without the closing bracket */
void put_list(struct buf *b, const char *name);
enum rc put_grant(void *buf, const struct grant_info *g, struct err *err);
enum rc put_role_name(void *buf, const struct role_info *r, struct err *err);
/* From the members of a schema_grant; actions 0 for "none". */
CHECKED enum rc api_grant(struct exchange *x, const struct json *const values[API_MEMBERS_MAX], struct grant_info *out);

#define API(id, method, path, needs, handler_name, ...) handler handler_name;
#include "api.def"
#undef API
