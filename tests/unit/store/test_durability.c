/* What was acknowledged is there: after kill -9, with many threads, and when the disk is full. */
#include "fixture.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>

#define R REPO("team/app")

enum { THREADS = 8, PER_THREAD = 25 };

/* Content number n of its maker: its length differs too. */
static struct str content_of(char text[static 64], int64_t maker, int64_t n)
{
	return (struct str){text, (size_t)snprintf(text, 64, "blob %lld of %lld %.*s", (long long)n, (long long)maker,
				      (int)(n % 20), "--------------------")};
}

/* Pushes a blob, a manifest that needs it, and a tag: the whole of what a client does. */
static enum rc push_image(struct store *st, struct repo_name repo, int64_t maker, int64_t n, struct err *err)
{
	char text[64], manifest[80], name[32];
	struct str blob = content_of(text, maker, n);
	struct manifest_reference ref = {.digest = sha256(blob), .size = blob.n, .kind = REF_BLOB};
	struct str bytes = {manifest, (size_t)snprintf(manifest, sizeof manifest, "manifest of %s", text)};
	struct manifest_content content = {
	    .bytes = bytes, .media_type = STR("t"), .references = &ref, .reference_count = 1};
	struct tag tag = {{name, (size_t)snprintf(name, sizeof name, "%lld-%lld", (long long)maker, (long long)n)}};
	struct digest d = sha256(bytes);

	TRY(push(st, repo, blob, &ref.digest, err));
	return manifest_put(st, NULL, repo, &d, &content, &tag, 1, NULL, err);
}

static void assert_image(struct place *p, struct repo_name repo, int64_t maker, int64_t n)
{
	char text[64], manifest[80], name[32];
	struct str blob = content_of(text, maker, n), bytes;
	struct digest d = sha256(blob);
	struct reference ref = {.tag = {{name, 0}}};
	struct manifest_info info;

	ref.tag.s.n = (size_t)snprintf(name, sizeof name, "%lld-%lld", (long long)maker, (long long)n);
	assert_blob(p->st, repo, &d, blob);
	assert_int_equal(manifest_find(p->st, repo, &ref, &info, &p->err), OK);
	arena_reset(&p->arena);
	assert_int_equal(manifest_read(p->st, &info, &p->arena, &bytes, &p->err), OK);
	snprintf(manifest, sizeof manifest, "manifest of %s", text);
	assert_true(str_eq(bytes, str_of(manifest)));
}

/* The child: pushes for ever, and says each image's number once it is acknowledged. */
static void push_and_say(struct place *p, int64_t maker, int fd)
{
	struct err err;

	if (db_open(p->dir, "cove.db", &p->db, &err) || store_open(p->dir, p->db, &p->st, &err))
		_exit(1);
	for (int64_t n = 0;; n++)
		if (push_image(p->st, R, maker, n, &err) || io_write_all(fd, &n, sizeof n, &err))
			_exit(1);
}

static int64_t kill_after(struct place *p, int64_t maker, int acknowledgements)
{
	int64_t n, last = -1;
	int fds[2];
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		push_and_say(p, maker, fds[1]);
	close(fds[1]);
	while (acknowledgements-- > 0) {
		assert_int_equal(read(fds[0], &n, sizeof n), sizeof n);
		last = n;
	}
	/* in the middle of whatever it does */
	nanosleep(&(struct timespec){.tv_nsec = 137000 * (maker % 7)}, NULL);
	kill(child, SIGKILL);
	while (read(fds[0], &n, sizeof n) == sizeof n)
		last = n;
	close(fds[0]);
	waitpid(child, NULL, 0);
	return last;
}

