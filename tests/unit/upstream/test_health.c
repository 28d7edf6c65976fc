/* What outcomes say of an upstream: when it is not to be asked, and what it has not got. */
#include "../namespace/fixture.h"
#include <cove/base/clock.h>
#include "private.h"

struct lab {
	struct upstream u;
	struct job job;
	struct place leaf;
	struct question question; /* which the job asks */
};

static void asks(struct lab *l, enum job_kind kind, const char *what)
{
	l->question = (struct question){.kind = kind, .leaf = &l->leaf, .what = str_of(what)};
	l->job.content_key = content_key(&l->question);
	l->job.repository_key = repository_key(&l->leaf);
}

static void asks_of(struct lab *l, const char *repository)
{
	l->leaf.full = str_of(repository);
	asks(l, JOB_MANIFEST, "v1");
}

static struct lab *lab_open(struct fixture *f, const char *name)
{
	struct lab *l = xcalloc(1, sizeof(*l));

	pthread_mutex_init(&l->u.mutex, NULL);
	l->u.failings = xcalloc(FAILINGS_MAX, sizeof(*l->u.failings));
	l->u.absences = xcalloc(ABSENCES_MAX, sizeof(*l->u.absences));
	l->job.u = &l->u;
	l->job.ask.is_own = true;
	l->job.rest = "team/app";
	l->job.ns = find(f, name);
	l->job.set = f->set;
	l->leaf = (struct place){.ns = l->job.ns, .full = STR("p/team/app")};
	asks(l, JOB_MANIFEST, "v1");
	return l;
}

static void lab_close(struct lab *l)
{
	for (struct health *h = l->u.health, *next; h; h = next) {
		next = h->next;
		free(h);
	}
	free(l->u.failings);
	free(l->u.absences);
	pthread_mutex_destroy(&l->u.mutex);
	free(l);
}

static unsigned note(struct lab *l, enum rc rc)
{
	struct err why = {.rc = rc, .text = "the sentence"};

	return health_note(&l->job, rc, rc ? &why : NULL);
}

static enum rc permits(struct lab *l, struct err *e)
{
	return health_permits(&l->u, &l->question, false, e);
}

/* The seconds of back-off that a failure brings, whatever time passes meanwhile. */
static int64_t back_off_after(struct lab *l, enum rc rc)
{
	int64_t before = clock_mono_ms(), seconds;
	unsigned told = note(l, rc);

	seconds = (l->u.health->until_ms - before) / 1000;
	assert_int_equal(told, seconds);
	assert_true(l->u.health->until_ms - clock_mono_ms() <= seconds * 1000);
	return seconds;
}

static void test_back_off_grows_to_a_bound(void **state)
{
	static const int64_t wanted[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
	struct fixture *f = *state;
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	l = lab_open(f, "p");
	assert_ok(permits(l, err));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		assert_int_equal(back_off_after(l, E_UPSTREAM_UNREACHABLE), wanted[i]);
		assert_rc(E_UPSTREAM_UNREACHABLE, "the sentence; cove asks again in ", permits(l, err));
		l->u.health->until_ms = 0; /* it is over */
		assert_ok(health_permits(&l->u, &l->question, true, err));
	}
	note(l, OK);
	assert_int_equal(back_off_after(l, E_UPSTREAM_UNREACHABLE), 1);
	lab_close(l);
}

/* Fifty questions that fail in the same moment are one failure. */
static void test_one_moment_is_one_failure(void **state)
{
	struct fixture *f = *state;
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	l = lab_open(f, "p");
	for (int i = 0; i < 50; i++) {
		note(l, E_UPSTREAM_UNREACHABLE);
		l->u.health->until_ms += 60000; /* however slow this test runs */
	}
	assert_int_equal(l->u.health->failures, 1);
	lab_close(l);
}

