/* cached: see cached.h. */
#include "layout.h"
#include <cove/store/cached.h>
#include <cove/base/clock.h>
#include <errno.h>
#include <fcntl.h>

#define TOUCH_EVERY_S 600

enum rc tag_checked(struct store *st, struct repo_name repo, struct tag tag, int64_t *at, struct err *err)
{
	static const char sql[] = "SELECT t.checked_at FROM repositories r JOIN tags t ON t.repository = r.id"
				  " AND t.name = :tag WHERE r.name = :repository";
	struct db_conn *c;
	struct db_stmt *s;
	bool found;

	*at = 0;
	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":repository", repo.s);
	db_bind_text(s, ":tag", tag.s);
	TRY(db_step(s, &found, err));
	if (found)
		*at = db_i64(s, 0);
	db_done(s);
	return OK;
}

/* One statement without waiting for the disk. */
static enum rc run_lazily(struct db_conn *c, struct db_stmt *s, struct err *err)
{
	enum rc rc = db_run(s, NULL, err);

	if (!rc)
		return db_commit_lazy(c, err);
	db_rollback(c);
	return rc;
}

enum rc tag_set_checked(struct store *st, struct repo_name repo, struct tag tag, int64_t at, struct err *err)
{
	static const char sql[] = "UPDATE tags SET checked_at = :at WHERE name = :tag"
				  " AND repository = (SELECT id FROM repositories WHERE name = :repository)";
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	TRY(db_begin(c, err));
	db_bind_text(s, ":repository", repo.s);
	db_bind_text(s, ":tag", tag.s);
	db_bind_i64(s, ":at", at);
	return run_lazily(c, s, err);
}

/* The row of a blob that was fetched for the namespace from the upstream that it has now. */
static enum rc find_proven(
    struct db_conn *c, int64_t namespace_id, const struct digest *d, bool *found, struct blob_row *row, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM namespace_blobs WHERE namespace = :namespace AND blob = :blob AND proven = 1";
	struct db_stmt *s;

	TRY(blob_row_find(c, d, found, row, err));
	if (!*found)
		return OK;
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":namespace", namespace_id);
	db_bind_i64(s, ":blob", row->id);
	TRY(db_step(s, found, err));
	db_done(s);
	return OK;
}

enum rc blob_is_proven(struct store *st, int64_t namespace_id, const struct digest *d, bool *proven, struct err *err)
{
	struct blob_row row;
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	TRY(find_proven(c, namespace_id, d, proven, &row, err));
	*proven = *proven && blob_file_is_there(st, d, &row);
	return OK;
}

enum rc blob_link_proven(
    struct store *st, const struct space *space, struct repo_name repo, const struct digest *d, struct err *err)
{
	struct db_conn *c;
	struct blob_row row;
	int64_t repository;
	bool found;
	enum rc rc;

	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	rc = find_proven(c, space->namespace_id, d, &found, &row, err);
	if (!rc && !found)
		rc = fail_rc(err, E_BLOB_UNKNOWN);
	if (!rc)
		rc = repository_make(c, space, repo, &repository, err);
	if (!rc)
		rc = blob_link(c, repository, d, err);
	return end_transaction(c, rc, err);
}

enum rc blob_size_named(
    struct store *st, struct repo_name repo, const struct digest *d, bool *named, uint64_t *size, struct err *err)
{
	static const char sql[] = "SELECT min(m.size), max(m.size) FROM repositories r JOIN manifest_references m"
				  " ON m.repository = r.id AND m.digest = :digest WHERE r.name = :repository"
				  " HAVING count(m.size) > 0";
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":repository", repo.s);
	db_bind_blob(s, ":digest", digest_bytes(d));
	TRY(db_step(s, named, err));
	*named = *named && db_i64(s, 0) == db_i64(s, 1);
	if (*named)
		*size = (uint64_t)db_i64(s, 0);
	db_done(s);
	return OK;
}

/* The row, when its time is older than `before`. */
static enum rc find_due(struct db_conn *c, struct repo_name repo, const struct digest *d, int64_t before, bool *due,
    struct touch *out, struct err *err)
{
	static const char sql[] = "SELECT n.namespace, n.blob FROM repositories r, blobs b, namespace_blobs n"
				  " WHERE r.name = :repository AND b.digest = :digest"
				  " AND n.namespace = r.namespace AND n.blob = b.id AND n.last_used_at < :before";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":repository", repo.s);
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_i64(s, ":before", before);
	TRY(db_step(s, due, err));
	if (*due)
		*out = (struct touch){.namespace = db_i64(s, 0), .blob = db_i64(s, 1)};
	db_done(s);
	return OK;
}

/* *full: as many as are kept. */
static void keep_touch(struct store *st, const struct touch *t, bool *full)
{
	size_t i = 0;

	pthread_mutex_lock(&st->touches_mutex);
	while (i < st->touch_count && (st->touches[i].blob != t->blob || st->touches[i].namespace != t->namespace))
		i++;
	if (i < TOUCHES_MAX)
		st->touches[i] = *t;
	if (i == st->touch_count && i < TOUCHES_MAX)
		st->touch_count++;
	*full = st->touch_count == TOUCHES_MAX;
	pthread_mutex_unlock(&st->touches_mutex);
}

