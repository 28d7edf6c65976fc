/* The JSON API: its tables, strict bodies, replies. */
#include "api.h"
#include <cove/base/codec.h>

#define ROW_BODY(method) ((method) == METHOD_GET || (method) == METHOD_DELETE ? BODY_NONE : BODY_BUFFERED)
static handler check_query;

/* clang-format off */
const struct route api_routes[] = {
#define API(id, method, path, needs, handler_name, ...)                                                                \
	{id, method, "/api/v1" path, needs, ROW_BODY(method), API_BODY_MAX, ROUTE_MANAGEMENT, check_query, handler_name},
#include "api.def"
#undef API
    ROUTES_END,
};
const struct api_operation api_operations[] = {
#define API(id, method, path, needs, handler_name, body, status, reply, query, example, example_body, help)            \
	{id, method, path, needs, body, status, reply, query, example, example_body, help},
#include "api.def"
#undef API
    {.id = NULL},
};
/* clang-format on */

/* ---- queries ---- */

const struct api_parameter *api_parameter(struct str name)
{
	static const struct api_parameter parameters[] = {
	    {"n", API_NUMBER, "the most entries that a page may have"},
	    {"last", API_TEXT, "the value of `next` in the previous page"},
	    {"before", API_NUMBER, "the value of `next` in the previous page"},
	    {"since", API_NUMBER, "a time: only entries since then"},
	    {"user", API_TEXT, ""},
	    {"action", API_TEXT, ""},
	    {"repository", API_TEXT, "the full name of the repository"},
	    {"key", API_NUMBER, "the number of the user's key; 0: the password"},
	    {"refused", API_BOOL, "true: only refused requests"},
	    {"purge", API_BOOL, "true: also remove its content"},
	};

	for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++)
		if (str_eq(name, str_of(parameters[i].name)))
			return &parameters[i];
	return NULL;
}

struct str api_query_word(struct str *query, bool *needed)
{
	struct str word;

	str_cut(*query, ' ', &word, query);
	*needed = str_ends(word, STR("!"));
	if (*needed)
		word.n--;
	return word;
}

static bool is_flag(struct str s)
{
	return str_eq(s, STR("true")) || str_eq(s, STR("false"));
}

static bool has_parameter(const struct api_operation *o, struct str name)
{
	struct str query = str_of(o->query);
	bool needed;

	while (query.n)
		if (str_eq(api_query_word(&query, &needed), name))
			return true;
	return false;
}

/* What is not understood must not look as if it had been: a filter with a typo would show everything. */
static enum rc check_query(struct exchange *x)
{
	const struct api_operation *o = api_operations;
	struct str rest = x->query, name, value;
	bool needed;

	while (strcmp(o->id, x->route->id) != 0)
		o++;
	while (form_next(x->arena, &rest, &name, &value)) {
		if (!name.p || !has_parameter(o, name))
			return fail(&x->err, E_REQUEST,
			    "\"%.*s\" is not a parameter of this request: see /api/v1/openapi.json",
			    STR_ARG(str_first(name, 60)));
		if (api_parameter(name)->type == API_BOOL && !is_flag(value))
			return fail(&x->err, E_REQUEST, "%.*s must be true or false", STR_ARG(name));
	}
	for (rest = str_of(o->query); rest.n;) {
		name = api_query_word(&rest, &needed);
		if (needed && !query_get(x, api_parameter(name)->name, &value))
			return fail(&x->err, E_REQUEST, "the parameter %.*s is missing", STR_ARG(name));
	}
	return OK;
}

bool api_flag(struct exchange *x, const char *name)
{
	struct str value;

	return query_get(x, name, &value) && str_eq(value, STR("true"));
}

/* ---- bodies ---- */

static bool is_texts(const struct json *v)
{
	for (const struct json *e = json_first(v); e; e = json_next(e))
		if (!json_is_string(e))
			return false;
	return true;
}

static const char *const type_texts[] = {
    [API_TEXT] = "a string",
    [API_SECRET] = "a string",
    [API_BOOL] = "true or false",
    [API_NUMBER] = "a whole number",
    [API_TEXTS] = "an array of strings",
    [API_TEXT_MAP] = "an object whose members are strings",
    [API_OBJECT] = "an object",
    [API_LIST] = "an array of objects",
};

static bool type_fits(enum api_type type, const struct json *v)
{
	uint64_t number;
	bool flag;

	switch (type) {
	case API_TEXT:
	case API_SECRET:
		return json_is_string(v);
	case API_BOOL:
		return json_bool(v, &flag);
	case API_NUMBER:
		return json_u64(v, &number);
	case API_TEXTS:
		return json_is_array(v) && is_texts(v);
	case API_TEXT_MAP:
		return json_is_object(v) && is_texts(v);
	case API_OBJECT:
		return json_is_object(v);
	case API_LIST:
		return json_is_array(v);
	}
	return false;
}

