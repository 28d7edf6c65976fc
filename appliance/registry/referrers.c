/*
 * end-12: an image index of the manifests whose subject is <digest>. Unknown ones have none ("MUST NOT return 404").
 * Pages are bounded; where there is more, `Link: rel="next"` leads on. Of a proxy or a group it is what the namespaces
 * behind it list, one after the other: a page names each manifest once.
 */
#include "handlers.h"
#include "source.h"
#include <cove/base/codec.h>
#include <cove/base/json.h>
#include <cove/manifest/manifest.h>
#include <search.h>

#define REFERRERS_PAGE_MAX 100                 /* of one hosted namespace */
#define REFERRERS_BYTES_MAX (4u * 1024 * 1024) /* "the response SHOULD NOT exceed 4 MiB" of a manifest */
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define LISTED_MAX 4096

/* Where a page begins, as its Link says it. */
struct cursor {
	uint64_t leaf;    /* the namespace behind the name that comes next */
	uint64_t after;   /* hosted: the id of the manifest before; proxy: descriptors of the upstream's page before */
	struct str query; /* proxy: of the upstream's page */
};

struct referrers {
	struct exchange *x;
	struct buf *out;
	struct str type; /* of ?artifactType=; p == NULL: all */
	struct cursor at;
	bool full; /* the next page begins at `at` */
	uint64_t leaves;
	/* what is listed here already */
	struct digest *seen; /* in the arena */
	size_t seen_count;
	void *seen_tree; /* of <search.h>, over `seen` */
};

static void put_descriptor(struct buf *out, const struct referrer *r)
{
	char text[DIGEST_TEXT_MAX];

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
}

static int compare_digests(const void *a, const void *b)
{
	const struct digest *one = a, *two = b;
	int order = memcmp(one->bytes, two->bytes, sizeof(one->bytes));

	return order ? order : (int)one->algorithm - (int)two->algorithm;
}

/* seen_count: not there. */
static size_t seen_at(const struct referrers *list, const struct digest *d)
{
	const struct digest *const *found = tfind(d, &list->seen_tree, compare_digests);

	return found ? (size_t)(*found - list->seen) : list->seen_count;
}

static void see(struct referrers *list, const struct digest *d)
{
	list->seen[list->seen_count] = *d;
	(void)tsearch(&list->seen[list->seen_count++], &list->seen_tree, compare_digests);
}

static void keep(void *digest)
{
	(void)digest; /* the arena's */
}

static void forget_seen(struct referrers *list)
{
	tdestroy(list->seen_tree, keep);
	list->seen_tree = NULL;
	list->seen_count = 0;
}

/* True: d is to be listed. Else it is listed already, or the page is full: one descriptor at least is on it, whatever
 * its size, or it would never end. */
static bool take(struct referrers *list, const struct digest *d, size_t need)
{
	if (list->full || seen_at(list, d) < list->seen_count)
		return false;
	list->full = list->seen_count == LISTED_MAX || (list->seen_count && list->out->n + need > REFERRERS_BYTES_MAX);
	if (!list->full)
		see(list, d);
	return !list->full;
}

static enum rc put_referrer(void *ctx, const struct referrer *r, struct err *err)
{
	struct referrers *list = ctx;

	(void)err;
	if (take(list, &r->manifest.digest, r->annotations.n + r->artifact_type.n + MEDIA_TYPE_MAX + 512))
		put_descriptor(list->out, r);
	if (!list->full)
		list->at.after = (uint64_t)r->manifest.id;
	return OK;
}

static enum rc room_for_seen(struct referrers *list)
{
	if (!list->seen)
		list->seen = arena_alloc(list->x->arena, LISTED_MAX * sizeof(*list->seen));
	return list->seen ? OK : fail_rc(&list->x->err, E_BUSY);
}

static enum rc begin(struct referrers *list)
{
	forget_seen(list);
	TRY(room_for_seen(list));
	buf_init(list->out, REFERRERS_BYTES_MAX + MANIFEST_MAX + 4096);
	buf_addz(list->out, "{");
	json_put_member_u64(list->out, "schemaVersion", 2);
	json_put_member_str(list->out, "mediaType", STR(INDEX_TYPE));
	json_put_name(list->out, "manifests");
	buf_addz(list->out, "[");
	return OK;
}

static enum rc end(struct referrers *list)
{
	struct exchange *x = list->x;

	buf_addz(list->out, "]}");
	if (list->type.p)
		reply_field(x, "OCI-Filters-Applied", "artifactType");
	if (!buf_ok(list->out))
		return fail(&x->err, E_BUSY, "the list is too long: request one artifactType");
	return reply_bytes(x, 200, INDEX_TYPE, buf_str(list->out));
}

