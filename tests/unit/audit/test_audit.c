/* audit: rows, lists, what is counted instead of written, and the bound. */
#include <cove/audit/audit.h>
#include <cove/base/buf.h>
#include <cove/base/clock.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW 1700000000
#define MONO_MS 1000000000

struct fixture {
	char dir[64];
	int dirfd;
	struct db *db;
	struct audit *audit;
	struct buf text;
};

#define assert_ok(expr)                                                                                                \
	do {                                                                                                           \
		struct err err_ = {.rc = OK};                                                                          \
		struct err *err = &err_;                                                                               \
		if ((expr) != OK)                                                                                      \
			fail_msg("%s: %s", #expr, err_.text);                                                          \
	} while (0)

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	clock_pin(NOW, MONO_MS);
	snprintf(f->dir, sizeof(f->dir), "/tmp/cove-audit-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(db_open(f->dirfd, "cove.db", &f->db, err));
	f->audit = audit_open(f->db);
	buf_init(&f->text, 1 << 20);
	audit_set_actor(STR(AUDIT_CONSOLE), STR(""));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct dirent *e;
	DIR *dir;

	audit_close(f->audit);
	db_close(f->db);
	buf_release(&f->text);
	dir = fdopendir(f->dirfd);
	while ((e = readdir(dir)) != NULL)
		unlinkat(f->dirfd, e->d_name, 0);
	closedir(dir);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	clock_pin(-1, -1);
	return 0;
}

static enum rc put(void *ctx, const struct audit_entry *e, struct err *err)
{
	struct buf *text = ctx;

	(void)err;
	buf_addf(text, "%lld %.*s@%.*s %.*s %.*s %s(%.*s)x%lld\n", (long long)(e->at - NOW), STR_ARG(e->user),
	    STR_ARG(e->peer), STR_ARG(e->action), STR_ARG(e->object), e->refused ? "refused " : "", STR_ARG(e->detail),
	    (long long)e->count);
	return OK;
}

static const char *list(struct fixture *f, struct audit_filter filter)
{
	buf_reset(&f->text);
	assert_ok(audit_list(f->db, &filter, put, &f->text, err));
	return buf_str(&f->text).p;
}

static size_t rows(struct fixture *f)
{
	size_t lines = 0;

	for (const char *p = list(f, (struct audit_filter){0}); *p; p++)
		lines += *p == '\n';
	return lines;
}

static void add(struct fixture *f, const char *action, struct str object, struct str detail)
{
	struct db_conn *c;

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_begin(c, err));
	assert_ok(audit_add(c, action, object, detail, err));
	assert_ok(db_commit(c, err));
}

static void refuse(struct fixture *f, const char *user, const char *object)
{
	audit_tally(f->audit, &(struct audit_entry){.user = str_of(user),
				  .peer = STR("192.0.2.1"),
				  .action = STR("push"),
				  .object = str_of(object),
				  .refused = true});
}

static void actors_and_lists(void **state)
{
	struct fixture *f = *state;

	add(f, "user.add", STR("ann"), STR(""));
	clock_pin(NOW + 10, MONO_MS);
	audit_set_actor(STR("ann"), STR("192.0.2.1"));
	add(f, "user.grant", STR("bob"), STR("a: pull"));
	add(f, "role.add", STR("team"), STR("x\ny\x01"));
	assert_string_equal(list(f, (struct audit_filter){0}),
	    "10 ann@192.0.2.1 role.add team (x?y?)x1\n10 ann@192.0.2.1 user.grant bob (a: pull)x1\n"
	    "0 console@ user.add ann ()x1\n");
	assert_string_equal(list(f, (struct audit_filter){.before = 2}), "0 console@ user.add ann ()x1\n");
	assert_string_equal(list(f, (struct audit_filter){.max = 1}), "10 ann@192.0.2.1 role.add team (x?y?)x1\n");
	assert_string_equal(list(f, (struct audit_filter){.since = NOW + 1, .action = STR("user.")}),
	    "10 ann@192.0.2.1 user.grant bob (a: pull)x1\n");
	assert_string_equal(list(f, (struct audit_filter){.user = STR("console")}), "0 console@ user.add ann ()x1\n");
	assert_string_equal(list(f, (struct audit_filter){.action = STR("user")}), "");
	assert_string_equal(list(f, (struct audit_filter){.refused_only = true}), "");
}

