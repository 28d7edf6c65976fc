/*
 * strays: files in blobs/ that no row leads to: a kill between rename and row, or between row and unlink, has left
 * them, or the blob lies on another disk now. They leave the disks by themselves, a few folders each time, once they
 * are old. Under the digest's claim, so that none goes which an upload is about to give its row.
 */
#include "layout.h"
#include <cove/base/clock.h>
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <cove/store/check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARDS STRAY_FOLDERS /* 256 for each algorithm */

struct search {
	struct store *st;
	struct db_conn *c;
	const struct volume *volume;
	int64_t from, until; /* when a file may have been written */
	size_t *removed;
};

/* A file that is older than the database may belong to one that was lost, and may come back from a copy. */
static enum rc database_age(struct db_conn *c, int64_t *since, struct err *err)
{
	static const char sql[] = "SELECT created_at FROM namespaces WHERE id = 1";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	TRY(db_step(s, &row, err));
	*since = row ? db_i64(s, 0) : INT64_MAX;
	db_done(s);
	return OK;
}

/* Under its claim. */
static enum rc remove_if_stray(
    const struct search *s, int folder, const char *name, const struct digest *d, struct err *err)
{
	struct blob_row row;
	bool found;

	TRY(blob_row_find(s->c, d, &found, &row, err));
	if ((found && row.volume == s->volume->id) || unlinkat(folder, name, 0) < 0)
		return OK;
	log_info("stray.removed", "file=%s", name);
	++*s->removed;
	return OK;
}

static enum rc look_at_file(
    const struct search *s, int folder, enum digest_algorithm algorithm, const char *name, struct err *err)
{
	char text[DIGEST_TEXT_MAX];
	struct claim claim;
	struct digest d;
	struct stat file;
	enum rc rc;

	if ((size_t)snprintf(text, sizeof(text), "%s:%.130s", digest_algorithm_name(algorithm), name) >= sizeof(text) ||
	    digest_parse(str_of(text), &d, NULL) || fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(file.st_mode) || file.st_mtime < s->from || file.st_mtime >= s->until ||
	    !claim_try(s->st, &claim, &d))
		return OK;
	rc = remove_if_stray(s, folder, name, &d, err);
	claim_end(s->st, &claim);
	return rc;
}

static enum rc look_at_shard(const struct search *s, unsigned shard, struct err *err)
{
	enum digest_algorithm algorithm = shard < SHARDS / 2 ? DIGEST_SHA256 : DIGEST_SHA512;
	char path[32];
	struct dirent *e;
	enum rc rc = OK;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "blobs/%s/%02x", digest_algorithm_name(algorithm), shard % (SHARDS / 2));
	fd = openat(s->volume->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		io_close(&fd);
		return OK; /* nothing has been stored there yet */
	}
	while (!rc && (e = readdir(dir)))
		rc = look_at_file(s, fd, algorithm, e->d_name, err);
	closedir(dir);
	return rc;
}

/* The next folder, of whichever disk. */
static enum rc step(struct store *st, struct db_conn *c, struct search *s, struct err *err)
{
	struct volume v;
	bool found = true;
	enum rc rc;

	if (st->stray_shard == SHARDS) {
		TRY(volume_next(c, st->stray_volume, &v, &found, err));
		st->stray_volume = found ? v.id : 0;
		st->stray_shard = 0;
	}
	if (volume_by_id(st, st->stray_volume, &v, NULL)) { /* its disk is missing: the next one */
		st->stray_shard = SHARDS;
		return OK;
	}
	s->volume = &v;
	rc = look_at_shard(s, st->stray_shard++, err);
	volume_close(&v);
	return rc;
}

enum rc store_remove_strays(struct store *st, int64_t grace_s, unsigned folders, size_t *removed, struct err *err)
{
	struct search s = {.st = st, .until = clock_wall_s() - grace_s, .removed = removed};

	*removed = 0;
	TRY(db_here(st->db, &s.c, err));
	TRY(database_age(s.c, &s.from, err));
	for (unsigned i = 0; i < folders; i++)
		TRY(step(st, s.c, &s, err));
	return OK;
}