static enum rc link_next(const struct referrers *list)
{
	const struct cursor *at = &list->at;
	struct buf query = BUF_INIT(LINK_MAX);
	char digest[DIGEST_TEXT_MAX];
	struct str path;
	enum rc rc;

	digest_text(digest, &list->x->digest);
	path = arena_printf(list->x->arena, "referrers/%s", digest);
	buf_addf(&query, "after=%llu", (unsigned long long)at->after);
	if (at->leaf)
		buf_addf(&query, "&leaf=%llu", (unsigned long long)at->leaf);
	put_page_query(&query, at->query);
	if (list->type.p) {
		buf_addz(&query, "&artifactType=");
		percent_encode(&query, list->type);
	}
	rc = reply_next(list->x, path, &query);
	buf_release(&query);
	return rc;
}

/* ---- proxies ---- */

/* The descriptors of an index that another registry made: passed on as they are, if they have a digest. */
static enum rc put_document(struct exchange *x, struct referrers *list, struct str document)
{
	uint64_t before = list->at.after, i = 0;
	struct json *doc;
	struct digest d;

	if (json_parse(document, &doc, &x->err))
		return fail(&x->err, E_UPSTREAM_ANSWER, "the upstream's list of referrers is not valid JSON");
	for (const struct json *v = json_first(json_member(doc, "manifests")); v && !list->full; v = json_next(v)) {
		/* an upstream need not know the filter ("OCI-Filters-Applied") */
		if (i++ < before || (list->type.p && !str_eq(json_string(json_member(v, "artifactType")), list->type)))
			continue;
		if (digest_parse(json_string(json_member(v, "digest")), &d, NULL))
			continue;
		if (take(list, &d, 0)) {
			json_put_comma(list->out);
			json_write(list->out, v);
		}
		if (!list->full)
			list->at.after = i;
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
	rc = upstream_manifest(x->site->upstream, x, leaf, &tag, false, &m, &stale, &x->err);
	if (rc == E_MANIFEST_UNKNOWN || rc == E_NAME_UNKNOWN)
		return OK;
	TRY(rc);
	TRY(manifest_read(x->site->store, &m, x->arena, &bytes, &x->err));
	return put_document(x, list, bytes);
}

/* It has no such list, or says that it has none for us. */
static bool is_refusal(enum rc rc)
{
	return rc == E_NAME_UNKNOWN || rc == E_MANIFEST_UNKNOWN || rc == E_NOT_FOUND || rc == E_UPSTREAM_DENIED ||
	       rc == E_UPSTREAM_ANSWER;
}

/* One page of the upstream's: where it has another one, ours ends too. */
static enum rc ask_upstream(struct exchange *x, const struct place *leaf, struct referrers *list)
{
	struct str document, next, path;
	char text[DIGEST_TEXT_MAX];
	enum rc rc;

	digest_text(text, &x->digest);
	path = arena_printf(x->arena, "referrers/%s", text);
	rc = upstream_list(x->site->upstream, x, leaf, path, list->at.query, &document, &next, &x->err);
	if (!list->at.query.n && is_refusal(rc))
		return ask_tag_schema(x, leaf, list);
	TRY(rc);
	TRY(put_document(x, list, document));
	if (list->full || !next.n)
		return OK;
	list->at = (struct cursor){.leaf = list->at.leaf, .query = next};
	list->full = true;
	return OK;
}

/* ---- the list ---- */

static enum rc list_stored(struct exchange *x, const struct place *leaf, struct referrers *list)
{
	bool more = false;

	TRY(referrer_list(x->site->store, place_name(leaf), &x->digest, list->type, (int64_t)list->at.after,
	    REFERRERS_PAGE_MAX, put_referrer, list, &more, &x->err));
	list->full = list->full || more;
	return OK;
}

/* After a failure that x->err tells. */
static enum rc list_kept(struct exchange *x, const struct place *leaf, struct referrers *list)
{
	struct err why = x->err;
	bool is_kept;

	TRY(repository_is_here(x->site->store, place_name(leaf), &is_kept, &x->err));
	if (!is_kept || list->at.query.n) { /* there is nothing, or its other pages were the upstream's */
		x->err = why;
		return why.rc;
	}
	TRY(list_stored(x, leaf, list));
	reply_warning(x, STR("the upstream cannot be asked: the list shows only cached content"));
	return OK;
}

static enum rc ask_referrers(struct exchange *x, const struct place *leaf, void *ctx)
{
	struct referrers *list = ctx;
	struct arena_mark mark = arena_mark(x->arena);
	uint64_t i = list->leaves++;
	enum rc rc;

