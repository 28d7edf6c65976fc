/*
 * health: what is known of an upstream: whether it answers, what it limits, what it has not got. A failure is first of
 * all one of the content that was asked for: it alone is spared, ever longer. The upstream is spared when no connection
 * can be made, or when it limits. When contents of several repositories fail with no success between, it is said to
 * fail, and is asked for the others all the same: whoever asks for what fails would else keep everybody from what does
 * not.
 */
#include "private.h"
#include <cove/base/clock.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BACK_OFF_MAX_S = 60,
	LIMIT_WAIT_S = 60,
	LIMIT_WAIT_MAX_S = 6 * 3600,
	ROOM_EVERY_S = 600,
};

struct health *health_of(struct upstream *u, const struct namespace *ns)
{
	struct health *h;

	for (h = u->health; h && h->namespace_id != ns->id; h = h->next)
		;
	if (!h) {
		h = xcalloc(1, sizeof(*h));
		h->next = u->health;
		u->health = h;
	}
	if (h->version != ns->version) {
		struct health *next = h->next;

		*h = (struct health){.next = next, .namespace_id = ns->id, .version = ns->version};
		h->status = (struct upstream_status){.reachable = true, .limit_remaining = -1, .limit_total = -1};
	}
	return h;
}

void health_start(struct upstream *u, const struct namespace *ns, const struct upstream_status *status)
{
	pthread_mutex_lock(&u->mutex);
	health_of(u, ns)->status = *status;
	pthread_mutex_unlock(&u->mutex);
}

/* "76;w=21600" (docs.docker.com "Usage and limits") */
static int64_t limit_value(const struct client_head *head, const char *name)
{
	struct str value, rest;
	uint64_t n;

	if (!client_field(head, name, &value))
		return -1;
	str_cut(value, ';', &value, &rest);
	return str_u64(str_trim(value), &n) && n < INT32_MAX ? (int64_t)n : -1;
}

void health_read(struct job *j, const struct client_head *head)
{
	int64_t remaining = limit_value(head, "ratelimit-remaining"), total = limit_value(head, "ratelimit-limit");

	j->retry_after_s = client_retry_after(head, clock_wall_s());
	if (j->retry_after_s > LIMIT_WAIT_MAX_S)
		j->retry_after_s = LIMIT_WAIT_MAX_S;
	if (remaining < 0 || !j->ask.is_own)
		return;
	pthread_mutex_lock(&j->u->mutex);
	struct health *h = health_of(j->u, j->ns);
	h->limit_told = true;
	h->status.limit_remaining = remaining;
	h->status.limit_total = total;
	h->status.limit_at = clock_wall_s();
	pthread_mutex_unlock(&j->u->mutex);
}

/* Other bytes than those of a digest, or a manifest that cannot be kept, are none: to ask again may help at once. */
static bool is_failure(const struct job *j, enum rc rc)
{
	return rc == E_UPSTREAM_UNREACHABLE || rc == E_UPSTREAM_LIMIT ||
	       (rc == E_UPSTREAM_ANSWER && (j->status >= 500 || j->ask.token_status >= 500));
}

/* Nothing else could be had from it either. Where it redirects to is another matter. */
static bool is_of_all(const struct job *j, enum rc rc)
{
	return j->ask.is_own && (rc == E_UPSTREAM_LIMIT || (rc == E_UPSTREAM_UNREACHABLE && !j->ask.connected));
}

static int64_t doubled(unsigned failures, int64_t max_s)
{
	int64_t s = failures < 16 ? INT64_C(1) << (failures - 1) : max_s;

	return s < max_s ? s : max_s;
}

static struct failing *failing_place(struct upstream *u, const struct digest *key)
{
	size_t i;

	memcpy(&i, key->bytes, sizeof(i)); /* a hash already */
	return &u->failings[i % FAILINGS_MAX];
}

/* The mutex is held, as in all that follow. Of many questions at one time all fail, and that is one failure. */
static int64_t content_failed(struct job *j, enum rc rc, const char *why)
{
	struct failing *f = failing_place(j->u, &j->content_key);
	int64_t now_ms = clock_mono_ms(), wait_s;

	if (!digest_eq(&f->key, &j->content_key))
		*f = (struct failing){.key = j->content_key};
	if (f->until_ms <= now_ms)
		f->failures++;
	wait_s = doubled(f->failures, BACK_OFF_MAX_S);
	if (j->retry_after_s > wait_s)
		wait_s = j->retry_after_s;
	f->rc = rc;
	f->until_ms = now_ms + wait_s * 1000;
	snprintf(f->why, sizeof(f->why), "%.*s", (int)sizeof(f->why) - 1, why);
	return wait_s;
}

