/* upstream: the questions of handlers: what the store can answer, what has to be asked, and what becomes of failures.
 */
#include "private.h"
#include <cove/store/cached.h>
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <stdlib.h>

enum { EVICT_STEP = 64 };

enum rc upstream_open(struct db *db, struct store *store, struct namespaces *namespaces, struct client *client,
    struct upstream **out, struct err *err)
{
	struct upstream *u = xcalloc(1, sizeof(*u));
	pthread_condattr_t attributes;
	enum rc rc;

	u->db = db;
	u->store = store;
	u->namespaces = namespaces;
	u->client = client;
	u->work_last = &u->work_first;
	namespaces_pseudonym(namespaces, u->pseudonym, sizeof(u->pseudonym));
	u->failings = xcalloc(FAILINGS_MAX, sizeof(*u->failings));
	u->absences = xcalloc(ABSENCES_MAX, sizeof(*u->absences));
	pthread_mutex_init(&u->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&u->news, &attributes);
	pthread_condattr_destroy(&attributes);
	for (size_t i = 0; i < WORKERS; i++)
		if (pthread_create(&u->workers[i], NULL, job_worker, u))
			bug("no thread for the work of upstreams");
	rc = standing_load(u, err);
	if (rc)
		upstream_close(u);
	else
		*out = u;
	return rc;
}

void upstream_drain(struct upstream *u)
{
	pthread_mutex_lock(&u->mutex);
	u->draining = true;
	pthread_mutex_unlock(&u->mutex);
	jobs_wake(u);
}

void upstream_close(struct upstream *u)
{
	struct err err;

	pthread_mutex_lock(&u->mutex);
	u->stopping = true;
	pthread_cond_broadcast(&u->news);
	pthread_mutex_unlock(&u->mutex);
	for (size_t i = 0; i < WORKERS; i++)
		pthread_join(u->workers[i], NULL);
	if (standing_flush(u, &err))
		log_warn("upstream.standing", "error=%s", log_quote(str_of(err.text)));
	if (u->jobs)
		bug("an upstream is closed while exchanges wait for it");
	for (struct health *h = u->health, *next; h; h = next) {
		next = h->next;
		free(h);
	}
	for (size_t i = 0; i < TOKENS_MAX; i++)
		if (u->tokens[i].text) {
			wipe(u->tokens[i].text, strlen(u->tokens[i].text));
			free(u->tokens[i].text);
		}
	free(u->failings);
	free(u->absences);
	pthread_cond_destroy(&u->news);
	pthread_mutex_destroy(&u->mutex);
	free(u);
}

static bool is_absence(enum rc rc)
{
	return rc == E_MANIFEST_UNKNOWN || rc == E_BLOB_UNKNOWN || rc == E_NAME_UNKNOWN;
}

static enum rc outcome(struct job *j, struct err *err)
{
	enum rc rc;

	pthread_mutex_lock(&j->u->mutex);
	rc = j->rc;
	if (rc && err)
		*err = j->err;
	pthread_mutex_unlock(&j->u->mutex);
	return rc;
}

static bool is_finished(struct job *j)
{
	bool finished;

	pthread_mutex_lock(&j->u->mutex);
	finished = j->finished;
	pthread_mutex_unlock(&j->u->mutex);
	return finished;
}

/* It has brought nothing yet, and is not waited for any more. */
static bool is_given_up(struct job *j)
{
	bool given_up;

	pthread_mutex_lock(&j->u->mutex);
	given_up = j->u->draining && !j->finished && !j->flow;
	pthread_mutex_unlock(&j->u->mutex);
	return given_up;
}

/* The outcome; E_WANT_WAKE before there is one. Who has something else in hand waits for as long as the namespace has
 * patience. */
static enum rc wait_for(struct job *j, struct exchange *x, const struct place *leaf, bool is_brief, struct err *err)
{
	bool late;

	if (job_wait(j, x, is_brief ? (int64_t)leaf->ns->patience_ms + 1 : 0, &late))
		return E_WANT_WAKE;
	if (is_given_up(j))
		return fail_rc(err, E_SHUTTING_DOWN);
	if (late && !is_finished(j))
		return fail(err, E_UPSTREAM_UNREACHABLE, "%.*s does not answer in time", STR_ARG(leaf->ns->upstream));
	return outcome(j, err);
}

