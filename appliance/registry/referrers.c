/*
 * end-12: an image index of the manifests whose subject is <digest>. Unknown ones have none ("MUST NOT return 404").
 * Pages are bounded; where there is more, `Link: rel="next"` leads on. Of a proxy or a group it is what the namespaces
 * behind it list, each manifest once.
 */
#include "handlers.h"
#include "source.h"
#include <cove/codec.h>
#include <cove/json.h>
#include <cove/manifest.h>

#define REFERRERS_PAGE_MAX 100
#define REFERRERS_BYTES_MAX (4u * 1024 * 1024) /* "the response SHOULD NOT exceed 4 MiB" of a manifest */
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define UPSTREAM_PAGES_MAX 16
#define MERGED_MAX 4096

struct referrers {
	struct exchange *x;
	struct buf *out;
	struct str type; /* of ?artifactType=; p == NULL: all */
	int64_t last_id;
	bool full;
	/* what a merged list has already */
	struct digest *seen;
	size_t seen_count;
};

static enum rc put_referrer(void *ctx, const struct referrer *r, struct err *err)
{
	struct referrers *list = ctx;
	struct buf *out = list->out;
	char text[DIGEST_TEXT_MAX];
	size_t need = r->annotations.n + r->artifact_type.n + MEDIA_TYPE_MAX + 512;

	(void)err;
	/* one descriptor at least, whatever its size: else its page would never end */
	if (list->full || (list->last_id && out->n + need > REFERRERS_BYTES_MAX)) {
		list->full = true;
		return OK;
	}
	digest_text(text, &r->manifest.digest);
	json_put_comma(out);
	buf_addz(out, "{");
	json_put_member_str(out, "mediaType", str_of(r->manifest.media_type));
	json_put_member_str(out, "digest", str_of(text));
	json_put_member_u64(out, "size", r->manifest.size);
	if (r->artifact_type.n)
		json_put_member_str(out, "artifactType", r->artifact_type);
	if (r->annotations.n) {
		json_put_name(out, "annotations");
		buf_add(out, r->annotations);
	}
	buf_addz(out, "}");
	list->last_id = r->manifest.id;
	return OK;
}

static void begin(struct referrers *list)
{
	buf_init(list->out, REFERRERS_BYTES_MAX + MANIFEST_MAX + 4096);
	buf_addz(list->out, "{");
	json_put_member_u64(list->out, "schemaVersion", 2);
	json_put_member_str(list->out, "mediaType", STR(INDEX_TYPE));
	json_put_name(list->out, "manifests");
	buf_addz(list->out, "[");
}

static enum rc end(struct referrers *list)
{
	struct exchange *x = list->x;

	buf_addz(list->out, "]}");
	if (list->type.p)
		reply_field(x, "OCI-Filters-Applied", "artifactType");
	if (!buf_ok(list->out))
		return fail(&x->err, E_BUSY, "the list is too long: ask for one artifactType");
	return reply_bytes(x, 200, INDEX_TYPE, buf_str(list->out));
}

static void reply_next(struct referrers *list)
{
	struct exchange *x = list->x;
	struct buf link = BUF_INIT(2048);
	char digest[DIGEST_TEXT_MAX];

	digest_text(digest, &x->digest);
	buf_addf(&link, "</v2/%.*s/referrers/%s?after=%lld", STR_ARG(x->asked), digest, (long long)list->last_id);
	if (list->type.p) {
		buf_addz(&link, "&artifactType=");
		percent_encode(&link, list->type);
	}
	buf_addz(&link, ">; rel=\"next\"");
	if (buf_ok(&link))
		reply_field(x, "Link", "%.*s", STR_ARG(buf_str(&link)));
	buf_release(&link);
}

/* ---- of several namespaces ---- */

/* True the first time. */
static bool is_new(struct referrers *list, const struct digest *d)
{
	for (size_t i = 0; i < list->seen_count; i++)
		if (digest_eq(&list->seen[i], d))
			return false;
	if (list->seen_count == MERGED_MAX) {
		list->full = true;
		return false;
	}
	list->seen[list->seen_count++] = *d;
	return true;
}

static enum rc put_new(void *ctx, const struct referrer *r, struct err *err)
{
	struct referrers *list = ctx;

	return is_new(list, &r->manifest.digest) ? put_referrer(list, r, err) : OK;
}

