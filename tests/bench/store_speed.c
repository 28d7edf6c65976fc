/*
 * store_speed [DIRECTORY] [SECONDS]: how many durable pushes the store does: small blobs, images (blob, manifest, tag),
 * tags that move, with 1 and with 8 threads; and one large blob, with its final commit apart. Figures only, no verdict.
 */
#include <cove/base/clock.h>
#include <cove/base/io.h>
#include <cove/store/store.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define R ((struct repo_name){STR("bench/app")})

static struct store *st;
static atomic_bool stop;
static atomic_long next_number;

static void must(enum rc rc, const struct err *err)
{
	if (rc) {
		fprintf(stderr, "store_speed: %s\n", err->text);
		exit(1);
	}
}

static struct manifest_reference push_blob(long number)
{
	struct manifest_reference ref = {.kind = REF_BLOB, .size = 1000};
	char bytes[1000] = "";
	struct upload *u;
	struct err err;
	char id[37];

	snprintf(bytes, sizeof bytes, "blob %ld", number);
	digest_of(&ref.digest, DIGEST_SHA256, (struct str){bytes, sizeof bytes});
	must(upload_start(st, NULL, R, DIGEST_SHA256, id, &err), &err);
	must(upload_resume(st, NULL, R, str_of(id), &u, &err), &err);
	must(upload_write(u, bytes, sizeof bytes, &err), &err);
	must(upload_commit(u, NULL, &ref.digest, &err), &err);
	return ref;
}

static void put_manifest(long number, const struct manifest_reference *refs, size_t count)
{
	char bytes[64], name[32];
	struct manifest_content content = {.media_type = STR("application/vnd.oci.image.manifest.v1+json"),
	    .bytes = {bytes, (size_t)snprintf(bytes, sizeof bytes, "manifest %ld", number)},
	    .references = refs,
	    .reference_count = count};
	struct tag tag = {{name, (size_t)snprintf(name, sizeof name, "v%ld", number % 1000)}};
	struct digest d;
	struct err err;

	digest_of(&d, DIGEST_SHA256, content.bytes);
	must(manifest_put(st, NULL, R, &d, &content, &tag, 1, NULL, &err), &err);
}

static void blob(long number)
{
	push_blob(number);
}

static void image(long number)
{
	struct manifest_reference ref = push_blob(number);

	put_manifest(number, &ref, 1);
}

static void manifest(long number)
{
	put_manifest(number, NULL, 0);
}

static void found(long number)
{
	char name[32];
	struct reference ref = {.tag = {{name, (size_t)snprintf(name, sizeof name, "v%ld", number % 1000)}}};
	struct manifest_info info;
	struct err err;

	must(manifest_find(st, R, &ref, &info, &err), &err);
}

typedef void work_fn(long number);

static void *work(void *arg)
{
	work_fn *one = *(work_fn **)arg;
	long done = 0;

	for (; !atomic_load(&stop); done++)
		one(atomic_fetch_add(&next_number, 1));
	return (void *)done;
}

static void measure(const char *what, work_fn *one, int threads, long seconds)
{
	pthread_t ids[8];
	int64_t start = clock_mono_ms();
	long total = 0;

	atomic_store(&stop, false);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, &one))
			exit(1);
	sleep((unsigned)seconds);
	atomic_store(&stop, true);
	for (int i = 0; i < threads; i++) {
		void *done;

		pthread_join(ids[i], &done);
		total += (long)done;
	}
	printf("%-34s threads=%d  %8.0f per second\n", what, threads,
	    (double)total * 1000 / (double)(clock_mono_ms() - start));
}

static void measure_large(size_t mebibytes)
{
	static char block[256 * 1024];
	int64_t start = clock_mono_ms(), written, end;
	struct hasher hasher;
	struct upload *u;
	struct digest d;
	struct err err;
	char id[37];

	hasher_init(&hasher, DIGEST_SHA256);
	must(upload_start(st, NULL, R, DIGEST_SHA256, id, &err), &err);
	must(upload_resume(st, NULL, R, str_of(id), &u, &err), &err);
	for (size_t i = 0; i < mebibytes * 4; i++) {
		memcpy(block, &i, sizeof i);
		hasher_add(&hasher, block, sizeof block);
		must(upload_write(u, block, sizeof block, &err), &err);
	}
	hasher_end(&hasher, &d);
	written = clock_mono_ms();
	must(upload_commit(u, NULL, &d, &err), &err);
	end = clock_mono_ms();
	printf("one blob of %zu MiB (hashed twice): write %lld ms, commit %lld ms, in all %.0f MiB/s\n", mebibytes,
	    (long long)(written - start), (long long)(end - written), (double)mebibytes * 1000 / (double)(end - start));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *what;
		work_fn *one;
	} rows[] = {
	    {"blobs of 1000 bytes", blob},
	    {"images (blob, manifest, tag)", image},
	    {"manifests with a tag that moves", manifest},
	    {"manifests found by tag", found},
	};
	const char *path = argc > 1 ? argv[1] : "store_speed.data";
	uint64_t seconds = 3;
	struct db *db;
	struct err err;
	int dir;

	if (argc > 2 && !str_u64(str_of(argv[2]), &seconds))
		return 2;
	must(io_open_dir(AT_FDCWD, path, 0700, &dir, &err), &err);
	must(db_open(dir, "cove.db", &db, &err), &err);
	must(store_open(dir, db, &st, &err), &err);
	/* other numbers than an earlier run in the same directory */
	atomic_store(&next_number, (long)clock_wall_s() * 1000000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int threads = 1; threads <= 8; threads *= 8) {
			if (rows[i].one == found)
				for (long n = 0; n < 1000; n++)
					manifest(n);
			measure(rows[i].what, rows[i].one, threads, (long)seconds);
		}
	measure_large(512);
	store_close(st);
	db_close(db);
	io_close(&dir);
	return 0;
}
