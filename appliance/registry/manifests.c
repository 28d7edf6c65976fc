/* "Pulling manifests", "Pushing Manifests" and "Deleting Manifests" of the distribution spec. */
#include "handlers.h"
#include "source.h"
#include "target.h"
#include <cove/manifest/manifest.h>

#define TAG_PARAMETERS_MAX 32
#define MISSING_MAX 200 /* told in an error's detail, which http/ keeps room for */

/*
 * Docker Hub and others refuse what they have not got. A client that asks before it pushes to a group (containerd,
 * BuildKit, oras) goes on after a 404 only.
 */
static enum rc find(struct exchange *x, struct manifest_info *m)
{
	enum rc rc = source_manifest(x, &x->reference, m);
	bool before_push;

	if (rc != E_UPSTREAM_DENIED)
		return rc;
	TRY(asks_before_push(x, &before_push));
	return before_push ? fail_rc(&x->err, E_MANIFEST_UNKNOWN) : rc;
}

/* end-3: the exact bytes that were pushed, under the type that they were pushed with. Accept is not negotiated: nothing
 * is ever converted, and a 406 helps no client (docs/clients.md, Manifests). */
enum rc manifest_get(struct exchange *x)
{
	struct manifest_info m;
	struct str bytes = STR_NONE;
	struct digest subject;
	struct str type;
	enum rc rc = find(x, &m);

	if (!x->reference.is_digest && x->place.ns->kind == NAMESPACE_HOSTED &&
	    (rc == OK || rc == E_MANIFEST_UNKNOWN) && referrers_tag_parse(x->reference.tag, &subject)) {
		bool done;

		TRY(referrers_tag_get(x, &subject, rc ? NULL : &m, &done));
		if (done)
			return OK;
	}
	TRY(rc);
	if (x->head->method == METHOD_HEAD)
		bytes.n = (size_t)m.size;
	else
		TRY(manifest_read(x->site->store, &m, x->arena, &bytes, &x->err));
	type = arena_str(x->arena, str_of(m.media_type));
	if (!type.p)
		return fail_rc(&x->err, E_BUSY);
	reply_digest(x, &m.digest);
	return reply_bytes(x, 200, type.p, bytes);
}

/* {"count":2,"digests":["sha256:..", ...]} for the error's detail: how many are missing, and the first MISSING_MAX */
static void detail_missing(struct exchange *x, const struct missing *missing)
{
	struct buf b = BUF_INIT(MISSING_MAX * (DIGEST_TEXT_MAX + 2) + 64);
	size_t shown = missing->count < missing->room ? missing->count : missing->room;
	char text[DIGEST_TEXT_MAX];

	buf_addz(&b, "{");
	json_put_member_u64(&b, "count", missing->count);
	json_put_name(&b, "digests");
	buf_addz(&b, "[");
	for (size_t i = 0; i < shown; i++) {
		digest_text(text, &missing->digests[i]);
		json_put_comma(&b);
		json_put_str(&b, str_of(text));
	}
	buf_addz(&b, "]}");
	if (buf_ok(&b))
		x->detail = arena_str(x->arena, buf_str(&b));
	buf_release(&b);
}

/* The tags that this PUT sets: the reference itself, or ?tag= beside a digest (end-7 of the coming version). */
static enum rc wanted_tags(struct exchange *x, struct tag tags[static TAG_PARAMETERS_MAX], size_t *count)
{
	struct str rest = x->query;
	struct str text;

	*count = 0;
	if (!x->reference.is_digest) {
		tags[(*count)++] = x->reference.tag;
		return OK;
	}
	while (query_next(x, "tag", &rest, &text)) {
		if (*count == TAG_PARAMETERS_MAX)
			return fail(&x->err, E_HTTP_URI_TOO_LONG,
			    "too many tags: a manifest can be pushed with at most %d tags at once", TAG_PARAMETERS_MAX);
		TRY(tag_parse(text, &tags[*count], &x->err));
		(*count)++;
	}
	return OK;
}

struct gathering {
	const struct target *to;
	const struct digest *digest;
};

static enum rc ask_mount(struct exchange *x, const struct place *leaf, enum ask_how how, void *ctx)
{
	const struct gathering *g = ctx;

	(void)how;
	if (str_eq(leaf->full, g->to->name.s))
		return E_BLOB_UNKNOWN;
	return blob_mount(x->site->store, &g->to->space, g->to->name, place_name(leaf), g->digest, &x->err);
}

/* A push to a group: blobs that other members hold count as there, and now they must be. */
static enum rc gather(struct exchange *x, const struct target *to, const struct manifest_content *content)
{
	uint64_t size;
	enum rc rc;