/* The descriptors of an index that another registry made: passed on as they are, if they have a digest. */
static enum rc put_document(struct exchange *x, struct referrers *list, struct str document)
{
	struct json *doc;
	struct digest d;

	if (json_parse(document, &doc, &x->err))
		return fail(&x->err, E_UPSTREAM_ANSWER, "the upstream's list of referrers is not valid JSON");
	for (const struct json *v = json_first(json_member(doc, "manifests")); v; v = json_next(v)) {
		/* an upstream need not know the filter ("OCI-Filters-Applied") */
		if (list->type.p && !str_eq(json_string(json_member(v, "artifactType")), list->type))
			continue;
		if (digest_parse(json_string(json_member(v, "digest")), &d, NULL) || !is_new(list, &d))
			continue;
		list->full = list->full || list->out->n > REFERRERS_BYTES_MAX;
		if (list->full)
			break;
		json_put_comma(list->out);
		json_write(list->out, v);
	}
	json_free(doc);
	return OK;
}

/* Registries without the API: clients keep the list under a tag ("Referrers Tag Schema"). */
static enum rc ask_tag_schema(struct exchange *x, const struct place *leaf, struct referrers *list)
{
	struct reference tag = {.is_digest = false};
	struct manifest_info m;
	struct str stale, bytes;
	char text[DIGEST_TEXT_MAX];
	enum rc rc;

	digest_text(text, &x->digest);
	text[str_of(digest_algorithm_name(x->digest.algorithm)).n] = '-';
	tag.tag.s = arena_str(x->arena, str_first(str_of(text), REFERRERS_TAG_MAX));
	if (!tag.tag.s.p)
		return fail_rc(&x->err, E_BUSY);
	rc = upstream_manifest(x->site->upstream, x, leaf, &tag, &m, &stale, &x->err);
	if (rc == E_MANIFEST_UNKNOWN || rc == E_NAME_UNKNOWN)
		return OK;
	TRY(rc);
	TRY(manifest_read(x->site->store, &m, x->arena, &bytes, &x->err));
	return put_document(x, list, bytes);
}

static enum rc ask_upstream(struct exchange *x, const struct place *leaf, struct referrers *list)
{
	struct str document, next, path, query = STR_NONE;
	char text[DIGEST_TEXT_MAX];
	enum rc rc;

	digest_text(text, &x->digest);
	path = arena_printf(x->arena, "referrers/%s", text);
	for (int page = 0; page < UPSTREAM_PAGES_MAX; page++) {
		rc = upstream_list(x->site->upstream, x, leaf, path, query, &document, &next, &x->err);
		if (!page && (rc == E_NAME_UNKNOWN || rc == E_MANIFEST_UNKNOWN || rc == E_NOT_FOUND))
			return ask_tag_schema(x, leaf, list);
		TRY(rc);
		TRY(put_document(x, list, document));
		if (!next.n)
			return OK;
		query = next;
	}
	list->full = true;
	return OK;
}

static enum rc ask_referrers(struct exchange *x, const struct place *leaf, void *ctx)
{
	struct referrers *list = ctx;
	bool more = false;

	if (is_proxy(leaf))
		return ask_upstream(x, leaf, list);
	TRY(referrer_list(
	    x->site->store, place_name(leaf), &x->digest, list->type, 0, MERGED_MAX, put_new, list, &more, &x->err));
	list->full = list->full || more;
	return OK;
}

static enum rc referrers_merged(struct exchange *x, struct referrers *list)
{
	size_t answered;

	list->seen = arena_alloc(x->arena, MERGED_MAX * sizeof(*list->seen));
	if (!list->seen)
		return fail_rc(&x->err, E_BUSY);
	begin(list);
	TRY(source_each(x, ask_referrers, list, &answered));
	if (list->full)
		reply_warning(x, STR("the list of referrers is not complete: ask for one artifactType"));
	return end(list);
}

enum rc referrers_get(struct exchange *x)
{
	struct referrers list = {.x = x, .out = &x->reply.content};
	struct str type, text;
	uint64_t after = 0;
	bool more = false;

	if (query_get(x, "artifactType", &type) && type.n)
		list.type = type;
	if (query_get(x, "after", &text) && (!str_u64(text, &after) || after > INT64_MAX))
		return fail_rc(&x->err, E_PAGE_INVALID);
	if (x->place.ns->kind != NAMESPACE_HOSTED)
		return referrers_merged(x, &list);
	begin(&list);
	TRY(referrer_list(x->site->store, x->name, &x->digest, list.type, (int64_t)after, REFERRERS_PAGE_MAX,
	    put_referrer, &list, &more, &x->err));
	if (more || list.full)
		reply_next(&list);
	return end(&list);
}

