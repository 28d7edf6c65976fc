/*
 * blob_store: directories beside the data directory, mostly on disks of their own, where namespaces may keep their
 * blobs. A blob lies in one of them however many repositories link to it. Each has a marker file, so that a mount point
 * whose disk is missing is neither taken for empty nor filled. For commands, beside a running server too, which sees
 * changes at once.
 */
#pragma once
#include <cove/db/db.h>
#include <cove/base/str.h>

#define BLOB_STORE_NAME_MAX 63
#define BLOB_STORE_PATH_MAX 255

/* The directory must be there. E_USAGE with a sentence, E_EXISTS. */
CHECKED enum rc blob_store_add(struct db *db, struct str name, struct str path, struct err *err);
/* E_NOT_FOUND; E_USAGE when blobs lie in it or a namespace is to use it. Its disk need not be there. */
CHECKED enum rc blob_store_remove(struct db *db, struct str name, struct err *err);

struct blob_store {
	struct str name, path;
	uint64_t blobs, bytes;
	struct str failure; /* why it cannot be used now; empty: it can */
	uint64_t free_bytes;
};
/* In the order in which they were added. All is borrowed during the call. */
typedef enum rc blob_store_fn(void *ctx, const struct blob_store *b, struct err *err);
CHECKED enum rc blob_store_list(struct db *db, blob_store_fn *each, void *ctx, struct err *err);
