/* backup: online copies of the database. */
#include "db_private.h"
#include <cove/base/io.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* All pages in one read transaction: a copy in steps starts again with every commit of others. Writers are not held up,
 * only the WAL cannot restart meanwhile. */
static enum rc copy_pages(sqlite3 *from, sqlite3 *to, struct err *err)
{
	sqlite3_backup *b;
	int rc;

	/* the copy is synced as a whole and then named, so the journal of a torn copy is of no use */
	rc = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (rc)
		return fail_sqlite(err, to, rc, "cannot prepare the backup");
	b = sqlite3_backup_init(to, "main", from, "main");
	if (!b)
		return fail_sqlite(err, to, sqlite3_extended_errcode(to), "cannot start the backup");
	sqlite3_backup_step(b, -1);
	rc = sqlite3_backup_finish(b); /* also the step's failure */
	return rc ? fail_sqlite(err, to, rc, "cannot write the backup") : OK;
}

static enum rc copy_to(sqlite3 *from, int dirfd, const char *name, struct err *err)
{
	char path[PATH_MAX];
	sqlite3 *to = NULL;
	enum rc rc;
	int failed;

	TRY(db_path(dirfd, name, path, sizeof path, err));
	failed = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	rc = failed ? fail_sqlite(err, to, failed, "cannot open the backup") : copy_pages(from, to, err);
	sqlite3_close(to);
	return rc;
}

static enum rc sync_file(int dirfd, const char *name, struct err *err)
{
	int fd = openat(dirfd, name, O_RDWR | O_CLOEXEC);
	enum rc rc;

	if (fd < 0)
		return fail_errno(err, E_IO, "cannot open the backup %s", name);
	rc = io_fsync(fd, name, err);
	io_close(&fd);
	return rc;
}

enum rc copy_database(sqlite3 *from, int dirfd, const char *name, struct err *err)
{
	char temporary[NAME_MAX + 1];
	enum rc rc;
	int fd;

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", name) >= sizeof temporary)
		return fail(err, E_IO, "the name is too long: %s", name);
	if (faccessat(dirfd, name, F_OK, 0) == 0)
		return fail(err, E_EXISTS, "the backup %s exists already", name);
	unlinkat(dirfd, temporary, 0); /* of a process that was killed */
	fd = openat(dirfd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, E_IO, "cannot make the backup %s", temporary);
	io_close(&fd);
	rc = copy_to(from, dirfd, temporary, err);
	if (!rc)
		rc = sync_file(dirfd, temporary, err);
	if (!rc && renameat(dirfd, temporary, dirfd, name) < 0)
		rc = fail_errno(err, E_IO, "cannot rename the backup to %s", name);
	if (rc)
		unlinkat(dirfd, temporary, 0);
	return rc ? rc : io_fsync_dir(dirfd, "of the backup", err);
}
