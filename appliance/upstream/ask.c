/*
 * ask: one request, hop by hop: a redirect leads to another address, a 401 with a challenge that we can meet is met
 * once for each origin. Each hop has the credentials of its own origin only. On the client's thread but for the first
 * ask_start().
 */
#include "private.h"
#include <stdio.h>
#include <stdlib.h>

enum {
	URL_MAX = 8192,
	REDIRECTS_MAX = 5,
	CHALLENGES_MAX = 3,             /* the upstream's, and those of where it redirects to */
	DROP_MAX = 64 * 1024,           /* of a body that nobody wants */
	BULK_QUEUE_MS = 10 * 60 * 1000, /* a slow line has much to bring before */
};

/* ---- the answer ---- */

void ask_who(const struct job *j, char out[static WHO_MAX])
{
	if (j->ask.is_own)
		snprintf(out, WHO_MAX, "%.*s", STR_ARG(str_first(j->ns->upstream, WHO_MAX - 1)));
	else
		snprintf(out, WHO_MAX, "%s (where %.*s redirects to)", j->ask.origin,
		    STR_ARG(str_first(j->ns->upstream, WHO_MAX - ORIGIN_MAX - 32)));
}

static void go_to(struct job *j, char *url)
{
	char own[ORIGIN_MAX];

	free(j->ask.url);
	j->ask.url = url;
	j->ask.is_own = client_origin(str_of(url), j->ask.origin) && client_origin(j->ns->upstream, own) &&
			strcmp(j->ask.origin, own) == 0;
	j->ask.authorized = false;
	j->ask.basic = j->ask.is_own && health_wants_basic(j);
}

static enum rc follow(struct job *j, struct str location, struct err *err)
{
	char to[ORIGIN_MAX], who[WHO_MAX];

	ask_who(j, who);
	if (++j->ask.redirects > REDIRECTS_MAX)
		return fail(err, E_UPSTREAM_ANSWER, "%.*s redirects more than %d times", STR_ARG(j->ns->upstream),
		    REDIRECTS_MAX);
	if (!client_origin(location, to))
		return fail(err, E_UPSTREAM_ANSWER, "%s redirects to a URL that is neither http nor https", who);
	if (is_downgrade(j->ask.origin, to))
		return fail(err, E_UPSTREAM_ANSWER,
		    "%s redirects from https to http, which cove refuses: anyone on the network path could read and "
		    "change the content",
		    who);
	free(j->ask.location);
	j->ask.location = xstrdup(location);
	j->ask.next = NEXT_LOCATION;
	return OK;
}

static void on_connected(void *ctx, enum nearness to)
{
	struct job *j = ctx;

	j->ask.connected = true;
	if (!j->ask.redirects)
		j->ask.near = to;
}

static enum rc on_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct job *j = ctx;

	j->status = head->status;
	if (head->location.n)
		return follow(j, head->location, err);
	if (head->status == 401 && !j->ask.authorized && j->ask.challenges < CHALLENGES_MAX &&
	    token_can_meet(j, head)) {
		j->ask.next = NEXT_CREDENTIALS;
		return OK;
	}
	health_read(j, head);
	return j->ask.head(j, head, err);
}

/* An error's text without end must not keep a connection for ever. */
static enum rc drop(struct job *j, size_t n, struct err *err)
{
	j->ask.dropped += n;
	return j->ask.dropped > DROP_MAX ? fail_rc(err, E_UPSTREAM_ANSWER) : OK;
}

static enum rc on_body(void *ctx, const void *p, size_t n, struct err *err)
{
	struct job *j = ctx;

	if (j->ask.next || (j->status != 200 && j->status != 206))
		return drop(j, n, err);
	return j->ask.body(j, p, n, err);
}

/* A host that the person has never heard of cannot be reached: who named it? */
static void tell_who_led_there(const struct job *j, enum rc rc, const struct err *why, struct err *out)
{
	*out = (struct err){.rc = OK};
	if (rc)
		*out = *why;
	if (!j->ask.is_own && (rc == E_UPSTREAM_UNREACHABLE || (rc == E_UPSTREAM_ANSWER && !j->ask.connected)))
		(void)fail(out, rc, "%.*s redirects, and %s", STR_ARG(j->ns->upstream), why->text);
}

