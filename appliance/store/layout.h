/*
 * layout: where things lie in the data directory, and what the files of store/ share.
 *
 *   blobs/sha256/ab/<64 hex>      immutable; ab are the first two digits
 *   blobs/sha512/ab/<128 hex>
 *   uploads/<uuid>.<32 hex>       an upload session; the hex is the start of SHA-256(repository)
 *   uploads/.probe                written by store_probe
 *
 * Everything that an upload session must know after a restart is in its file: the name ties it to its repository, the
 * size is the progress. So a session costs one new name on the disk and no sync, and is there after kill -9; a power
 * cut may take it, which breaks no promise. The digest's algorithm need not be known before the commit.
 */
#pragma once
#include <cove/store.h>
#include <pthread.h>
#include <stdatomic.h>

#define BLOB_PATH_MAX 160
#define UPLOAD_ID_SIZE 36
#define UPLOAD_NAME_MAX (UPLOAD_ID_SIZE + 1 + 32 + 1)

/* A session that is open for writing. */
struct upload {
	struct store *store;
	struct upload *next; /* in store->open */
	char id[UPLOAD_ID_SIZE + 1];
	char name[UPLOAD_NAME_MAX]; /* in uploads/ */
	char repository[REPO_NAME_MAX + 1];
	int fd;
	uint64_t offset;       /* the file's size */
	uint64_t written_back; /* up to here the kernel was asked to start writing */
	bool hashed;           /* the hasher has seen bytes 0 to offset */
	struct hasher hasher;
};

/* The running hash of a session between two requests. */
struct parked {
	char id[UPLOAD_ID_SIZE + 1]; /* empty: free */
	uint64_t offset;
	uint64_t used; /* the clock of the table when it was parked; the smallest goes first */
	struct hasher hasher;
};

/* Beyond so many the file is read again at the commit: a bound on memory, at some 90 KiB. */
#define PARKED_MAX 256

/* A digest that a thread is storing. On that thread's stack. */
struct claim {
	struct digest digest;
	struct claim *next;
};

struct store {
	struct db *db;
	int dirfd;
	int uploads;                    /* fd of uploads/ */
	atomic_bool shard_made[2][256]; /* the shard directory and its entry are known to be on disk */

	pthread_mutex_t sessions_mutex; /* guards open, parked, parked_clock; nothing is locked inside */
	struct upload *open;
	struct parked parked[PARKED_MAX];
	uint64_t parked_clock;

	pthread_mutex_t claims_mutex;
	pthread_cond_t claim_ended;
	struct claim *claims;
};

/* ---- layout.c ---- */
void blob_path(char out[static BLOB_PATH_MAX], const struct digest *d);
/* The directory that d's file belongs in, made durable before it is handed out. *fd is the caller's. */
CHECKED enum rc shard_open(struct store *st, const struct digest *d, int *fd, struct err *err);
/* E_UPLOAD_UNKNOWN when the id is not a UUID. */
CHECKED enum rc upload_name(struct repo_name repo, struct str id, char out[static UPLOAD_NAME_MAX], struct err *err);

/* ---- sessions.c ---- */
/* Enters u as open and takes the running hash, if one is parked, into it. E_UPLOAD_BUSY. */
CHECKED enum rc session_enter(struct store *st, struct upload *u, uint64_t *hashed_bytes, struct err *err);
/* Takes u out; its hash is parked when keep_hash is set. */
void session_leave(struct store *st, struct upload *u, bool keep_hash);
/* Parks the hash of a session that nobody has opened yet. */
void session_park(struct store *st, const char *id, uint64_t offset, const struct hasher *hasher);
/* Removes the file of a session that is not open. E_UPLOAD_BUSY, E_UPLOAD_UNKNOWN. */
CHECKED enum rc session_remove(struct store *st, const char *name, struct err *err);

/* ---- rows.c ---- */
static inline struct str digest_bytes(const struct digest *d)
{
	return (struct str){(const char *)d->bytes, digest_size(d->algorithm)};
}
/* The digest in a column. E_CORRUPT. */
CHECKED enum rc digest_column(struct db_stmt *s, int column, struct digest *out, struct err *err);
/* E_NAME_UNKNOWN. */
CHECKED enum rc repository_find(struct db_conn *c, struct repo_name repo, int64_t *id, struct err *err);
/* Finds it or makes it, inside a transaction. */
CHECKED enum rc repository_make(struct db_conn *c, struct repo_name repo, int64_t *id, struct err *err);
/* Links a stored blob, with its row if it has none yet, inside a transaction. */
CHECKED enum rc blob_link(
    struct db_conn *c, int64_t repository, const struct digest *d, uint64_t size, struct err *err);
/* Commits when rc is OK, else rolls back. Returns rc, or the commit's failure. */
CHECKED enum rc end_transaction(struct db_conn *c, enum rc rc, struct err *err);
/* One more than asked for, to know whether there are more. */
int64_t page_limit(uint64_t max);

/* ---- space.c ---- */
/* What the repository's namespace takes now. */
CHECKED enum rc space_used(struct db_conn *c, int64_t repository, uint64_t *used, struct err *err);
/* After the change: E_QUOTA when it is over its quota and has grown. */
CHECKED enum rc space_check_quota(
    struct db_conn *c, const struct space *space, int64_t repository, uint64_t used_before, struct err *err);
/* Before a tag that is there is pointed at another manifest: E_TAG_FIXED. */
CHECKED enum rc space_check_move(const struct space *space, struct tag tag, struct err *err);
/* Before a tag, or a manifest with its tags, is deleted: E_TAG_FIXED. */
CHECKED enum rc space_check_delete(
    struct db_conn *c, const struct space *space, int64_t repository, const struct reference *ref, struct err *err);

/* ---- blob.c ---- */
/* Whether d has a row, and of what size; of any repository. */
CHECKED enum rc blob_row(struct db_conn *c, const struct digest *d, bool *found, uint64_t *size, struct err *err);

/* ---- manifest.c ---- */
/* The row's first columns: id, digest, media_type, size. E_CORRUPT. */
CHECKED enum rc manifest_info_columns(struct db_stmt *s, struct manifest_info *out, struct err *err);
