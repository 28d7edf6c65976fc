/*
 * check: all blobs against their digests, read from the disks, and files against rows. For a command, beside a running
 * server too: a blob at a time, in bounded memory; what pushes, pulls and sweeps do meanwhile is no damage.
 */
#pragma once
#include <cove/store/store.h>

/* How many blobs there are and what they take, to show how far a check is. */
CHECKED enum rc store_count_blobs(struct store *st, uint64_t *blobs, uint64_t *bytes, struct err *err);

struct checked_blob {
	struct digest digest;
	uint64_t size;
	const char *problem; /* NULL: it is as it was pushed */
	const char *file;    /* of a problem: its path, in the data directory or from / */
};
typedef enum rc checked_fn(void *ctx, const struct checked_blob *b, struct err *err);
/* Each blob, once it has been read. Another code than OK ends it. */
CHECKED enum rc store_check_blobs(struct store *st, checked_fn *each, void *ctx, struct err *err);
/* Who needs the blob: "team/app:v1" for a tag that leads to it, also through an index; "team/app" for a repository that
 * has it under no tag. */
CHECKED enum rc blob_needed_by(struct store *st, const struct digest *d, list_fn *each, void *ctx, struct err *err);

/* Removes files of blobs that no row leads to, from the next so many folders of the disks (STRAY_FOLDERS are all of
 * one), when they were written after the database was begun and `grace_s` ago. As store_sweep(). */
#define STRAY_FOLDERS 512
CHECKED enum rc store_remove_strays(
    struct store *st, int64_t grace_s, unsigned folders, size_t *removed, struct err *err);
