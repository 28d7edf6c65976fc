/*
 * file: cove.yaml, read by libyaml's events: each has its place, so every complaint names line, column and key. A
 * mapping of scalars, and `namespaces:`, a mapping of such mappings, whose values may be lists of scalars. Anything
 * else (aliases, tags, a second document) is refused.
 */
#include "config_internal.h"
#include <stdlib.h>
#include <yaml.h>

#define ROWS_MAX 20000 /* a thousand namespaces with all their attributes */
#define LIST_MAX_BYTES 65536

struct reader {
	struct loaded *loaded;
	struct config_rows *rows;
	const char *path;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; owned */
	bool seen[SETTINGS_MAX], namespaces_seen;
	size_t namespace_at; /* the first row of the one that is being read */
};

__attribute__((format(printf, 4, 5))) static enum rc fail_at(
    const struct reader *r, const yaml_mark_t *mark, struct err *err, const char *format, ...)
{
	struct err what;
	va_list ap;

	va_start(ap, format);
	vsnprintf(what.text, sizeof(what.text), format, ap);
	va_end(ap);
	return fail(err, E_CONFIG, "%s:%zu:%zu: %s", r->path, mark->line + 1, mark->column + 1, what.text);
}

static enum rc next(struct reader *r, struct err *err)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return OK;
	memset(&r->event, 0, sizeof(r->event));
	return fail_at(
	    r, &r->parser.problem_mark, err, "not valid YAML: %s", r->parser.problem ? r->parser.problem : "no memory");
}

