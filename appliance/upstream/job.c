/* job: the table of questions under way, who waits for them, and the workers. */
#include "private.h"
#include <cove/base/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct digest question_key(const struct question *q)
{
	const struct namespace *ns = q->leaf->ns;
	struct hasher hasher;
	struct digest key;
	char head[64];
	int n = snprintf(head, sizeof(head), "%llx %d ", (unsigned long long)ns->version, (int)q->kind);

	hasher_init(&hasher, DIGEST_SHA256);
	hasher_add(&hasher, head, (size_t)n);
	hasher_add(&hasher, q->leaf->full.p, q->leaf->full.n);
	hasher_add(&hasher, " ", 1);
	hasher_add(&hasher, q->what.p, q->what.n);
	hasher_add(&hasher, " ", 1);
	hasher_add(&hasher, q->via, strlen(q->via));
	hasher_end(&hasher, &key);
	return key;
}

struct digest content_key(const struct question *q)
{
	struct question what = *q;

	what.via[0] = '\0';
	if (what.kind == JOB_SIZE)
		what.kind = JOB_BLOB;
	return question_key(&what);
}

struct digest repository_key(const struct place *leaf)
{
	struct question all = {.kind = JOB_MANIFEST, .leaf = leaf};

	return question_key(&all);
}

static void job_free(struct job *j)
{
	ask_release(j);
	if (j->flow)
		flow_unref(j->flow);
	buf_release(&j->bytes);
	free(j->next_query);
	free(j->waiting);
	namespace_set_unref(j->set);
	free(j);
}

/* The mutex is held. True: it was the last one, and the job is out of the table. */
static bool drop(struct job *j)
{
	struct job **at;

	if (--j->references)
		return false;
	for (at = &j->u->jobs; *at != j; at = &(*at)->next)
		;
	*at = j->next;
	j->u->job_count--;
	return true;
}

static void job_release(void *p)
{
	struct job *j = p;
	struct upstream *u = j->u;
	bool last;

	pthread_mutex_lock(&u->mutex);
	last = drop(j);
	pthread_mutex_unlock(&u->mutex);
	if (last)
		job_free(j);
}

/* The mutex is held. An outcome is for those who waited for it, until they have sent their answers; who comes later
 * asks anew. */
static struct job *find(struct upstream *u, const struct exchange *x, const struct digest *key)
{
	struct job *running = NULL;

	for (struct job *j = u->jobs; j; j = j->next) {
		if (!digest_eq(&j->key, key))
			continue;
		if (exchange_holds(x, j))
			return j;
		if (!j->finished)
			running = j;
	}
	return running;
}

static enum rc job_new(
    struct upstream *u, const struct question *q, const struct digest *key, struct job **out, struct err *err)
{
	struct job *j = xcalloc(1, sizeof(*j));
	enum rc rc = namespaces_take(u->namespaces, &j->set, err);

	if (!rc) {
		j->ns = namespace_find(j->set, q->leaf->ns->name);
		if (!j->ns || j->ns->kind != NAMESPACE_PROXY)
			rc = fail(err, E_NAME_UNKNOWN, "the namespace was changed during the request: try again");
	}
	if (rc) {
		namespace_set_unref(j->set);
		free(j);
		return rc;
	}
	j->u = u;
	j->key = *key;
	j->content_key = content_key(q);
	j->repository_key = repository_key(q->leaf);
	memcpy(j->via, q->via, sizeof(j->via));
	j->kind = q->kind;
	j->bytes = BUF_INIT(LIST_MAX);
	j->ask.token_answer = BUF_INIT(65536);
	snprintf(j->full, sizeof(j->full), "%.*s", STR_ARG(q->leaf->full));
	j->rest = j->full + (q->leaf->full.n - q->leaf->rest.n);
	*out = j;
	return OK;
}

enum rc job_find(struct upstream *u, struct exchange *x, const struct digest *key, struct job **out)
{
	pthread_mutex_lock(&u->mutex);
	*out = find(u, x, key);
	if (*out)
		(*out)->references++;
	pthread_mutex_unlock(&u->mutex);
	return *out ? exchange_hold(x, *out, job_release) : OK;
}

enum rc job_take(struct upstream *u, struct exchange *x, const struct question *q,
    void (*begin)(struct job *j, const void *ctx), const void *ctx, struct job **out, struct err *err)
{
	struct digest key = question_key(q);
	struct job *fresh, *j;

	TRY(job_new(u, q, &key, &fresh, err));
	pthread_mutex_lock(&u->mutex);
	j = find(u, x, &key);
	if (!j && u->job_count < JOBS_MAX && !u->stopping) {
		fresh->next = u->jobs;
		u->jobs = j = fresh;
		u->job_count++;
		j->references = 1; /* the conversation's */
	}
	if (j)
		j->references++;
	pthread_mutex_unlock(&u->mutex);
	if (j == fresh)
		begin(j, ctx);
	else
		job_free(fresh);
	if (!j)
		return fail(err, E_BUSY, "too many requests to upstreams are in progress: try again in a moment");
	*out = j;
	return exchange_hold(x, j, job_release);
}

