/* blob: what a repository sees of the stored blobs: reading, mounting, unlinking. */
#include "layout.h"
#include "references.h"
#include <cove/base/arena.h>
#include <cove/base/io.h>
#include <cove/store/event.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum rc blob_row_find(struct db_conn *c, const struct digest *d, bool *found, struct blob_row *out, struct err *err)
{
	static const char sql[] = "SELECT id, size, blob_store FROM blobs WHERE digest = :digest";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":digest", digest_bytes(d));
	TRY(db_step(s, found, err));
	if (*found)
		*out = (struct blob_row){db_i64(s, 0), (uint64_t)db_i64(s, 1), db_i64(s, 2)};
	db_done(s);
	return OK;
}

bool blob_file_is_there(struct store *st, const struct digest *d, const struct blob_row *row)
{
	char path[BLOB_PATH_MAX];
	struct volume v;
	struct stat file;
	bool is_there;

	if (volume_by_id(st, row->volume, &v, NULL))
		return false;
	blob_path(path, d);
	is_there = fstatat(v.dirfd, path, &file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(file.st_mode) &&
		   (uint64_t)file.st_size == row->size && !(file.st_mode & BLOB_DAMAGED);
	volume_close(&v);
	return is_there;
}

/* E_BLOB_UNKNOWN when the repository has no link to it. */
static enum rc find_link(struct db_conn *c, struct repo_name repo, const struct digest *d, int64_t *repository,
    struct blob_row *out, struct err *err)
{
	static const char sql[] = "SELECT r.id, b.id, b.size, b.blob_store FROM repositories r"
				  " JOIN blobs b ON b.digest = :digest"
				  " JOIN blob_links l ON l.repository = r.id AND l.blob = b.id"
				  " WHERE r.name = :repository";
	struct db_stmt *s;
	bool found;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_text(s, ":repository", repo.s);
	TRY(db_step(s, &found, err));
	if (!found)
		return fail_rc(err, E_BLOB_UNKNOWN);
	*repository = db_i64(s, 0);
	*out = (struct blob_row){db_i64(s, 1), (uint64_t)db_i64(s, 2), db_i64(s, 3)};
	db_done(s);
	return OK;
}

enum rc blob_stat(struct store *st, struct repo_name repo, const struct digest *d, uint64_t *size, struct err *err)
{
	struct blob_row row;
	int64_t repository;
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	TRY(find_link(c, repo, d, &repository, &row, err));
	*size = row.size;
	return OK;
}

enum rc blob_file_open(struct store *st, const struct digest *d, const struct blob_row *row, int *fd, struct err *err)
{
	char path[BLOB_PATH_MAX];
	struct volume v;
	enum rc rc = OK;

	blob_path(path, d);
	TRY(volume_by_id(st, row->volume, &v, err));
	*fd = openat(v.dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0 && errno != ENOENT)
		rc = fail_errno(err, E_IO, "cannot open %s", path);
	volume_close(&v);
	return rc;
}

/* What is promised by Content-Length must be there. */
static enum rc check_whole(int fd, const char *path, uint64_t size, struct err *err)
{
	struct stat file;

	if (fd < 0)
		return fail(err, E_CORRUPT, "%s is missing: push it again", path);
	if (fstat(fd, &file) < 0 || (uint64_t)file.st_size != size)
		return fail(err, E_CORRUPT, "%s does not have the expected %llu bytes: push it again", path,
		    (unsigned long long)size);
	return file.st_mode & BLOB_DAMAGED ? fail(err, E_CORRUPT, "%s is damaged: push it again", path) : OK;
}

enum rc blob_open(
    struct store *st, struct repo_name repo, const struct digest *d, int *fd, uint64_t *size, struct err *err)
{
	char path[BLOB_PATH_MAX];
	struct blob_row row = {0};
	int64_t repository;
	struct db_conn *c;
	enum rc rc;

	TRY(db_here(st->db, &c, err));
	blob_path(path, d);
	*fd = -1;
	/* between the look at the row and the open it may have been unlinked and removed, or have got another place */
	for (int tries = 0; *fd < 0 && tries < 2; tries++) {
		TRY(find_link(c, repo, d, &repository, &row, err));
		TRY(blob_file_open(st, d, &row, fd, err));
	}
	*size = row.size;
	rc = check_whole(*fd, path, *size, err);
	if (rc)
		io_close(fd);
	return rc;
}

enum rc blob_mount(struct store *st, const struct space *space, struct repo_name to, struct repo_name from,
    const struct digest *d, struct err *err)
{
	int64_t source, target;
	struct blob_row row;
	struct db_conn *c;
	uint64_t used;
	enum rc rc;

	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	rc = find_link(c, from, d, &source, &row, err);
	if (!rc && !blob_file_is_there(st, d, &row)) /* what is damaged is to be pushed again */
		rc = fail_rc(err, E_BLOB_UNKNOWN);
	if (!rc)
		rc = repository_make(c, space, to, &target, err);
	if (!rc)
		rc = space_used(c, target, &used, err);
	if (!rc)
		rc = blob_link(c, target, d, err);
	if (!rc)
		rc = space_check_quota(c, space, target, used, err);
	return end_transaction(c, rc, err);
}

static enum rc unlink_blob(struct db_conn *c, struct repo_name repo, const struct digest *d, struct err *err)
{
	static const char sql[] = "DELETE FROM blob_links WHERE repository = :repository AND blob = :blob";
	struct blob_row row;
	int64_t repository;
	struct db_stmt *s;

	TRY(find_link(c, repo, d, &repository, &row, err));
	TRY(references_check_unneeded(c, repository, d, REF_BLOB, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_i64(s, ":blob", row.id);
	TRY(db_run(s, NULL, err));
	TRY(repository_drop_empty(c, repository, err));
	return event_record(c, &(struct event){.kind = EVENT_BLOB_DELETE, .repository = repo, .from = *d}, err);
}

enum rc blob_delete(struct store *st, struct repo_name repo, const struct digest *d, struct err *err)
{
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	return end_transaction(c, unlink_blob(c, repo, d, err), err);
}

enum rc blob_repositories(struct store *st, const struct digest *d, int64_t *after, struct arena *a,
    struct repo_name *out, size_t max, size_t *count, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, r.name FROM blobs b JOIN blob_links l ON l.blob = b.id"
	    " JOIN repositories r ON r.id = l.repository"
	    " WHERE b.digest = :digest AND l.repository > :after ORDER BY l.repository LIMIT :max";
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	*count = 0;
	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_i64(s, ":after", *after);
	db_bind_i64(s, ":max", (int64_t)max);
	for (;;) {
		TRY(db_step(s, &row, err));
		if (!row)
			return OK;
		*after = db_i64(s, 0);
		out[(*count)++].s = arena_str(a, db_text(s, 1));
		if (a->failed) {
			db_done(s);
			return fail_rc(err, E_BUSY);
		}
	}
}
