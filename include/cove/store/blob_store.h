/*
 * blob_store: directories outside of the data directory, usually on other disks, where namespaces can store their
 * blobs. A blob is in only one of them, however many repositories link to it. Each has a marker file, so that a mount
 * point whose disk is missing is not mistaken for an empty blob store and not filled. For commands, which can run
 * beside a running server; the server sees changes at once.
 */
#pragma once
#include <cove/db/db.h>
#include <cove/base/str.h>

#define BLOB_STORE_NAME_MAX 63
#define BLOB_STORE_PATH_MAX 255

/* The directory must exist. E_USAGE with a sentence, E_EXISTS. */
CHECKED enum rc blob_store_add(struct db *db, struct str name, struct str path, struct err *err);
/* E_NOT_FOUND; E_USAGE when it holds blobs or a namespace uses it. Its disk may be missing. */
CHECKED enum rc blob_store_remove(struct db *db, struct str name, struct err *err);

struct blob_store {
	struct str name, path;
	uint64_t blobs, bytes;
	struct str failure; /* why it cannot be used now; empty: it can be used */
	uint64_t free_bytes;
};
/* In the order in which they were added. The data is borrowed during the call. */
typedef enum rc blob_store_fn(void *ctx, const struct blob_store *b, struct err *err);
CHECKED enum rc blob_store_list(struct db *db, blob_store_fn *each, void *ctx, struct err *err);
