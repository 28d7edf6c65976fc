/*
 * store: repositories, blobs, upload sessions, manifests, tags: the only module that knows the disk layout
 * (store/layout.h draws it). A blob is one file however many repositories link to it; a repository sees a blob only
 * through its link. A file is created in this order: write, fsync, rename, fsync of the directory, THEN the database
 * row. What returned OK survives a power cut, and a start never needs a repair.
 *
 * All functions block on disk and database, may be called from any thread, and take typed names. The caller keeps the
 * database.
 */
#pragma once
#include <cove/db/db.h>
#include <cove/store/name.h>
#include <cove/store/space.h>

struct store;

/* Creates blobs/ and uploads/ if they are missing. A crash needs no repair: it can only leave upload sessions, which
 * clients resume or which expire, and blob files without a row, which the next push of that digest replaces. */
CHECKED enum rc store_open(int dirfd, struct db *db, struct store **out, struct err *err);
void store_close(struct store *st);
/* For a start on a full disk: removes all upload sessions. False: there were none to remove. */
bool store_give_back(int dirfd);
/* Removes upload sessions that are not open and had no write for `idle_s` seconds, and counts the others for the
 * limits. app/ calls it at the start and then from time to time. */
CHECKED enum rc store_expire_uploads(struct store *st, int64_t idle_s, struct err *err);
/* Removes the files of blobs that no repository uses any more, at most `max` of them, in small steps; pushes and pulls
 * continue meanwhile. One thread at a time calls it, from time to time. */
struct sweep_grace {
	int64_t unlinked_s; /* how long a blob stays after its last link is gone; not in the hour after E_DISK_FULL */
	int64_t evicted_s;  /* likewise, after a cache has evicted it */
};
CHECKED enum rc store_sweep(
    struct store *st, const struct sweep_grace *grace, size_t max, size_t *removed, struct err *err);
/* Writes and syncs a probe file, and checks that the database accepts writes: for /readyz. */
CHECKED enum rc store_probe(struct store *st, struct err *err);

/* ---- blobs (end-2, end-10, end-11) ---- */

/* E_BLOB_UNKNOWN when the repository has no link to it. */
CHECKED enum rc blob_stat(
    struct store *st, struct repo_name repo, const struct digest *d, uint64_t *size, struct err *err);
/* Like blob_stat, and opens it: the caller owns *fd. E_CORRUPT when the file is missing or has another size, E_IO when
 * the disk of its blob store is missing. */
CHECKED enum rc blob_open(
    struct store *st, struct repo_name repo, const struct digest *d, int *fd, uint64_t *size, struct err *err);
/* Links `d`, which `from` must have, into `to` (created if it is new). E_BLOB_UNKNOWN when `from` does not have it. */
CHECKED enum rc blob_mount(struct store *st, const struct space *space, struct repo_name to, struct repo_name from,
    const struct digest *d, struct err *err);
/* Removes the link: this repository no longer has the blob. E_BLOB_UNKNOWN without a link, E_UNSUPPORTED with a
 * sentence when a manifest of the repository still needs it. */
CHECKED enum rc blob_delete(struct store *st, struct repo_name repo, const struct digest *d, struct err *err);
/* The repositories (at most max, names copied into the arena) that link to d, those after *after (0: from the first),
 * which is updated: for a mount without `from`. */
struct arena;
CHECKED enum rc blob_repositories(struct store *st, const struct digest *d, int64_t *after, struct arena *a,
    struct repo_name *out, size_t max, size_t *count, struct err *err);

/* ---- upload sessions (end-4 to end-6, end-13, end-14) ----
 *
 *   upload_start -> [upload_resume -> upload_write* -> upload_pause]* -> upload_resume -> upload_write* -+
 *                                       upload_commit | upload_pause, later upload_cancel <---------------+
 *
 * The session is one file, named after its UUID and repository; its size is the progress, it outlives the process. At
 * most one struct upload per session exists at a time (E_UPLOAD_BUSY); one thread at a time uses it. The running hash
 * is kept in memory between requests (of the sessions used last) and computed again from the file where it is missing.
 */