/* True: there are so many that it is the upstream. */
static bool repository_failed(const struct job *j, struct health *h)
{
	size_t i = 0;

	while (i < h->failing_count && !digest_eq(&h->failing[i], &j->repository_key))
		i++;
	if (i == h->failing_count && i < FAILING_MAX)
		h->failing[h->failing_count++] = j->repository_key;
	return h->failing_count == FAILING_MAX;
}

static int64_t upstream_failed(const struct job *j, struct health *h, enum rc rc)
{
	int64_t now_ms = clock_mono_ms(), wait_s;

	if (h->until_ms <= now_ms)
		h->failures++;
	wait_s = doubled(h->failures, BACK_OFF_MAX_S);
	if (rc == E_UPSTREAM_LIMIT)
		wait_s = j->retry_after_s ? j->retry_after_s : LIMIT_WAIT_S;
	h->status.reachable = false;
	h->rc = rc;
	h->until_ms = now_ms + wait_s * 1000;
	h->status.failed_until = clock_wall_s() + wait_s;
	return wait_s;
}

static void succeeded(struct job *j, struct health *h)
{
	struct failing *f = failing_place(j->u, &j->content_key);

	if (digest_eq(&f->key, &j->content_key))
		*f = (struct failing){.until_ms = 0};
	h->failures = 0;
	h->until_ms = 0;
	h->failing_count = 0;
	h->status.reachable = true;
	h->status.failed_until = 0;
}

unsigned health_note(struct job *j, enum rc rc, const struct err *err)
{
	bool failed = is_failure(j, rc);
	int64_t wait_s = 0;
	struct health *h;

	/* what is wrong with our own disk says nothing about the upstream */
	if (rc == E_SHUTTING_DOWN || (rc && !failed && rc != E_UPSTREAM_ANSWER && rc_status(rc) >= 500))
		return 0;
	pthread_mutex_lock(&j->u->mutex);
	h = health_of(j->u, j->ns);
	if (!failed) {
		succeeded(j, h);
	} else {
		snprintf(h->status.failure, sizeof(h->status.failure), "%.*s", (int)sizeof(h->status.failure) - 1,
		    err->text);
		if (is_of_all(j, rc)) {
			wait_s = upstream_failed(j, h, rc);
		} else {
			wait_s = content_failed(j, rc, err->text);
			if (repository_failed(j, h))
				h->status.reachable = false;
		}
	}
	pthread_mutex_unlock(&j->u->mutex);
	return (unsigned)wait_s;
}

bool health_may_make_room(struct upstream *u, const struct namespace *ns)
{
	int64_t now_ms = clock_mono_ms();
	struct health *h;
	bool may;

	pthread_mutex_lock(&u->mutex);
	h = health_of(u, ns);
	may = now_ms >= h->room_after_ms;
	if (may)
		h->room_after_ms = now_ms + ROOM_EVERY_S * 1000;
	pthread_mutex_unlock(&u->mutex);
	return may;
}

void health_note_basic(struct job *j)
{
	pthread_mutex_lock(&j->u->mutex);
	health_of(j->u, j->ns)->wants_basic = true;
	pthread_mutex_unlock(&j->u->mutex);
}

bool health_wants_basic(struct job *j)
{
	bool wants;

	pthread_mutex_lock(&j->u->mutex);
	wants = health_of(j->u, j->ns)->wants_basic;
	pthread_mutex_unlock(&j->u->mutex);
	return wants;
}

/* Not before that moment: OK when it has come. */
static enum rc spare(int64_t until_ms, enum rc why, const char *text, struct err *err)
{
	int64_t left_s = (until_ms - clock_mono_ms()) / 1000 + 1;

	if (until_ms <= clock_mono_ms())
		return OK;
	(void)fail(err, why, "%s; cove asks again in %lld s", text, (long long)left_s);
	if (err)
		err->retry_after_s = (unsigned)left_s;
	return why;
}

enum rc health_permits(struct upstream *u, const struct question *q, bool has_copy, struct err *err)
{
	const struct namespace *ns = q->leaf->ns;
	struct digest key = content_key(q);
	struct failing *f;
	struct health *h;
	enum rc rc;

