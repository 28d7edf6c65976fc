/* io: whole writes, whole files, durable names. Knows no layout and no policy. */
#include <cove/base/io.h>
#include <cove/base/random.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 16384 };

enum rc io_write_all(int fd, const void *p, size_t n, struct err *err)
{
	const char *from = p;

	while (n) {
		ssize_t wrote = write(fd, from, n);

		if (wrote < 0) {
			if (errno == EINTR)
				continue;
			return fail_errno(err, E_IO, "cannot write");
		}
		from += wrote;
		n -= (size_t)wrote;
	}
	return OK;
}

/* Reads up to the end. One byte more than fits is asked for, to tell a full buffer from a file that is too large. */
static enum rc read_all(int fd, const char *path, struct buf *out, struct err *err)
{
	for (;;) {
		size_t left = out->max - out->n;
		size_t step = left < READ_STEP ? left : READ_STEP;
		char *room = buf_room(out, step);
		char beyond;
		ssize_t got;

		if (!room)
			return fail(err, E_BUSY, "no memory to read %s", path);
		got = step ? read(fd, room, step) : read(fd, &beyond, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(err, E_IO, "cannot read %s", path);
		if (got == 0)
			return OK;
		if (step == 0)
			return fail(err, E_IO, "%s is larger than the allowed %zu bytes", path, out->max);
		buf_grown(out, (size_t)got);
	}
}

enum rc io_read_file(int dirfd, const char *path, struct buf *out, struct err *err)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum rc rc;

	if (fd < 0)
		return fail_errno(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "cannot open %s", path);
	rc = read_all(fd, path, out, err);
	io_close(&fd);
	return rc;
}

enum rc io_fsync(int fd, const char *what, struct err *err)
{
	while (fsync(fd) < 0)
		if (errno != EINTR)
			return fail_errno(err, E_IO, "cannot sync %s", what);
	return OK;
}

/* EINVAL: a file system that has no sync for directories (some network and shared-folder ones); their best is done. */
enum rc io_fsync_dir(int dirfd, const char *what, struct err *err)
{
	while (fsync(dirfd) < 0) {
		if (errno == EINVAL)
			return OK;
		if (errno != EINTR)
			return fail_errno(err, E_IO, "cannot sync the directory %s", what);
	}
	return OK;
}

/* The directory that holds path's last part. */
static enum rc parent_of(const char *path, char out[static PATH_MAX], struct err *err)
{
	struct str dir = str_of(path), name;

	while (dir.n > 1 && dir.p[dir.n - 1] == '/')
		dir.n--;
	if (!str_cut_last(dir, '/', &dir, &name))
		dir = STR(".");
	else if (dir.n == 0)
		dir = STR("/");
	if (dir.n >= PATH_MAX)
		return fail(err, E_IO, "the path is too long: %s", path);
	memcpy(out, dir.p, dir.n);
	out[dir.n] = '\0';
	return OK;
}

/* may_skip: a directory that we may pass through but not read cannot be synced; that is no reason to fail. */
static enum rc sync_parent(int dirfd, const char *path, bool may_skip, struct err *err)
{
	char parent[PATH_MAX];
	enum rc rc;
	int fd;

	TRY(parent_of(path, parent, err));
	fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && may_skip)
		return OK;
	if (fd < 0)
		return fail_errno(err, E_IO, "cannot open the directory %s", parent);
	rc = io_fsync_dir(fd, parent, err);
	io_close(&fd);
	return rc;
}

static enum rc write_temporary(int dirfd, const char *path, struct str content, mode_t mode, struct err *err)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	enum rc rc;

	if (fd < 0)
		return fail_errno(err, E_IO, "cannot make %s", path);
	rc = io_write_all(fd, content.p, content.n, err);
	if (!rc)
		rc = io_fsync(fd, path, err);
	io_close(&fd);
	return rc;
}

enum rc io_write_file(int dirfd, const char *path, struct str content, mode_t mode, struct err *err)
{
	char temporary[PATH_MAX];
	unsigned tag;
	enum rc rc;

	random_bytes(&tag, sizeof tag);
	if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp-%08x", path, tag) >= sizeof temporary)
		return fail(err, E_IO, "the path is too long: %s", path);
	rc = write_temporary(dirfd, temporary, content, mode, err);
	if (!rc && renameat(dirfd, temporary, dirfd, path) < 0)
		rc = fail_errno(err, E_IO, "cannot rename %s to %s", temporary, path);
	if (rc) {
		unlinkat(dirfd, temporary, 0);
		return rc;
	}
	return sync_parent(dirfd, path, false, err);
}

enum rc io_open_dir(int dirfd, const char *path, mode_t mode, int *out, struct err *err)
{
	bool existed = false;
	enum rc rc;
	int fd;

	if (mkdirat(dirfd, path, mode) < 0) {
		if (errno != EEXIST)
			return fail_errno(err, E_IO, "cannot make the directory %s", path);
		existed = true;
	}
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, E_IO, "cannot open the directory %s", path);
	/* Also when it was there: the process that made it may have ended before it was on disk. */
	rc = io_fsync_dir(fd, path, err);
	if (!rc)
		rc = sync_parent(dirfd, path, existed, err);
	if (rc)
		io_close(&fd);
	else
		*out = fd;
	return rc;
}

void io_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd); /* never again after EINTR: on Linux the number is free by then */
	*fd = -1;
	errno = saved;
}
