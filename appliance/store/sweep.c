/*
 * sweep: blobs that no repository has any more leave the disk, a few at a time, while pushes and pulls go on. The order
 * is the reverse of a commit's: the rows in a durable transaction, then the files. A digest is claimed meanwhile, so
 * that nobody stores it between the two; who has the file open reads on. A crash leaves a file without a row, which the
 * next push of that digest replaces.
 */
#include "layout.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* One sync of the database serves so many. */
enum { STEP = 32 };
#define FULL_S 3600

struct due {
	int64_t id;
	struct claim claim;
	struct volume volume;
	bool is_claimed, is_open, is_removed;
};

static enum rc find_due(
    struct store *st, const struct sweep_grace *grace, struct due *out, size_t max, size_t *count, struct err *err)
{
	static const char sql[] = "SELECT b.id, b.digest FROM unlinked_blobs u JOIN blobs b ON b.id = u.blob"
				  " WHERE (u.evicted = 0 AND u.since <= :before)"
				  " OR (u.evicted = 1 AND u.since <= :evicted_before) LIMIT :max";
	int64_t now = clock_wall_s();
	struct db_conn *c;
	struct db_stmt *s;
	bool row = true;

	*count = 0;
	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":before", now - grace->unlinked_s);
	db_bind_i64(s, ":evicted_before", now - grace->evicted_s);
	db_bind_i64(s, ":max", (int64_t)max);
	for (;;) {
		struct due *d = &out[*count];
		enum rc rc;

		TRY(db_step(s, &row, err));
		if (!row)
			return OK;
		*d = (struct due){.id = db_i64(s, 0)};
		rc = digest_column(s, 1, &d->claim.digest, err);
		if (rc) {
			db_done(s);
			return rc;
		}
		++*count;
	}
}

/* The row goes unless the blob has got a link again since it was found. */
static enum rc remove_row(struct db_conn *c, struct due *d, struct err *err)
{
	static const char sql[] = "DELETE FROM blobs WHERE id = :id AND digest = :digest"
				  " AND NOT EXISTS (SELECT 1 FROM blob_links WHERE blob = :id)";
	struct db_stmt *s;
	int64_t changes;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", d->id);
	db_bind_blob(s, ":digest", digest_bytes(&d->claim.digest));
	TRY(db_run(s, &changes, err));
	d->is_removed = changes > 0;
	return OK;
}

/* Its disk is not there: to be looked at again after another while, so that others have their turn. */
static enum rc postpone(struct db_conn *c, const struct due *d, struct err *err)
{
	static const char sql[] = "UPDATE unlinked_blobs SET since = :now WHERE blob = :id";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", d->id);
	db_bind_i64(s, ":now", clock_wall_s());
	return db_run(s, NULL, err);
}

/* Where its file lies, now that nobody stores it. */
static enum rc open_volume(struct store *st, struct db_conn *c, struct due *d, struct err *err)
{
	struct blob_row row;
	bool found;

	TRY(blob_row_find(c, &d->claim.digest, &found, &row, err));
	if (found)
		d->is_open = volume_by_id(st, row.volume, &d->volume, NULL) == OK;
	return OK;
}

static enum rc remove_rows(struct store *st, struct due *due, size_t count, struct err *err)
{
	struct db_conn *c;
	enum rc rc = OK;

	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	for (size_t i = 0; i < count && !rc; i++) {
		if (!due[i].is_claimed)
			continue;
		rc = open_volume(st, c, &due[i], err);
		if (!rc)
			rc = due[i].is_open ? remove_row(c, &due[i], err) : postpone(c, &due[i], err);
	}
	return end_transaction(c, rc, err);
}

static void remove_file(struct due *d)
{
	char path[BLOB_PATH_MAX];

	blob_path(path, &d->claim.digest);
	if (unlinkat(d->volume.dirfd, path, 0) < 0 && errno != ENOENT)
		log_warn("sweep", "path=%s errno=%d", path, errno);
}

static enum rc sweep_step(
    struct store *st, const struct sweep_grace *grace, size_t max, size_t *found, size_t *removed, struct err *err)
{
	struct due due[STEP];
	enum rc rc;

	TRY(find_due(st, grace, due, max < STEP ? max : STEP, found, err));
	if (!*found)
		return OK;
	for (size_t i = 0; i < *found; i++)
		due[i].is_claimed = claim_try(st, &due[i].claim, &due[i].claim.digest);
	rc = remove_rows(st, due, *found, err);
	for (size_t i = 0; i < *found; i++) {
		if (!rc && due[i].is_removed) {
			remove_file(&due[i]);
			++*removed;
		}
		if (due[i].is_open)
			volume_close(&due[i].volume);
		if (due[i].is_claimed)
			claim_end(st, &due[i].claim);
	}
	return rc;
}

enum rc store_sweep(struct store *st, const struct sweep_grace *grace, size_t max, size_t *removed, struct err *err)
{
	struct sweep_grace now = *grace;
	size_t found = STEP;

	/* who was told to delete images and push again finds room then */
	if (clock_wall_s() - atomic_load(&st->full_at_s) < FULL_S)
		now.unlinked_s = 0;
	*removed = 0;
	for (size_t looked_at = 0; looked_at < max && found == STEP; looked_at += found)
		TRY(sweep_step(st, &now, max - looked_at, &found, removed, err));
	return OK;
}