/* Docker Hub and others refuse what they have not got. As one of several namespaces, such an upstream is not asked
 * about every single content of a repository that another one has. */
static enum rc was_denied(struct upstream *u, const struct exchange *x, const struct place *leaf, struct err *err)
{
	struct digest key = repository_key(leaf);

	if (x->place.ns == leaf->ns || !absence_has(u, &key))
		return OK;
	return fail(
	    err, E_UPSTREAM_DENIED, "%.*s refused access to %.*s", STR_ARG(leaf->ns->upstream), STR_ARG(leaf->rest));
}

/* An upstream's own "not there" with the sentence of a remembered one. */
static enum rc told_of_absence(
    struct upstream *u, const struct namespace *ns, const struct digest *key, enum rc rc, struct err *err)
{
	if (is_absence(rc))
		TRY(absence_judge(u, ns, key, rc, err));
	return rc;
}

/* ---- manifests ---- */

struct manifest_pull {
	struct upstream *u;
	struct exchange *x;
	const struct place *leaf;
	const struct reference *reference;
	bool has_copy, briefly;
	char via[VIA_MAX];
};

/* Does the copy do without a question? */
static enum rc is_fresh(const struct manifest_pull *p, bool *fresh, struct err *err)
{
	struct repo_name repo = {p->leaf->full};
	int64_t at, now = clock_wall_s();

	*fresh = p->has_copy && p->reference->is_digest;
	if (!p->has_copy || *fresh)
		return OK;
	TRY(tag_checked(p->u->store, repo, p->reference->tag, &at, err));
	/* a clock that was set back must not keep a tag for ever, nor from being kept */
	*fresh = at <= now && now - at < (int64_t)p->leaf->ns->fresh_s &&
		 (at > p->leaf->ns->refreshed_at || p->leaf->ns->refreshed_at > now);
	return OK;
}

static struct question question_of(const struct manifest_pull *p, char text[static DIGEST_TEXT_MAX])
{
	struct question q = {.kind = JOB_MANIFEST, .leaf = p->leaf, .what = p->reference->tag.s};

	if (p->reference->is_digest) {
		digest_text(text, &p->reference->digest);
		q.what = str_of(text);
	}
	memcpy(q.via, p->via, sizeof(q.via));
	return q;
}

/* Asks, or looks at what came of it. OK: the store has it. */
static enum rc ask_manifest(const struct manifest_pull *p, const struct manifest_info *copy, struct err *err)
{
	char text[DIGEST_TEXT_MAX];
	struct question q = question_of(p, text);
	struct manifest_question what = {p->reference, p->has_copy ? &copy->digest : NULL};
	struct digest key = question_key(&q);
	bool is_brief = p->has_copy || p->briefly;
	struct job *j;

	TRY(job_find(p->u, p->x, &key, &j));
	if (!j) {
		TRY(absence_judge(p->u, p->leaf->ns, &key, E_MANIFEST_UNKNOWN, err));
		TRY(was_denied(p->u, p->x, p->leaf, err));
		TRY(health_permits(p->u, &q, p->has_copy, err));
		TRY(job_take(p->u, p->x, &q, manifest_begin, &what, &j, err));
	}
	return told_of_absence(p->u, p->leaf->ns, &key, wait_for(j, p->x, p->leaf, is_brief, err), err);
}

enum rc upstream_manifest(struct upstream *u, struct exchange *x, const struct place *leaf, const struct reference *ref,
    bool briefly, struct manifest_info *out, struct str *stale, struct err *err)
{
	struct manifest_pull p = {.u = u, .x = x, .leaf = leaf, .reference = ref, .briefly = briefly};
	struct repo_name repo = {leaf->full};
	struct err why;
	bool fresh;
	enum rc rc;

	*stale = STR_NONE;
	rc = manifest_find(u->store, repo, ref, out, err);
	if (rc && !is_absence(rc))
		return rc;
	p.has_copy = !rc;
	TRY(is_fresh(&p, &fresh, err));
	if (fresh)
		return OK;
	if (via_leads_back(u, x, leaf, p.via))
		return p.has_copy ? OK : fail_rc(err, E_MANIFEST_UNKNOWN);
	rc = ask_manifest(&p, out, &why);
	if (!rc)
		return manifest_find(u->store, repo, ref, out, err);
	if (rc == E_WANT_WAKE)
		return rc;
	if (p.has_copy && !is_absence(rc)) {
		*stale =
		    arena_printf(x->arena, "this is the cached copy; the upstream could not be asked: %s", why.text);
		if (rc != E_UPSTREAM_OFFLINE) /* as the owner wants it */
			log_info(
			    "upstream.stale", "name=%s error=%s", log_quote(leaf->full), log_quote(str_of(why.text)));
		return OK;
	}
	if (err)
		*err = why;
	return rc;
}

