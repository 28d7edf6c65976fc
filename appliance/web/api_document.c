/* The OpenAPI document, from the tables that the server itself works by. */
#include "api.h"

static void put_type(struct buf *b, const struct api_member *m)
{
	static const char *const types[] = {
	    [API_TEXT] = "\"type\":\"string\"",
	    [API_SECRET] = "\"type\":\"string\",\"format\":\"password\",\"writeOnly\":true",
	    [API_BOOL] = "\"type\":\"boolean\"",
	    [API_NUMBER] = "\"type\":\"integer\",\"minimum\":0",
	    [API_TEXTS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
	    [API_TEXT_MAP] = "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}",
	};

	if (m->type == API_OBJECT)
		buf_addf(b, "\"allOf\":[{\"$ref\":\"#/components/schemas/%s\"}]", m->schema->name);
	else if (m->type == API_LIST)
		buf_addf(b, "\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/%s\"}", m->schema->name);
	else
		buf_addz(b, types[m->type]);
}

static void put_schema(struct buf *b, const struct api_schema *s)
{
	json_put_name(b, s->name);
	buf_addz(b, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	for (const struct api_member *m = s->members; m->name; m++) {
		json_put_name(b, m->name);
		buf_addc(b, '{');
		put_type(b, m);
		if (m->help[0])
			json_put_member_str(b, "description", str_of(m->help));
		buf_addc(b, '}');
	}
	buf_addz(b, "},\"required\":[");
	for (const struct api_member *m = s->members; m->name; m++) {
		if (m->flags & API_OPTIONAL)
			continue;
		json_put_comma(b);
		json_put_str(b, str_of(m->name));
	}
	buf_addz(b, "]}");
}

/* What can be set of a namespace: texts, as commands write them. */
static void put_attributes(struct buf *b)
{
	const struct attribute_type *types;
	size_t count;

	json_put_name(b, "NamespaceAttributes");
	buf_addz(b, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	types = namespace_attributes(&count);
	for (size_t i = 0; i < count; i++) {
		json_put_name(b, types[i].name);
		buf_addz(b, "{\"type\":\"string\"");
		json_put_member_str(b, "description", str_of(types[i].help));
		json_put_member_str(b, "default", str_of(types[i].fallback));
		json_put_member_str(b, "x-type", str_of(types[i].type));
		json_put_member_str(b, "x-choices", str_of(types[i].choices ? types[i].choices : ""));
		put_list(b, "x-kinds");
		for (enum namespace_kind k = NAMESPACE_HOSTED; k <= NAMESPACE_GROUP; k++)
			if (types[i].kinds & 1u << k) {
				json_put_comma(b);
				json_put_str(b, str_of(namespace_kind_text(k)));
			}
		buf_addz(b, "]}");
	}
	buf_addz(b, "}}");
}

/* what: NULL for a piece of the path */
static void put_parameter(
    struct buf *b, const char *in, struct str name, bool required, const struct api_parameter *what)
{
	struct api_member type = {.type = what ? what->type : API_TEXT};

	json_put_comma(b);
	buf_addc(b, '{');
	json_put_member_str(b, "name", name);
	json_put_member_str(b, "in", str_of(in));
	put_bool(b, "required", required);
	if (what && what->help[0])
		json_put_member_str(b, "description", str_of(what->help));
	buf_addz(b, ",\"schema\":{");
	put_type(b, &type);
	buf_addz(b, "}}");
}

static void put_parameters(struct buf *b, const struct api_operation *o)
{
	struct str path = str_of(o->path), query = str_of(o->query), one, before;
	bool needed;

	put_list(b, "parameters");
	while (str_cut(path, '<', &before, &path) && str_cut(path, '>', &one, &path))
		put_parameter(b, "path", one, true, NULL);
	while (query.n) {
		one = api_query_word(&query, &needed);
		put_parameter(b, "query", one, needed, api_parameter(one));
	}
	buf_addc(b, ']');
}

static void put_content(struct buf *b, const struct api_schema *schema)
{
	buf_addf(
	    b, "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}", schema->name);
}

static void put_operation(struct buf *b, const struct api_operation *o)
{
	static const char *const methods[] = {[METHOD_GET] = "get",
	    [METHOD_POST] = "post",
	    [METHOD_PUT] = "put",
	    [METHOD_PATCH] = "patch",
	    [METHOD_DELETE] = "delete"};
	char status[16];

	json_put_name(b, methods[o->method]);
	buf_addc(b, '{');
	json_put_member_str(b, "operationId", str_of(o->id));
	json_put_member_str(b, "summary", str_of(o->help));
	put_bool(b, "x-admin", o->needs == ACCESS_ADMIN || o->needs == ACCESS_RIGHTS);
	put_bool(b, "x-unlimited", o->needs == ACCESS_RIGHTS);
	if (o->example)
		json_put_member_str(b, "x-example", str_of(o->example));
	if (o->needs == ACCESS_ANY)
		buf_addz(b, ",\"security\":[]");
	put_parameters(b, o);
	if (o->body) {
		json_put_name(b, "requestBody");
		buf_addz(b, "{\"required\":true,");
		put_content(b, o->body);
		if (o->example_body)
			buf_addf(b, ",\"example\":%s", o->example_body);
		buf_addz(b, "}}}");
	}
	json_put_name(b, "responses");
	buf_addc(b, '{');
	snprintf(status, sizeof(status), "%d", o->status);
	json_put_name(b, status);
	buf_addz(b, "{\"description\":\"done\"");
	if (o->reply) {
		buf_addc(b, ',');
		put_content(b, o->reply);
		buf_addz(b, "}}");
	} else if (o->status == 200) {
		buf_addz(b, ",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}");
	}
	buf_addz(b, "},\"default\":{\"$ref\":\"#/components/responses/Failure\"}}}");
}

/* "/users/<object>" as "/users/{object}" */
static void put_path(struct buf *b, const char *path)
{
	buf_addc(b, '"');
	for (; *path; path++)
		buf_addc(b, *path == '<' ? '{' : *path == '>' ? '}' : *path);
	buf_addz(b, "\":{");
}

static bool is_same_path(const struct api_operation *a, const struct api_operation *b)
{
	return str_eq(str_of(a->path), str_of(b->path));
}

/* The operations of one path stand together in the document, and need not in the table. */
static void put_paths(struct buf *b)
{
	json_put_name(b, "paths");
	buf_addc(b, '{');
	for (const struct api_operation *o = api_operations; o->id; o++) {
		const struct api_operation *first = api_operations;

		while (!is_same_path(first, o))
			first++;
		if (first != o)
			continue;
		json_put_comma(b);
		put_path(b, o->path);
		for (const struct api_operation *same = o; same->id; same++)
			if (is_same_path(o, same))
				put_operation(b, same);
		buf_addc(b, '}');
	}
	buf_addc(b, '}');
}

enum rc api_document(struct exchange *x)
{
	static const struct api_schema *const schemas[] = {
#define SCHEMA(symbol) &symbol,
#include "api_schemas.def"
#undef SCHEMA
	};
	struct buf *b = api_begin(x);

	json_put_member_str(b, "openapi", STR("3.1.0"));
	buf_addf(b,
	    ",\"info\":{\"title\":\"cove\",\"version\":\"%s\",\"description\":\"The management API of the registry. "
	    "Authenticate with Basic and a password or a key. Times are seconds since the epoch; 0 means never. "
	    "x-example has the parameters of an example; the examples work in the order of x-order. x-admin: requires "
	    "the right admin; x-unlimited: moreover, a key with grants of its own, a key that expires and a token of "
	    "an issuer are refused.\"},\"servers\":[{\"url\":\"/api/v1\"}],\"security\":[{\"basic\":[]}]",
	    COVE_VERSION);
	json_put_name(b, "x-order");
	buf_addc(b, '[');
	for (const struct api_operation *o = api_operations; o->id; o++) {
		json_put_comma(b);
		json_put_str(b, str_of(o->id));
	}
	buf_addc(b, ']');
	put_paths(b);
	buf_addz(b, ",\"components\":{\"securitySchemes\":{\"basic\":{\"type\":\"http\",\"scheme\":\"basic\"}},"
		    "\"responses\":{\"Failure\":{\"description\":\"a sentence that says what is "
		    "wrong\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/"
		    "Errors\"}}}}},\"schemas\":{\"Errors\":{\"type\":\"object\",\"properties\":{\"errors\":{\"type\":"
		    "\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"code\":{\"type\":\"string\"},"
		    "\"message\":{\"type\":\"string\"},\"detail\":{}}}}}}");
	for (size_t i = 0; i < sizeof(schemas) / sizeof(*schemas); i++)
		put_schema(b, schemas[i]);
	put_attributes(b);
	buf_addz(b, "}}");
	return api_end(x, 200);
}
