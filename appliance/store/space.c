/* space: the rules of a repository's namespace, judged inside the transaction that would break them. */
#include "layout.h"

/* Does one of the globs, separated by spaces, fit the tag? */
static bool globs_have(struct str globs, struct str tag)
{
	struct str one;

	while (globs.n) {
		str_cut(globs, ' ', &one, &globs);
		if (str_glob(one, tag))
			return true;
	}
	return false;
}

enum rc space_usage(
    struct db_conn *c, const struct space *space, struct repo_name repo, struct usage *out, struct err *err)
{
	static const char sql[] = "SELECT used_bytes FROM namespaces WHERE id = :id";
	struct db_stmt *s;
	bool found;

	*out = (struct usage){0};
	if (!space || !space->quota_bytes)
		return OK;
	TRY(namespace_of(c, repo.s, &out->namespace, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", out->namespace);
	TRY(db_step(s, &found, err));
	if (found)
		out->bytes = (uint64_t)db_i64(s, 0);
	db_done(s);
	return OK;
}

enum rc space_largest(struct db_conn *c, int64_t namespace, uint64_t *bytes, struct err *err)
{
	static const char sql[] = "SELECT coalesce(max(b.size), 0) FROM namespace_blobs n JOIN blobs b ON b.id = n.blob"
				  " WHERE n.namespace = :namespace";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":namespace", namespace);
	TRY(db_step(s, &row, err));
	*bytes = row ? (uint64_t)db_i64(s, 0) : 0;
	db_done(s);
	return OK;
}

enum rc fail_quota(struct err *err, uint64_t would_be, uint64_t quota)
{
	return fail(err, E_QUOTA,
	    "the namespace's quota is used up: with this and the unfinished uploads it would hold %llu of %llu bytes. "
	    "Delete images, or ask the owner of this registry to raise the quota",
	    (unsigned long long)would_be, (unsigned long long)quota);
}

enum rc space_used(struct db_conn *c, int64_t repository, uint64_t *used, struct err *err)
{
	static const char sql[] = "SELECT n.used_bytes FROM repositories r JOIN namespaces n ON n.id = r.namespace"
				  " WHERE r.id = :repository";
	struct db_stmt *s;
	bool found;

	*used = 0;
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	TRY(db_step(s, &found, err));
	if (found)
		*used = (uint64_t)db_i64(s, 0);
	db_done(s);
	return OK;
}

enum rc space_check_quota(
    struct db_conn *c, const struct space *space, int64_t repository, uint64_t used_before, struct err *err)
{
	uint64_t used;

	if (!space || !space->quota_bytes)
		return OK;
	TRY(space_used(c, repository, &used, err));
	if (used <= space->quota_bytes || used <= used_before)
		return OK;
	return fail_quota(err, used, space->quota_bytes);
}

enum rc space_check_move(const struct space *space, struct tag tag, struct err *err)
{
	if (!space)
		return OK;
	if (globs_have(space->immutable_tags, tag.s))
		return fail(err, E_TAG_FIXED, "the tag %.*s is immutable: push under another tag", STR_ARG(tag.s));
	if (space->redeploy_refused && !globs_have(space->redeploy_except, tag.s))
		return fail(err, E_TAG_FIXED,
		    "the tag %.*s already exists and cannot be pushed again: push under another tag", STR_ARG(tag.s));
	return OK;
}

static enum rc check_gone(const struct space *space, struct str tag, struct err *err)
{
	if (!globs_have(space->immutable_tags, tag))
		return OK;
	return fail(err, E_UNSUPPORTED, "the tag %.*s is immutable: neither the tag nor its content can be deleted",
	    STR_ARG(tag));
}

/* Also an image of an index that has such a tag; indexes of indexes through some levels. */
enum rc space_check_delete(
    struct db_conn *c, const struct space *space, int64_t repository, const struct reference *ref, struct err *err)
{
	static const char sql[] =
	    "WITH RECURSIVE above (id, digest, level) AS ("
	    " SELECT id, digest, 0 FROM manifests WHERE repository = :repository AND digest = :digest"
	    " UNION SELECT m.id, m.digest, level + 1 FROM above CROSS JOIN manifest_references f CROSS JOIN manifests m"
	    " WHERE f.repository = :repository AND f.digest = above.digest AND f.kind = :kind AND m.id = f.manifest"
	    " AND level < 8)"
	    " SELECT t.name FROM above JOIN tags t ON t.manifest = above.id";
	struct db_stmt *s;
	enum rc rc;
	bool row;

	if (!space || !space->immutable_tags.n)
		return OK;
	if (!ref->is_digest)
		return check_gone(space, ref->tag.s, err);
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(&ref->digest));
	db_bind_i64(s, ":kind", REF_MANIFEST);
	while (!(rc = db_step(s, &row, err)) && row) {
		rc = check_gone(space, db_text(s, 0), err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}