static void acknowledged_pushes_survive_a_kill(void **state)
{
	enum { ROUNDS = 12 };
	struct place *p = *state;
	int64_t last[ROUNDS];

	place_close(p);
	for (int64_t round = 0; round < ROUNDS; round++)
		last[round] = kill_after(p, round, 2 + (int)round);
	place_open(p);
	for (int64_t round = 0; round < ROUNDS; round++)
		for (int64_t n = 0; n <= last[round]; n++)
			assert_image(p, R, round, n);
	/* what was under way can be pushed again */
	for (int64_t round = 0; round < ROUNDS; round++) {
		assert_int_equal(push_image(p->st, R, round, last[round] + 1, &p->err), OK);
		assert_image(p, R, round, last[round] + 1);
	}
}

static void a_session_survives_a_kill(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(STR("hello world"));
	char id[37];
	int fds[2];
	pid_t child;

	place_close(p);
	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct upload *u;

		if (db_open(p->dir, "cove.db", &p->db, NULL) || store_open(p->dir, p->db, &p->st, NULL) ||
		    upload_start(p->st, NULL, R, DIGEST_SHA256, id, NULL) ||
		    upload_resume(p->st, NULL, R, str_of(id), &u, NULL) || upload_write(u, "hello ", 6, NULL) ||
		    io_write_all(fds[1], id, sizeof id, NULL))
			_exit(1);
		raise(SIGKILL);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], id, sizeof id), sizeof id);
	close(fds[0]);
	waitpid(child, NULL, 0);
	place_open(p);
	struct upload *u;
	assert_int_equal(upload_resume(p->st, NULL, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_offset(u), 6);
	assert_int_equal(upload_write(u, "world", 5, &p->err), OK);
	assert_int_equal(upload_commit(u, NULL, &d, &p->err), OK);
	assert_blob(p->st, R, &d, STR("hello world"));
}

struct worker {
	struct place *p;
	int64_t number;
	pthread_t thread;
};