static void on_done(void *ctx, enum rc rc, const struct err *failure)
{
	struct job *j = ctx;
	enum ask_next next = j->ask.next;
	struct err told, *err = &told;

	j->ask.next = NEXT_NOTHING;
	tell_who_led_there(j, rc, failure, &told);
	if (rc == E_SHUTTING_DOWN || (next == NEXT_NOTHING && j->ask.dropped <= DROP_MAX)) {
		j->ask.done(j, rc, err);
	} else if (next == NEXT_NOTHING) {
		j->ask.done(j, OK, NULL); /* its status is all that counts */
	} else if (next == NEXT_LOCATION) {
		go_to(j, j->ask.location);
		j->ask.location = NULL;
		ask_send(j);
	} else {
		j->ask.authorized = true;
		j->ask.challenges++;
		if (!j->ask.basic)
			return token_fetch(j);
		if (j->ask.is_own)
			health_note_basic(j);
		ask_send(j);
	}
}

/* ---- the request ---- */

void ask_send(struct job *j)
{
	static const struct client_events events = {on_head, on_body, on_done, on_connected};
	struct buf fields = BUF_INIT(2048), authorization = BUF_INIT(AUTHORIZATION_MAX);
	struct client_request request = {
	    .method = j->ask.method,
	    .url = str_of(j->ask.url),
	    .ca_pem = j->ns->ca_pem,
	    .from = j->ask.from,
	    .body_max = j->ask.body_max,
	    .delay_ms = j->ask.redirects || j->ask.challenges ? 0 : j->ask.delay_ms,
	    .bulk = j->kind == JOB_BLOB && j->ask.method == CLIENT_GET,
	    .shows_redirects = true,
	    .is_led = j->ask.redirects > 0,
	    .led_from = j->ask.near,
	};
	struct err err;
	enum rc rc = OK;

	j->ask.connected = false;
	j->ask.dropped = 0;
	request.queue_ms = request.bulk ? BULK_QUEUE_MS : 0;
	buf_addf(&fields, "Via: %s1.1 %s\r\n", j->via, j->u->pseudonym);
	if (j->ask.accept)
		buf_addf(&fields, "Accept: %s\r\n", j->ask.accept);
	if (j->ask.basic)
		rc = basic_value(j, &authorization, &err);
	else
		token_find(j, &authorization);
	if (!rc && !buf_ok(&fields))
		rc = fail(&err, E_NAME_INVALID, "the repository name is too long for the upstream: shorten it");
	request.fields = buf_str(&fields);
	request.authorization = buf_str(&authorization);
	if (rc)
		j->ask.done(j, rc, &err);
	else
		client_start(j->u->client, &request, &events, j);
	if (authorization.p)
		wipe(authorization.p, authorization.n);
	buf_release(&authorization);
	buf_release(&fields);
}

/* From the upstream on. */
static void begin(struct job *j, uint64_t from, int64_t delay_ms)
{
	struct str path = namespace_upstream_path(j->ns);
	struct buf url = BUF_INIT(URL_MAX);
	struct err err;

	j->ask.from = from;
	j->ask.delay_ms = delay_ms;
	j->ask.redirects = j->ask.challenges = 0;
	/* what the address has as its path is in ask_path() */
	buf_add(&url, str_first(j->ns->upstream, j->ns->upstream.n - path.n - (path.n > 0)));
	if (j->ask.path)
		buf_addz(&url, j->ask.path);
	if (j->ask.path && buf_ok(&url)) {
		go_to(j, xstrdup(buf_str(&url)));
		ask_send(j);
	} else {
		enum rc rc = fail_rc(&err, E_HTTP_URI_TOO_LONG);

		j->ask.done(j, rc, &err);
	}
	buf_release(&url);
}

void ask_start(struct job *j, enum client_method method, char *path, const char *accept)
{
	free(j->ask.path);
	j->ask.path = path;
	j->ask.method = method;
	j->ask.accept = accept;
	begin(j, 0, 0);
}

void ask_again(struct job *j, uint64_t from, int64_t delay_ms)
{
	begin(j, from, delay_ms);
}

void ask_release(struct job *j)
{
	free(j->ask.path);
	free(j->ask.url);
	free(j->ask.location);
	free(j->ask.token_url);
	buf_release(&j->ask.token_answer);
}

char *ask_path(const struct job *j, const char *format, ...)
{
	struct str path = namespace_upstream_path(j->ns);
	struct buf b = BUF_INIT(URL_MAX);
	va_list ap;

	buf_addf(&b, "/v2/%.*s%s%s/", STR_ARG(path), path.n ? "/" : "", j->rest);
	va_start(ap, format);
	buf_vaddf(&b, format, ap);
	va_end(ap);
	if (buf_ok(&b))
		return b.p;
	buf_release(&b);
	return NULL;
}