static void test_what_is_a_failure(void **state)
{
	enum whose { NOBODYS, THE_CONTENTS, ALL };
	static const struct {
		enum rc rc;
		int status, token_status;
		bool connected, elsewhere;
		enum whose whose;
	} rows[] = {
	    {OK, 200, 200, true, false, NOBODYS},
	    {E_UPSTREAM_UNREACHABLE, 0, 0, false, false, ALL},
	    {E_UPSTREAM_UNREACHABLE, 307, 0, false, true, THE_CONTENTS},
	    {E_UPSTREAM_UNREACHABLE, 0, 0, true, false, THE_CONTENTS},   /* no answer in time */
	    {E_UPSTREAM_UNREACHABLE, 200, 0, true, false, THE_CONTENTS}, /* dropped in mid-body */
	    {E_UPSTREAM_LIMIT, 429, 0, true, false, ALL},
	    {E_UPSTREAM_LIMIT, 429, 0, true, true, THE_CONTENTS},
	    {E_UPSTREAM_ANSWER, 503, 0, true, false, THE_CONTENTS},
	    {E_UPSTREAM_ANSWER, 401, 500, true, false, THE_CONTENTS}, /* its token service */
	    {E_UPSTREAM_ANSWER, 200, 0, true, false, NOBODYS},        /* other bytes than those of the digest */
	    {E_UPSTREAM_ANSWER, 418, 200, true, false, NOBODYS},
	    {E_UPSTREAM_DENIED, 403, 0, true, false, NOBODYS},
	    {E_MANIFEST_UNKNOWN, 404, 0, true, false, NOBODYS},
	    {E_DISK_FULL, 200, 0, true, false, NOBODYS},
	    {E_SHUTTING_DOWN, 0, 0, true, false, NOBODYS},
	};
	struct fixture *f = *state;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lab *l = lab_open(f, "p");
		struct upstream_status status;

		l->job.status = rows[i].status;
		l->job.ask.token_status = rows[i].token_status;
		l->job.ask.connected = rows[i].connected;
		l->job.ask.is_own = !rows[i].elsewhere;
		if ((note(l, rows[i].rc) > 0) != (rows[i].whose != NOBODYS))
			fail_msg("row %zu: Retry-After", i);
		upstream_status(&l->u, l->job.ns, &status);
		if (status.reachable == (rows[i].whose == ALL))
			fail_msg("row %zu", i);
		assert_int_equal(permits(l, NULL), rows[i].whose != NOBODYS ? rows[i].rc : OK);
		asks(l, JOB_MANIFEST, "v2");
		assert_int_equal(permits(l, NULL), rows[i].whose == ALL ? rows[i].rc : OK);
		lab_close(l);
	}
}

/* What cannot be had is asked for ever less often; the upstream is asked for the rest. */
static void test_one_content(void **state)
{
	static const unsigned wanted[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct fixture *f = *state;
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	l = lab_open(f, "p");
	l->job.status = 500;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		assert_int_equal(note(l, E_UPSTREAM_ANSWER), wanted[i]);
		assert_int_equal(note(l, E_UPSTREAM_ANSWER), wanted[i]); /* of the same moment */
		assert_rc(E_UPSTREAM_ANSWER, "the sentence; cove asks again in ", permits(l, err));
		for (size_t k = 0; k < FAILINGS_MAX; k++) /* its time is over */
			l->u.failings[k].until_ms = 0;
		assert_ok(permits(l, err));
	}
	/* whoever asks, and for its size as well */
	asks(l, JOB_BLOB, "sha256:x");
	(void)note(l, E_UPSTREAM_ANSWER);
	asks(l, JOB_SIZE, "sha256:x");
	assert_int_equal(permits(l, NULL), E_UPSTREAM_ANSWER);
	(void)snprintf(l->question.via, VIA_MAX, "1.1 another, ");
	assert_int_equal(permits(l, NULL), E_UPSTREAM_ANSWER);
	note(l, OK);
	assert_ok(permits(l, err));
	/* the server's own word goes before ours */
	l->job.retry_after_s = 100;
	assert_int_equal(note(l, E_UPSTREAM_ANSWER), 100);
	lab_close(l);
}

static void test_several_repositories(void **state)
{
	static const char *const names[] = {"p/a", "p/b", "p/c", "p/d"};
	struct upstream_status status;
	struct fixture *f = *state;
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	l = lab_open(f, "p");
	l->job.status = 503;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < FAILING_MAX; i++) {
			asks_of(l, "p/healthy");
			assert_ok(permits(l, err));
			asks_of(l, names[i]);
			(void)note(l, E_UPSTREAM_ANSWER);
			asks(l, JOB_MANIFEST, "v2"); /* one repository, whatever of it fails */
			(void)note(l, E_UPSTREAM_ANSWER);
		}
		asks_of(l, "p/healthy");
		upstream_status(&l->u, l->job.ns, &status);
		assert_false(status.reachable);
		assert_int_equal(status.failed_until, 0);
		assert_ok(permits(l, err)); /* who is healthy does not wait for those who are not */
		asks_of(l, names[3]);
		(void)note(l, E_UPSTREAM_ANSWER);
		asks_of(l, "p/healthy");
		assert_ok(permits(l, err));
		note(l, OK);
		upstream_status(&l->u, l->job.ns, &status);
		assert_true(status.reachable);
	}
	lab_close(l);
}

/* A full disk here is no news of the upstream: what it was, it is. */
static void test_our_own_failures_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	l = lab_open(f, "p");
	note(l, E_UPSTREAM_UNREACHABLE);
	note(l, E_DISK_FULL);
	assert_int_equal(l->u.health->failures, 1);
	note(l, E_SHUTTING_DOWN);
	assert_int_equal(permits(l, NULL), E_UPSTREAM_UNREACHABLE);
	lab_close(l);
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	l = lab_open(f, "p");
	l->job.retry_after_s = 7;
	assert_int_equal(back_off_after(l, E_UPSTREAM_LIMIT), 7);
	l->job.retry_after_s = 0;
	assert_int_equal(back_off_after(l, E_UPSTREAM_LIMIT), 60);
	note(l, OK);
	/* the last pulls are for what is not here at all */
	l->u.health->status.limit_remaining = LIMIT_RESERVE;
	l->u.health->status.limit_at = clock_wall_s();
	assert_rc(E_UPSTREAM_LIMIT, "only 5 pulls", health_permits(&l->u, &l->question, true, err));
	assert_ok(permits(l, err));
	l->u.health->status.limit_remaining = LIMIT_RESERVE + 1;
	assert_ok(health_permits(&l->u, &l->question, true, err));
	lab_close(l);
}

