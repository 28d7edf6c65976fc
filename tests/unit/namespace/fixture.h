/* fixture: a database with namespaces on it in a folder of its own. */
#pragma once
#include <cove/namespace/namespace.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../../appliance/namespace/private.h"

struct fixture {
	char dir[64];
	int dirfd;
	struct db *db;
	struct namespaces *n;
	struct namespace_set *set; /* of the last take() */
	struct arena arena;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct secret key = {.n = 32};
	struct err err;

	crypto_start();
	snprintf(f->dir, sizeof(f->dir), "/tmp/cove-namespace-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (db_open(f->dirfd, "cove.db", &f->db, &err) || namespaces_open(f->db, &key, &f->n, &err))
		fail_msg("%s", err.text);
	arena_init(&f->arena, 1 << 20);
	*state = f;
	return 0;
}

static inline void fixture_empty(int dirfd)
{
	DIR *dir = fdopendir(dup(dirfd));
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && unlinkat(dirfd, e->d_name, 0) != 0)
			unlinkat(dirfd, e->d_name, AT_REMOVEDIR);
	closedir(dir);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	namespace_set_unref(f->set);
	namespaces_close(f->n);
	arena_release(&f->arena);
	db_close(f->db);
	fixture_empty(f->dirfd);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

#define assert_ok(expr)                                                                                                \
	do {                                                                                                           \
		struct err err_ = {.rc = OK};                                                                          \
		struct err *err = &err_;                                                                               \
		if ((expr) != OK)                                                                                      \
			fail_msg("%s: %s", #expr, err_.text);                                                          \
	} while (0)
/* Fails with that code, and the sentence has this in it. Both use `err` as the last argument. */
#define assert_rc(code, part, expr)                                                                                    \
	do {                                                                                                           \
		struct err err_ = {.rc = OK};                                                                          \
		struct err *err = &err_;                                                                               \
		assert_int_equal(expr, code);                                                                          \
		if (!strstr(err_.text, part))                                                                          \
			fail_msg("%s: %s", #expr, err_.text);                                                          \
	} while (0)
#define assert_str(have, want)                                                                                         \
	do {                                                                                                           \
		struct str have_ = (have);                                                                             \
		if (!str_eq(have_, str_of(want)))                                                                      \
			fail_msg("%s is \"%.*s\", not \"%s\"", #have, STR_ARG(have_), want);                           \
	} while (0)

/* "a=1|b=2" */
#define ATTRIBUTES_MAX 16
static inline size_t attributes_of(const char *text, struct attribute out[static ATTRIBUTES_MAX])
{
	struct str rest = str_of(text), item;
	size_t n = 0;
	bool more = rest.n > 0;

	while (more) {
		more = str_cut(rest, '|', &item, &rest);
		assert_true(n < ATTRIBUTES_MAX);
		assert_true(str_cut(item, '=', &out[n].name, &out[n].value));
		n++;
	}
	return n;
}

static inline enum rc create(
    struct fixture *f, const char *name, enum namespace_kind kind, const char *attributes, struct err *err)
{
	struct attribute list[ATTRIBUTES_MAX] = {{.name = STR_NONE}};
	size_t n = attributes_of(attributes, list);

	return namespace_create(f->n, str_of(name), kind, list, n, err);
}

static inline enum rc change(struct fixture *f, const char *name, const char *attributes, struct err *err)
{
	struct attribute list[ATTRIBUTES_MAX] = {{.name = STR_NONE}};
	size_t n = attributes_of(attributes, list);

	return namespace_change(f->n, str_of(name), list, n, err);
}

/* The newest snapshot, kept until the next call. */
static inline struct namespace_set *take(struct fixture *f)
{
	struct namespace_set *set;

	assert_ok(namespaces_take(f->n, &set, err));
	namespace_set_unref(f->set);
	f->set = set;
	return set;
}

static inline const struct namespace *find(struct fixture *f, const char *name)
{
	return namespace_find(take(f), str_of(name));
}

static inline int64_t number(struct fixture *f, const char *literal)
{
	struct db_conn *c;
	struct db_stmt *s;
	int64_t n;
	bool row;

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_prepare(c, literal, &s, err));
	assert_ok(db_step(s, &row, err));
	assert_true(row);
	n = db_i64(s, 0);
	db_done(s);
	return n;
}

static inline void run(struct fixture *f, const char *literal)
{
	struct db_conn *c;
	struct db_stmt *s;

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_begin(c, err));
	assert_ok(db_prepare(c, literal, &s, err));
	assert_ok(db_run(s, NULL, err));
	assert_ok(db_commit(c, err));
}