	for (size_t i = 0; i < content->reference_count; i++) {
		struct gathering g = {to, &content->references[i].digest};

		if (content->references[i].kind != REF_BLOB)
			continue;
		rc = blob_stat(x->site->store, to->name, g.digest, &size, &x->err);
		if (rc == E_BLOB_UNKNOWN || rc == E_NAME_UNKNOWN)
			rc = source_find_held(x, ask_mount, E_BLOB_UNKNOWN, &g);
		if (rc && rc != E_BLOB_UNKNOWN)
			return rc;
	}
	return OK;
}

/* A digest is served with one type. Who pushes the same bytes as another one is told so: his clients would not get it.
 */
static enum rc check_type(
    struct exchange *x, const struct target *to, const struct digest *d, const struct manifest_content *content)
{
	struct reference ref = {.is_digest = true, .digest = *d};
	struct manifest_info there;
	enum rc rc = manifest_find(x->site->store, to->name, &ref, &there, &x->err);

	if (rc)
		return rc == E_MANIFEST_UNKNOWN || rc == E_NAME_UNKNOWN ? OK : rc;
	if (str_eq(content->media_type, str_of(there.media_type)))
		return OK;
	return fail(&x->err, E_MANIFEST_INVALID,
	    "this manifest already exists as %s: push it with that media type, or delete it first", there.media_type);
}

/* RFC 9110 §13.1.1: with a condition that does not hold the server "MUST NOT perform the requested method". What was
 * seen here is what the store must find. */
static enum rc expect(struct exchange *x, struct target *to, struct expectation *out)
{
	struct manifest_info m;
	enum rc rc;

	if (!exchange_has_condition(x))
		return OK;
	rc = manifest_find(x->site->store, to->name, &x->reference, &m, &x->err);
	if (rc && rc != E_MANIFEST_UNKNOWN && rc != E_NAME_UNKNOWN)
		return rc;
	*out = (struct expectation){.reference = x->reference, .there = !rc};
	if (!rc)
		out->digest = m.digest;
	to->space.expected = out;
	return exchange_check_condition(x, rc ? NULL : &m.digest);
}

/* end-7 */
enum rc manifest_upload(struct exchange *x)
{
	struct manifest_content content;
	struct expectation expected;
	struct target to;
	struct tag tags[TAG_PARAMETERS_MAX];
	struct missing missing = {.room = MISSING_MAX};
	struct str type = STR_NONE;
	struct digest d;
	size_t count;
	char text[DIGEST_TEXT_MAX];
	enum rc rc;

	TRY(target_of(x, &to));
	TRY(expect(x, &to, &expected));
	(void)head_field(x->head, STR("Content-Type"), &type);
	TRY(manifest_parse(x->arena, x->body, type, MANIFEST_PUSHED, &content, &x->err));
	digest_of(&d, x->reference.is_digest ? x->reference.digest.algorithm : DIGEST_SHA256, x->body);
	if (x->reference.is_digest && !digest_eq(&d, &x->reference.digest)) {
		digest_text(text, &d);
		return fail(&x->err, E_DIGEST_INVALID, "the manifest's digest is %s, not that of the request", text);
	}
	content.sparse = x->site->sparse_manifests || to.sparse;
	content.wrong_descriptors = to.wrong_descriptors;
	TRY(wanted_tags(x, tags, &count));
	TRY(check_type(x, &to, &d, &content));
	if (x->place.ns->kind == NAMESPACE_GROUP)
		TRY(gather(x, &to, &content));
	missing.digests = arena_alloc(x->arena, missing.room * sizeof(*missing.digests));
	if (!missing.digests)
		return fail_rc(&x->err, E_BUSY);
	rc = manifest_put(x->site->store, &to.space, to.name, &d, &content, tags, count, &missing, &x->err);
	if (rc == E_MANIFEST_BLOB_UNKNOWN)
		detail_missing(x, &missing);
	TRY(rc);
	reply_location(x, "manifests", &d);
	if (content.has_subject) {
		digest_text(text, &content.subject);
		reply_field(x, "OCI-Subject", "%s", text);
	}
	for (size_t i = 0; x->reference.is_digest && i < count; i++)
		reply_field(x, "OCI-Tag", "%.*s", STR_ARG(tags[i].s));
	return reply_empty(x, 201);
}

/* end-9: a tag, or a manifest with all its tags. */
enum rc manifest_remove(struct exchange *x)
{
	struct expectation expected;
	struct target to;

	TRY(target_of_delete(x, &to));
	TRY(expect(x, &to, &expected));
	TRY(manifest_delete(x->site->store, &to.space, to.name, &x->reference, &x->err));
	return reply_empty(x, 202);
}