	if (ns->offline)
		return fail(err, E_UPSTREAM_OFFLINE, "the namespace %.*s is set to offline and does not ask %.*s%s",
		    STR_ARG(ns->name), STR_ARG(ns->upstream), has_copy ? "" : ", and this content is not cached");
	pthread_mutex_lock(&u->mutex);
	h = health_of(u, ns);
	f = failing_place(u, &key);
	rc = spare(h->until_ms, h->rc, h->status.failure, err);
	if (!rc && digest_eq(&f->key, &key))
		rc = spare(f->until_ms, f->rc, f->why, err);
	if (!rc && has_copy && h->status.limit_remaining >= 0 && h->status.limit_remaining <= LIMIT_RESERVE &&
	    clock_wall_s() - h->status.limit_at < LIMIT_WAIT_MAX_S)
		rc = fail(err, E_UPSTREAM_LIMIT, "only %lld pulls are left of the limit of %.*s",
		    (long long)h->status.limit_remaining, STR_ARG(ns->upstream));
	pthread_mutex_unlock(&u->mutex);
	return rc;
}

void upstream_status(struct upstream *u, const struct namespace *ns, struct upstream_status *out)
{
	pthread_mutex_lock(&u->mutex);
	*out = health_of(u, ns)->status;
	pthread_mutex_unlock(&u->mutex);
}

enum rc status_judge(const struct job *j, enum rc absent, struct err *err)
{
	char who[WHO_MAX];

	ask_who(j, who);
	switch (j->status) {
	case 200:
	case 206:
		return OK;
	case 404:
		return fail_rc(err, absent);
	case 401:
	case 403:
		return fail(err, E_UPSTREAM_DENIED,
		    "%s refuses access to %s: it does not exist, or the credentials of the namespace %.*s do not allow "
		    "access",
		    who, j->rest, STR_ARG(j->ns->name));
	case 429:
		return fail(err, E_UPSTREAM_LIMIT, "%s limits requests (429)%s", who,
		    j->ns->username.n ? "" : ": it may allow more if you set credentials for the namespace");
	default:
		return fail(err, E_UPSTREAM_ANSWER, "%s answers with status %d", who, j->status);
	}
}

enum rc cannot_keep(const struct job *j, const char *what, struct err *err)
{
	char why[sizeof(err->text)];

	snprintf(why, sizeof(why), "%s", err->text);
	if (err->rc == E_DISK_FULL)
		snprintf(why, sizeof(why),
		    "the registry's disk is full: free some space, delete images, or set a cache_limit");
	return fail(err, err->rc, "%s of %.*s cannot be cached: %.300s", what, STR_ARG(j->ns->upstream), why);
}

/* ---- absences ---- */

static struct absence *absence_place(struct upstream *u, const struct digest *key)
{
	size_t i;

	memcpy(&i, key->bytes, sizeof(i)); /* a hash already */
	return &u->absences[i % ABSENCES_MAX];
}

void absence_keep(struct job *j, const struct digest *key)
{
	int64_t now_ms = clock_mono_ms();

	if (!j->ns->negative_s)
		return;
	pthread_mutex_lock(&j->u->mutex);
	*absence_place(j->u, key) = (struct absence){*key, now_ms, now_ms + (int64_t)j->ns->negative_s * 1000};
	pthread_mutex_unlock(&j->u->mutex);
}

static bool absence_find(struct upstream *u, const struct digest *key, struct absence *out)
{
	bool has;

	pthread_mutex_lock(&u->mutex);
	*out = *absence_place(u, key);
	has = out->until_ms > clock_mono_ms() && digest_eq(&out->key, key);
	pthread_mutex_unlock(&u->mutex);
	return has;
}

bool absence_has(struct upstream *u, const struct digest *key)
{
	struct absence a;

	return absence_find(u, key, &a);
}

enum rc absence_judge(
    struct upstream *u, const struct namespace *ns, const struct digest *key, enum rc absent, struct err *err)
{
	int64_t now_ms = clock_mono_ms();
	struct absence a;

	if (!absence_find(u, key, &a))
		return OK;
	return fail(err, absent,
	    "%.*s answered %lld s ago that this does not exist; cove asks again in %lld s, or after cove namespace "
	    "refresh %.*s",
	    STR_ARG(str_first(ns->upstream, 150)), (long long)((now_ms - a.since_ms) / 1000),
	    (long long)((a.until_ms - now_ms) / 1000 + 1), STR_ARG(ns->name));
}
