/*
 * fetch_blob: an upstream's blob goes into an ordinary upload session, hashed as it comes, and out to its readers at
 * the same time (http's flow). Dropped connections are taken up again by Range. A worker commits it, as a push's is:
 * only then is the last byte shown. A blob that was fetched for another repository of the namespace is not fetched
 * again: the upstream only has to say that this one has it too. Nor is one that is being fetched for another repository
 * of the namespace: that job leads, and this one follows it. What others keep on this box is no help: who only says
 * that it has a blob, and sends no byte of it, would make us hand out what he cannot.
 */
#include "private.h"
#include <cove/base/log.h>
#include <cove/store/cached.h>
#include <stdio.h>

enum { TRIES = 5, DELAY_MS = 500 };
#define UNTOLD_MAX (UINT64_C(4) << 30) /* of a blob whose size nobody tells */

static struct repo_name repo_of(const struct job *j)
{
	return (struct repo_name){str_of(j->full)};
}

static void fetch(struct job *j);
static void work_link(struct job *j);

/* ---- several repositories, one fetch ---- */

/* The mutex is held. */
static void share_flow(struct job *leader, struct job *j)
{
	if (!leader->flow)
		return;
	j->flow = flow_ref(leader->flow);
	j->size = leader->size;
}

/* The mutex is held. Of the same namespace as it is now: another one has another upstream, other credentials, and other
 * places for what it keeps. */
static struct job *find_leader(const struct job *j)
{
	for (struct job *o = j->u->jobs; o; o = o->next)
		if (o->leads && o->ns->id == j->ns->id && o->ns->version == j->ns->version &&
		    digest_eq(&o->digest, &j->digest))
			return o;
	return NULL;
}

/* False: somebody leads already. */
static bool lead(struct job *j)
{
	bool leads;

	pthread_mutex_lock(&j->u->mutex);
	leads = !find_leader(j);
	j->leads = leads;
	pthread_mutex_unlock(&j->u->mutex);
	return leads;
}

/* False: there is nobody to follow. */
static bool follow(struct job *j, bool or_lead)
{
	struct job *leader;

	pthread_mutex_lock(&j->u->mutex);
	leader = find_leader(j);
	if (leader) {
		j->next_follower = leader->followers;
		leader->followers = j;
		share_flow(leader, j);
	}
	j->leads = !leader && or_lead;
	pthread_mutex_unlock(&j->u->mutex);
	if (leader)
		job_wake(j);
	return leader;
}

static void follow_or_fetch(struct job *j)
{
	if (!follow(j, true))
		fetch(j);
}

static struct job *take_followers(struct job *j)
{
	struct job *followers;

	pthread_mutex_lock(&j->u->mutex);
	followers = j->followers;
	j->followers = NULL;
	j->leads = false;
	pthread_mutex_unlock(&j->u->mutex);
	return followers;
}

/* They have been told by the upstream that their repositories have the blob. */
static void release_followers(struct job *followers, enum rc rc, const struct err *err)
{
	for (struct job *f = followers, *next; f; f = next) {
		next = f->next_follower;
		if (!rc)
			job_hand_over(f, work_link);
		else if (f->flow || rc == E_SHUTTING_DOWN)
			job_finish(f, rc, err);
		else
			follow_or_fetch(f);
	}
}

/* ---- the fetch ---- */

/* How long the blob is: what the answer says, else what the repository's manifests say. */
static enum rc learn_size(struct job *j, const struct client_head *head, bool *agrees, struct err *err)
{
	uint64_t size = 0;
	bool named;

	TRY(blob_size_named(j->u->store, repo_of(j), &j->digest, &named, &size, err));
	*agrees = !named || !head->has_length || size == head->length;
	j->has_size = head->has_length || named;
	j->size_told = head->has_length ? head->length : size;
	return OK;
}

/* Pages and pictures are no layers: what is said to be one may come from where the upstream itself has no access. */
static bool is_blob_type(const struct client_head *head)
{
	static const struct str types[] = {STR("application/octet-stream"), STR("binary/octet-stream"),
	    STR("application/gzip"), STR("application/x-gzip"), STR("application/x-tar"), STR("application/zstd")};
	struct str type, rest;

	if (!client_field(head, "Content-Type", &type) || !type.n)
		return true;
	str_cut(type, ';', &type, &rest);
	type = str_trim(type);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (str_eqi(type, types[i]))
			return true;
	return str_starts(type, STR("application/vnd."));
}

static enum rc make_session(struct job *j, struct err *err)
{
	struct space space = job_space(j);
	enum rc rc;

	TRY(upload_start(j->u->store, &space, repo_of(j), j->digest.algorithm, j->upload_id, err));
	TRY(upload_resume(j->u->store, &space, repo_of(j), str_of(j->upload_id), &j->upload, err));
	if (!j->has_size)
		return OK;
	/* before the head leaves: after it there is no sentence any more */
	rc = upload_expect(j->upload, j->size_told, err);
	if (rc == E_DISK_FULL)
		cache_make_room(j->u, j->ns, j->size_told);
	return rc;
}

