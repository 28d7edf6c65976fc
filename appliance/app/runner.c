/* runner: the thread, and which chore is next. */
#include "runner.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define STACK_BYTES (1024u * 1024)
#define NEVER INT64_MAX

struct state {
	int64_t due_ms;
	bool is_called; /* since its last run began */
	struct chore_report report;
};

struct runner {
	const struct chore *table;
	size_t count;
	void *ctx;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* of the members below; no chore runs under it */
	pthread_cond_t news;  /* a chore is called, or the chores are stopped */
	bool stopped;
	struct state states[];
};

static int64_t next_run_ms(const struct chore *chore)
{
	return chore->period_s ? clock_mono_ms() + chore->period_s * 1000 : NEVER;
}

struct runner *runner_new(const struct chore *table, size_t count, void *ctx)
{
	struct runner *r = xcalloc(1, sizeof(*r) + count * sizeof(r->states[0]));
	pthread_condattr_t monotonic;

	r->table = table;
	r->count = count;
	r->ctx = ctx;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->news, &monotonic);
	pthread_condattr_destroy(&monotonic);
	for (size_t i = 0; i < count; i++) {
		r->states[i].due_ms = next_run_ms(&table[i]);
		r->states[i].report.name = table[i].name;
	}
	return r;
}

/* Where it becomes different from the last one: a chore that fails every two seconds in the same way says so once. */
static void log_result(const struct chore *chore, const struct err *before, const struct err *now)
{
	if (before->rc == now->rc && str_eq(str_of(before->text), str_of(now->text)))
		return;
	if (now->rc)
		log_warn("chore.failed", "chore=%s reason=%s", chore->name, log_quote(str_of(now->text)));
	else
		log_info("chore.mended", "chore=%s", chore->name);
}

/* The lock is held, and free while the chore runs. */
static void run(struct runner *r, size_t i)
{
	const struct chore *chore = &r->table[i];
	struct state *state = &r->states[i];
	int64_t from_ms = clock_mono_ms();
	struct turn turn = {.ctx = r->ctx};
	struct err result = {.rc = OK};

	state->is_called = false;
	state->report.started_at = clock_wall_s();
	state->report.is_running = true;
	pthread_mutex_unlock(&r->lock);
	if (chore->run(&turn))
		result = turn.err;
	log_result(chore, &state->report.result, &result); /* only this thread writes the report */
	pthread_mutex_lock(&r->lock);
	state->report.is_running = false;
	state->report.duration_ms = clock_mono_ms() - from_ms;
	state->report.result = result;
	if (state->is_called)
		state->due_ms = 0;
	else
		state->due_ms = turn.more && !result.rc ? clock_mono_ms() : next_run_ms(chore);
}

/* The lock is held. */
static size_t longest_due(const struct runner *r)
{
	size_t first = 0;

	for (size_t i = 1; i < r->count; i++)
		if (r->states[i].due_ms < r->states[first].due_ms)
			first = i;
	return first;
}

/* The lock is held. */
static bool step(struct runner *r, int64_t *wait_ms)
{
	size_t next = longest_due(r);
	int64_t due_ms = r->states[next].due_ms;
	int64_t now_ms = clock_mono_ms();

	if (due_ms > now_ms) {
		*wait_ms = due_ms == NEVER ? -1 : due_ms - now_ms;
		return false;
	}
	run(r, next);
	return true;
}

bool runner_step(struct runner *r, int64_t *wait_ms)
{
	bool ran;

	pthread_mutex_lock(&r->lock);
	ran = step(r, wait_ms);
	pthread_mutex_unlock(&r->lock);
	return ran;
}

/* The lock is held. May return early. */
static void wait_for_news(struct runner *r, int64_t wait_ms)
{
	struct timespec until;

	if (wait_ms < 0) {
		pthread_cond_wait(&r->news, &r->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(wait_ms / 1000);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&r->news, &r->lock, &until);
}

static void *work(void *runner)
{
	struct runner *r = runner;
	int64_t wait_ms;

	pthread_mutex_lock(&r->lock);
	while (!r->stopped)
		if (!step(r, &wait_ms))
			wait_for_news(r, wait_ms);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

enum rc runner_start(struct runner *r, struct err *err)
{
	pthread_attr_t attributes;
	int failed;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	failed = pthread_create(&r->thread, &attributes, work, r);
	pthread_attr_destroy(&attributes);
	errno = failed;
	if (failed)
		return fail_errno(err, E_IO, "cannot start a thread");
	r->has_thread = true;
	return OK;
}

void runner_call(struct runner *r, const char *name)
{
	size_t i = 0;

	while (i < r->count && !str_eq(str_of(r->table[i].name), str_of(name)))
		i++;
	if (i == r->count)
		bug("there is no chore %s", name);
	pthread_mutex_lock(&r->lock);
	r->states[i].is_called = true;
	r->states[i].due_ms = 0;
	pthread_cond_signal(&r->news);
	pthread_mutex_unlock(&r->lock);
}

void runner_stop(struct runner *r)
{
	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	pthread_cond_signal(&r->news);
	pthread_mutex_unlock(&r->lock);
}

void runner_close(struct runner *r)
{
	runner_stop(r);
	if (r->has_thread)
		pthread_join(r->thread, NULL);
	pthread_cond_destroy(&r->news);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

bool runner_report(struct runner *r, size_t i, struct chore_report *out)
{
	if (i >= r->count)
		return false;
	pthread_mutex_lock(&r->lock);
	*out = r->states[i].report;
	pthread_mutex_unlock(&r->lock);
	return true;
}
