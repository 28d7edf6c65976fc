/* runner: which chore runs when, by a clock that the test sets, and what is known of it afterwards. */
#include "runner.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define WALL_S 1000000

struct fixture {
	struct runner *runner;
	char ran[64];           /* the first letter of each chore that ran */
	size_t steps;           /* that "long" still has to do after this one */
	int64_t takes_ms;       /* by "slow" */
	const char *failure;    /* of "broken"; NULL: it goes well */
	const char *calls;      /* by "slow", while it runs */
	struct chore_report in; /* of "slow", as "slow" sees it */
	sem_t began, go_on;
};

static struct fixture *note(struct turn *t, char letter)
{
	struct fixture *f = t->ctx;

	f->ran[strlen(f->ran)] = letter;
	return f;
}

static enum rc quick(struct turn *t)
{
	note(t, 'q');
	return OK;
}

static enum rc slow(struct turn *t)
{
	struct fixture *f = note(t, 's');

	assert_true(runner_report(f->runner, 1, &f->in));
	if (f->calls)
		runner_call(f->runner, f->calls);
	f->calls = NULL;
	clock_pin(clock_wall_s(), clock_mono_ms() + f->takes_ms);
	return OK;
}

static enum rc lengthy(struct turn *t)
{
	struct fixture *f = note(t, 'l');

	t->more = f->steps > 0;
	f->steps -= t->more;
	return OK;
}

static enum rc broken(struct turn *t)
{
	struct fixture *f = note(t, 'b');

	if (!f->failure)
		return OK;
	t->more = true; /* of one that fails it does not count */
	t->err.rc = E_IO;
	snprintf(t->err.text, sizeof(t->err.text), "%s", f->failure);
	return E_IO;
}

static enum rc called(struct turn *t)
{
	note(t, 'c');
	return OK;
}

static const struct chore table[] = {
    {"quick", 2, quick},
    {"slow", 10, slow},
    {"called", 0, called},
};

static void begin(struct fixture *f, const struct chore *chores, size_t count)
{
	*f = (struct fixture){.runner = NULL};
	clock_pin(WALL_S, 0);
	f->runner = runner_new(chores, count, f);
}

static void end(struct fixture *f)
{
	runner_close(f->runner);
	clock_pin(-1, -1);
}

/* Sets the clock, does what is due then, and gives the letters of what ran. *wait_ms: until the next one. */
static const char *at(struct fixture *f, int64_t ms, int64_t *wait_ms)
{
	memset(f->ran, 0, sizeof(f->ran));
	clock_pin(WALL_S + ms / 1000, ms);
	while (runner_step(f->runner, wait_ms))
		;
	return f->ran;
}

static void each_runs_after_its_period(void **state)
{
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, table, 3);
	assert_string_equal(at(&f, 0, &wait_ms), "");
	assert_int_equal(wait_ms, 2000);
	assert_string_equal(at(&f, 1999, &wait_ms), "");
	assert_int_equal(wait_ms, 1);
	assert_string_equal(at(&f, 2000, &wait_ms), "q");
	assert_int_equal(wait_ms, 2000);
	/* late: once, and not once for each period that has passed */
	assert_string_equal(at(&f, 9000, &wait_ms), "q");
	assert_int_equal(wait_ms, 1000);
	assert_string_equal(at(&f, 10000, &wait_ms), "s");
	assert_int_equal(wait_ms, 1000);
	end(&f);
}

static void who_is_due_for_the_longest_goes_first(void **state)
{
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, table, 3);
	assert_string_equal(at(&f, 9000, &wait_ms), "q"); /* next at 11,000 */
	assert_string_equal(at(&f, 20000, &wait_ms), "sq");
	end(&f);
}

static void a_period_begins_when_the_last_run_has_ended(void **state)
{
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, table, 3);
	f.takes_ms = 60 * 1000;
	assert_string_equal(at(&f, 10000, &wait_ms), "qsq"); /* quick again: it was due while slow ran */
	f.takes_ms = 0;
	assert_string_equal(at(&f, 71999, &wait_ms), "");
	assert_string_equal(at(&f, 79999, &wait_ms), "q");
	assert_int_equal(wait_ms, 1);
	assert_string_equal(at(&f, 80000, &wait_ms), "s");
	end(&f);
}