/* Those who wait may read along. What does not look like the blob is kept from them until its digest has proven it. */
static enum rc open_session(struct job *j, const struct client_head *head, struct err *err)
{
	uint64_t size;
	struct job *followers;
	bool agrees;
	int fd = -1;

	if (learn_size(j, head, &agrees, err) || make_session(j, err))
		return cannot_keep(j, "a blob", err);
	if (!agrees || !is_blob_type(head))
		return OK;
	if (upload_open_reader(j->upload, &fd, err))
		return cannot_keep(j, "a blob", err);
	size = j->has_size ? j->size_told : FLOW_SIZE_UNKNOWN;
	pthread_mutex_lock(&j->u->mutex);
	j->flow = flow_new(fd, size);
	j->size = size;
	followers = j->followers;
	for (struct job *f = followers; f; f = f->next_follower)
		share_flow(j, f);
	pthread_mutex_unlock(&j->u->mutex);
	job_wake(j);
	for (struct job *f = followers; f; f = f->next_follower)
		job_wake(f);
	return OK;
}

/* The rest of what a dropped connection began: either from where it stopped, or all of it once more. */
static enum rc continue_session(struct job *j, const struct client_head *head, struct err *err)
{
	uint64_t whole = head->length + (j->status == 206 ? j->got : 0);

	j->skip = j->status == 206 ? 0 : j->got;
	if (j->has_size && head->has_length && whole != j->size_told)
		return fail(err, E_UPSTREAM_ANSWER, "%.*s changed the length of a blob from %llu to %llu bytes",
		    STR_ARG(j->ns->upstream), (unsigned long long)j->size_told, (unsigned long long)whole);
	return OK;
}

/* `bytes 5-9/10` with the right start, or this is not what was asked for (RFC 9110 §14.4). */
static bool range_fits(const struct job *j, const struct client_head *head)
{
	struct str value, first, rest;
	uint64_t from;

	return client_field(head, "Content-Range", &value) && str_starts(value, STR("bytes ")) &&
	       str_cut(str_from(value, 6), '-', &first, &rest) && str_u64(first, &from) && from == j->got;
}

static enum rc on_head(struct job *j, const struct client_head *head, struct err *err)
{
	if (j->status == 206 && !range_fits(j, head))
		return fail(
		    err, E_UPSTREAM_ANSWER, "%.*s sent a different range than requested", STR_ARG(j->ns->upstream));
	if (j->status != 200 && j->status != 206)
		return OK; /* judged at the end */
	return j->upload ? continue_session(j, head, err) : open_session(j, head, err);
}

static uint64_t bound_of(const struct job *j)
{
	if (j->has_size)
		return j->size_told;
	return j->ns->cache_bytes && j->ns->cache_bytes < UNTOLD_MAX ? j->ns->cache_bytes : UNTOLD_MAX;
}

static enum rc on_body(struct job *j, const void *p, size_t n, struct err *err)
{
	const char *bytes = p;
	size_t drop = j->skip < n ? (size_t)j->skip : n;

	if (j->status != 200 && j->status != 206)
		return OK;
	j->skip -= drop;
	bytes += drop;
	n -= drop;
	if (!n)
		return OK;
	if (j->got + n > bound_of(j))
		return fail(err, E_UPSTREAM_ANSWER,
		    j->has_size ? "%.*s sent more than the %llu bytes of the blob"
				: "%.*s sent a blob without a length that is larger than %llu bytes, the most that "
				  "cove caches of such a blob: pull it by its manifest, or raise the cache_limit",
		    STR_ARG(j->ns->upstream), (unsigned long long)bound_of(j));
	if (upload_write(j->upload, bytes, n, err))
		return cannot_keep(j, "a blob", err);
	j->got += n;
	if (j->flow)
		flow_grow(j->flow, j->got);
	return OK;
}

static void end(struct job *j, enum rc rc, const struct err *err)
{
	struct job *followers;

	if (j->upload) {
		upload_pause(j->upload);
		j->upload = NULL;
		if (upload_cancel(j->u->store, repo_of(j), str_of(j->upload_id), NULL))
			j->upload_id[0] = '\0'; /* what is left over expires */
	}
	if (j->flow)
		flow_end(j->flow, rc == OK);
	if (rc && j->flow) /* who read along has a connection that was cut, and no sentence */
		log_warn("upstream.blob", "name=%s error=%s", log_quote(str_of(j->full)), log_quote(str_of(err->text)));
	followers = take_followers(j);
	job_finish(j, rc, err);
	release_followers(followers, rc, err);
}

static void work_commit(struct job *j)
{
	struct upload *upload = j->upload;
	struct space space = job_space(j);
	struct err err;
	enum rc rc;

	j->upload = NULL; /* upload_commit frees it */
	rc = upload_commit(upload, &space, &j->digest, &err);
	if (rc == E_DIGEST_INVALID) {
		char want[DIGEST_TEXT_MAX];

		digest_text(want, &j->digest);
		rc = fail(&err, E_UPSTREAM_ANSWER, "%.*s sent content that does not match the digest %s",
		    STR_ARG(j->ns->upstream), want);
	} else if (rc) {
		rc = cannot_keep(j, "a blob", &err);
		if (upload_cancel(j->u->store, repo_of(j), str_of(j->upload_id), NULL))
			j->upload_id[0] = '\0'; /* what is left over expires */
	}
	end(j, rc, &err);
}

