/* manifest: storing, finding, reading and deleting manifests and tags. */
#include "layout.h"
#include "references.h"
#include <cove/base/arena.h>
#include <cove/base/clock.h>
#include <cove/store/event.h>

static enum rc find_id(
    struct db_conn *c, int64_t repository, const struct digest *d, bool *found, int64_t *id, struct err *err)
{
	static const char sql[] = "SELECT id FROM manifests WHERE repository = :repository AND digest = :digest";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(d));
	TRY(db_step(s, found, err));
	if (*found)
		*id = db_i64(s, 0);
	db_done(s);
	return OK;
}

static enum rc insert_manifest(struct db_conn *c, int64_t repository, const struct digest *d,
    const struct manifest_content *content, int64_t *id, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO manifests (repository, digest, media_type, size, pushed_at, subject, artifact_type, "
	    "annotations, bytes)"
	    " VALUES (:repository, :digest, :media_type, :size, :now, :subject, :artifact_type, :annotations, :bytes)";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_text(s, ":media_type", content->media_type);
	db_bind_i64(s, ":size", (int64_t)content->bytes.n);
	db_bind_i64(s, ":now", clock_wall_s());
	if (content->has_subject)
		db_bind_blob(s, ":subject", digest_bytes(&content->subject));
	db_bind_text(s, ":artifact_type", content->artifact_type);
	/* only the list of referrers asks for them, and they can be as large as the manifest */
	db_bind_text(s, ":annotations", content->has_subject ? content->annotations : STR_NONE);
	db_bind_blob(s, ":bytes", content->bytes);
	TRY(db_run(s, NULL, err));
	*id = db_last_id(c);
	return OK;
}

static enum rc point_tag(struct db_conn *c, int64_t repository, struct tag tag, int64_t manifest, struct err *err)
{
	static const char sql[] = "INSERT INTO tags (repository, name, manifest, updated_at)"
				  " VALUES (:repository, :name, :manifest, :now)"
				  " ON CONFLICT (repository, name) DO UPDATE"
				  " SET manifest = excluded.manifest, updated_at = excluded.updated_at";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_text(s, ":name", tag.s);
	db_bind_i64(s, ":manifest", manifest);
	db_bind_i64(s, ":now", clock_wall_s());
	return db_run(s, NULL, err);
}

static enum rc prepare_find(
    struct db_conn *c, struct repo_name repo, const struct reference *ref, struct db_stmt **out, struct err *err)
{
	static const char by_digest[] = "SELECT m.id, m.digest, m.media_type, m.size FROM repositories r"
					" JOIN manifests m ON m.repository = r.id AND m.digest = :digest"
					" WHERE r.name = :repository";
	static const char by_tag[] = "SELECT m.id, m.digest, m.media_type, m.size FROM repositories r"
				     " JOIN tags t ON t.repository = r.id AND t.name = :tag"
				     " JOIN manifests m ON m.id = t.manifest WHERE r.name = :repository";

	if (ref->is_digest) {
		TRY(db_prepare(c, by_digest, out, err));
		db_bind_blob(*out, ":digest", digest_bytes(&ref->digest));
	} else {
		TRY(db_prepare(c, by_tag, out, err));
		db_bind_text(*out, ":tag", ref->tag.s);
	}
	db_bind_text(*out, ":repository", repo.s);
	return OK;
}

/* What the reference leads to, within a transaction. */
static enum rc look(struct db_conn *c, struct repo_name repo, const struct reference *ref, bool *found,
    struct digest *digest, struct err *err)
{
	struct db_stmt *s;
	enum rc rc = OK;

	TRY(prepare_find(c, repo, ref, &s, err));
	TRY(db_step(s, found, err));
	if (*found)
		rc = digest_column(s, 1, digest, err);
	db_done(s);
	return rc;
}

/* In the transaction that changes it: of two clients that saw the same, one comes first. */
static enum rc check_expected(
    struct db_conn *c, const struct expectation *expected, struct repo_name repo, struct err *err)
{
	struct digest now;
	bool found, same;

	TRY(look(c, repo, &expected->reference, &found, &now, err));
	same = found == expected->there && (!found || digest_eq(&now, &expected->digest));
	return same ? OK : fail_rc(err, E_HTTP_CONDITION);
}

/* A tag that points there already is left alone: nothing to write. */
static enum rc set_tag(struct db_conn *c, const struct space *space, struct repo_name repo, int64_t repository,
    struct tag tag, const struct digest *d, int64_t manifest, struct err *err)
{
	struct event event = {.kind = EVENT_TAG_ADD, .repository = repo, .tag = tag, .to = *d};
	bool found;

	TRY(look(c, repo, &(struct reference){.tag = tag}, &found, &event.from, err));
	if (found && digest_eq(&event.from, d))
		return OK;
	if (found) {
		event.kind = EVENT_TAG_MOVE;
		TRY(space_check_move(space, tag, err));
	}
	event.pulled_through = space && space->pulled_through;
	TRY(point_tag(c, repository, tag, manifest, err));
	return event_record(c, &event, err);
}

static enum rc put(struct db_conn *c, const struct space *space, struct repo_name repo, const struct digest *d,
    const struct manifest_content *content, const struct tag *tags, size_t tag_count, struct missing *missing,
    struct err *err)
{
	int64_t repository, manifest = 0; /* gcc does not see that find_id() or insert_manifest() sets it */
	uint64_t used;
	bool found;

	TRY(repository_make(c, space, repo, &repository, err));
	if (space && space->expected)
		TRY(check_expected(c, space->expected, repo, err));
	TRY(space_used(c, repository, &used, err));
	TRY(references_check(c, repository, content, missing, err));
	TRY(find_id(c, repository, d, &found, &manifest, err));
	if (!found) {
		TRY(insert_manifest(c, repository, d, content, &manifest, err));
		TRY(references_insert(c, repository, manifest, content, err));
	}
	for (size_t i = 0; i < tag_count; i++)
		TRY(set_tag(c, space, repo, repository, tags[i], d, manifest, err));
	return space_check_quota(c, space, repository, used, err);
}

enum rc manifest_put(struct store *st, const struct space *space, struct repo_name repo, const struct digest *d,
    const struct manifest_content *content, const struct tag *tags, size_t tag_count, struct missing *missing,
    struct err *err)
{
	struct missing unwanted = {.room = 0};
	struct db_conn *c;

	if (content->bytes.n > MANIFEST_MAX)
		return fail_rc(err, E_MANIFEST_TOO_LARGE);
	if (content->media_type.n > MEDIA_TYPE_MAX)
		return fail(err, E_MANIFEST_INVALID, "the media type is longer than %d bytes", MEDIA_TYPE_MAX);
	TRY(room_check(st->dirfd, content->bytes.n, err)); /* what is left is for deletions */
	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	return end_transaction(
	    c, put(c, space, repo, d, content, tags, tag_count, missing ? missing : &unwanted, err), err);
}

enum rc manifest_info_columns(struct db_stmt *s, struct manifest_info *out, struct err *err)
{
	struct str media_type = db_text(s, 2);

	*out = (struct manifest_info){.id = db_i64(s, 0), .size = (uint64_t)db_i64(s, 3)};
	if (media_type.n > MEDIA_TYPE_MAX)
		return fail(err, E_CORRUPT, "the media type of manifest %lld is too long", (long long)out->id);
	memcpy(out->media_type, media_type.p, media_type.n);
	return digest_column(s, 1, &out->digest, err);
}

enum rc manifest_find(
    struct store *st, struct repo_name repo, const struct reference *ref, struct manifest_info *out, struct err *err)
{
	struct db_conn *c;
	struct db_stmt *s;
	int64_t id;
	bool found;
	enum rc rc;

	TRY(db_here(st->db, &c, err));
	TRY(prepare_find(c, repo, ref, &s, err));
	TRY(db_step(s, &found, err));
	if (!found) {
		TRY(repository_find(c, repo, &id, err));
		return fail_rc(err, E_MANIFEST_UNKNOWN);
	}
	rc = manifest_info_columns(s, out, err);
	db_done(s);
	return rc;
}

/* By digest too: between finding and reading, the manifest may have been deleted and its id given to another one. */
enum rc manifest_read(
    struct store *st, const struct manifest_info *m, struct arena *a, struct str *bytes, struct err *err)
{
	static const char sql[] = "SELECT bytes FROM manifests WHERE id = :id AND digest = :digest";
	struct db_conn *c;
	struct db_stmt *s;
	bool found;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", m->id);
	db_bind_blob(s, ":digest", digest_bytes(&m->digest));
	TRY(db_step(s, &found, err));
	if (!found)
		return fail_rc(err, E_MANIFEST_UNKNOWN);
	*bytes = arena_str(a, db_blob(s, 0));
	db_done(s);
	if (a->failed)
		return fail_rc(err, E_BUSY);
	return bytes->n == m->size ? OK : fail(err, E_CORRUPT, "manifest %lld is damaged", (long long)m->id);
}

static enum rc delete_row(
    struct db_conn *c, const struct space *space, struct repo_name repo, const struct reference *ref, struct err *err)
{
	/* its tags and references go with it */
	static const char by_digest[] = "DELETE FROM manifests WHERE repository = :repository AND digest = :digest";
	static const char by_tag[] = "DELETE FROM tags WHERE repository = :repository AND name = :tag";
	struct event event = {
	    .kind = ref->is_digest ? EVENT_MANIFEST_DELETE : EVENT_TAG_DELETE, .repository = repo, .tag = ref->tag};
	struct db_stmt *s;
	int64_t repository;
	bool found;

	TRY(repository_find(c, repo, &repository, err));
	if (space && space->expected)
		TRY(check_expected(c, space->expected, repo, err));
	TRY(space_check_delete(c, space, repository, ref, err));
	if (ref->is_digest)
		TRY(references_check_unneeded(c, repository, &ref->digest, REF_MANIFEST, err));
	TRY(look(c, repo, ref, &found, &event.from, err));
	if (!found)
		return fail_rc(err, E_MANIFEST_UNKNOWN);
	TRY(db_prepare(c, ref->is_digest ? by_digest : by_tag, &s, err));
	db_bind_i64(s, ":repository", repository);
	if (ref->is_digest)
		db_bind_blob(s, ":digest", digest_bytes(&ref->digest));
	else
		db_bind_text(s, ":tag", ref->tag.s);
	TRY(db_run(s, NULL, err));
	TRY(repository_drop_empty(c, repository, err));
	return event_record(c, &event, err);
}

enum rc manifest_delete(
    struct store *st, const struct space *space, struct repo_name repo, const struct reference *ref, struct err *err)
{
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	return end_transaction(c, delete_row(c, space, repo, ref, err), err);
}
