/* store: opening and closing, and the chores. */
#include "layout.h"
#include <cove/base/clock.h>
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc open_dirs(struct store *st, int dirfd, struct err *err)
{
	st->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (st->dirfd < 0)
		return fail_errno(err, E_IO, "cannot open the data directory");
	TRY(volume_make_dirs(dirfd, err));
	return io_open_dir(dirfd, "uploads", 0700, &st->uploads, err);
}

/* A disk that is missing stops nothing but what lies on it; it may come later. */
static enum rc look_at_volumes(struct store *st, struct err *err)
{
	struct volume v = {.id = 0};
	struct db_conn *c;
	struct err why;
	bool found;

	TRY(db_here(st->db, &c, err));
	for (;;) {
		TRY(volume_next(c, v.id, &v, &found, err));
		if (!found)
			return OK;
		if (volume_open(&v, &why))
			log_error("blob_store.missing", "reason=%s", log_quote(str_of(why.text)));
		volume_close(&v);
	}
}

enum rc store_open(int dirfd, struct db *db, struct store **out, struct err *err)
{
	struct store *st = xcalloc(1, sizeof *st);
	enum rc rc;

	st->db = db;
	st->dirfd = st->uploads = -1;
	pthread_mutex_init(&st->sessions.mutex, NULL);
	pthread_mutex_init(&st->claims_mutex, NULL);
	pthread_cond_init(&st->claim_ended, NULL);
	pthread_mutex_init(&st->touches_mutex, NULL);
	rc = open_dirs(st, dirfd, err);
	if (!rc)
		rc = look_at_volumes(st, err);
	if (rc)
		store_close(st);
	else
		*out = st;
	return rc;
}

void store_close(struct store *st)
{
	if (st->sessions.open)
		bug("the store is closed with an open upload");
	if (touches_flush(st, NULL))
		log_info("store.close", "the times of the last pulls are not saved");
	io_close(&st->uploads);
	io_close(&st->dirfd);
	pthread_mutex_destroy(&st->touches_mutex);
	pthread_cond_destroy(&st->claim_ended);
	pthread_mutex_destroy(&st->claims_mutex);
	pthread_mutex_destroy(&st->sessions.mutex);
	free(st->sessions.items);
	free(st);
}

/* One that is not known yet is so from now on; beyond the bound, and when it is old, it goes. */
static enum rc expire_one(struct store *st, const struct volume *v, const char *name, int64_t before, struct err *err)
{
	struct session session = {.volume = v->id};
	struct stat file;
	bool full = false;
	enum rc rc;

	/* only what looks like a session: nobody's stray file is removed */
	if (strlen(name) != UPLOAD_NAME_MAX - 1 || fstatat(v->uploads, name, &file, AT_SYMLINK_NOFOLLOW) < 0)
		return OK;
	memcpy(session.name, name, sizeof(session.name));
	session.bytes = (uint64_t)file.st_size;
	if (file.st_mtime >= before)
		session_know(st, &session, &full);
	if (file.st_mtime >= before && !full)
		return OK;
	rc = session_remove(st, v, name, err);
	if (!rc)
		log_info("upload.expired", "id=%.36s bytes=%lld", name, (long long)file.st_size);
	return rc == E_UPLOAD_BUSY || rc == E_UPLOAD_UNKNOWN ? OK : rc;
}

static enum rc expire_in(struct store *st, const struct volume *v, int64_t before, struct err *err)
{
	int fd = openat(v->uploads, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	enum rc rc = OK;

	if (!dir) {
		rc = fail_errno(err, E_IO, "cannot read uploads");
		io_close(&fd);
		return rc;
	}
	while (!rc && (e = readdir(dir)))
		rc = expire_one(st, v, e->d_name, before, err);
	closedir(dir);
	return rc;
}

enum rc store_expire_uploads(struct store *st, int64_t idle_s, struct err *err)
{
	int64_t before = clock_wall_s() - idle_s;
	struct volume v;
	struct db_conn *c;
	bool found = true;
	enum rc rc;

	TRY(db_here(st->db, &c, err));
	TRY(volume_by_id(st, 0, &v, err));
	rc = expire_in(st, &v, before, err);
	while (!rc) {
		rc = volume_next(c, v.id, &v, &found, err);
		if (rc || !found)
			break;
		if (!volume_open(&v, NULL))
			rc = expire_in(st, &v, before, err);
		volume_close(&v);
	}
	return rc;
}

bool store_give_back(int dirfd)
{
	int fd = openat(dirfd, "uploads", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t count = 0;

	while (dir && (e = readdir(dir)))
		if (strlen(e->d_name) == UPLOAD_NAME_MAX - 1 && unlinkat(fd, e->d_name, 0) == 0)
			count++;
	if (dir)
		closedir(dir);
	else
		io_close(&fd);
	if (count)
		log_warn("upload.removed", "uploads=%zu reason=\"the disk is full\"", count);
	return count > 0;
}

enum rc store_probe(struct store *st, struct err *err)
{
	struct db_conn *c;

	TRY(io_write_file(st->uploads, ".probe", STR("cove\n"), 0600, err));
	TRY(db_here(st->db, &c, err));
	TRY(db_begin(c, err));
	db_rollback(c);
	return OK;
}