/* A change that does not come about leaves no row. */
static void with_its_transaction(void **state)
{
	struct fixture *f = *state;
	struct db_conn *c;

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_begin(c, err));
	assert_ok(audit_add(c, "user.add", STR("ann"), STR(""), err));
	db_rollback(c);
	assert_int_equal(rows(f), 0);
}

static void repeat(struct fixture *f, const char *user, const char *object, const char *detail)
{
	struct db_conn *c;

	audit_set_actor(str_of(user), STR("192.0.2.1"));
	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_begin(c, err));
	assert_ok(audit_repeat(c, "key.create", str_of(object), str_of(detail), err));
	assert_ok(db_commit(c, err));
}

/* What can be repeated at will makes one row a minute; whatever else was written meanwhile stays as it is. */
static void repeated_within_a_minute(void **state)
{
	struct fixture *f = *state;

	repeat(f, "ann", "ann", "key 1");
	repeat(f, "bob", "bob", "key 2");
	refuse(f, "ann", "ann");
	for (int i = 0; i < 50; i++)
		repeat(f, "ann", "ann", "key 3");
	clock_pin(NOW + 59, MONO_MS);
	repeat(f, "ann", "ann", "key 4");
	clock_pin(NOW + 60, MONO_MS);
	repeat(f, "ann", "ann", "key 5");
	assert_string_equal(list(f, (struct audit_filter){0}),
	    "60 ann@192.0.2.1 key.create ann (key 5)x1\n0 ann@192.0.2.1 push ann refused ()x1\n"
	    "0 bob@192.0.2.1 key.create bob (key 2)x1\n0 ann@192.0.2.1 key.create ann (key 1)x52\n");
}

/* A log that takes no row takes no change either, and its sentence says so. */
static void no_row_no_change(void **state)
{
	static const char refuse_rows[] = "CREATE TEMP TRIGGER no_rows BEFORE INSERT ON main.audit"
					  " BEGIN SELECT RAISE(ABORT, 'no rows'); END";
	struct fixture *f = *state;
	struct db_conn *c;
	struct db_stmt *s;
	struct err why;

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_begin(c, err));
	assert_ok(db_prepare(c, refuse_rows, &s, err));
	assert_ok(db_run(s, NULL, err));
	assert_int_equal(audit_add(c, "user.add", STR("ann"), STR(""), &why), E_AUDIT);
	assert_non_null(strstr(why.text, "nothing was changed"));
	assert_non_null(strstr(why.text, "no rows"));
	assert_int_equal(audit_repeat(c, "key.create", STR("ann"), STR(""), NULL), E_AUDIT);
	db_rollback(c);
	assert_int_equal(rows(f), 0);
}

static void long_texts_are_cut(void **state)
{
	struct fixture *f = *state;
	char text[2 * AUDIT_TEXT_MAX];

	memset(text, 'a', sizeof(text));
	memcpy(text + AUDIT_TEXT_MAX - 1, "\xc3\xa4", 2); /* a character at the edge does not come in half */
	add(f, "user.add", (struct str){text, sizeof(text)}, STR("\xc3\xa4\xff"));
	text[AUDIT_TEXT_MAX - 1] = '\0';
	list(f, (struct audit_filter){0});
	assert_non_null(strstr(f->text.p, text));
	assert_non_null(strstr(f->text.p, " (\xc3\xa4?)x1\n"));
	assert_int_equal(f->text.n, AUDIT_TEXT_MAX - 1 + strlen("0 console@ user.add  (\xc3\xa4?)x1\n"));
}

