/* upload: the life of an upload session up to its commit. */
#include "layout.h"
#include <cove/base/io.h>
#include <cove/base/random.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Writing to the disk starts while bytes still arrive, so that the fsync of the commit has little left to do. */
#define WRITE_BACK_STEP (8u * 1024 * 1024)

/* In the uploads/ of the disk that the blob will lie on: the commit is a rename. */
static enum rc make_session(struct store *st, const struct space *space, const char *name, struct err *err)
{
	struct volume v;
	enum rc rc = OK;
	int fd;

	TRY(volume_by_name(st, space ? space->blob_store : STR_NONE, &v, err));
	fd = openat(v.uploads, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = fail_errno(err, E_IO, "cannot make an upload session");
	io_close(&fd);
	volume_close(&v);
	return rc;
}

enum rc upload_start(struct store *st, const struct space *space, struct repo_name repo,
    enum digest_algorithm algorithm, char id[static 37], struct err *err)
{
	char name[UPLOAD_NAME_MAX];
	struct hasher hasher;
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	TRY(space_check_start(c, space, repo, err));
	random_uuid(id);
	TRY(upload_name(repo, str_of(id), name, err));
	TRY(make_session(st, space, name, err));
	hasher_init(&hasher, algorithm);
	session_park(st, id, 0, &hasher);
	return OK;
}

static enum rc open_file(struct upload *u, uint64_t hashed_bytes, struct err *err)
{
	struct stat file;

	TRY(volume_of_session(u->store, u->name, &u->volume, err));
	u->fd = openat(u->volume.uploads, u->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (u->fd < 0)
		return errno == ENOENT ? fail_rc(err, E_UPLOAD_UNKNOWN)
				       : fail_errno(err, E_IO, "cannot open the upload");
	if (fstat(u->fd, &file) < 0)
		return fail_errno(err, E_IO, "cannot look at the upload");
	u->offset = u->written_back = (uint64_t)file.st_size;
	if (u->offset == 0 && !u->hashed) {
		hasher_init(&u->hasher, DIGEST_SHA256);
		u->hashed = true;
	}
	if (u->offset != hashed_bytes)
		u->hashed = false;
	return OK;
}

enum rc upload_resume(struct store *st, struct repo_name repo, struct str id, struct upload **out, struct err *err)
{
	struct upload *u;
	uint64_t hashed_bytes = 0;
	enum rc rc;
	char name[UPLOAD_NAME_MAX];

	TRY(upload_name(repo, id, name, err));
	u = xcalloc(1, sizeof *u);
	u->store = st;
	u->fd = u->volume.dirfd = u->volume.uploads = -1;
	memcpy(u->id, id.p, id.n);
	memcpy(u->name, name, sizeof name);
	memcpy(u->repository, repo.s.p, repo.s.n);
	rc = session_enter(st, u, &hashed_bytes, err);
	if (rc) {
		free(u);
		return rc;
	}
	rc = open_file(u, hashed_bytes, err);
	if (rc)
		upload_pause(u);
	else
		*out = u;
	return rc;
}

enum rc upload_size(struct store *st, struct repo_name repo, struct str id, uint64_t *size, struct err *err)
{
	char name[UPLOAD_NAME_MAX];
	struct volume v;
	struct stat file;
	enum rc rc = OK;

	TRY(upload_name(repo, id, name, err));
	TRY(volume_of_session(st, name, &v, err));
	if (fstatat(v.uploads, name, &file, AT_SYMLINK_NOFOLLOW) == 0)
		*size = (uint64_t)file.st_size;
	else if (errno == ENOENT)
		rc = fail_rc(err, E_UPLOAD_UNKNOWN);
	else
		rc = fail_errno(err, E_IO, "cannot look at the upload");
	volume_close(&v);
	return rc;
}

uint64_t upload_offset(const struct upload *u)
{
	return u->offset;
}

const char *upload_id(const struct upload *u)
{
	return u->id;
}

/* Hash, offset and file stay in step after every single write, so a failure in the middle leaves a whole session. */
enum rc upload_write(struct upload *u, const void *p, size_t n, struct err *err)
{
	const char *from = p;

	while (n) {
		ssize_t wrote = pwrite(u->fd, from, n, (off_t)u->offset);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return fail_errno(err, E_IO, "cannot write the upload");
		if (u->hashed)
			hasher_add(&u->hasher, from, (size_t)wrote);
		from += wrote;
		n -= (size_t)wrote;
		u->offset += (uint64_t)wrote;
	}
	if (u->offset - u->written_back >= WRITE_BACK_STEP) {
		/* only a hint: failures show at the fsync */
		(void)sync_file_range(
		    u->fd, (off_t)u->written_back, (off_t)(u->offset - u->written_back), SYNC_FILE_RANGE_WRITE);
		u->written_back = u->offset;
	}
	return OK;
}

void upload_set_one_shot(struct upload *u)
{
	u->one_shot = true;
}

void upload_pause(struct upload *u)
{
	if (u->one_shot)
		unlinkat(u->volume.uploads, u->name, 0);
	session_leave(u->store, u, !u->one_shot);
	io_close(&u->fd);
	volume_close(&u->volume);
	free(u);
}

enum rc upload_cancel(struct store *st, struct repo_name repo, struct str id, struct err *err)
{
	char name[UPLOAD_NAME_MAX];
	struct volume v;
	enum rc rc;

	TRY(upload_name(repo, id, name, err));
	TRY(volume_of_session(st, name, &v, err));
	rc = session_remove(st, &v, name, err);
	volume_close(&v);
	return rc;
}