	if (i < list->at.leaf || list->full)
		return E_NAME_UNKNOWN; /* on another page */
	if (i > list->at.leaf)
		list->at = (struct cursor){.leaf = i};
	if (is_proxy(leaf)) {
		rc = ask_upstream(x, leaf, list);
		arena_rewind(x->arena, mark); /* a large document leaves no room for another one */
		return rc && rc != E_WANT_WAKE ? list_kept(x, leaf, list) : rc;
	}
	return list_stored(x, leaf, list);
}

/* What the Link of the page before says. */
static enum rc read_cursor(struct exchange *x, struct cursor *out)
{
	struct str text;
	bool good = true;

	if (query_get(x, "after", &text))
		good = str_u64(text, &out->after) && out->after <= INT64_MAX;
	if (query_get(x, "leaf", &text))
		good = str_u64(text, &out->leaf) && good;
	good = get_page_query(x, &out->query) && good;
	return good ? OK
		    : fail(&x->err, E_PAGE_INVALID,
			  "this position in the list is not valid: read the list from its start");
}

static enum rc answer(struct exchange *x, struct referrers *list)
{
	size_t answered;

	TRY(begin(list));
	TRY(source_each(x, ask_referrers, list, &answered));
	if (list->full)
		TRY(link_next(list));
	return end(list);
}

enum rc referrers_get(struct exchange *x)
{
	struct referrers list = {.x = x, .out = &x->reply.content};
	struct str type;
	enum rc rc;

	TRY(exchange_list_lane(x));
	if (query_get(x, "artifactType", &type) && type.n)
		list.type = type;
	if (list.type.n > MEDIA_TYPE_MAX)
		return fail(&x->err, E_PAGE_INVALID, "the artifactType is too long: at most %d bytes are allowed",
		    MEDIA_TYPE_MAX);
	TRY(read_cursor(x, &list.at));
	rc = answer(x, &list);
	forget_seen(&list);
	return rc;
}

/* ---- "Referrers Tag Schema": the list as clients that do not know the API look for it ---- */

#define TAGGED_BYTES_MAX (1024 * 1024)

bool referrers_tag_parse(struct tag tag, struct digest *subject)
{
	struct str algorithm, hex;

	*subject = (struct digest){0};
	return str_cut(tag.s, '-', &algorithm, &hex) && !digest_algorithm_parse(algorithm, &subject->algorithm, NULL) &&
	       hex_decode(subject->bytes, SUBJECT_PREFIX, hex);
}

static enum rc note_digest(void *ctx, const struct referrer *r, struct err *err)
{
	struct referrers *list = ctx;

	(void)err;
	see(list, &r->manifest.digest);
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
		size_t at = seen_at(list, &ref.digest);
		enum rc rc;

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
	TRY(manifest_parse(x->arena, bytes, STR(INDEX_TYPE), MANIFEST_PUSHED, &content, &x->err));
	return compare_stored(x, list, &content, out);
}

/* What refers to the subject is read first only to be compared with what is stored. */
static enum rc compare_tag(struct exchange *x, struct referrers *list, const struct digest *subject,
    const struct manifest_info *stored, enum stored *what)
{
	bool more;

	TRY(room_for_seen(list));
	TRY(referrer_list(
	    x->site->store, x->name, subject, STR_NONE, 0, LISTED_MAX, note_digest, list, &more, &x->err));
	return judge_stored(x, list, stored, what);
}

static enum rc answer_tag(struct exchange *x, struct referrers *list, const struct digest *subject,
    const struct manifest_info *stored, bool *done)
{
	enum stored what = STORED_BEHIND;
	struct digest d;
	bool more;

	if (stored)
		TRY(compare_tag(x, list, subject, stored, &what));
	if (what != STORED_BEHIND)
		return OK;
	TRY(begin(list));
	TRY(referrer_list(
	    x->site->store, x->name, subject, STR_NONE, 0, LISTED_MAX, put_referrer, list, &more, &x->err));
	if (!stored && !list->seen_count)
		return OK;
	if (more || list->full)
		reply_warning(x, STR("the list of referrers is not complete: use the referrers API"));
	TRY(end(list));
	digest_of(&d, DIGEST_SHA256, x->reply.bytes);
	reply_digest(x, &d);
	*done = true;
	return OK;
}

enum rc referrers_tag_get(struct exchange *x, struct digest *subject, const struct manifest_info *stored, bool *done)
{
	struct referrers list = {.x = x, .out = &x->reply.content};
	enum rc rc;

	*done = false;
	TRY(exchange_list_lane(x));
	TRY(subject_complete(x->site->store, x->name, subject, &x->err));
	rc = answer_tag(x, &list, subject, stored, done);
	forget_seen(&list);
	if (!rc && !*done) /* the manifest itself is the answer */
		buf_release(&x->reply.content);
	return rc;
}
