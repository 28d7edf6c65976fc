/*
 * commit: an upload session becomes a blob. The order is what durability rests on:
 *
 *   fsync(file) -> rename into blobs/ -> fsync(directory) -> row and link in one durable transaction
 *
 * so a row always has a file. A power cut or a kill between two steps leaves at most a file without a row, which
 * the next upload of that digest replaces. One thread at a time stores a given digest (it holds a claim); others that
 * bring the same one wait, then find it stored and only link it. So a failed transaction can take its file back out of
 * blobs/ without taking somebody else's.
 */
#include "layout.h"
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_claimed(struct store *st, const struct digest *d)
{
	for (struct claim *claim = st->claims; claim; claim = claim->next)
		if (digest_eq(&claim->digest, d))
			return true;
	return false;
}

static void claim_take(struct store *st, struct claim *claim, const struct digest *d)
{
	claim->digest = *d;
	pthread_mutex_lock(&st->claims_mutex);
	while (is_claimed(st, d))
		pthread_cond_wait(&st->claim_ended, &st->claims_mutex);
	claim->next = st->claims;
	st->claims = claim;
	pthread_mutex_unlock(&st->claims_mutex);
}

bool claim_try(struct store *st, struct claim *claim, const struct digest *d)
{
	bool is_free;

	claim->digest = *d;
	pthread_mutex_lock(&st->claims_mutex);
	is_free = !is_claimed(st, d);
	if (is_free) {
		claim->next = st->claims;
		st->claims = claim;
	}
	pthread_mutex_unlock(&st->claims_mutex);
	return is_free;
}

void claim_end(struct store *st, struct claim *claim)
{
	struct claim **at;

	pthread_mutex_lock(&st->claims_mutex);
	for (at = &st->claims; *at != claim; at = &(*at)->next)
		;
	*at = claim->next;
	pthread_cond_broadcast(&st->claim_ended);
	pthread_mutex_unlock(&st->claims_mutex);
}

/* The digest by the file's own bytes: after a restart, or for an algorithm that was not announced. */
enum rc hash_file(int fd, enum digest_algorithm algorithm, struct digest *out, struct err *err)
{
	enum { STEP = 65536 };
	char *bytes = xcalloc(1, STEP);
	struct hasher hasher;
	off_t at = 0;
	ssize_t got;

	hasher_init(&hasher, algorithm);
	while ((got = pread(fd, bytes, STEP, at)) > 0 || (got < 0 && errno == EINTR)) {
		if (got < 0)
			continue;
		hasher_add(&hasher, bytes, (size_t)got);
		at += got;
	}
	free(bytes);
	hasher_end(&hasher, out);
	return got < 0 ? fail_errno(err, E_IO, "cannot read the file") : OK;
}

static enum rc digest_of_upload(struct upload *u, enum digest_algorithm algorithm, struct digest *out, struct err *err)
{
	struct hasher copy = u->hasher; /* the session may go on after a failure of ours */

	if (!u->hashed || copy.algorithm != algorithm)
		return hash_file(u->fd, algorithm, out, err);
	hasher_end(&copy, out);
	return OK;
}

/* The bytes have come here: of a proxy's blob, from the upstream that it has now. */
static enum rc prove(struct db_conn *c, int64_t repository, const struct digest *d, struct err *err)
{
	static const char sql[] = "UPDATE namespace_blobs SET proven = 1 WHERE proven = 0"
				  " AND namespace = (SELECT namespace FROM repositories WHERE id = :repository)"
				  " AND blob = (SELECT id FROM blobs WHERE digest = :digest)";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(d));
	return db_run(s, NULL, err);
}

/* Row and link, durable; the file lies in `volume`. */
static enum rc record(
    struct upload *u, const struct space *space, const struct digest *d, int64_t volume, struct err *err)
{
	struct repo_name repo = {str_of(u->repository)};
	struct db_conn *c;
	int64_t repository;
	uint64_t used;
	enum rc rc;

	TRY(db_here(u->store->db, &c, err));
	TRY(db_begin(c, err));
	rc = volume == u->volume.id ? volume_check(c, &u->volume, err) : OK;
	if (!rc)
		rc = repository_make(c, space, repo, &repository, err);
	if (!rc)
		rc = space_used(c, repository, &used, err);
	if (!rc)
		rc = blob_make_row(c, d, u->offset, volume, err);
	if (!rc)
		rc = blob_link(c, repository, d, err);
	if (!rc)
		rc = prove(c, repository, d, err);
	if (!rc)
		rc = space_check_quota(c, space, repository, used, err);
	return end_transaction(c, rc, err);
}

