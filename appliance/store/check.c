/* check: see check.h. */
#include "layout.h"
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <cove/store/check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX (BLOB_STORE_PATH_MAX + 1 + BLOB_PATH_MAX)

enum rc store_count_blobs(struct store *st, uint64_t *blobs, uint64_t *bytes, struct err *err)
{
	static const char sql[] = "SELECT count(*), coalesce(sum(size), 0) FROM blobs";
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	TRY(db_step(s, &row, err));
	*blobs = row ? (uint64_t)db_i64(s, 0) : 0;
	*bytes = row ? (uint64_t)db_i64(s, 1) : 0;
	db_done(s);
	return OK;
}

static enum rc next_blob(struct db_conn *c, int64_t *after, bool *found, struct digest *d, struct err *err)
{
	static const char sql[] = "SELECT id, digest FROM blobs WHERE id > :after ORDER BY id LIMIT 1";
	struct db_stmt *s;
	enum rc rc = OK;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":after", *after);
	TRY(db_step(s, found, err));
	if (*found) {
		*after = db_i64(s, 0);
		rc = digest_column(s, 1, d, err);
		db_done(s);
	}
	return rc;
}

/* The bytes as the disk has them: what the kernel keeps in memory is let go of, before, so that it does not hide
 * damage, and after, since pulls need that memory more. */
static enum rc read_file(int fd, const struct digest *d, struct digest *got, struct err *err)
{
	enum rc rc;

	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	rc = hash_file(fd, d->algorithm, got, err);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return rc;
}

/* So that clients, which ask before they push, send the blob again. The file stays: a disk or memory that failed only
 * while it was read has not harmed it, and the next check finds that. */
static void mark(int fd, const struct stat *file, bool is_damaged)
{
	mode_t mode = (file->st_mode & 0777) | (is_damaged ? BLOB_DAMAGED : 0);

	if (mode != (file->st_mode & 07777) && fchmod(fd, mode) < 0)
		log_warn("blob.not_marked", "errno=%d", errno);
}

/* What is wrong with the file, as a sentence; empty: nothing. */
static void look(struct store *st, const struct digest *d, const struct blob_row *row, struct err *problem)
{
	struct digest got;
	struct stat file;
	int fd = -1;

	problem->text[0] = '\0';
	if (blob_file_open(st, d, row, &fd, problem))
		return;
	if (fd < 0)
		fail(problem, E_CORRUPT, "its file is missing");
	else if (fstat(fd, &file) < 0)
		fail_errno(problem, E_IO, "its file cannot be looked at");
	else if ((uint64_t)file.st_size != row->size)
		fail(problem, E_CORRUPT, "its file has %lld bytes, not %llu", (long long)file.st_size,
		    (unsigned long long)row->size);
	else {
		if (read_file(fd, d, &got, problem) == OK && !digest_eq(&got, d))
			fail(problem, E_CORRUPT, "its bytes have changed");
		mark(fd, &file, problem->text[0]);
	}
	io_close(&fd);
}

static void name_file(struct store *st, const struct digest *d, const struct blob_row *row, char out[static FILE_MAX])
{
	char path[BLOB_PATH_MAX];
	struct volume v;

	blob_path(path, d);
	if (volume_by_id(st, row->volume, &v, NULL))
		v = (struct volume){.dirfd = -1, .uploads = -1};
	snprintf(out, FILE_MAX, "%s%s%s", v.path, v.path[0] ? "/" : "", path);
	volume_close(&v);
}

/* One that looks damaged may have been removed or mended since its row was read. */
static enum rc check_one(
    struct store *st, struct db_conn *c, const struct digest *d, checked_fn *each, void *ctx, struct err *err)
{
	struct checked_blob b = {.digest = *d};
	struct err problem = {.rc = OK};
	char file[FILE_MAX];
	struct blob_row row;
	bool found;

	for (int tries = 0; tries < 2; tries++) {
		TRY(blob_row_find(c, d, &found, &row, err));
		if (!found)
			return OK;
		b.size = row.size;
		look(st, d, &row, &problem);
		if (!problem.text[0])
			break;
	}
	if (problem.text[0]) {
		name_file(st, d, &row, file);
		b.problem = problem.text;
		b.file = file;
	}
	return each(ctx, &b, err);
}

enum rc store_check_blobs(struct store *st, checked_fn *each, void *ctx, struct err *err)
{
	struct db_conn *c;
	struct digest d;
	int64_t after = 0;
	bool found;

	TRY(db_here(st->db, &c, err));
	for (;;) {
		TRY(next_blob(c, &after, &found, &d, err));
		if (!found)
			return OK;
		TRY(check_one(st, c, &d, each, ctx, err));
	}
}

enum rc blob_needed_by(struct store *st, const struct digest *d, list_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "WITH RECURSIVE above (repository, id, digest, level) AS ("
	    " SELECT l.repository, m.id, m.digest, 0 FROM blobs b CROSS JOIN blob_links l CROSS JOIN "
	    "manifest_references f"
	    " CROSS JOIN manifests m WHERE b.digest = :digest AND l.blob = b.id AND f.repository = l.repository"
	    " AND f.digest = :digest AND m.id = f.manifest"
	    " UNION SELECT m.repository, m.id, m.digest, level + 1 FROM above CROSS JOIN manifest_references f"
	    " CROSS JOIN manifests m WHERE f.repository = above.repository AND f.digest = above.digest"
	    " AND f.kind = :kind AND m.id = f.manifest AND level < 8),"
	    " tagged (repository, name) AS ("
	    " SELECT DISTINCT a.repository, t.name FROM above a JOIN tags t ON t.manifest = a.id)"
	    " SELECT r.name, coalesce(t.name, '') FROM blobs b JOIN blob_links l ON l.blob = b.id"
	    " JOIN repositories r ON r.id = l.repository LEFT JOIN tagged t ON t.repository = r.id"
	    " WHERE b.digest = :digest ORDER BY r.name, t.name";
	char text[REPO_NAME_MAX + 1 + 128 + 1];
	struct db_conn *c;
	struct db_stmt *s;
	enum rc rc;
	bool row;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_i64(s, ":kind", REF_MANIFEST);
	while (!(rc = db_step(s, &row, err)) && row) {
		struct str tag = db_text(s, 1);

		snprintf(text, sizeof(text), "%.*s%s%.*s", STR_ARG(db_text(s, 0)), tag.n ? ":" : "", STR_ARG(tag));
		rc = each(ctx, str_of(text), err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}