/* Own images, and the same blob as everybody else at the same time. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct err err = {.text = ""};
	struct tag shared = {STR("shared")};
	struct manifest_content content = {.media_type = STR("t")};

	for (int64_t n = 0; n < PER_THREAD; n++) {
		char text[64];
		struct str common = content_of(text, -1, n);
		struct digest d = sha256(common);

		if (push(w->p->st, w->number % 2 ? R : REPO("other"), common, &d, &err) ||
		    push_image(w->p->st, R, w->number, n, &err))
			fail_msg("%s", err.text);
		content.bytes = common;
		if (manifest_put(w->p->st, NULL, R, &d, &content, &shared, 1, NULL, &err))
			fail_msg("%s", err.text);
	}
	return NULL;
}

static void threads_push_side_by_side(void **state)
{
	struct place *p = *state;
	struct worker workers[THREADS];

	for (int64_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.p = p, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (int64_t i = 0; i < THREADS; i++)
		for (int64_t n = 0; n < PER_THREAD; n++)
			assert_image(p, R, i, n);
	for (int64_t n = 0; n < PER_THREAD; n++) {
		char text[64];
		struct str common = content_of(text, -1, n);
		struct digest d = sha256(common);

		assert_blob(p->st, R, &d, common);
		assert_blob(p->st, REPO("other"), &d, common);
	}
	assert_int_equal(entries(p, "uploads"), 0);
	assert_null(p->st->sessions.open);
	assert_int_equal(p->st->sessions.count, 0);
	assert_null(p->st->claims);
}

/* A data directory on a tmpfs of its own. */
static void small_disk(struct place *p, struct place *small, const char *size)
{
	char options[32];

	*small = (struct place){.dir = -1};
	snprintf(small->path, sizeof small->path, "%.50s/small", p->path);
	snprintf(options, sizeof options, "size=%s", size);
	assert_int_equal(mkdir(small->path, 0700), 0);
	if (mount("tmpfs", small->path, "tmpfs", 0, options))
		fail_msg("this test mounts a tmpfs: run it as root (errno %d)", errno);
	small->dir = open(small->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arena_init(&small->arena, 1 << 20);
	place_open(small);
}

static void end_small_disk(struct place *small)
{
	place_close(small);
	arena_release(&small->arena);
	io_close(&small->dir);
	assert_int_equal(umount(small->path), 0);
}

static void a_full_disk_gives_the_bytes_back(void **state)
{
	static char block[65536];
	struct place *p = *state, small;
	struct digest kept;
	struct upload *u;
	uint64_t size;
	enum rc rc = OK;
	char id[37];

	small_disk(p, &small, "2m");
	kept = push_ok(&small, R, STR("kept"));
	memset(block, 'x', sizeof block);
	assert_int_equal(upload_start(small.st, NULL, R, DIGEST_SHA256, id, &small.err), OK);
	assert_int_equal(upload_resume(small.st, NULL, R, str_of(id), &u, &small.err), OK);
	while (!rc)
		rc = upload_write(u, block, sizeof block, &small.err);
	assert_int_equal(rc, E_DISK_FULL);
	assert_blob(small.st, R, &kept, STR("kept")); /* reading goes on */
	assert_true(upload_offset(u) > 0);
	upload_pause(u);
	assert_int_equal(entries(&small, "uploads"), 0);
	assert_int_equal(upload_size(small.st, R, str_of(id), &size, &small.err), E_UPLOAD_UNKNOWN);
	assert_int_equal(small.st->sessions.count, 0);
	/* at once there is room for what fits, and for an upload of what was left */
	push_ok(&small, R, (struct str){block, sizeof block});
	end_small_disk(&small);
}

/* Pushes until the disk is full: somewhere in file, directory or database. What was acknowledged is there, what was
 * not leaves nothing, and goes through once there is room. */
static void a_full_disk_at_any_step(void **state)
{
	struct place *p = *state, small;

	for (int64_t step = 0; step < 8; step++) {
		char options[32], id[37] = "", text[64], filler[4096];
		struct str blob;
		struct digest d;
		struct upload *u;
		int64_t n = 0;
		enum rc rc = OK;
		uint64_t size;
		int fd;

		snprintf(options, sizeof options, "%lldk", (long long)(900 + 4 * step));
		small_disk(p, &small, options);
		memset(filler, 'f', sizeof filler);
		/* leave little: the log of the database needs some pages, the blob one, its folder one */
		fd = openat(small.dir, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		while (write(fd, filler, sizeof filler) == sizeof filler)
			;
		assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - (256 + 4 * step) * 1024), 0);
		close(fd);
		while (!rc) {
			blob = content_of(text, step, n);
			d = sha256(blob);
			rc = upload_start(small.st, NULL, R, DIGEST_SHA256, id, &small.err);
			if (rc)
				break;
			assert_int_equal(upload_resume(small.st, NULL, R, str_of(id), &u, &small.err), OK);
			rc = upload_write(u, blob.p, blob.n, &small.err);
			if (rc)
				upload_pause(u);
			else
				rc = upload_commit(u, NULL, &d, &small.err);
			n += !rc;
		}
		if (rc != E_DISK_FULL)
			fail_msg("%s: %s", rc_name(rc), small.err.text);
		assert_true(n > 0);
		assert_int_equal(blob_stat(small.st, R, &d, &size, &small.err), E_BLOB_UNKNOWN);
		assert_int_equal(unlinkat(small.dir, "filler", 0), 0);
		assert_int_equal(entries(&small, "uploads"), 0);
		push_ok(&small, R, blob);
		for (int64_t i = 0; i <= n; i++) {
			blob = content_of(text, step, i);
			d = sha256(blob);
			assert_blob(small.st, R, &d, blob);
		}
		assert_int_equal(entries(&small, "uploads"), 0);
		end_small_disk(&small);
		assert_int_equal(rmdir(small.path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(acknowledged_pushes_survive_a_kill),
	    TEST(a_session_survives_a_kill),
	    TEST(threads_push_side_by_side),
	    TEST(a_full_disk_gives_the_bytes_back),
	    TEST(a_full_disk_at_any_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