/* ---- "Referrers Tag Schema": the list as clients that do not know the API look for it ---- */

#define TAG_PREFIX "sha256-"
#define TAGGED_BYTES_MAX (1024 * 1024)

bool referrers_tag_parse(struct tag tag, struct digest *subject)
{
	char text[REFERRERS_TAG_MAX];

	if (tag.s.n != sizeof text || !str_starts(tag.s, STR(TAG_PREFIX)))
		return false;
	memcpy(text, tag.s.p, sizeof text);
	text[strlen(TAG_PREFIX) - 1] = ':';
	return digest_parse((struct str){text, sizeof text}, subject, NULL) == OK;
}

static enum rc note_digest(void *ctx, const struct referrer *r, struct err *err)
{
	struct referrers *list = ctx;

	(void)err;
	list->seen[list->seen_count++] = r->manifest.digest;
	return OK;
}

/* What a stored manifest under the tag is, beside what refers to the subject (list->seen). */
enum stored { STORED_IN_STEP, STORED_BEHIND, STORED_OTHER };

static enum rc compare_stored(
    struct exchange *x, const struct referrers *list, const struct manifest_content *content, enum stored *out)
{
	bool *hit = arena_alloc(x->arena, list->seen_count + 1);
	size_t hits = 0;

	if (!hit)
		return fail_rc(&x->err, E_BUSY);
	*out = STORED_IN_STEP;
	for (size_t i = 0; i < content->reference_count; i++) {
		struct reference ref = {.is_digest = true, .digest = content->references[i].digest};
		struct manifest_info there;
		size_t at = 0;
		enum rc rc;

		while (at < list->seen_count && !digest_eq(&list->seen[at], &ref.digest))
			at++;
		if (at < list->seen_count) {
			hits += !hit[at];
			hit[at] = true;
			continue;
		}
		rc = manifest_find(x->site->store, x->name, &ref, &there, NULL);
		*out = rc == E_MANIFEST_UNKNOWN && content->references[i].kind == REF_MANIFEST ? STORED_BEHIND
											       : STORED_OTHER;
		if (*out == STORED_OTHER)
			return OK;
	}
	if (hits < list->seen_count)
		*out = STORED_BEHIND;
	return OK;
}

static enum rc judge_stored(
    struct exchange *x, const struct referrers *list, const struct manifest_info *m, enum stored *out)
{
	struct manifest_content content;
	struct str bytes;

	*out = STORED_OTHER;
	if (!str_eq(str_of(m->media_type), STR(INDEX_TYPE)) || m->size > TAGGED_BYTES_MAX)
		return OK;
	TRY(manifest_read(x->site->store, m, x->arena, &bytes, &x->err));
	TRY(manifest_parse(x->arena, bytes, STR(INDEX_TYPE), &content, &x->err));
	return compare_stored(x, list, &content, out);
}

enum rc referrers_tag_get(
    struct exchange *x, const struct digest *subject, const struct manifest_info *stored, bool *done)
{
	struct referrers list = {.x = x, .out = &x->reply.content};
	enum stored what = STORED_BEHIND;
	struct digest d;
	bool more;

	*done = false;
	list.seen = arena_alloc(x->arena, MERGED_MAX * sizeof(*list.seen));
	if (!list.seen)
		return fail_rc(&x->err, E_BUSY);
	TRY(referrer_list(
	    x->site->store, x->name, subject, STR_NONE, 0, MERGED_MAX, note_digest, &list, &more, &x->err));
	if (stored)
		TRY(judge_stored(x, &list, stored, &what));
	if (what != STORED_BEHIND || (!stored && !list.seen_count))
		return OK;
	begin(&list);
	TRY(referrer_list(
	    x->site->store, x->name, subject, STR_NONE, 0, MERGED_MAX, put_referrer, &list, &more, &x->err));
	if (more || list.full)
		reply_warning(x, STR("the list of referrers is not complete: ask the referrers API"));
	TRY(end(&list));
	digest_of(&d, DIGEST_SHA256, x->reply.bytes);
	reply_digest(x, &d);
	*done = true;
	return OK;
}
