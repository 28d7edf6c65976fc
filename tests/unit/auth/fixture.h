/* fixture: a database with auth on it in a folder of its own, a clock that stands still, and Argon2 at its least cost.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/base/clock.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../../appliance/auth/private.h"

#define NOW 1700000000
#define MONO_MS 1000000000

struct fixture {
	char dir[64];
	int dirfd;
	struct db *db;
	struct auth *auth;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err err;

	crypto_start();
	clock_pin(NOW, MONO_MS);
	snprintf(f->dir, sizeof(f->dir), "/tmp/cove-auth-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	if (db_open(f->dirfd, "cove.db", &f->db, &err) || auth_open(f->db, &f->auth, &err))
		fail_msg("%s", err.text);
	f->auth->cost = (struct password_cost){.passes = 1, .memory_bytes = 8192};
	*state = f;
	return 0;
}

static inline void fixture_empty(int dirfd)
{
	DIR *dir = fdopendir(dup(dirfd));
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd, e->d_name, 0) != 0) {
			int inner = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			fixture_empty(inner);
			close(inner);
			unlinkat(dirfd, e->d_name, AT_REMOVEDIR);
		}
	}
	closedir(dir);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	auth_close(f->auth);
	db_close(f->db);
	fixture_empty(f->dirfd);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	clock_pin(-1, -1);
	return 0;
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/* Fails the test with the sentence of what went wrong. */
#define assert_ok(expr)                                                                                                \
	do {                                                                                                           \
		struct err err_ = {.rc = OK};                                                                          \
		struct err *err = &err_;                                                                               \
		if ((expr) != OK)                                                                                      \
			fail_msg("%s: %s", #expr, err_.text);                                                          \
	} while (0)
/* It must fail with that code and a sentence. Both use `err` as the last argument. */
#define assert_rc(code, expr)                                                                                          \
	do {                                                                                                           \
		struct err err_ = {.rc = OK};                                                                          \
		struct err *err = &err_;                                                                               \
		assert_int_equal(expr, code);                                                                          \
		assert_int_equal(err_.rc, code);                                                                       \
		assert_true(err_.text[0] != '\0');                                                                     \
	} while (0)

static inline struct secret secret_of(const char *text)
{
	struct secret s;

	assert_true(secret_set(&s, str_of(text)));
	return s;
}

static inline void fixture_user(struct fixture *f, const char *name, const char *password)
{
	struct secret s = secret_of(password);

	assert_ok(user_add(f->auth, str_of(name), &s, err));
}

static inline void fixture_grant(struct fixture *f, const char *user, const char *pattern, unsigned actions)
{
	assert_ok(grant_set(f->auth, str_of(user), str_of(pattern), actions, err));
}

/* As a client at that address, in the password lane. */
static inline enum rc fixture_login_from(
    struct fixture *f, const char *user, const char *password, const char *peer, struct identity *who)
{
	struct secret s = secret_of(password);

	return auth_password(f->auth, str_of(user), &s, str_of(peer), SLOW_ALLOWED, who, NULL);
}

static inline enum rc fixture_login(struct fixture *f, const char *user, const char *password, struct identity *who)
{
	return fixture_login_from(f, user, password, "192.0.2.1", who);
}

static inline unsigned fixture_may(struct fixture *f, const struct identity *who, const char *repository)
{
	unsigned actions = 0;

	assert_ok(auth_actions(f->auth, who, str_of(repository), &actions, err));
	return actions;
}
