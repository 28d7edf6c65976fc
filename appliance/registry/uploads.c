/*
 * "Pushing blobs" and "Mounting a blob from another repository" of the distribution spec; what clients really send is
 * in docs/clients.md, Pushes. A session is written to by http/ between `before` and `then`.
 */
#include "handlers.h"
#include "source.h"
#include "target.h"
#include <cove/http/range.h>

#define MOUNT_CANDIDATES 16  /* read at a time */
#define MOUNT_LOOKS_MAX 2000 /* repositories that one request looks at, as in the catalog */

/* Location, Range and Docker-Upload-UUID of a live session. `Range` of an empty session is 0-0: dockerd's classic
 * client refuses an end before the start (docs/clients.md, Pushes). */
static void reply_session(struct exchange *x, const char *id, uint64_t size)
{
	reply_field(x, "Location", "/v2/%.*s/blobs/uploads/%s", STR_ARG(x->asked), id);
	reply_field(x, "Range", "0-%llu", (unsigned long long)(size ? size - 1 : 0));
	reply_field(x, "Docker-Upload-UUID", "%s", id);
}

static enum rc session_digest(struct exchange *x, struct digest *out)
{
	struct str text;

	if (!query_get(x, "digest", &text))
		return fail(&x->err, E_DIGEST_INVALID,
		    "the digest parameter is missing: close the upload with ?digest=<digest>");
	return digest_parse(text, out, &x->err);
}

/* The session's future digest: ?digest= or ?digest-algorithm= may announce another algorithm than sha256 (end-4c). */
static enum rc announced_algorithm(struct exchange *x, enum digest_algorithm *out)
{
	struct str text;
	struct digest d;

	*out = DIGEST_SHA256;
	if (query_get(x, "digest-algorithm", &text))
		return digest_algorithm_parse(text, out, &x->err);
	if (query_get(x, "digest", &text)) {
		TRY(digest_parse(text, &d, &x->err));
		*out = d.algorithm;
	}
	return OK;
}

/* end-4b: with ?digest= the body is the blob; otherwise a POST has none that matters. */
enum rc upload_post_before(struct exchange *x)
{
	struct str text;
	struct target to;
	enum digest_algorithm algorithm;
	char id[37];

	TRY(target_of(x, &to));
	if (!query_get(x, "digest", &text) || query_get(x, "mount", &text))
		return OK;
	TRY(announced_algorithm(x, &algorithm));
	TRY(upload_start(x->site->store, &to.space, to.name, algorithm, id, &x->err));
	TRY(upload_resume(x->site->store, &to.space, to.name, str_of(id), &x->upload, &x->err));
	upload_set_one_shot(x->upload);
	return OK;
}

static enum rc commit(struct exchange *x, const struct digest *want)
{
	struct upload *u = x->upload;
	struct target to;

	TRY(target_of(x, &to));
	x->upload = NULL; /* upload_commit frees it, whatever comes of it */
	TRY(upload_commit(u, &to.space, want, &x->err));
	reply_location(x, "blobs", want);
	return reply_empty(x, 201);
}

/* Mounts d from one repository of the store. *done: it was there, and the exchange has its answer. */
static enum rc mount_one(
    struct exchange *x, const struct target *to, const struct digest *d, struct repo_name from, bool *done)
{
	enum rc rc = blob_mount(x->site->store, &to->space, to->name, from, d, &x->err);

	if (rc == E_BLOB_UNKNOWN || rc == E_NAME_UNKNOWN)
		return OK;
	TRY(rc);
	*done = true;
	reply_location(x, "blobs", d);
	return reply_empty(x, 201);
}

/* From what a name of the client's leads to: a group's members in their order. */
static enum rc mount_from(
    struct exchange *x, const struct target *to, const struct digest *d, struct str asked, bool *done)
{
	struct place from, *leaves = arena_alloc(x->arena, LEAVES_MAX * sizeof(*leaves));
	size_t count;
	bool may;

	if (!leaves)
		return fail_rc(&x->err, E_BUSY);
	if (exchange_resolve(x, asked, &from))
		return OK; /* leads nowhere: as if the blob were unknown */
	TRY(exchange_may(x, place_name(&from), MAY_PULL, &may));
	if (!may) {
		TRY(exchange_identity_may(x, place_name(&from), MAY_PULL, &may));
		if (!may)
			return OK; /* no right there: as if the blob were unknown (docs/clients.md, Tokens 13) */
		return exchange_challenge(x, arena_printf(x->arena, "repository:%.*s:pull,push repository:%.*s:pull",
						 STR_ARG(x->asked), STR_ARG(asked)));
	}
	TRY(namespace_leaves(&from, x->arena, leaves, &count, &x->err));
	for (size_t i = 0; i < count && !*done; i++)
		if (!leaves[i].is_off)
			TRY(mount_one(x, to, d, place_name(&leaves[i]), done));
	return OK;
}

/* Without `from`: any repository that may be pulled from will do, by the user's rights and the token's scope. */
static enum rc mount_anywhere(struct exchange *x, const struct target *to, const struct digest *d, bool *done)
{
	struct repo_name candidates[MOUNT_CANDIDATES];
	size_t count = MOUNT_CANDIDATES;
	int64_t after = 0;