/* A connection that was dropped, as long as each try brings something, or a few times without. */
static bool try_again(struct job *j)
{
	j->tries = j->got > j->got_at_try ? 0 : j->tries + 1;
	j->got_at_try = j->got;
	if (j->tries >= TRIES || (!j->got && j->tries >= 1))
		return false;
	ask_again(j, j->got, (int64_t)DELAY_MS << j->tries);
	return true;
}

static void on_done(struct job *j, enum rc rc, const struct err *failure)
{
	struct err err = {.rc = OK};

	if ((rc == E_UPSTREAM_UNREACHABLE || rc == E_BUSY) && j->upload && try_again(j))
		return;
	if (rc)
		err = *failure;
	else if (j->status != 416 || !j->upload || j->has_size)
		rc = status_judge(j, E_BLOB_UNKNOWN, &err);
	/* else no range is left: the connection dropped after the last byte, which the digest has to prove */

	/* expired addresses of a CDN, an overloaded moment: not after so much has come */
	if (rc == E_UPSTREAM_ANSWER && j->status >= 400 && j->upload && try_again(j))
		return;
	if (!rc && j->has_size && j->got < j->size_told && try_again(j))
		return;
	if (!rc && j->has_size && j->got < j->size_told)
		rc = fail(&err, E_UPSTREAM_ANSWER, "%.*s sent fewer bytes than it announced", STR_ARG(j->ns->upstream));
	/* an empty body has no on_body(), but its head has opened the session */
	if (rc)
		end(j, rc, &err);
	else
		job_hand_over(j, work_commit);
}

static void ask(struct job *j, enum client_method method)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, &j->digest);
	ask_start(j, method, ask_path(j, "blobs/%s", text), NULL);
}

static void fetch(struct job *j)
{
	struct err err;
	bool draining;

	pthread_mutex_lock(&j->u->mutex);
	j->leads = true;
	draining = j->u->draining;
	pthread_mutex_unlock(&j->u->mutex);
	if (draining) /* on a worker the client may be gone already */
		return end(j, fail_rc(&err, E_SHUTTING_DOWN), &err);
	j->ask.head = on_head;
	j->ask.body = on_body;
	j->ask.done = on_done;
	ask(j, CLIENT_GET);
}

/* ---- whether it has it, and of what size ---- */

static enum rc size_head(struct job *j, const struct client_head *head, struct err *err)
{
	bool agrees;

	return j->status == 200 ? learn_size(j, head, &agrees, err) : OK;
}

static enum rc no_body(struct job *j, const void *p, size_t n, struct err *err)
{
	(void)j;
	(void)p;
	(void)n;
	(void)err;
	return OK;
}

static void work_link(struct job *j)
{
	struct space space = job_space(j);
	struct err err;
	enum rc rc = blob_link_proven(j->u->store, &space, repo_of(j), &j->digest, &err);

	if (rc == E_BLOB_UNKNOWN && !j->flow) /* it has been removed meanwhile */
		follow_or_fetch(j);
	else
		job_finish(j, rc ? cannot_keep(j, "a blob", &err) : OK, &err);
}

/* Only GET decides: some know no HEAD, others redirect it to an address that is signed for GET, and a registry that is
 * a cache itself (Harbor) says 404 to HEAD until somebody has got the blob. A limit holds for both. */
static bool decides(const struct job *j)
{
	return j->status == 200 || j->status == 429;
}

static void size_done(struct job *j, enum rc rc, const struct err *failure)
{
	struct err err = {.rc = OK};
	bool is_known = rc || decides(j);

	if (rc)
		err = *failure;
	else if (is_known)
		rc = status_judge(j, E_BLOB_UNKNOWN, &err);
	if (!is_known && j->link_only)
		return fetch(j);
	if (!rc && j->link_only) {
		if (!follow(j, false))
			job_hand_over(j, work_link);
		return;
	}
	pthread_mutex_lock(&j->u->mutex);
	j->size = is_known && j->has_size ? j->size_told : 0;
	pthread_mutex_unlock(&j->u->mutex);
	job_finish(j, rc, &err);
}

static void ask_size(struct job *j)
{
	j->ask.head = size_head;
	j->ask.body = no_body;
	j->ask.done = size_done;
	ask(j, CLIENT_HEAD);
}

void size_begin(struct job *j, const void *digest)
{
	j->digest = *(const struct digest *)digest;
	ask_size(j);
}

void blob_begin(struct job *j, const void *digest)
{
	bool is_here = false;

	j->digest = *(const struct digest *)digest;
	j->link_only =
	    (blob_is_proven(j->u->store, j->ns->id, &j->digest, &is_here, NULL) == OK && is_here) || !lead(j);
	if (j->link_only)
		ask_size(j);
	else
		fetch(j);
}
