/* upload: the life of an upload session up to its commit. */
#include "layout.h"
#include <cove/base/clock.h>
#include <cove/base/io.h>
#include <cove/base/random.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Writing to the disk starts while bytes still arrive, so that the fsync of the commit has little left to do. */
#define WRITE_BACK_STEP (8u * 1024 * 1024)
/* Each time so much more has come, the disk's room is looked at. */
#define ROOM_STEP (1024u * 1024)
/* What uploads leave of a disk: the database must be able to note what is deleted. A sixteenth of a small one. */
#define ROOM_LEFT (4u * 1024 * 1024)

enum rc room_check(int fd, uint64_t bytes, struct err *err)
{
	struct statvfs disk;
	uint64_t left;

	/* some network file systems do not tell */
	if (fstatvfs(fd, &disk) || !disk.f_blocks)
		return OK;
	left = disk.f_blocks * disk.f_frsize / 16;
	if (left > ROOM_LEFT)
		left = ROOM_LEFT;
	return bytes > INT64_MAX || disk.f_bavail < (bytes + left) / disk.f_frsize + 1 ? fail_rc(err, E_DISK_FULL) : OK;
}

/* In the uploads/ of the disk that the blob will lie on: the commit is a rename. */
static enum rc make_session(struct store *st, const struct space *space, struct session *session, struct err *err)
{
	struct volume v;
	enum rc rc = OK;
	int fd;

	TRY(volume_by_name(st, space ? space->blob_store : STR_NONE, &v, err));
	fd = openat(v.uploads, session->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = fail_errno(err, E_IO, "cannot make an upload session");
	session->volume = v.id;
	io_close(&fd);
	volume_close(&v);
	return rc;
}

enum rc upload_start(struct store *st, const struct space *space, struct repo_name repo,
    enum digest_algorithm algorithm, char id[static 37], struct err *err)
{
	struct session session = {.user = space ? space->user : 0};
	struct usage usage;
	struct hasher hasher;
	struct db_conn *c;

	TRY(db_here(st->db, &c, err));
	TRY(space_usage(c, space, repo, &usage, err));
	usage.bytes += session_bytes(st, usage.namespace);
	if (usage.namespace && usage.bytes >= space->quota_bytes)
		return fail_quota(err, usage.bytes, space->quota_bytes);
	session.namespace = usage.namespace;
	TRY(session_make_room(st, session.user, err));
	random_uuid(id);
	TRY(upload_name(repo, str_of(id), session.name, err));
	TRY(make_session(st, space, &session, err));
	hasher_init(&hasher, algorithm);
	session_add(st, &session, &hasher);
	return OK;
}

static enum rc look_at_quota(struct upload *u, const struct space *space, struct err *err)
{
	struct usage usage;
	struct db_conn *c;

	u->user = space ? space->user : 0;
	TRY(db_here(u->store->db, &c, err));
	TRY(space_usage(c, space, (struct repo_name){str_of(u->repository)}, &usage, err));
	u->namespace = usage.namespace;
	u->namespace_bytes = usage.bytes;
	u->quota_bytes = usage.namespace ? space->quota_bytes : 0;
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
	u->offset = u->written_back = u->looked_at = (uint64_t)file.st_size;
	if (u->offset == 0 && !u->hashed) {
		hasher_init(&u->hasher, DIGEST_SHA256);
		u->hashed = true;
	}
	if (u->offset != hashed_bytes)
		u->hashed = false;
	return OK;
}

enum rc upload_resume(struct store *st, const struct space *space, struct repo_name repo, struct str id,
    struct upload **out, struct err *err)
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
	rc = look_at_quota(u, space, err);
	if (!rc)
		rc = open_file(u, hashed_bytes, err);
	if (!rc)
		*out = u;
	else
		upload_close(u, rc != E_UPLOAD_UNKNOWN);
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

/* A piece may be larger than a step, and steps begin where the upload does: also a small one leaves room. */
static enum rc look_at_room(struct upload *u, size_t n, struct err *err)
{
	if (u->offset + n <= u->looked_at)
		return OK;
	TRY(room_check(u->fd, n, err));
	u->looked_at = u->offset + n + ROOM_STEP;
	return OK;
}

/* Hash, offset and file stay in step after every single write, so a failure in the middle leaves a whole session. */
static enum rc write_all(struct upload *u, const char *from, size_t n, struct err *err)
{
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
	return OK;
}

/* An upload may be of a blob that the namespace has already, which counts once; it is no larger than the largest then.
 * The commit knows. */
static enum rc look_at_quota_left(struct upload *u, size_t n, struct err *err)
{
	enum rc rc = session_grow(u->store, u, u->offset + n, err);
	struct db_conn *c;

	if (rc != E_QUOTA || u->known_bytes)
		return rc;
	TRY(db_here(u->store->db, &c, err));
	TRY(space_largest(c, u->namespace, &u->known_bytes, err));
	return session_grow(u->store, u, u->offset + n, err);
}

/* What there is no room for is not kept either: it would take that of others until it expires. */
enum rc upload_write(struct upload *u, const void *p, size_t n, struct err *err)
{
	enum rc rc = look_at_quota_left(u, n, err);

	if (!rc)
		rc = look_at_room(u, n, err);
	if (!rc)
		rc = write_all(u, p, n, err);
	u->ends |= rc == E_QUOTA || rc == E_DISK_FULL;
	if (rc == E_DISK_FULL)
		atomic_store(&u->store->full_at_s, clock_wall_s());
	if (!rc && u->offset - u->written_back >= WRITE_BACK_STEP) {
		/* only a hint: failures show at the fsync */
		(void)sync_file_range(
		    u->fd, (off_t)u->written_back, (off_t)(u->offset - u->written_back), SYNC_FILE_RANGE_WRITE);
		u->written_back = u->offset;
	}
	return rc;
}

void upload_set_one_shot(struct upload *u)
{
	u->ends = true;
}

void upload_close(struct upload *u, bool stays)
{
	session_leave(u->store, u, stays);
	io_close(&u->fd);
	volume_close(&u->volume);
	free(u);
}

void upload_pause(struct upload *u)
{
	if (u->ends)
		unlinkat(u->volume.uploads, u->name, 0);
	upload_close(u, !u->ends);
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