static void counted_within_a_minute(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 1000; i++)
		refuse(f, "ann", "team/x");
	refuse(f, "bob", "team/x");
	/* the first is there at once, the number with the next batch: here that of bob's first one */
	assert_string_equal(list(f, (struct audit_filter){0}),
	    "0 bob@192.0.2.1 push team/x refused ()x1\n0 ann@192.0.2.1 push team/x refused ()x1000\n");
	refuse(f, "ann", "team/x");
	clock_pin(NOW + 59, MONO_MS + 59 * 1000);
	refuse(f, "ann", "team/x");
	audit_tend(f->audit, 100);
	clock_pin(NOW + 60, MONO_MS + 60 * 1000);
	refuse(f, "ann", "team/x");
	assert_string_equal(list(f, (struct audit_filter){.user = STR("ann")}),
	    "60 ann@192.0.2.1 push team/x refused ()x1\n0 ann@192.0.2.1 push team/x refused ()x1002\n");
}

/* However many different ones, and however long: so many rows a minute, and the rest as a number. */
static void a_flood_is_bounded(void **state)
{
	struct fixture *f = *state;
	char object[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(object, sizeof(object), "team/%d", i);
		refuse(f, "ann", object);
	}
	assert_int_equal(rows(f), 20); /* those that were written at once */
	audit_tend(f->audit, 1000);
	assert_int_equal(rows(f), TALLY_SLOTS + 1);
	snprintf(object, sizeof(object), ")x%d\n", 5000 - TALLY_SLOTS);
	list(f, (struct audit_filter){.action = STR("flood")});
	assert_non_null(strstr(f->text.p, object));
	/* the bucket fills again */
	clock_pin(NOW + 3600, MONO_MS + 3600 * 1000);
	refuse(f, "bob", "late");
	assert_int_equal(rows(f), TALLY_SLOTS + 2);
}

static void written_at_the_end(void **state)
{
	struct fixture *f = *state;

	refuse(f, "ann", "x");
	refuse(f, "ann", "x");
	audit_close(f->audit);
	f->audit = audit_open(f->db);
	assert_string_equal(list(f, (struct audit_filter){0}), "0 ann@192.0.2.1 push x refused ()x2\n");
}

static void the_oldest_go(void **state)
{
	struct fixture *f = *state;
	struct db_conn *c;
	char object[32];

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_begin(c, err));
	for (int i = 0; i < 3500; i++) {
		snprintf(object, sizeof(object), "u%d", i);
		assert_ok(audit_add(c, "user.add", str_of(object), STR(""), err));
	}
	assert_ok(db_commit(c, err));
	audit_tend(f->audit, 3500);
	assert_int_equal(rows(f), 3500);
	audit_tend(f->audit, 7);
	assert_int_equal(rows(f), 7);
	list(f, (struct audit_filter){0});
	assert_non_null(strstr(f->text.p, " u3499 "));
	assert_non_null(strstr(f->text.p, " u3493 "));
	assert_null(strstr(f->text.p, " u3492 "));
}

#define THREADS 8
#define EVENTS 2000

static void *tally_many(void *ctx)
{
	struct fixture *f = ctx;
	char object[16];

	for (int i = 0; i < EVENTS; i++) {
		snprintf(object, sizeof(object), "o%d", i % 100);
		refuse(f, "ann", object);
	}
	return NULL;
}

static enum rc sum(void *ctx, const struct audit_entry *e, struct err *err)
{
	(void)err;
	*(int64_t *)ctx += e->count;
	return OK;
}

/* Nothing is counted twice or lost, whoever writes meanwhile. */
static void many_threads(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	int64_t total = 0;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, tally_many, f), 0);
	audit_tend(f->audit, 1000);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	audit_tend(f->audit, 1000);
	assert_ok(audit_list(f->db, &(struct audit_filter){0}, sum, &total, err));
	assert_int_equal(total, THREADS * EVENTS);
	assert_int_equal(rows(f), TALLY_SLOTS + 1);
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(actors_and_lists),
	    fixture_test(with_its_transaction),
	    fixture_test(repeated_within_a_minute),
	    fixture_test(no_row_no_change),
	    fixture_test(long_texts_are_cut),
	    fixture_test(counted_within_a_minute),
	    fixture_test(a_flood_is_bounded),
	    fixture_test(written_at_the_end),
	    fixture_test(the_oldest_go),
	    fixture_test(many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
