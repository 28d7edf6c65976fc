/* A temporary data directory with database and store, and shorthands, for the tests of store/. */
#pragma once
#include "layout.h"
#include <cove/base/arena.h>
#include <cove/base/io.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define REPO(literal) ((struct repo_name){STR(literal)})
#define TAG(literal) ((struct tag){STR(literal)})

struct place {
	char path[64];
	int dir;
	struct db *db;
	struct store *st;
	struct err err;
	struct arena arena;
};

static inline void place_open(struct place *p)
{
	assert_int_equal(db_open(p->dir, "cove.db", &p->db, &p->err), OK);
	assert_int_equal(store_open(p->dir, p->db, &p->st, &p->err), OK);
}

static inline void place_close(struct place *p)
{
	store_close(p->st);
	db_close(p->db);
	p->st = NULL;
	p->db = NULL;
}

static inline int place_set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof *p);

	snprintf(p->path, sizeof p->path, "/tmp/cove-store-XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arena_init(&p->arena, 1 << 20);
	place_open(p);
	*state = p;
	return 0;
}

static inline int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline int place_tear_down(void **state)
{
	struct place *p = *state;

	if (p->st)
		place_close(p);
	arena_release(&p->arena);
	io_close(&p->dir);
	if (nftw(p->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS))
		return -1;
	free(p);
	return 0;
}

static inline struct digest sha256(struct str content)
{
	struct digest d;

	digest_of(&d, DIGEST_SHA256, content);
	return d;
}

/* A whole push of one blob. */
static inline enum rc push(
    struct store *st, struct repo_name repo, struct str content, const struct digest *want, struct err *err)
{
	struct upload *u;
	char id[37];

	TRY(upload_start(st, NULL, repo, DIGEST_SHA256, id, err));
	TRY(upload_resume(st, NULL, repo, str_of(id), &u, err));
	enum rc rc = upload_write(u, content.p, content.n, err);
	if (!rc)
		return upload_commit(u, NULL, want, err);
	upload_pause(u);
	return rc;
}

static inline struct digest push_ok(struct place *p, struct repo_name repo, struct str content)
{
	struct digest d = sha256(content);

	assert_int_equal(push(p->st, repo, content, &d, &p->err), OK);
	return d;
}

/* A manifest over references, under tags; returns what manifest_put does. */
static inline enum rc put(struct place *p, struct repo_name repo, struct str bytes,
    const struct manifest_reference *refs, size_t ref_count, const struct tag *tags, size_t tag_count)
{
	struct digest d = sha256(bytes);
	struct manifest_content content = {
	    .bytes = bytes, .media_type = STR("application/x"), .references = refs, .reference_count = ref_count};

	return manifest_put(p->st, NULL, repo, &d, &content, tags, tag_count, NULL, &p->err);
}

/* Entries of a folder of the data directory, without dot files. */
static inline size_t entries(struct place *p, const char *folder)
{
	int fd = openat(p->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	size_t count = 0;

	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* The blob as a reader gets it. */
static inline void assert_blob(struct store *st, struct repo_name repo, const struct digest *d, struct str content)
{
	char *bytes = malloc(content.n + 1);
	struct err err = {.text = ""};
	uint64_t size;
	int fd;

	if (blob_open(st, repo, d, &fd, &size, &err))
		fail_msg("blob_open: %s", err.text);
	assert_int_equal(size, content.n);
	assert_int_equal(read(fd, bytes, content.n + 1), content.n);
	assert_true(str_eq((struct str){bytes, content.n}, content));
	close(fd);
	free(bytes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