/* Are the bytes of the blob's file still those that it was stored with? Disks flip bits, and the file's size stays. */
static bool is_sound(struct store *st, const struct digest *d, const struct blob_row *row)
{
	struct digest got;
	bool same;
	int fd;

	if (!blob_file_is_there(st, d, row) || blob_file_open(st, d, row, &fd, NULL) || fd < 0)
		return false;
	same = !hash_file(fd, d->algorithm, &got, NULL) && digest_eq(&got, d);
	io_close(&fd);
	return same;
}

/* Whether the blob has its row and its file. */
static enum rc is_stored(struct upload *u, const struct digest *d, bool *stored, int64_t *volume, struct err *err)
{
	char text[DIGEST_TEXT_MAX];
	struct blob_row row;
	struct db_conn *c;

	TRY(db_here(u->store->db, &c, err));
	TRY(blob_row_find(c, d, stored, &row, err));
	if (!*stored)
		return OK;
	*volume = row.volume;
	*stored = row.size == u->offset && is_sound(u->store, d, &row);
	digest_text(text, d);
	if (!*stored)
		log_warn("blob.mended", "digest=%s", text);
	return OK;
}

/* After a failure behind the rename. With a row the file stays: a commit whose last sync failed may have left one. */
static void move_back(struct upload *u, const struct digest *d, const char *path)
{
	struct blob_row row;
	struct db_conn *c;
	bool found;

	if (db_here(u->store->db, &c, NULL) || blob_row_find(c, d, &found, &row, NULL) || found)
		return;
	if (renameat(u->volume.dirfd, path, u->volume.uploads, u->name) < 0)
		log_warn("upload.lost", "id=%s errno=%d", u->id, errno);
}

static enum rc move_in(
    struct upload *u, const struct space *space, const struct digest *d, const char *path, struct err *err)
{
	enum rc rc;
	int shard;

	TRY(io_fsync(u->fd, "the upload", err));
	TRY(shard_open(u->store, &u->volume, d, &shard, err));
	if (renameat(u->volume.uploads, u->name, u->volume.dirfd, path) < 0) {
		rc = fail_errno(err, E_IO, "cannot move the upload to %s", path);
	} else {
		rc = io_fsync_dir(shard, path, err);
		if (!rc)
			rc = record(u, space, d, u->volume.id, err);
		if (rc)
			move_back(u, d, path);
	}
	io_close(&shard);
	return rc;
}

static enum rc store_claimed(struct upload *u, const struct space *space, const struct digest *d, struct err *err)
{
	char path[BLOB_PATH_MAX];
	int64_t volume = 0;
	bool stored;

	TRY(is_stored(u, d, &stored, &volume, err));
	if (!stored) {
		blob_path(path, d);
		return move_in(u, space, d, path, err);
	}
	return record(u, space, d, volume, err);
}

/* To try again is to upload again, when there is room. */
static void end_session(struct upload *u)
{
	unlinkat(u->volume.uploads, u->name, 0); /* after a commit it is not there any more; a left-over one expires */
	upload_close(u, false);
}

enum rc upload_commit(struct upload *u, const struct space *space, const struct digest *want, struct err *err)
{
	struct store *st = u->store;
	struct claim claim;
	struct digest got;
	enum rc rc;

	rc = digest_of_upload(u, want->algorithm, &got, err);
	if (rc) {
		upload_pause(u);
		return rc;
	}
	if (!digest_eq(&got, want)) {
		char text[DIGEST_TEXT_MAX];

		digest_text(text, &got);
		rc =
		    fail(err, E_DIGEST_INVALID, "the digest does not match the content: the %llu bytes received are %s",
			(unsigned long long)u->offset, text);
		end_session(u);
		return rc;
	}
	claim_take(st, &claim, want);
	rc = store_claimed(u, space, want, err);
	claim_end(st, &claim);
	if (rc && rc != E_QUOTA && rc != E_DISK_FULL)
		upload_pause(u);
	else
		end_session(u);
	return rc;
}
