/* cove check --blobs: reads all blobs, and names those that are damaged and the images that need them. */
#include "commands.h"
#include <cove/base/clock.h>
#include <cove/store/check.h>
#include <stdio.h>
#include <unistd.h>

#define PROGRESS_EVERY_MS 2000
#define MIB (UINT64_C(1) << 20)

struct progress {
	struct store *store;
	uint64_t blobs, bytes, all_blobs, all_bytes, damaged;
	int64_t shown_at_ms;
};

static enum rc print_user(void *ctx, struct str entry, struct err *err)
{
	(void)ctx, (void)err;
	printf("    %.*s\n", STR_ARG(entry));
	return OK;
}

static enum rc report(struct progress *p, const struct checked_blob *b, struct err *err)
{
	char text[DIGEST_TEXT_MAX];

	p->damaged++;
	digest_text(text, &b->digest);
	printf("%s: %s (%s)\n", text, b->problem, b->file);
	TRY(blob_needed_by(p->store, &b->digest, print_user, NULL, err));
	fflush(stdout);
	return OK;
}

/* On a terminal how far it is, beside what is found. */
static void show(struct progress *p)
{
	if (!isatty(STDERR_FILENO) || clock_mono_ms() - p->shown_at_ms < PROGRESS_EVERY_MS)
		return;
	p->shown_at_ms = clock_mono_ms();
	fprintf(stderr, "%llu of %llu blobs, %llu of %llu MiB\n", (unsigned long long)p->blobs,
	    (unsigned long long)p->all_blobs, (unsigned long long)(p->bytes / MIB),
	    (unsigned long long)(p->all_bytes / MIB));
}

static enum rc see(void *ctx, const struct checked_blob *b, struct err *err)
{
	struct progress *p = ctx;

	p->blobs++;
	p->bytes += b->size;
	show(p);
	return b->problem ? report(p, b, err) : OK;
}

static enum rc conclude(const struct progress *p, struct err *err)
{
	if (!p->damaged) {
		printf("All %llu blobs (%llu MiB) are undamaged.\n", (unsigned long long)p->blobs,
		    (unsigned long long)(p->bytes / MIB));
		return OK;
	}
	return fail(err, E_CORRUPT,
	    "%llu of %llu blobs are damaged: check the disk (dmesg, its SMART values). Then push the images named "
	    "above again from a machine that has them: this replaces the damaged blobs. A proxy fetches them again at "
	    "the "
	    "next pull",
	    (unsigned long long)p->damaged, (unsigned long long)p->blobs);
}

enum rc check_blobs(const struct config *config, struct err *err)
{
	struct progress p = {.shown_at_ms = clock_mono_ms()};
	struct app_data data;
	enum rc rc;

	TRY(app_data_open(config, &data, err));
	rc = store_open(data.dirfd, data.db, &p.store, err);
	if (!rc)
		rc = store_count_blobs(p.store, &p.all_blobs, &p.all_bytes, err);
	if (!rc)
		rc = store_check_blobs(p.store, see, &p, err);
	if (p.store)
		store_close(p.store);
	app_data_close(&data);
	return rc ? rc : conclude(&p, err);
}
