/*
 * check: reads all blobs from the disks and compares them with their digests, and compares files with rows. For a
 * command, which can run beside a running server: one blob at a time, in bounded memory; it does not report what
 * pushes, pulls and sweeps change meanwhile as damage.
 */
#pragma once
#include <cove/store/store.h>

/* The number and size of all blobs, to show the progress of a check. */
CHECKED enum rc store_count_blobs(struct store *st, uint64_t *blobs, uint64_t *bytes, struct err *err);

struct checked_blob {
	struct digest digest;
	uint64_t size;
	const char *problem; /* NULL: undamaged */
	const char *file;    /* of a problem: its path, in the data directory or from / */
};
typedef enum rc checked_fn(void *ctx, const struct checked_blob *b, struct err *err);
/* Called for each blob after it was read. Another code than OK ends the check. */
CHECKED enum rc store_check_blobs(struct store *st, checked_fn *each, void *ctx, struct err *err);
/* Lists what needs the blob: "team/app:v1" for a tag that refers to it, also through an index; "team/app" for a
 * repository that has it without a tag. */
CHECKED enum rc blob_needed_by(struct store *st, const struct digest *d, list_fn *each, void *ctx, struct err *err);

/* Removes blob files that no row refers to, from the next `folders` folders of the disks (STRAY_FOLDERS are all folders
 * of one disk), if they were written after the database was created and more than `grace_s` ago. Called like
 * store_sweep(). */
#define STRAY_FOLDERS 512
CHECKED enum rc store_remove_strays(
    struct store *st, int64_t grace_s, unsigned folders, size_t *removed, struct err *err);