static void one_that_is_called_goes_first(void **state)
{
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, table, 3);
	runner_call(f.runner, "called");
	runner_call(f.runner, "called"); /* before it began: that is one run */
	assert_string_equal(at(&f, 2000, &wait_ms), "cq");
	assert_string_equal(at(&f, 3000, &wait_ms), ""); /* no period: only when it is called */
	runner_call(f.runner, "slow");
	assert_string_equal(at(&f, 3000, &wait_ms), "s");
	assert_string_equal(at(&f, 12999, &wait_ms), "q"); /* its period began anew */
	assert_string_equal(at(&f, 13000, &wait_ms), "s");
	end(&f);
}

/* What the caller wants may have come too late for the run that was under way. */
static void one_that_is_called_while_it_runs_runs_again(void **state)
{
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, table, 3);
	f.calls = "slow";
	assert_string_equal(at(&f, 10000, &wait_ms), "qss");
	assert_string_equal(at(&f, 11000, &wait_ms), "");
	end(&f);
}

static void only_those_without_a_period_wait_for_a_call(void **state)
{
	static const struct chore chores[] = {{"called", 0, called}};
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, chores, 1);
	assert_string_equal(at(&f, INT32_MAX, &wait_ms), "");
	assert_int_equal(wait_ms, -1);
	end(&f);
}

static void others_have_their_turn_between_the_steps_of_a_long_one(void **state)
{
	static const struct chore chores[] = {{"long", 10, lengthy}, {"quick", 2, quick}};
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, chores, 2);
	f.steps = 2;
	assert_string_equal(at(&f, 10000, &wait_ms), "qlll");
	f.steps = 2;
	clock_pin(WALL_S, 20000);
	memset(f.ran, 0, sizeof(f.ran));
	assert_true(runner_step(f.runner, &wait_ms)); /* quick, due since 12,000 */
	assert_true(runner_step(f.runner, &wait_ms)); /* the first step of the long one */
	clock_pin(WALL_S, 23000);                     /* quick is due since 22,000, the second step since 20,000 */
	assert_true(runner_step(f.runner, &wait_ms));
	assert_true(runner_step(f.runner, &wait_ms)); /* the third step is due since 23,000 */
	assert_string_equal(f.ran, "qllq");
	end(&f);
}

static void a_report_tells_of_the_last_run(void **state)
{
	struct chore_report r;
	struct fixture f;
	int64_t wait_ms;

	(void)state;
	begin(&f, table, 3);
	assert_true(runner_report(f.runner, 1, &r));
	assert_string_equal(r.name, "slow");
	assert_int_equal(r.started_at, 0);
	assert_false(r.is_running);
	f.takes_ms = 1500;
	at(&f, 10000, &wait_ms);
	assert_true(f.in.is_running);
	assert_int_equal(f.in.started_at, WALL_S + 10);
	assert_true(runner_report(f.runner, 1, &r));
	assert_int_equal(r.started_at, WALL_S + 10);
	assert_int_equal(r.duration_ms, 1500);
	assert_false(r.is_running);
	assert_int_equal(r.result.rc, OK);
	assert_string_equal(r.result.text, "");
	assert_false(runner_report(f.runner, 3, &r));
	end(&f);
}

/* The lines of the log that this run causes. */
static const char *lines_at(struct fixture *f, int64_t ms)
{
	static char caught[4096];
	int saved = dup(STDERR_FILENO), ends[2];
	int64_t wait_ms;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	at(f, ms, &wait_ms);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(ends[0], caught, sizeof(caught) - 1); /* the only writer is closed: this does not wait */
	close(ends[0]);
	caught[n > 0 ? n : 0] = '\0';
	return caught;
}

