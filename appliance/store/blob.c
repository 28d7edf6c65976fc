/* blob: what a repository sees of the stored blobs: reading, mounting, unlinking. */
#include "layout.h"
#include <cove/arena.h>
#include <cove/io.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum rc blob_row(struct db_conn *c, const struct digest *d, bool *found, uint64_t *size, struct err *err)
{
	static const char sql[] = "SELECT size FROM blobs WHERE digest = :digest";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":digest", digest_bytes(d));
	TRY(db_step(s, found, err));
	if (*found)
		*size = (uint64_t)db_i64(s, 0);
	db_done(s);
	return OK;
}

/* E_BLOB_UNKNOWN when the repository has no link to it. */
static enum rc find_link(struct db_conn *c, struct repo_name repo, const struct digest *d, int64_t *repository,
    int64_t *blob, uint64_t *size, struct err *err)
{
	static const char sql[] = "SELECT r.id, b.id, b.size FROM repositories r"
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
	*blob = db_i64(s, 1);
	*size = (uint64_t)db_i64(s, 2);
	db_done(s);
	return OK;
}

enum rc blob_stat(struct store *st, struct repo_name repo, const struct digest *d, uint64_t *size, struct err *err)
{
	int64_t repository, blob;
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	return find_link(c, repo, d, &repository, &blob, size, err);
}

enum rc blob_open(
    struct store *st, struct repo_name repo, const struct digest *d, int *fd, uint64_t *size, struct err *err)
{
	char path[BLOB_PATH_MAX];
	struct stat file;

	TRY(blob_stat(st, repo, d, size, err));
	blob_path(path, d);
	*fd = openat(st->dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return fail_errno(err, errno == ENOENT ? E_CORRUPT : E_IO, "cannot open %s", path);
	/* what was promised by Content-Length must be there */
	if (fstat(*fd, &file) < 0 || (uint64_t)file.st_size != *size) {
		io_close(fd);
		return fail(err, E_CORRUPT, "%s has not the %llu bytes it should have: push it again", path,
		    (unsigned long long)*size);
	}
	return OK;
}

enum rc blob_mount(struct store *st, const struct space *space, struct repo_name to, struct repo_name from,
    const struct digest *d, struct err *err)
{
	int64_t source, target, blob;
	struct db_conn *c;
	uint64_t size, used;
	enum rc rc;

	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	rc = find_link(c, from, d, &source, &blob, &size, err);
	if (!rc)
		rc = repository_make(c, to, &target, err);
	if (!rc)
		rc = space_used(c, target, &used, err);
	if (!rc)
		rc = blob_link(c, target, d, size, err);
	if (!rc)
		rc = space_check_quota(c, space, target, used, err);
	return end_transaction(c, rc, err);
}

/* E_DENIED when a manifest of the repository names it as content that must be here. */
static enum rc check_unneeded(struct db_conn *c, int64_t repository, const struct digest *d, struct err *err)
{
	static const char sql[] = "SELECT m.digest FROM manifest_references f JOIN manifests m ON m.id = f.manifest"
				  " WHERE f.repository = :repository AND f.digest = :digest AND f.kind = :kind LIMIT 1";
	char text[DIGEST_TEXT_MAX];
	struct digest manifest;
	struct db_stmt *s;
	bool found;
	enum rc rc;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_i64(s, ":kind", REF_BLOB);
	TRY(db_step(s, &found, err));
	if (!found)
		return OK;
	rc = digest_column(s, 0, &manifest, err);
	db_done(s);
	TRY(rc);
	digest_text(text, &manifest);
	return fail(err, E_DENIED, "the blob is in use: delete the manifest %s first", text);
}

static enum rc unlink_blob(struct db_conn *c, struct repo_name repo, const struct digest *d, struct err *err)
{
	static const char sql[] = "DELETE FROM blob_links WHERE repository = :repository AND blob = :blob";
	int64_t repository, blob;
	struct db_stmt *s;
	uint64_t size;

	TRY(find_link(c, repo, d, &repository, &blob, &size, err));
	TRY(check_unneeded(c, repository, d, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_i64(s, ":blob", blob);
	return db_run(s, NULL, err);
}

enum rc blob_delete(struct store *st, struct repo_name repo, const struct digest *d, struct err *err)
{
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	return end_transaction(c, unlink_blob(c, repo, d, err), err);
}

enum rc blob_repositories(struct store *st, const struct digest *d, struct arena *a, struct repo_name *out, size_t max,
    size_t *count, struct err *err)
{
	static const char sql[] = "SELECT r.name FROM blobs b JOIN blob_links l ON l.blob = b.id"
				  " JOIN repositories r ON r.id = l.repository WHERE b.digest = :digest LIMIT :max";
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	*count = 0;
	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_i64(s, ":max", (int64_t)max);
	for (;;) {
		TRY(db_step(s, &row, err));
		if (!row)
			return OK;
		out[(*count)++].s = arena_str(a, db_text(s, 0));
		if (a->failed) {
			db_done(s);
			return fail_rc(err, E_BUSY);
		}
	}
}