/* ---- blobs ---- */

/* An answer in chunks, without a length, is not for these. */
static bool needs_size(const struct exchange *x)
{
	struct str range;

	return x->head->method == METHOD_HEAD || x->head->minor == 0 || head_field(x->head, STR("Range"), &range);
}

/* A look at the job: OK with what there is of it, E_WANT_WAKE when there is nothing yet. */
static enum rc look_at_blob(struct job *j, struct exchange *x, struct upstream_blob *out, struct err *err)
{
	bool running, late;

	pthread_mutex_lock(&j->u->mutex);
	running = !j->finished;
	if (running && j->flow && (j->size != FLOW_SIZE_UNKNOWN || !needs_size(x))) {
		out->flow = flow_ref(j->flow);
		out->size = j->size;
	}
	if (!running)
		out->size = j->size;
	pthread_mutex_unlock(&j->u->mutex);
	if (!running)
		return outcome(j, err);
	if (out->flow)
		return OK;
	if (job_wait(j, x, 0, &late))
		return E_WANT_WAKE;
	if (is_given_up(j))
		return fail_rc(err, E_SHUTTING_DOWN);
	return look_at_blob(j, x, out, err); /* it has just ended */
}

enum rc upstream_blob_held(
    struct upstream *u, const struct place *leaf, const struct digest *d, struct upstream_blob *out, struct err *err)
{
	struct repo_name repo = {leaf->full};
	struct err why;

	*out = (struct upstream_blob){.fd = -1};
	TRY(blob_open(u->store, repo, d, &out->fd, &out->size, err));
	if (blob_touch(u->store, repo, d, &why))
		log_warn("upstream.touch", "error=%s", log_quote(str_of(why.text)));
	return OK;
}

static enum rc ask_blob(struct upstream *u, struct exchange *x, const struct question *q, const struct digest *d,
    struct upstream_blob *out, struct err *err)
{
	struct digest key = question_key(q);
	struct job *j;

	TRY(job_find(u, x, &key, &j));
	if (!j) {
		TRY(absence_judge(u, q->leaf->ns, &key, E_BLOB_UNKNOWN, err));
		TRY(was_denied(u, x, q->leaf, err));
		TRY(health_permits(u, q, false, err));
		TRY(job_take(u, x, q, q->kind == JOB_SIZE ? size_begin : blob_begin, d, &j, err));
	}
	return told_of_absence(u, q->leaf->ns, &key, look_at_blob(j, x, out, err), err);
}

/* The size, by HEAD at the upstream, unless the blob is on its way already; 0: neither tells it. */
static enum rc ask_size(struct upstream *u, struct exchange *x, struct question *q, const struct digest *d,
    struct upstream_blob *out, struct err *err)
{
	struct digest key = question_key(q);
	struct job *running;

	TRY(job_find(u, x, &key, &running));
	if (running)
		return OK;
	if (absence_has(u, &key))
		return fail_rc(err, E_BLOB_UNKNOWN);
	q->kind = JOB_SIZE;
	TRY(ask_blob(u, x, q, d, out, err));
	q->kind = JOB_BLOB;
	return OK;
}

enum rc upstream_blob(struct upstream *u, struct exchange *x, const struct place *leaf, const struct digest *d,
    struct upstream_blob *out, struct err *err)
{
	bool is_head = x->head->method == METHOD_HEAD;
	struct question q = {.kind = JOB_BLOB, .leaf = leaf};
	char text[DIGEST_TEXT_MAX];
	enum rc rc;

