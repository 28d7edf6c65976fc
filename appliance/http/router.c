/*
 * router: from method and path to a row and its captures. One pass over the rows; a pattern is compared from its right
 * end, segment by segment, because <name> may itself contain "blobs" or "manifests" (docs/clients.md, Names).
 */
#include <cove/base/codec.h>
#include <cove/http/route.h>

/* The raw captures of one match, all of them non-empty where p is set. */
struct captures {
	struct str name, digest, reference, id, object;
};

/* Takes the last segment of *s, and the slash before it, off. */
static struct str take_last_segment(struct str *s)
{
	struct str segment;

	if (!str_cut_last(*s, '/', s, &segment)) {
		segment = *s;
		*s = STR_NONE;
	}
	return segment;
}

static bool capture_is(struct str pattern_segment, struct str segment, struct captures *c)
{
	struct str *to;

	if (str_eq(pattern_segment, STR("<digest>")))
		to = &c->digest;
	else if (str_eq(pattern_segment, STR("<reference>")))
		to = &c->reference;
	else if (str_eq(pattern_segment, STR("<id>")))
		to = &c->id;
	else if (str_eq(pattern_segment, STR("<object>")))
		to = &c->object;
	else
		return str_eq(pattern_segment, segment);
	*to = segment;
	return segment.n > 0;
}

static bool pattern_matches(struct str pattern, struct str path, struct captures *c)
{
	*c = (struct captures){0};
	while (!str_ends(pattern, STR("<name>"))) {
		if (pattern.n == 0 || path.n == 0)
			return pattern.n == path.n;
		if (!capture_is(take_last_segment(&pattern), take_last_segment(&path), c))
			return false;
	}
	pattern.n -= strlen("<name>");
	if (!str_starts(path, pattern))
		return false;
	c->name = str_from(path, pattern.n);
	return c->name.n > 0;
}

/* Decoded once, before anything is compared, judged or logged, so that there is one name only: clients write
 * `sha256%3A...` and `team%2Fapp`. What is still encoded then would be another name to who decodes again. */
static enum rc path_decode(struct exchange *x, struct str *path)
{
	if (!str_has(*path, '%'))
		return OK;
	if (!percent_decode(x->arena, *path, false, path))
		return x->arena->failed ? fail_rc(&x->err, E_BUSY)
					: fail(&x->err, E_HTTP_BAD, "the path is not percent-encoded correctly");
	return str_has(*path, '%') ? fail(&x->err, E_HTTP_BAD, "the path is percent-encoded twice") : OK;
}

/* One segment of the API, where borders were found before. */
static enum rc segment_decode(struct exchange *x, struct str *s)
{
	if (!str_has(*s, '%') || percent_decode(x->arena, *s, false, s))
		return OK;
	return x->arena->failed ? fail_rc(&x->err, E_BUSY)
				: fail(&x->err, E_HTTP_BAD, "the path is not percent-encoded correctly");
}

/* "<reference> MUST NOT be in any other format": so nothing is there under one that is, and "the response code MUST be
 * 404" to who asks for it or deletes it; only a push learns what is wrong with it. */
static enum rc reference_find(struct exchange *x, struct str text)
{
	enum rc rc = reference_parse(text, &x->reference, &x->err);

	if (!rc || rc == E_BUSY || x->route->method == METHOD_PUT)
		return rc;
	return fail(&x->err, E_MANIFEST_UNKNOWN,
	    "manifest unknown to this repository: the reference is neither a tag nor a digest");
}

static enum rc captures_parse(struct exchange *x, struct captures *c, bool is_raw)
{
	if (is_raw) {
		TRY(segment_decode(x, &c->object));
		TRY(segment_decode(x, &c->id));
	}
	if (c->name.p)
		TRY(repo_name_parse(c->name, &x->name, &x->err));
	x->asked = c->name;
	if (c->digest.p)
		TRY(digest_parse(c->digest, &x->digest, &x->err));
	if (c->reference.p)
		TRY(reference_find(x, c->reference));
	x->upload_id = c->id;
	x->object = c->object;
	return OK;
}

static const char *const method_names[] = {
    [METHOD_GET] = "GET, HEAD",
    [METHOD_HEAD] = "HEAD",
    [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",
    [METHOD_PATCH] = "PATCH",
    [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS",
};

/* RFC 9110 §10.2.1 */
static struct str allow_text(struct arena *a, unsigned methods)
{
	struct str text = STR_NONE;

	for (unsigned m = 0; m < sizeof method_names / sizeof *method_names; m++) {
		if (methods & 1u << m)
			text = arena_printf(a, "%.*s%s%s", STR_ARG(text), text.n ? ", " : "", method_names[m]);
	}
	return text;
}

enum rc route_find(struct exchange *x, struct str path, enum method method, struct str *allow)
{
	enum method wanted = method == METHOD_HEAD ? METHOD_GET : method;
	bool is_raw = str_starts(path, STR("/api/"));
	unsigned methods = 0;
	struct captures c;

	*allow = STR_NONE;
	x->path = path;
	if (!is_raw)
		TRY(path_decode(x, &path));
	x->path = path;
	for (const struct route *const *table = x->site->route_tables; *table; table++) {
		for (const struct route *r = *table; r->pattern; r++) {
			if (!pattern_matches(str_of(r->pattern), path, &c))
				continue;
			if (r->method == wanted) {
				x->route = r;
				return captures_parse(x, &c, is_raw);
			}
			methods |= 1u << r->method;
		}
	}
	if (!methods)
		return fail_rc(&x->err, E_NOT_FOUND);
	*allow = allow_text(x->arena, methods);
	return fail_rc(&x->err, E_HTTP_METHOD);
}