static enum rc write_touch(struct db_conn *c, const struct touch *t, struct err *err)
{
	static const char sql[] = "UPDATE namespace_blobs SET last_used_at = :at"
				  " WHERE namespace = :namespace AND blob = :blob AND last_used_at < :at";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":namespace", t->namespace);
	db_bind_i64(s, ":blob", t->blob);
	db_bind_i64(s, ":at", t->at);
	return db_run(s, NULL, err);
}

enum rc touches_flush(struct store *st, struct err *err)
{
	struct touch touches[TOUCHES_MAX];
	struct db_conn *c;
	size_t count;
	enum rc rc = OK;

	pthread_mutex_lock(&st->touches_mutex);
	count = st->touch_count;
	memcpy(touches, st->touches, count * sizeof(*touches));
	st->touch_count = 0;
	pthread_mutex_unlock(&st->touches_mutex);
	if (!count)
		return OK;
	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	for (size_t i = 0; i < count && !rc; i++)
		rc = write_touch(c, &touches[i], err);
	if (!rc)
		return db_commit_lazy(c, err);
	db_rollback(c);
	return rc;
}

enum rc blob_touch(struct store *st, struct repo_name repo, const struct digest *d, struct err *err)
{
	int64_t now = clock_wall_s();
	struct touch t;
	struct db_conn *c;
	bool due, full;

	TRY(db_here(st->db, &c, err));
	TRY(find_due(c, repo, d, now - TOUCH_EVERY_S, &due, &t, err));
	if (!due)
		return OK;
	t.at = now;
	keep_touch(st, &t, &full);
	return full ? touches_flush(st, err) : OK;
}

/* The one that was not pulled for the longest time; *found false: none that may go, or there is room enough. */
static enum rc find_oldest(
    struct db_conn *c, int64_t namespace_id, uint64_t target_bytes, int64_t *blob, bool *found, struct err *err)
{
	static const char sql[] = "SELECT n.blob FROM namespace_blobs n WHERE n.namespace = :namespace"
				  " AND n.last_used_at < :before"
				  " AND (SELECT used_bytes FROM namespaces WHERE id = :namespace) > :target"
				  " ORDER BY n.last_used_at LIMIT 1";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":namespace", namespace_id);
	db_bind_i64(s, ":target", (int64_t)target_bytes);
	db_bind_i64(s, ":before", clock_wall_s() - TOUCH_EVERY_S);
	TRY(db_step(s, found, err));
	if (*found)
		*blob = db_i64(s, 0);
	db_done(s);
	return OK;
}

static enum rc unlink_everywhere(struct db_conn *c, int64_t namespace_id, int64_t blob, struct err *err)
{
	static const char sql[] = "DELETE FROM blob_links WHERE blob = :blob AND repository IN"
				  " (SELECT l.repository FROM blob_links l JOIN repositories r ON r.id = l.repository"
				  " WHERE l.blob = :blob AND r.namespace = :namespace)";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":blob", blob);
	db_bind_i64(s, ":namespace", namespace_id);
	return db_run(s, NULL, err);
}

/* It can be fetched again, and room is wanted soon. */
static enum rc hurry(struct db_conn *c, int64_t blob, struct err *err)
{
	static const char sql[] = "UPDATE unlinked_blobs SET evicted = 1 WHERE blob = :blob";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":blob", blob);
	return db_run(s, NULL, err);
}

enum rc blob_evict(
    struct store *st, int64_t namespace_id, uint64_t target_bytes, unsigned max, unsigned *freed, struct err *err)
{
	struct db_conn *c;
	int64_t blob = 0;
	bool found = true;
	enum rc rc = OK;

	*freed = 0;
	TRY(touches_flush(st, err));
	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	while (!rc && found && *freed < max) {
		rc = find_oldest(c, namespace_id, target_bytes, &blob, &found, err);
		if (!rc && found)
			rc = unlink_everywhere(c, namespace_id, blob, err);
		if (!rc && found)
			rc = hurry(c, blob, err);
		*freed += !rc && found;
	}
	return end_transaction(c, rc, err);
}

enum rc upload_expect(struct upload *u, uint64_t size, struct err *err)
{
	TRY(room_check(u->fd, size, err));
	/* others take room at the same time; not every file system can promise any */
	if (size && fallocate(u->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) && (errno == ENOSPC || errno == EDQUOT))
		return fail_rc(err, E_DISK_FULL);
	u->looked_at = size;
	return OK;
}

enum rc upload_open_reader(const struct upload *u, int *fd, struct err *err)
{
	*fd = openat(u->volume.uploads, u->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *fd < 0 ? fail_errno(err, E_IO, "cannot open the upload") : OK;
}