bool job_wait(struct job *j, struct exchange *x, int64_t patience_ms, bool *late)
{
	struct upstream *u = j->u;
	bool waits;

	pthread_mutex_lock(&u->mutex);
	*late = j->late;
	waits = !j->finished && !(j->late && patience_ms) && !u->draining;
	if (waits) {
		if (j->waiting_count == j->waiting_room) {
			j->waiting_room = j->waiting_room ? 2 * j->waiting_room : 8;
			j->waiting = realloc(j->waiting, j->waiting_room * sizeof(*j->waiting));
			if (!j->waiting)
				bug("no memory for a list of waiting connections");
		}
		j->waiting[j->waiting_count++] = conn_ref(x->conn);
		if (patience_ms && !j->late_at_ms) {
			j->late_at_ms = clock_mono_ms() + patience_ms;
			pthread_cond_signal(&u->news);
		}
	}
	pthread_mutex_unlock(&u->mutex);
	return waits;
}

/* The mutex is held, and free afterwards: waking takes net's. */
static void wake_and_unlock(struct job *j)
{
	struct conn_ref *waiting = j->waiting;
	size_t count = j->waiting_count;

	j->waiting = NULL;
	j->waiting_count = j->waiting_room = 0;
	pthread_mutex_unlock(&j->u->mutex);
	for (size_t i = 0; i < count; i++)
		conn_wake(waiting[i]);
	free(waiting);
}

void job_wake(struct job *j)
{
	pthread_mutex_lock(&j->u->mutex);
	wake_and_unlock(j);
}

void jobs_wake(struct upstream *u)
{
	struct job *j;

	do {
		pthread_mutex_lock(&u->mutex);
		for (j = u->jobs; j && !j->waiting_count; j = j->next)
			;
		if (j)
			wake_and_unlock(j);
		else
			pthread_mutex_unlock(&u->mutex);
	} while (j);
}

void job_finish(struct job *j, enum rc rc, const struct err *err)
{
	unsigned again_s = health_note(j, rc, err);

	standing_note(j, rc, err);
	if (rc == E_MANIFEST_UNKNOWN || rc == E_BLOB_UNKNOWN || rc == E_NAME_UNKNOWN)
		absence_keep(j, &j->key);
	if (rc == E_UPSTREAM_DENIED && j->kind == JOB_MANIFEST)
		absence_keep(j, &j->repository_key);
	pthread_mutex_lock(&j->u->mutex);
	j->finished = true;
	j->rc = rc;
	if (rc)
		j->err = *err;
	j->err.retry_after_s = again_s;
	wake_and_unlock(j);
	job_release(j);
}

void job_hand_over(struct job *j, void (*work)(struct job *j))
{
	struct upstream *u = j->u;

	j->work = work;
	j->next_work = NULL;
	pthread_mutex_lock(&u->mutex);
	*u->work_last = j;
	u->work_last = &j->next_work;
	pthread_cond_signal(&u->news);
	pthread_mutex_unlock(&u->mutex);
}

/* The mutex is held. A job whose waiters have waited long enough, or NULL and when there will be one (0: never). */
static struct job *find_late(struct upstream *u, int64_t *due_ms)
{
	int64_t now_ms = clock_mono_ms();

	*due_ms = 0;
	for (struct job *j = u->jobs; j; j = j->next) {
		if (!j->late_at_ms || j->late || j->finished)
			continue;
		if (j->late_at_ms <= now_ms)
			return j;
		if (!*due_ms || j->late_at_ms < *due_ms)
			*due_ms = j->late_at_ms;
	}
	return NULL;
}

/* The mutex is held. */
static void wait_for_work(struct upstream *u, int64_t due_ms)
{
	struct timespec at;

	if (!due_ms) {
		pthread_cond_wait(&u->news, &u->mutex);
		return;
	}
	/* the condition's clock need not be ours: a short wait, then another look */
	clock_gettime(CLOCK_MONOTONIC, &at);
	int64_t ms = due_ms - clock_mono_ms();
	ms = ms < 1 ? 1 : ms > 1000 ? 1000 : ms;
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&u->news, &u->mutex, &at);
}

void *job_worker(void *upstream)
{
	struct upstream *u = upstream;
	int64_t due_ms;

	pthread_mutex_lock(&u->mutex);
	for (;;) {
		struct job *j = find_late(u, &due_ms);

		if (j) {
			j->late = true;
			wake_and_unlock(j);
			pthread_mutex_lock(&u->mutex);
		} else if ((j = u->work_first)) {
			u->work_first = j->next_work;
			if (!u->work_first)
				u->work_last = &u->work_first;
			pthread_mutex_unlock(&u->mutex);
			j->work(j);
			pthread_mutex_lock(&u->mutex);
		} else if (u->stopping) {
			break;
		} else {
			wait_for_work(u, due_ms);
		}
	}
	pthread_mutex_unlock(&u->mutex);
	return NULL;
}
