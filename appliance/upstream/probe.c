/* probe: does an upstream answer at all? Asked when its namespace is made or changed, for the person who does that: as
 * a job of the server, or at once by a command. Whatever a registry says to /v2/ without credentials is an answer. */
#include "private.h"

enum { ANSWER_MS = 5000, BODY_MAX = 65536 };

static enum rc judge(const struct namespace *ns, int status, struct err *err)
{
	if (status < 500 && status != 404)
		return OK;
	return fail(err, E_UPSTREAM_ANSWER, "%.*s answers /v2/ with status %d: check that it is a registry",
	    STR_ARG(ns->upstream), status);
}

static enum rc skip_body(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)ctx;
	(void)p;
	(void)n;
	(void)err;
	return OK;
}

static void start(struct client *client, const struct namespace *ns, const struct client_events *events, void *ctx)
{
	struct str path = namespace_upstream_path(ns);
	struct buf url = BUF_INIT(8192);
	struct client_request request = {
	    .method = CLIENT_GET,
	    .ca_pem = ns->ca_pem,
	    .body_max = BODY_MAX,
	    .shows_redirects = true,
	    .connect_ms = ANSWER_MS,
	    .head_ms = ANSWER_MS,
	    .stall_ms = ANSWER_MS,
	    .queue_ms = ANSWER_MS,
	};

	buf_add(&url, str_first(ns->upstream, ns->upstream.n - path.n - (path.n > 0)));
	buf_addz(&url, "/v2/");
	request.url = buf_str(&url);
	client_start(client, &request, events, ctx);
	buf_release(&url);
}

/* ---- a job ---- */

static enum rc job_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct job *j = ctx;

	(void)err;
	j->status = head->status;
	return OK;
}

static void job_done(void *ctx, enum rc rc, const struct err *failure)
{
	struct job *j = ctx;
	struct err err = {.rc = OK};

	if (rc)
		err = *failure;
	else
		rc = judge(j->ns, j->status, &err);
	job_finish(j, rc, &err);
}

void probe_begin(struct job *j, const void *ctx)
{
	static const struct client_events events = {.head = job_head, .body = skip_body, .done = job_done};

	(void)ctx;
	start(j->u->client, j->ns, &events, j);
}

/* ---- at once ---- */

struct probe {
	pthread_mutex_t mutex;
	pthread_cond_t end;
	bool has_ended;
	int status;
	enum rc rc;
	struct err err;
};

static enum rc probe_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct probe *p = ctx;

	(void)err;
	p->status = head->status;
	return OK;
}

static void probe_done(void *ctx, enum rc rc, const struct err *failure)
{
	struct probe *p = ctx;

	pthread_mutex_lock(&p->mutex);
	p->rc = rc;
	if (rc)
		p->err = *failure;
	p->has_ended = true;
	pthread_cond_signal(&p->end);
	pthread_mutex_unlock(&p->mutex);
}

enum rc upstream_probe(struct client *client, const struct namespace *ns, struct err *err)
{
	static const struct client_events events = {.head = probe_head, .body = skip_body, .done = probe_done};
	struct probe p = {.mutex = PTHREAD_MUTEX_INITIALIZER, .end = PTHREAD_COND_INITIALIZER};

	start(client, ns, &events, &p);
	pthread_mutex_lock(&p.mutex);
	while (!p.has_ended)
		pthread_cond_wait(&p.end, &p.mutex);
	pthread_mutex_unlock(&p.mutex);
	if (p.rc && err)
		*err = p.err;
	return p.rc ? p.rc : judge(ns, p.status, err);
}