	rc = upstream_blob_held(u, leaf, d, out, err);
	/* what is damaged here, or on a disk that is not there, may be whole there */
	if (!is_absence(rc) && rc != E_CORRUPT && rc != E_IO)
		return rc;
	*out = (struct upstream_blob){.fd = -1};
	if (via_leads_back(u, x, leaf, q.via))
		return fail_rc(err, E_BLOB_UNKNOWN);
	digest_text(text, d);
	q.what = str_of(text);
	if (is_head)
		TRY(ask_size(u, x, &q, d, out, err));
	if (out->size)
		return OK;
	/* for HEAD too: the head of GET tells the size, or its end does */
	TRY(ask_blob(u, x, &q, d, out, err));
	if (out->flow)
		return OK;
	return blob_open(u->store, (struct repo_name){leaf->full}, d, &out->fd, &out->size, err);
}

/* ---- lists ---- */

enum rc upstream_list(struct upstream *u, struct exchange *x, const struct place *leaf, struct str path,
    struct str query, struct str *document, struct str *next_query, struct err *err)
{
	struct str what = arena_printf(x->arena, "%.*s%s%.*s", STR_ARG(path), query.n ? "?" : "", STR_ARG(query));
	struct question q = {.kind = JOB_LIST, .leaf = leaf, .what = what};
	struct repo_name repo = {leaf->full};
	struct digest key;
	struct job *j;
	bool is_kept;

	if (!what.p)
		return fail_rc(err, E_BUSY);
	if (via_leads_back(u, x, leaf, q.via))
		return fail_rc(err, E_NAME_UNKNOWN);
	TRY(repository_is_here(u->store, repo, &is_kept, err));
	key = question_key(&q);
	TRY(job_find(u, x, &key, &j));
	if (!j) {
		TRY(health_permits(u, &q, false, err));
		TRY(job_take(u, x, &q, list_begin, &what, &j, err));
	}
	TRY(wait_for(j, x, leaf, is_kept, err));
	/* the exchange holds the job, which has ended */
	*document = buf_str(&j->bytes);
	*next_query = str_of(j->next_query);
	return OK;
}

bool upstream_is_query(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
			return false;
	return s.n && s.n <= UPSTREAM_QUERY_MAX;
}

enum rc upstream_answers(struct upstream *u, struct exchange *x, const struct namespace *ns, struct err *err)
{
	struct place place = {.ns = ns, .full = ns->name, .rest = STR("")};
	struct question q = {.kind = JOB_PROBE, .leaf = &place, .what = STR("/v2/")};
	struct digest key = question_key(&q);
	struct job *j;

	TRY(job_find(u, x, &key, &j));
	if (!j)
		TRY(job_take(u, x, &q, probe_begin, NULL, &j, err));
	return wait_for(j, x, &place, false, err);
}

/* ---- chores ---- */

/* *more: it may be that not all is evicted that must be. */
static enum rc evict_some(
    struct upstream *u, const struct namespace *ns, uint64_t target_bytes, bool *more, struct err *err)
{
	unsigned freed;

	*more = false;
	if (ns->kind != NAMESPACE_PROXY || !ns->cache_bytes)
		return OK;
	TRY(blob_evict(u->store, ns->id, target_bytes, EVICT_STEP, &freed, err));
	if (freed)
		log_info("upstream.evict", "namespace=%s blobs=%u", log_quote(ns->name), freed);
	*more = freed == EVICT_STEP;
	return OK;
}

void cache_make_room(struct upstream *u, const struct namespace *ns, uint64_t bytes)
{
	bool more = true;
	uint64_t used;
	struct err err;
	enum rc rc;

	/* what would never fit, whoever says that it comes, empties nothing */
	if (!ns->cache_bytes || bytes > ns->cache_bytes || !health_may_make_room(u, ns))
		return;
	rc = namespace_used_bytes(u->namespaces, ns, &used, &err);
	while (!rc && more)
		rc = evict_some(u, ns, used > bytes ? used - bytes : 0, &more, &err);
	if (rc)
		log_warn("upstream.evict", "error=%s", log_quote(str_of(err.text)));
}

enum rc upstream_tend(struct upstream *u, bool *more, struct err *err)
{
	struct namespace_set *set;
	enum rc rc = OK;
	bool here;

	*more = false;
	TRY(standing_flush(u, err));
	TRY(namespaces_take(u->namespaces, &set, err));
	for (size_t i = 0; i < namespace_count(set) && !rc; i++) {
		rc = evict_some(u, namespace_at(set, i), namespace_at(set, i)->cache_bytes, &here, err);
		*more = *more || here;
	}
	namespace_set_unref(set);
	return rc;
}
