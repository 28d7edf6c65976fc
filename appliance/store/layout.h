/*
 * layout: where things lie in the data directory, and what the files of store/ share.
 *
 *   blobs/sha256/ab/<64 hex>      immutable; ab are the first two digits
 *   blobs/sha512/ab/<128 hex>
 *   uploads/<uuid>.<32 hex>       an upload session; the hex is the start of SHA-256(repository)
 *   uploads/.probe                written by store_probe
 *
 * A blob store is a directory elsewhere with the same blobs/ and uploads/, and
 *
 *   cove-blob-store               its marker, a random text: without it, or with another one, the disk is not mounted
 *
 * Everything that an upload session must know after a restart is in its file: the name ties it to its repository, the
 * size is the progress. So a session costs one new name on the disk and no sync, and is there after kill -9; a power
 * cut may take it, which breaks no promise. The digest's algorithm need not be known before the commit.
 */
#pragma once
#include "sessions.h"
#include <stdatomic.h>

#define BLOB_PATH_MAX 160
#define MARKER_SIZE 32
#define MARKER_FILE "cove-blob-store"

/* Where blobs lie: the data directory or a blob store. Opened anew for each use, so that a disk may come and go, and a
 * mount point without its disk is never filled. */
struct volume {
	int64_t id; /* 0: the data directory, whose descriptors are the store's */
	char name[BLOB_STORE_NAME_MAX + 1];
	char path[BLOB_STORE_PATH_MAX + 1];
	char marker[MARKER_SIZE + 1];
	int dirfd, uploads;
};

/* A session that is open for writing. */
struct upload {
	struct store *store;
	struct volume volume;
	struct upload *next; /* in sessions.open */
	char id[UPLOAD_ID_SIZE + 1];
	char name[UPLOAD_NAME_MAX]; /* in the volume's uploads/ */
	char repository[REPO_NAME_MAX + 1];
	int fd;
	uint64_t offset;       /* the file's size */
	uint64_t written_back; /* up to here the kernel was asked to start writing */
	uint64_t looked_at;    /* up to here the disk is known to have room */
	bool hashed;           /* the hasher has seen bytes 0 to offset */
	bool ends;             /* with its request: nobody knows its id, or there is no room for it */
	int64_t user, namespace;
	uint64_t quota_bytes, namespace_bytes; /* of the namespace, without unfinished uploads; 0: no quota */
	uint64_t known_bytes;                  /* may be those of a blob that the namespace has; 0: not asked yet */
	struct hasher hasher;
};

/* A digest that a thread is storing. On that thread's stack. */
struct claim {
	struct digest digest;
	struct claim *next;
};

/* A pull from a proxy that is not in the database yet. */
struct touch {
	int64_t namespace, blob, at;
};
#define TOUCHES_MAX 256

struct store {
	struct db *db;
	int dirfd;
	int uploads;                    /* fd of uploads/ */
	atomic_bool shard_made[2][256]; /* of the data directory: the shard and its entry are known to be on disk */

	struct sessions sessions;
	_Atomic int64_t full_at_s; /* when a push found no room; 0: never */

	pthread_mutex_t claims_mutex;
	pthread_cond_t claim_ended;
	struct claim *claims;

	int64_t stray_volume; /* where store_remove_strays() goes on: one thread's */
	unsigned stray_shard;

	pthread_mutex_t touches_mutex;
	struct touch touches[TOUCHES_MAX];
	size_t touch_count;
};

/* ---- layout.c ---- */
void blob_path(char out[static BLOB_PATH_MAX], const struct digest *d);
/* The directory that d's file belongs in, made durable before it is handed out. *fd is the caller's. */
CHECKED enum rc shard_open(struct store *st, const struct volume *v, const struct digest *d, int *fd, struct err *err);
/* E_UPLOAD_UNKNOWN when the id is not a UUID. */
CHECKED enum rc upload_name(struct repo_name repo, struct str id, char out[static UPLOAD_NAME_MAX], struct err *err);

/* ---- volume.c ---- */
/* E_IO with a sentence that names the blob store when its disk is not there. What was opened is closed by
 * volume_close(). */
CHECKED enum rc volume_by_id(struct store *st, int64_t id, struct volume *out, struct err *err);
/* Empty: the data directory. E_IO too when there is no blob store of that name. */
CHECKED enum rc volume_by_name(struct store *st, struct str name, struct volume *out, struct err *err);
void volume_close(struct volume *v);
/* The row of the blob store behind the id (0: the first), not opened. */
CHECKED enum rc volume_next(struct db_conn *c, int64_t after, struct volume *out, bool *found, struct err *err);
CHECKED enum rc volume_find(struct db_conn *c, struct str name, struct volume *out, bool *found, struct err *err);
/* Opens what volume_next() or volume_find() found. */
CHECKED enum rc volume_open(struct volume *v, struct err *err);
/* Inside a transaction: is it still a blob store of ours? E_IO. */
CHECKED enum rc volume_check(struct db_conn *c, const struct volume *v, struct err *err);
/* Makes blobs/ and uploads/ where they are missing. */
CHECKED enum rc volume_make_dirs(int dirfd, struct err *err);
/* The volume, opened, in whose uploads/ the session lies. E_UPLOAD_UNKNOWN. */
CHECKED enum rc volume_of_session(struct store *st, const char *name, struct volume *out, struct err *err);

