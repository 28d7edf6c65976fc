/*
 * file: cove.yaml, one mapping of scalars, read by libyaml's events: each has its place, so every complaint names line,
 * column and key. Anything beyond such a mapping (lists, aliases, tags, a second document) is refused.
 */
#include "config_internal.h"
#include <yaml.h>

struct reader {
	struct loaded *loaded;
	const char *path;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; owned */
	bool seen[SETTINGS_MAX];
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
		    r, &r->event.start_mark, err, "%s: one value is wanted here, no list, mapping or alias", s->key);
	if (r->event.data.scalar.tag)
		return fail_at(r, &r->event.start_mark, err, "%s: YAML tags are not used here", s->key);
	return OK;
}

/* The current event is a key; reads its value too. */
static enum rc take_entry(struct reader *r, struct err *err)
{
	const struct setting *s;
	struct err what;

	if (r->event.type != YAML_SCALAR_EVENT)
		return fail_at(r, &r->event.start_mark, err, "a setting's name is wanted here");
	s = setting_find(scalar(r));
	if (!s)
		return fail_at(r, &r->event.start_mark, err, "there is no setting \"%.*s\": `cove help` lists them",
		    STR_ARG(str_first(scalar(r), 60)));
	if (r->seen[s - settings])
		return fail_at(r, &r->event.start_mark, err, "%s is set twice", s->key);
	r->seen[s - settings] = true;
	TRY(next(r, err));
	TRY(expect_plain_value(r, s, err));
	if (setting_store(r->loaded, s, scalar(r), ORIGIN_FILE, &what))
		return fail_at(r, &r->event.start_mark, err, "%s: %s", s->key, what.text);
	return OK;
}

static enum rc take_document(struct reader *r, struct err *err)
{
	/* "---" and nothing: an empty scalar */
	if (r->event.type == YAML_SCALAR_EVENT && scalar(r).n == 0)
		return next(r, err);
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return fail_at(r, &r->event.start_mark, err, "lines of the form `setting: value` are wanted");
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
		return fail_at(r, &r->event.start_mark, err, "a second document is not allowed here");
	return OK;
}

enum rc file_apply(struct loaded *l, struct str yaml, const char *path, struct err *err)
{
	struct reader r = {.loaded = l, .path = path};
	enum rc rc;

	if (!yaml_parser_initialize(&r.parser))
		return fail(err, E_BUSY, "no memory to read %s", path);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)(yaml.n ? yaml.p : ""), yaml.n);
	rc = take_stream(&r, err);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return rc;
}