	for (size_t looks = 0; count == MOUNT_CANDIDATES && looks < MOUNT_LOOKS_MAX && !*done; looks += count) {
		struct arena_mark mark = arena_mark(x->arena);

		TRY(blob_repositories(
		    x->site->store, d, &after, x->arena, candidates, MOUNT_CANDIDATES, &count, &x->err));
		for (size_t i = 0; i < count && !*done; i++) {
			bool may;

			TRY(exchange_may(x, candidates[i], MAY_PULL, &may));
			if (may)
				TRY(mount_one(x, to, d, candidates[i], done));
		}
		arena_rewind(x->arena, mark);
	}
	return OK;
}

/* end-11: a registry that "is unable to mount the requested blob [...] SHOULD return a 202": so does one that was asked
 * with what is no digest or no name. */
static enum rc mount(struct exchange *x, const struct target *to, struct str digest, bool *done)
{
	struct digest d;
	struct str from;

	if (digest_parse(digest, &d, NULL))
		return OK;
	if (!query_get(x, "from", &from))
		return mount_anywhere(x, to, &d, done);
	return mount_from(x, to, &d, from, done);
}

/* end-4a, end-4b, end-11 */
enum rc upload_post(struct exchange *x)
{
	struct str text;
	struct digest d;
	struct target to;
	enum digest_algorithm algorithm;
	bool done = false;
	char id[37];

	TRY(target_of(x, &to));
	if (x->upload) {
		TRY(session_digest(x, &d));
		return commit(x, &d);
	}
	if (query_get(x, "mount", &text)) {
		TRY(mount(x, &to, text, &done));
		if (done)
			return OK;
	}
	TRY(announced_algorithm(x, &algorithm));
	TRY(upload_start(x->site->store, &to.space, to.name, algorithm, id, &x->err));
	reply_session(x, id, 0);
	return reply_empty(x, 202);
}

/* The session for PATCH and PUT. "Chunks MUST be uploaded in order [...] 416": the client learns where to go on. */
enum rc upload_bytes_before(struct exchange *x)
{
	struct str text;
	struct target to;
	struct range range;
	uint64_t offset;

	TRY(target_of(x, &to));
	TRY(upload_resume(x->site->store, &to.space, to.name, x->upload_id, &x->upload, &x->err));
	if (!head_field(x->head, STR("Content-Range"), &text))
		return OK;
	offset = upload_offset(x->upload);
	if (!content_range_parse(text, &range))
		return fail(&x->err, E_UPLOAD_INVALID, "Content-Range must be <first>-<last>");
	if (range.first != offset) {
		reply_session(x, upload_id(x->upload), offset);
		return fail(&x->err, E_UPLOAD_RANGE,
		    "the chunk starts at byte %llu, but the upload has %llu bytes: resume there",
		    (unsigned long long)range.first, (unsigned long long)offset);
	}
	if (x->head->has_length && x->head->length != range.last - range.first + 1)
		return fail(&x->err, E_SIZE_INVALID, "Content-Range does not match Content-Length");
	return OK;
}

/* A chunked body's length is known at its end. What came is kept, as of any body that was cut. */
static enum rc check_range_end(struct exchange *x)
{
	uint64_t offset = upload_offset(x->upload);
	struct range range;
	struct str text;

	if (!head_field(x->head, STR("Content-Range"), &text) || !content_range_parse(text, &range) ||
	    offset == range.last + 1)
		return OK;
	reply_session(x, upload_id(x->upload), offset);
	return fail(&x->err, E_SIZE_INVALID,
	    "the body does not match its Content-Range: the upload now has %llu bytes, resume there",
	    (unsigned long long)offset);
}

/* end-5 */
enum rc upload_patch(struct exchange *x)
{
	TRY(check_range_end(x));
	reply_session(x, upload_id(x->upload), upload_offset(x->upload));
	upload_pause(x->upload);
	x->upload = NULL;
	return reply_empty(x, 202);
}

/* end-6: the digest is looked at before the body, so that a bad one costs no bytes. */
enum rc upload_put_before(struct exchange *x)
{
	struct digest d;

	TRY(session_digest(x, &d));
	return upload_bytes_before(x);
}

enum rc upload_put(struct exchange *x)
{
	struct digest d;

	TRY(session_digest(x, &d));
	TRY(check_range_end(x));
	return commit(x, &d);
}

/* end-13 */
enum rc upload_status(struct exchange *x)
{
	struct target to;
	uint64_t size;

	TRY(target_of(x, &to));
	TRY(upload_size(x->site->store, to.name, x->upload_id, &size, &x->err));
	reply_session(x, arena_str(x->arena, x->upload_id).p, size);
	return reply_empty(x, 204);
}

/* end-14 */
enum rc upload_abandon(struct exchange *x)
{
	struct target to;

	TRY(target_of(x, &to));
	TRY(upload_cancel(x->site->store, to.name, x->upload_id, &x->err));
	return reply_empty(x, 204);
}
