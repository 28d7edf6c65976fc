/*
 * runner: runs a table of chores, one after the other, on one background thread. The chore that is due for the longest
 * goes first, so that no chore starves another. A period counts from the end of the last run. A failure is logged when
 * the result of its chore changes, not with each run.
 */
#pragma once
#include <cove/base/err.h>

/* One run, or one step of it. */
struct turn {
	void *ctx;      /* of the table */
	bool more;      /* the chore sets it: there is more to do */
	struct err err; /* the chore fills it when it fails */
};

struct chore {
	const char *name;
	/* The first run is one period after the start; 0: it runs only when runner_call() asks for it. */
	int64_t period_s;
	/* A long chore does a bounded step and sets t->more: its next step follows as soon as the other chores that are
	 * due have had their turn. A stop comes between two steps. */
	enum rc (*run)(struct turn *t);
};

/* What is known of the last run. */
struct chore_report {
	const char *name;
	int64_t started_at;  /* seconds since the epoch; 0: it has not run yet */
	int64_t duration_ms; /* of the last step that ended */
	bool is_running;
	struct err result; /* rc OK: it went well; the text is empty then */
};

struct runner;

/* The table must outlive the chores. Nothing runs before runner_start(). */
struct runner *runner_new(const struct chore *table, size_t count, void *ctx);
CHECKED enum rc runner_start(struct runner *r, struct err *err);
/* That chore runs next, and its period starts anew. Any thread; does not wait for it. */
void runner_call(struct runner *r, const char *name);
/* No further step is begun. Does not wait for the one that runs. */
void runner_stop(struct runner *r);
/* Stops, waits for the step that runs, and frees. */
void runner_close(struct runner *r);
/* The last run of the chore with that place in the table; false: there are not that many. Any thread. */
bool runner_report(struct runner *r, size_t i, struct chore_report *out);

/* One step of the chore that is due for the longest. False: no chore is due, and *wait_ms says for how long (-1: until
 * one is called). The thread calls this; tests do so without it. */
bool runner_step(struct runner *r, int64_t *wait_ms);