/* ---- cached.c ---- */
/* Writes the pulls that are kept in memory. */
CHECKED enum rc touches_flush(struct store *st, struct err *err);

/* ---- upload.c ---- */
/* Has the disk of fd room for so many bytes, and a little for what must always be written? E_DISK_FULL. */
CHECKED enum rc room_check(int fd, uint64_t bytes, struct err *err);
/* Frees u. It stays as a session, or its file has gone. */
void upload_close(struct upload *u, bool stays);

/* ---- commit.c ---- */
/* The digest of a file's bytes. */
CHECKED enum rc hash_file(int fd, enum digest_algorithm algorithm, struct digest *out, struct err *err);
/* Takes the claim unless somebody has it. */
bool claim_try(struct store *st, struct claim *claim, const struct digest *d);
void claim_end(struct store *st, struct claim *claim);

/* ---- rows.c ---- */
static inline struct str digest_bytes(const struct digest *d)
{
	return (struct str){(const char *)d->bytes, digest_size(d->algorithm)};
}
/* The digest in a column. E_CORRUPT. */
CHECKED enum rc digest_column(struct db_stmt *s, int column, struct digest *out, struct err *err);
/* E_NAME_UNKNOWN. */
CHECKED enum rc repository_find(struct db_conn *c, struct repo_name repo, int64_t *id, struct err *err);
/* Finds it or makes it, inside a transaction. E_NAME_UNKNOWN when it is not of the space's namespace. */
CHECKED enum rc repository_make(
    struct db_conn *c, const struct space *space, struct repo_name repo, int64_t *id, struct err *err);
/* One that has neither manifests nor blobs goes: nobody would find anything in it, and its name is free again, also for
 * what a group's proxies have. */
CHECKED enum rc repository_drop_empty(struct db_conn *c, int64_t id, struct err *err);
/* The row of a blob whose file was proven a moment ago: made, or mended. Inside a transaction. */
CHECKED enum rc blob_make_row(
    struct db_conn *c, const struct digest *d, uint64_t size, int64_t volume, struct err *err);
/* Links a blob that has a row, inside a transaction. */
CHECKED enum rc blob_link(struct db_conn *c, int64_t repository, const struct digest *d, struct err *err);
/* The namespace that a repository of that name is in, or will be; 0: the database has lost the root. */
CHECKED enum rc namespace_of(struct db_conn *c, struct str name, int64_t *id, struct err *err);
/* Commits when rc is OK, else rolls back. Returns rc, or the commit's failure. */
CHECKED enum rc end_transaction(struct db_conn *c, enum rc rc, struct err *err);
/* One more than asked for, to know whether there are more. */
int64_t page_limit(uint64_t max);

/* ---- space.c ---- */
/* Whose quota an upload into the repository counts against, and what is used of it. All 0 without a quota. */
struct usage {
	int64_t namespace;
	uint64_t bytes;
};
CHECKED enum rc space_usage(
    struct db_conn *c, const struct space *space, struct repo_name repo, struct usage *out, struct err *err);
/* The size of the namespace's largest blob. */
CHECKED enum rc space_largest(struct db_conn *c, int64_t namespace, uint64_t *bytes, struct err *err);
CHECKED enum rc fail_quota(struct err *err, uint64_t would_be, uint64_t quota);
/* What the repository's namespace takes now. */
CHECKED enum rc space_used(struct db_conn *c, int64_t repository, uint64_t *used, struct err *err);
/* After the change: E_QUOTA when it is over its quota and has grown. */
CHECKED enum rc space_check_quota(
    struct db_conn *c, const struct space *space, int64_t repository, uint64_t used_before, struct err *err);
/* Before a tag that is there is pointed at another manifest: E_TAG_FIXED. */
CHECKED enum rc space_check_move(const struct space *space, struct tag tag, struct err *err);
/* Before a tag, or a manifest with its tags, is deleted: E_UNSUPPORTED. */
CHECKED enum rc space_check_delete(
    struct db_conn *c, const struct space *space, int64_t repository, const struct reference *ref, struct err *err);

/* ---- blob.c ---- */
/* What the database says of a blob. */
struct blob_row {
	int64_t id;
	uint64_t size;
	int64_t volume;
};
/* Whether d has a row, of whatever repository. */
CHECKED enum rc blob_row_find(
    struct db_conn *c, const struct digest *d, bool *found, struct blob_row *out, struct err *err);
/* Whether it has, as far as a look can tell, its file, on a disk that is there. */
bool blob_file_is_there(struct store *st, const struct digest *d, const struct blob_row *row);
/* Of the mode of a file that a check has found damaged; it stays until the blob is pushed again. */
#define BLOB_DAMAGED S_ISVTX
/* Its file; fd -1 and OK: there is none. */
CHECKED enum rc blob_file_open(
    struct store *st, const struct digest *d, const struct blob_row *row, int *fd, struct err *err);

/* ---- manifest.c ---- */
/* The row's first columns: id, digest, media_type, size. E_CORRUPT. */
CHECKED enum rc manifest_info_columns(struct db_stmt *s, struct manifest_info *out, struct err *err);
