/*
 * sync: makes commits durable in groups, and keeps the WAL short.
 *
 * SQLite runs with synchronous=NORMAL, so a COMMIT has written its frames to the -wal file and synced nothing. We then
 * fdatasync that file through an fd of our own. Why that is enough (names from SQLite's wal.c):
 *  - Every COMMIT that was counted in `written` had returned, so its frames had been handed to write(2) before the
 * leader read `written` and called fdatasync, which covers all earlier writes to the file, by whichever fd or process,
 * and its size. Recovery takes the frames from the start up to the last valid commit, and all before ours are in that
 *    same file, so they are on disk too.
 *  - The frames may be gone from the file by then, because a writer restarted the WAL (walRestartLog, or a RESTART or
 *    TRUNCATE checkpoint). That happens only when nBackfill == mxFrame, i.e. after walCheckpoint synced the WAL, copied
 *    every frame, ours too, and synced the database file. So our commit was durable before its frames could be
 *    overwritten. The new WAL header is synced before the first new frame (syncHeader); before that a power cut brings
 *    back the old frames, which say what the database file says.
 *  - A checkpoint never writes a page to the database file before it has synced the WAL, so it cannot tear what we have
 *    not synced yet.
 *  - The fd stays the right one: the file is deleted only by the last connection of all processes, and db->keeper is
 *    open for as long as we live. Closing our fd drops no POSIX lock of SQLite's: those are on the database and the
 * -shm file, which nobody may open beside SQLite for that very reason.
 *
 * A failed fdatasync is final: Linux marks the pages clean and reports the error once, so that a second try would
 * succeed without having written them. Writing stops until a restart; reading goes on.
 */
#include "db_private.h"
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* Frames are 4 KiB pages. From CHECKPOINT_FRAMES on every so many new frames are a reason to try a PASSIVE checkpoint,
 * which waits for nobody; it lets the next writer restart the WAL unless readers overlap all the time. From
 * RESTART_FRAMES on writers are held up until the readers that are under way have ended: readers never wait. */
enum { CHECKPOINT_FRAMES = 1000, RESTART_FRAMES = 4000, RESTART_WAIT_MS = 500 };

enum rc sync_open(struct db *db, struct err *err)
{
	struct db_sync *sync = &db->sync;
	char path[PATH_MAX];
	enum rc rc;

	if ((size_t)snprintf(path, sizeof path, "%s-wal", db->path) >= sizeof path)
		return fail(err, E_IO, "the path is too long: %s", db->path);
	sync->fd = open(path, O_RDWR | O_CLOEXEC);
	if (sync->fd < 0)
		return fail_errno(err, E_IO, "cannot open %s", path);
	/* What is in the file may be from a process that was killed between its COMMIT and its sync: the first commit
	 * that builds on it must not be the one to find out. */
	rc = io_fsync(sync->fd, path, err);
	return rc ? rc : io_fsync_dir(db->dirfd, "of the database", err);
}

static enum rc fail_broken(struct err *err)
{
	return fail(err, E_IO,
	    "the disk could not store a change of the database, so the server refuses all further changes: check the "
	    "disk, then restart cove");
}

enum rc sync_check(struct db *db, struct err *err)
{
	bool broken;

	pthread_mutex_lock(&db->sync.mutex);
	broken = db->sync.broken;
	pthread_mutex_unlock(&db->sync.mutex);
	return broken ? fail_broken(err) : OK;
}

uint64_t sync_written(struct db *db, bool wrote)
{
	uint64_t number;

	pthread_mutex_lock(&db->sync.mutex);
	/* A transaction that found everything there already still waits for those who wrote it. */
	db->sync.written += wrote;
	number = db->sync.written;
	pthread_mutex_unlock(&db->sync.mutex);
	return number;
}

/* The leader's part; called and returns with the mutex held. */
static void lead(struct db_sync *sync)
{
	uint64_t target = sync->written;
	int failed;

	sync->running = true;
	pthread_mutex_unlock(&sync->mutex);
	do
		failed = fdatasync(sync->fd);
	while (failed && errno == EINTR);
	if (failed)
		log_error("db.sync",
		    "cannot write the database's log to disk, all further changes are refused: errno=%d", errno);
	pthread_mutex_lock(&sync->mutex);
	sync->running = false;
	if (failed)
		sync->broken = true;
	else
		sync->synced = target;
	pthread_cond_broadcast(&sync->ended);
}

enum rc sync_wait(struct db *db, uint64_t commit, struct err *err)
{
	struct db_sync *sync = &db->sync;
	bool durable;

	pthread_mutex_lock(&sync->mutex);
	while (sync->synced < commit && !sync->broken) {
		if (sync->running)
			pthread_cond_wait(&sync->ended, &sync->mutex);
		else
			lead(sync);
	}
	durable = sync->synced >= commit;
	pthread_mutex_unlock(&sync->mutex);
	return durable ? OK : fail_broken(err);
}

static void checkpoint(struct db_conn *c)
{
	struct db *db = c->db;
	bool restart = c->wal_frames >= RESTART_FRAMES;
	int rc;

	if (restart) {
		pthread_mutex_lock(&db->writer);
		sqlite3_busy_timeout(c->sqlite, RESTART_WAIT_MS);
	}
	rc = sqlite3_wal_checkpoint_v2(
	    c->sqlite, "main", restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (restart) {
		sqlite3_busy_timeout(c->sqlite, DB_BUSY_MS);
		pthread_mutex_unlock(&db->writer);
	}
	/* The commit is durable whatever comes of it; the WAL stays longer and the next commits try again. */
	if (rc && rc != SQLITE_BUSY)
		log_warn("db.checkpoint", "frames=%d %s", c->wal_frames, sqlite3_errmsg(c->sqlite));
}

void checkpoint_if_due(struct db_conn *c)
{
	struct db *db = c->db;

	if (c->wal_frames == 0 || pthread_mutex_trylock(&db->checkpoint_mutex))
		return;
	if (c->wal_frames < CHECKPOINT_FRAMES) {
		db->checkpoint_at = CHECKPOINT_FRAMES; /* the WAL was restarted */
	} else if (c->wal_frames >= db->checkpoint_at) {
		db->checkpoint_at = c->wal_frames + CHECKPOINT_FRAMES;
		checkpoint(c);
	}
	pthread_mutex_unlock(&db->checkpoint_mutex);
}