static struct str scalar(const struct reader *r)
{
	return (struct str){(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
}

static enum rc expect_plain_value(const struct reader *r, const struct setting *s, struct err *err)
{
	if (r->event.type != YAML_SCALAR_EVENT)
		return fail_at(
		    r, &r->event.start_mark, err, "%s: expected a single value, not a list, mapping or alias", s->key);
	if (r->event.data.scalar.tag)
		return fail_at(r, &r->event.start_mark, err, "%s: YAML tags are not supported: remove the tag", s->key);
	return OK;
}

/* ---- namespaces ---- */

static enum rc add_row(
    struct reader *r, struct str name, struct str key, struct str value, size_t line, struct err *err)
{
	struct config_rows *rows = r->rows;
	struct config_row *more;

	if (rows->count == ROWS_MAX)
		return fail_at(r, &r->event.start_mark, err, "too many namespaces or attributes are declared");
	for (size_t i = r->namespace_at; i < rows->count; i++)
		if (str_eq(str_of(rows->items[i].key), key))
			return fail_at(r, &r->event.start_mark, err, "%.*s of %.*s is set twice",
			    STR_ARG(str_first(key, 60)), STR_ARG(str_first(name, 60)));
	more = realloc(rows->items, (rows->count + 1) * sizeof(*more));
	if (!more)
		return fail_rc(err, E_BUSY);
	rows->items = more;
	rows->items[rows->count++] = (struct config_row){xstrdup(name), xstrdup(key), xstrdup(value), line};
	return OK;
}

/* One scalar, or a list of them. */
static enum rc read_value(struct reader *r, struct buf *out, struct err *err)
{
	bool is_list = r->event.type == YAML_SEQUENCE_START_EVENT;

	if (is_list)
		TRY(next(r, err));
	while (r->event.type == YAML_SCALAR_EVENT && !r->event.data.scalar.tag) {
		if (out->n)
			buf_addc(out, ' ');
		buf_add(out, scalar(r));
		if (!is_list)
			return buf_ok(out) ? OK : fail_at(r, &r->event.start_mark, err, "the value is too long");
		TRY(next(r, err));
	}
	if (is_list && r->event.type == YAML_SEQUENCE_END_EVENT && buf_ok(out))
		return OK;
	return fail_at(r, &r->event.start_mark, err, "expected a value or a list of values");
}

static enum rc take_attribute(struct reader *r, struct str name, struct err *err)
{
	struct buf value = BUF_INIT(LIST_MAX_BYTES);
	size_t line = r->event.start_mark.line + 1;
	char *key;
	enum rc rc;

	if (r->event.type != YAML_SCALAR_EVENT)
		return fail_at(r, &r->event.start_mark, err, "expected the name of an attribute");
	key = xstrdup(scalar(r));
	rc = next(r, err);
	if (!rc)
		rc = read_value(r, &value, err);
	if (!rc)
		rc = add_row(r, name, str_of(key), buf_str(&value), line, err);
	free(key);
	buf_release(&value);
	return rc;
}

/* The current event is its name. */
static enum rc take_namespace(struct reader *r, struct err *err)
{
	char *name;
	enum rc rc;

	if (r->event.type != YAML_SCALAR_EVENT)
		return fail_at(r, &r->event.start_mark, err, "expected the name of a namespace");
	for (size_t i = 0; i < r->rows->count; i++)
		if (str_eq(str_of(r->rows->items[i].name), scalar(r)))
			return fail_at(
			    r, &r->event.start_mark, err, "%.*s is declared twice", STR_ARG(str_first(scalar(r), 60)));
	r->namespace_at = r->rows->count;
	name = xstrdup(scalar(r));
	rc = next(r, err);
	if (!rc && r->event.type != YAML_MAPPING_START_EVENT)
		rc = fail_at(r, &r->event.start_mark, err,
		    "namespace %.60s: expected lines of the form `attribute: value`", name);
	while (!rc && !(rc = next(r, err)) && r->event.type != YAML_MAPPING_END_EVENT)
		rc = take_attribute(r, str_of(name), err);
	if (!rc && r->rows->count == r->namespace_at)
		rc = fail_at(r, &r->event.start_mark, err,
		    "namespace %.60s has no kind: add kind: hosted, proxy or group", name);
	free(name);
	return rc;
}

static enum rc take_namespaces(struct reader *r, struct err *err)
{
	r->namespaces_seen = true;
	TRY(next(r, err));
	if (r->event.type == YAML_SCALAR_EVENT && scalar(r).n == 0)
		return OK; /* nothing behind the colon */
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return fail_at(
		    r, &r->event.start_mark, err, "namespaces: expected lines of the form `name: {kind: ...}`");
	for (;;) {
		TRY(next(r, err));
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return OK;
		TRY(take_namespace(r, err));
	}
}

/* ---- settings ---- */

/* The current event is a key; reads its value too. */
static enum rc take_entry(struct reader *r, struct err *err)
{
	const struct setting *s;
	struct err what;

	if (r->event.type != YAML_SCALAR_EVENT)
		return fail_at(r, &r->event.start_mark, err, "expected the name of a setting");
	if (str_eq(scalar(r), STR("namespaces")))
		return r->namespaces_seen ? fail_at(r, &r->event.start_mark, err, "namespaces is set twice")
					  : take_namespaces(r, err);
	s = setting_find(scalar(r));
	if (!s)
		return fail_at(r, &r->event.start_mark, err, "\"%.*s\" is not a setting: `cove help` lists them",
		    STR_ARG(str_first(scalar(r), 60)));
	if (r->seen[s - settings])
		return fail_at(r, &r->event.start_mark, err, "%s is set twice", s->key);
	r->seen[s - settings] = true;
	TRY(next(r, err));
	TRY(expect_plain_value(r, s, err));
	if (!r->loaded)
		return OK;
	if (setting_store(r->loaded, s, scalar(r), ORIGIN_FILE, &what))
		return fail_at(r, &r->event.start_mark, err, "%s: %s", s->key, what.text);
	r->loaded->lines[s - settings] = r->event.start_mark.line + 1;
	return OK;
}

static enum rc take_document(struct reader *r, struct err *err)
{
	/* "---" and nothing: an empty scalar */
	if (r->event.type == YAML_SCALAR_EVENT && scalar(r).n == 0)
		return next(r, err);
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return fail_at(r, &r->event.start_mark, err, "expected lines of the form `setting: value`");
	for (;;) {
		TRY(next(r, err));
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return next(r, err);
		TRY(take_entry(r, err));
	}
}

static enum rc take_stream(struct reader *r, struct err *err)
{
	TRY(next(r, err)); /* the start of the stream */
	TRY(next(r, err));
	if (r->event.type == YAML_STREAM_END_EVENT)
		return OK;
	TRY(next(r, err)); /* past the start of the document */
	TRY(take_document(r, err));
	TRY(next(r, err)); /* past its end */
	if (r->event.type != YAML_STREAM_END_EVENT)
		return fail_at(r, &r->event.start_mark, err, "the file has more than one YAML document: keep only one");
	return OK;
}

enum rc file_apply(struct loaded *l, struct config_rows *rows, struct str yaml, const char *path, struct err *err)
{
	struct reader r = {.loaded = l, .rows = rows, .path = path};
	enum rc rc;

	if (!yaml_parser_initialize(&r.parser))
		return fail(err, E_BUSY, "no memory to read %s", path);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)(yaml.n ? yaml.p : ""), yaml.n);
	rc = take_stream(&r, err);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return rc;
}