struct upload;

/* A new session, on the disk of the space's blob store; id is its UUID. `algorithm` is the one that the commit will
 * probably use: with another one, the commit reads the file again. The repository is created at the commit, not here.
 * E_QUOTA when the quota is used up. When the user has too many sessions, the least recently used one is removed. */
CHECKED enum rc upload_start(struct store *st, const struct space *space, struct repo_name repo,
    enum digest_algorithm algorithm, char id[static 37], struct err *err);
/* Opens a session of this repository for writing. E_UPLOAD_UNKNOWN, E_UPLOAD_BUSY. */
CHECKED enum rc upload_resume(struct store *st, const struct space *space, struct repo_name repo, struct str id,
    struct upload **out, struct err *err);
/* Bytes received so far; does not open it. */
CHECKED enum rc upload_size(struct store *st, struct repo_name repo, struct str id, uint64_t *size, struct err *err);
uint64_t upload_offset(const struct upload *u);
const char *upload_id(const struct upload *u);
/* Appends. After a failure, the offset of the session is the size of its file; after E_QUOTA and E_DISK_FULL,
 * upload_pause() removes the session to free its bytes. */
CHECKED enum rc upload_write(struct upload *u, const void *p, size_t n, struct err *err);
/* The client does not learn of this session (a POST with the whole blob): upload_pause() removes it. */
void upload_set_one_shot(struct upload *u);
/* Closes the session and keeps its bytes (they are only in the page cache: the progress may be lost). */
void upload_pause(struct upload *u);
/* If the content matches `want`, the blob is stored, durable and linked. Otherwise E_DIGEST_INVALID, and the session is
 * removed, as after E_QUOTA and E_DISK_FULL. After other failures the session stays, as after upload_pause (except
 * after a failed sync of the database, which needs a restart). A damaged file of that digest is replaced. u is always
 * freed. */
CHECKED enum rc upload_commit(struct upload *u, const struct space *space, const struct digest *want, struct err *err);
/* Removes the session. E_UPLOAD_UNKNOWN, E_UPLOAD_BUSY. */
CHECKED enum rc upload_cancel(struct store *st, struct repo_name repo, struct str id, struct err *err);

/* ---- manifests (end-3, end-7, end-9, end-12) ---- */

#define MANIFEST_MAX (4u * 1024 * 1024)
#define MEDIA_TYPE_MAX 255

struct manifest_info {
	struct digest digest;
	char media_type[MEDIA_TYPE_MAX + 1];
	uint64_t size;
	int64_t id; /* for manifest_read */
};

/* The parsed content of a manifest, from manifest_parse(), which is stored as rows. */
enum reference_kind { REF_BLOB, REF_MANIFEST, REF_OPTIONAL /* may be missing: foreign layers */ };
struct manifest_reference {
	struct digest digest;
	uint64_t size;
	enum reference_kind kind;
	struct str media_type; /* REF_MANIFEST: the media type of its push; empty: not checked */
};
struct manifest_content {
	struct str bytes;      /* exactly as received */
	struct str media_type; /* as it will be served */
	const struct manifest_reference *references;
	size_t reference_count;
	bool has_subject;
	struct digest subject;
	struct str artifact_type; /* for referrers; may be empty */
	struct str annotations;   /* the JSON object as text, kept only with a subject; may be empty */
	bool sparse;              /* content that it refers to may be missing; existing content must still match, */
	bool wrong_descriptors;   /* except with this */
};

/* Stores the bytes under `d` (the caller has verified this digest) and points the tags (may be none) at them, in one
 * transaction. If the manifest already exists, only the tags change, even if the media type differs. Every REF_BLOB
 * must be linked in the repository, and every REF_MANIFEST must exist: otherwise E_MANIFEST_BLOB_UNKNOWN, and *missing
 * (if not NULL) gets the first missing ones. Size and media type must match the descriptor: otherwise
 * E_MANIFEST_INVALID. */
