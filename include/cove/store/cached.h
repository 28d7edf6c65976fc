/*
 * cached: what proxies need from the store in addition: when the upstream was asked last, which blobs were pulled last,
 * and the eviction of the others. Any thread; blocks on the database.
 */
#pragma once
#include <cove/store/store.h>

/* When the upstream last confirmed the tag (seconds since the epoch); 0: never, or the tag does not exist. */
CHECKED enum rc tag_checked(struct store *st, struct repo_name repo, struct tag tag, int64_t *at, struct err *err);
/* Does not wait for the disk: if it is lost, the upstream is asked once more. */
CHECKED enum rc tag_set_checked(struct store *st, struct repo_name repo, struct tag tag, int64_t at, struct err *err);
/* Whether the blob is stored, with its file, after it was fetched for that namespace from its current upstream. Blobs
 * of other namespaces do not count: an upstream must not be able to give its clients content that others store here. */
CHECKED enum rc blob_is_proven(
    struct store *st, int64_t namespace_id, const struct digest *d, bool *proven, struct err *err);
/* Links such a blob into another repository of the space's namespace, which the caller knows to have it.
 * E_BLOB_UNKNOWN when there is none. */
CHECKED enum rc blob_link_proven(
    struct store *st, const struct space *space, struct repo_name repo, const struct digest *d, struct err *err);
/* The size that the repository's manifests give the content, when they agree. */
CHECKED enum rc blob_size_named(
    struct store *st, struct repo_name repo, const struct digest *d, bool *named, uint64_t *size, struct err *err);
/* The blob was pulled from that repository's namespace. Kept in memory, and written by the hundred, at an eviction and
 * at the end, at most once in ten minutes for each: what is lost makes a blob look older than it is. */
CHECKED enum rc blob_touch(struct store *st, struct repo_name repo, const struct digest *d, struct err *err);
/* Unlinks the blobs of a namespace that were not pulled for the longest time, at most `max`, until it takes no more
 * than `target_bytes`. Blobs that were pulled in the last ten minutes stay. *freed counts them; 0: nothing left to do.
 */
CHECKED enum rc blob_evict(
    struct store *st, int64_t namespace_id, uint64_t target_bytes, unsigned max, unsigned *freed, struct err *err);
/* Announces the number of bytes to come and reserves room for them; a little space always remains for essential writes.
 * E_DISK_FULL. */
CHECKED enum rc upload_expect(struct upload *u, uint64_t size, struct err *err);
/* Opens the file of a session that is being written, to read it while it grows. The caller owns the fd. */
CHECKED enum rc upload_open_reader(const struct upload *u, int *fd, struct err *err);
