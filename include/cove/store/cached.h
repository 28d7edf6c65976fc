/*
 * cached: what a proxy's repositories need of the store beyond what pushes need: when the upstream was asked last,
 * which blobs were pulled last, and letting go of the others. Any thread; blocks on the database.
 */
#pragma once
#include <cove/store/store.h>

/* When the upstream last said where the tag points (seconds since the epoch); 0: never, or there is no such tag. */
CHECKED enum rc tag_checked(struct store *st, struct repo_name repo, struct tag tag, int64_t *at, struct err *err);
/* Not waited for on the disk: what is lost costs a question. */
CHECKED enum rc tag_set_checked(struct store *st, struct repo_name repo, struct tag tag, int64_t at, struct err *err);
/* Is the blob here, with its file, after it was fetched for that namespace from the upstream that it has now? What
 * other namespaces have does not count: an upstream's word must not give anybody what somebody else keeps here. */
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
/* So many bytes will come: room for them is taken now, and a little is left to what must be written always.
 * E_DISK_FULL.
 */
CHECKED enum rc upload_expect(struct upload *u, uint64_t size, struct err *err);
/* The file of a session that is open for writing, for reading it while it grows: the caller's fd. */
CHECKED enum rc upload_open_reader(const struct upload *u, int *fd, struct err *err);