struct missing {
	struct digest *digests; /* the caller's */
	size_t room;
	size_t count; /* the number of all missing digests, including those that did not fit */
};
CHECKED enum rc manifest_put(struct store *st, const struct space *space, struct repo_name repo, const struct digest *d,
    const struct manifest_content *content, const struct tag *tags, size_t tag_count, struct missing *missing,
    struct err *err);
/* Finds a manifest; enough for HEAD. E_MANIFEST_UNKNOWN; E_NAME_UNKNOWN when the repository does not exist. */
CHECKED enum rc manifest_find(
    struct store *st, struct repo_name repo, const struct reference *ref, struct manifest_info *out, struct err *err);
/* The bytes of a found manifest into the arena. E_BUSY: they do not fit; E_MANIFEST_UNKNOWN: it was deleted
 * meanwhile. */
CHECKED enum rc manifest_read(
    struct store *st, const struct manifest_info *m, struct arena *a, struct str *bytes, struct err *err);
/* Removes a tag, or a manifest with all its tags: E_UNSUPPORTED, with a sentence, while an index of the repository
 * needs it. */
CHECKED enum rc manifest_delete(
    struct store *st, const struct space *space, struct repo_name repo, const struct reference *ref, struct err *err);
/* Whether the registry has a repository of that name. */
CHECKED enum rc repository_is_here(struct store *st, struct repo_name repo, bool *exists, struct err *err);
/* Whether it has a tag that names an image. Tags of signatures and lists of referrers (sha256-<hex>, with or without
 * .sig and the like) do not count. */
CHECKED enum rc repository_has_named(struct store *st, struct repo_name repo, bool *has, struct err *err);

/* ---- lists (end-8, catalog, referrers) ---- */

/* Gives up to `max` tags after `last` (STR_NONE: from the start), in bytewise order, through `each`, and tells whether
 * more follow. `each` must not call back into the store; returning an error ends the walk. E_NAME_UNKNOWN when the
 * repository does not exist. */
typedef enum rc list_fn(void *ctx, struct str entry, struct err *err);
CHECKED enum rc tag_list(struct store *st, struct repo_name repo, struct str last, uint64_t max, list_fn *each,
    void *ctx, bool *more, struct err *err);

struct repository {
	int64_t id;
	size_t n;
	char name[REPO_NAME_MAX +
		  1]; /* n bytes and a NUL: n + 1 bytes, with the NUL, are the position right after the name */
};
/* The first repository whose name is `from` or follows it in byte order. A caller that walks through all repositories
 * can skip ranges. */
CHECKED enum rc repository_seek(
    struct store *st, struct str from, bool *found, struct repository *out, struct err *err);
CHECKED enum rc repository_by_id(struct store *st, int64_t id, bool *found, struct repository *out, struct err *err);

struct referrer {
	struct manifest_info manifest;
	struct str artifact_type; /* borrowed during the call */
	struct str annotations;   /* JSON object or empty */
};
typedef enum rc referrer_fn(void *ctx, const struct referrer *r, struct err *err);
/* Manifests of the repository whose subject is d, oldest first, after the manifest id `after` (0: all); artifact_type
 * filters unless empty. An empty list is not an error. */
CHECKED enum rc referrer_list(struct store *st, struct repo_name repo, const struct digest *d, struct str artifact_type,
    int64_t after, uint64_t max, referrer_fn *each, void *ctx, bool *more, struct err *err);
/* Completes a digest of which only the first SUBJECT_PREFIX bytes are known, from the subject of a manifest of the
 * repository; without one, it stays as it is. */
#define SUBJECT_PREFIX 32
CHECKED enum rc subject_complete(struct store *st, struct repo_name repo, struct digest *d, struct err *err);