enum rc api_object(struct exchange *x, const struct json *object, const struct api_schema *schema,
    const struct json *values[API_MEMBERS_MAX])
{
	const struct api_member *m;
	size_t i;

	memset(values, 0, API_MEMBERS_MAX * sizeof(*values));
	if (!json_is_object(object))
		return fail(
		    &x->err, E_REQUEST, "the body must be a JSON object: see %s in /api/v1/openapi.json", schema->name);
	for (const struct json *v = json_first(object); v; v = json_next(v)) {
		struct str name = json_name(v);

		for (i = 0, m = schema->members; m->name && !str_eq(str_of(m->name), name); i++)
			m++;
		if (!m->name)
			return fail(&x->err, E_REQUEST, "\"%.*s\" is not a member of %s: see /api/v1/openapi.json",
			    STR_ARG(str_first(name, 60)), schema->name);
		if (!type_fits(m->type, v))
			return fail(&x->err, E_REQUEST, "%s must be %s", m->name, type_texts[m->type]);
		values[i] = v;
	}
	for (i = 0, m = schema->members; m->name; i++, m++)
		if (!values[i] && !(m->flags & API_OPTIONAL))
			return fail(&x->err, E_REQUEST, "the member \"%s\" is missing", m->name);
	return OK;
}

static void release_document(void *p)
{
	json_free_wiped(p);
}

enum rc api_body(struct exchange *x, const struct api_schema *schema, const struct json *values[API_MEMBERS_MAX])
{
	struct str type = STR_NONE, kind, rest;
	struct json *document;

	head_field(x->head, STR("Content-Type"), &type);
	str_cut(type, ';', &kind, &rest);
	if (!str_eqi(str_trim(kind), STR("application/json")))
		return fail(&x->err, E_REQUEST, "send the body with Content-Type: application/json");
	TRY(json_parse(x->body, &document, &x->err));
	TRY(exchange_hold(x, document, release_document));
	return api_object(x, document, schema, values);
}

enum rc api_number(struct exchange *x, const char *name, uint64_t otherwise, uint64_t *out)
{
	struct str text;

	*out = otherwise;
	if (!query_get(x, name, &text) || (str_u64(text, out) && *out <= INT64_MAX))
		return OK;
	return fail(&x->err, E_REQUEST, "%s must be a whole number", name);
}

enum rc api_page(struct exchange *x, uint64_t *n)
{
	TRY(api_number(x, "n", 100, n));
	if (*n < 1)
		return fail(&x->err, E_REQUEST, "n must be at least 1");
	if (*n > API_PAGE)
		*n = API_PAGE;
	return OK;
}

enum rc api_id(struct exchange *x, int64_t *id)
{
	uint64_t number;

	if (!str_u64(x->upload_id, &number) || number < 1 || number > INT64_MAX)
		return fail(&x->err, E_NOT_FOUND, "the number at the end of the path does not exist");
	*id = (int64_t)number;
	return OK;
}

enum rc api_secret(struct exchange *x, const struct json *v, struct secret *out)
{
	if (secret_set(out, json_string(v)))
		return OK;
	return fail(&x->err, E_REQUEST, "a password has at most %d characters", SECRET_MAX);
}

enum rc api_grant(struct exchange *x, const struct json *const values[API_MEMBERS_MAX], struct grant_info *out)
{
	out->pattern = json_string(values[0]);
	out->actions = 0;
	return str_eq(json_string(values[1]), STR("none"))
		   ? OK
		   : actions_parse(json_string(values[1]), &out->actions, &x->err);
}

/* ---- replies ---- */

struct buf *api_begin(struct exchange *x)
{
	struct buf *b = &x->reply.content;

	buf_release(b);
	buf_init(b, 4u << 20);
	buf_addc(b, '{');
	return b;
}

enum rc api_end(struct exchange *x, int status)
{
	buf_addz(&x->reply.content, "}\n");
	if (!buf_ok(&x->reply.content))
		return fail_rc(&x->err, E_BUSY);
	reply_field(x, "Cache-Control", "no-store");
	return reply_bytes(x, status, "application/json", buf_str(&x->reply.content));
}

void put_bool(struct buf *b, const char *name, bool value)
{
	json_put_name(b, name);
	buf_addz(b, value ? "true" : "false");
}

void put_i64(struct buf *b, const char *name, int64_t value)
{
	json_put_member_u64(b, name, value > 0 ? (uint64_t)value : 0);
}

void put_list(struct buf *b, const char *name)
{
	json_put_name(b, name);
	buf_addc(b, '[');
}

enum rc put_grant(void *buf, const struct grant_info *g, struct err *err)
{
	char actions[ACTIONS_TEXT_MAX];
	struct buf *b = buf;

	(void)err;
	actions_text(actions, g->actions);
	json_put_comma(b);
	buf_addc(b, '{');
	json_put_member_str(b, "pattern", g->pattern);
	json_put_member_str(b, "actions", str_of(actions));
	buf_addc(b, '}');
	return OK;
}

enum rc put_role_name(void *buf, const struct role_info *r, struct err *err)
{
	(void)err;
	json_put_comma(buf);
	json_put_str(buf, r->name);
	return OK;
}