/* One upstream's outage is not another's, and whoever changes the namespace wants it asked at once. */
static void test_each_namespace_by_itself(void **state)
{
	struct fixture *f = *state;
	struct lab *l;
	struct err with_copy;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	assert_ok(create(f, "q", NAMESPACE_PROXY, "upstream=https://other.example", err));
	l = lab_open(f, "p");
	note(l, E_UPSTREAM_UNREACHABLE);
	l->leaf.ns = namespace_find(f->set, STR("q"));
	assert_ok(permits(l, err));
	l->leaf.ns = l->job.ns;
	assert_int_equal(permits(l, NULL), E_UPSTREAM_UNREACHABLE);
	assert_ok(change(f, "p", "fresh=1h", err));
	l->leaf.ns = find(f, "p");
	assert_ok(permits(l, err));
	assert_ok(change(f, "p", "offline=true", err));
	l->leaf.ns = find(f, "p");
	assert_rc(E_UPSTREAM_OFFLINE, "is not cached", permits(l, err));
	assert_int_equal(health_permits(&l->u, &l->question, true, &with_copy), E_UPSTREAM_OFFLINE);
	assert_null(strstr(with_copy.text, "not cached"));
	lab_close(l);
}

static struct digest key_of(const char *text)
{
	struct digest d;

	digest_of(&d, DIGEST_SHA256, str_of(text));
	return d;
}

static void test_absences(void **state)
{
	struct fixture *f = *state;
	struct digest other = key_of("other");
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example|negative=1h", err));
	assert_ok(create(f, "never", NAMESPACE_PROXY, "upstream=https://other.example|negative=0s", err));
	l = lab_open(f, "p");
	l->job.key = key_of("this");
	assert_false(absence_has(&l->u, &l->job.key));
	absence_keep(&l->job, &l->job.key);
	assert_true(absence_has(&l->u, &l->job.key));
	assert_false(absence_has(&l->u, &other));
	for (size_t i = 0; i < ABSENCES_MAX; i++) /* its time is over */
		l->u.absences[i].until_ms = 0;
	assert_false(absence_has(&l->u, &l->job.key));
	/* any number of them takes the same memory; the newest is known */
	for (int i = 0; i < 3 * ABSENCES_MAX; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%d", i);
		l->job.key = key_of(text);
		absence_keep(&l->job, &l->job.key);
		assert_true(absence_has(&l->u, &l->job.key));
	}
	l->job.ns = namespace_find(f->set, STR("never"));
	l->job.key = other;
	absence_keep(&l->job, &l->job.key);
	assert_false(absence_has(&l->u, &other));
	lab_close(l);
}

static void test_sentences(void **state)
{
	struct fixture *f = *state;
	struct lab *l;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://up.example", err));
	l = lab_open(f, "p");
	l->job.status = 206;
	assert_ok(status_judge(&l->job, E_BLOB_UNKNOWN, err));
	l->job.status = 404;
	assert_rc(E_BLOB_UNKNOWN, "", status_judge(&l->job, E_BLOB_UNKNOWN, err));
	assert_rc(E_MANIFEST_UNKNOWN, "", status_judge(&l->job, E_MANIFEST_UNKNOWN, err));
	l->job.status = 403;
	assert_rc(E_UPSTREAM_DENIED, "https://up.example refuses access to team/app",
	    status_judge(&l->job, E_BLOB_UNKNOWN, err));
	l->job.status = 429;
	assert_rc(E_UPSTREAM_LIMIT, "if you set credentials", status_judge(&l->job, E_BLOB_UNKNOWN, err));
	l->job.status = 302;
	assert_rc(E_UPSTREAM_ANSWER, "status 302", status_judge(&l->job, E_BLOB_UNKNOWN, err));
	lab_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(test_back_off_grows_to_a_bound),
	    fixture_test(test_one_moment_is_one_failure),
	    fixture_test(test_what_is_a_failure),
	    fixture_test(test_one_content),
	    fixture_test(test_several_repositories),
	    fixture_test(test_our_own_failures_change_nothing),
	    fixture_test(test_limits),
	    fixture_test(test_each_namespace_by_itself),
	    fixture_test(test_absences),
	    fixture_test(test_sentences),
	};

	return cmocka_run_group_tests_name("upstream/health", tests, NULL, NULL);
}