static void a_failure_is_logged_when_it_changes(void **state)
{
	static const struct chore chores[] = {{"broken", 2, broken}};
	struct chore_report r;
	struct fixture f;

	(void)state;
	begin(&f, chores, 1);
	assert_string_equal(lines_at(&f, 2000), "");
	f.failure = "the disk is gone";
	assert_non_null(strstr(lines_at(&f, 4000), "chore=broken reason=\"the disk is gone\""));
	assert_string_equal(lines_at(&f, 6000), "");
	assert_string_equal(f.ran, "b"); /* in silence, and not at once again */
	f.failure = "the disk is full";
	assert_non_null(strstr(lines_at(&f, 8000), "chore=broken reason=\"the disk is full\""));
	assert_true(runner_report(f.runner, 0, &r));
	assert_int_equal(r.result.rc, E_IO);
	assert_string_equal(r.result.text, "the disk is full");
	end(&f);
}

static void a_recovery_is_logged_once(void **state)
{
	static const struct chore chores[] = {{"broken", 2, broken}, {"quick", 2, quick}};
	struct chore_report r;
	struct fixture f;

	(void)state;
	begin(&f, chores, 2);
	f.failure = "the disk is gone";
	assert_non_null(strstr(lines_at(&f, 2000), "chore=broken"));
	assert_string_equal(f.ran, "bq"); /* the failure of one stops no other */
	f.failure = NULL;
	assert_non_null(strstr(lines_at(&f, 4000), "level=info event=chore.mended chore=broken"));
	assert_true(runner_report(f.runner, 0, &r));
	assert_int_equal(r.result.rc, OK);
	assert_string_equal(r.result.text, "");
	end(&f);
}

static enum rc endless(struct turn *t)
{
	struct fixture *f = t->ctx;

	sem_post(&f->began);
	sem_wait(&f->go_on);
	sem_post(&f->go_on);
	t->more = true;
	return OK;
}

/* With the thread: a stop while a step runs lets it end, and begins no other. */
static void a_stop_comes_between_two_steps(void **state)
{
	static const struct chore chores[] = {{"endless", 3600, endless}, {"called", 0, called}};
	struct fixture f = {.runner = NULL};

	(void)state;
	sem_init(&f.began, 0, 0);
	sem_init(&f.go_on, 0, 0);
	f.runner = runner_new(chores, 2, &f);
	assert_int_equal(runner_start(f.runner, NULL), OK);
	runner_call(f.runner, "endless");
	sem_wait(&f.began);
	runner_call(f.runner, "called");
	runner_stop(f.runner); /* does not wait */
	sem_post(&f.go_on);
	runner_close(f.runner);
	assert_string_equal(f.ran, "");
	sem_destroy(&f.began);
	sem_destroy(&f.go_on);
}

static void a_stop_wakes_the_thread_that_waits(void **state)
{
	static const struct chore chores[] = {{"called", 0, called}};
	struct fixture f = {.runner = NULL};

	(void)state;
	f.runner = runner_new(chores, 1, &f);
	assert_int_equal(runner_start(f.runner, NULL), OK);
	runner_close(f.runner);
	assert_string_equal(f.ran, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_runs_after_its_period),
	    cmocka_unit_test(who_is_due_for_the_longest_goes_first),
	    cmocka_unit_test(a_period_begins_when_the_last_run_has_ended),
	    cmocka_unit_test(one_that_is_called_goes_first),
	    cmocka_unit_test(one_that_is_called_while_it_runs_runs_again),
	    cmocka_unit_test(only_those_without_a_period_wait_for_a_call),
	    cmocka_unit_test(others_have_their_turn_between_the_steps_of_a_long_one),
	    cmocka_unit_test(a_report_tells_of_the_last_run),
	    cmocka_unit_test(a_failure_is_logged_when_it_changes),
	    cmocka_unit_test(a_recovery_is_logged_once),
	    cmocka_unit_test(a_stop_comes_between_two_steps),
	    cmocka_unit_test(a_stop_wakes_the_thread_that_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
