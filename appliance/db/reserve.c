/*
 * reserve: room on the disk that is kept for the database, in a file beside it. When other programs have filled the
 * disk, the file goes, and what makes room again (deleting) can be noted, and a start finds room for SQLite's files.
 * What an upload must leave of the disk is store's to see to.
 */
#include "db_private.h"
#include <cove/base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_BYTES (4u * 1024 * 1024) /* the database's log is begun anew at about this size */

static bool room(const struct db *db, uint64_t *free_bytes, uint64_t *share)
{
	struct statvfs disk;

	if (fstatvfs(db->dirfd, &disk) || !disk.f_blocks)
		return false;
	*free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	*share = (uint64_t)disk.f_blocks * disk.f_frsize / 16;
	if (*share > RESERVE_BYTES)
		*share = RESERVE_BYTES;
	return true;
}

void reserve_give(struct db *db)
{
	uint64_t free_bytes, share;

	if (!atomic_load(&db->has_reserve) || !room(db, &free_bytes, &share) || free_bytes >= share / 4)
		return;
	if (atomic_exchange(&db->has_reserve, false) && unlinkat(db->dirfd, db->reserve, 0) == 0)
		log_warn("db.reserve", "problem=\"the disk is full\" action=\"the database uses its reserve\" "
				       "remedy=\"free space: delete images or other files on that disk\"");
}

void db_keep_reserve(struct db *db)
{
	uint64_t free_bytes, share;
	int fd;

	if (atomic_load(&db->has_reserve) || !room(db, &free_bytes, &share) || free_bytes < 2 * share)
		return;
	fd = openat(db->dirfd, db->reserve, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	/* not every file system can promise room: then there is none kept */
	if (fallocate(fd, 0, 0, (off_t)share) == 0)
		atomic_store(&db->has_reserve, true);
	else
		unlinkat(db->dirfd, db->reserve, 0);
	close(fd);
}

void reserve_open(struct db *db, const char *name)
{
	snprintf(db->reserve, sizeof(db->reserve), "%.200s-reserve", name);
	atomic_store(&db->has_reserve, faccessat(db->dirfd, db->reserve, F_OK, 0) == 0);
	reserve_give(db);
}
