/* exchange: the life of one exchange: from a finished head to a row of the route table, and its end with the line of
 * the access log. */
#include "cors.h"
#include "session.h"
#include <cove/base/clock.h>
#include <cove/base/codec.h>
#include <cove/base/log.h>
#include <cove/base/random.h>
#include <stdlib.h>

void buf_drop_wiped(struct buf *b, size_t n)
{
	size_t old = b->n;

	buf_drop(b, n);
	if (b->p)
		wipe(b->p + b->n, old - b->n);
}

struct work *exchange_begin(struct session *s)
{
	struct work *w = calloc(1, sizeof *w);
	uint8_t id[8];

	if (!w)
		return NULL;
	w->started_ms = clock_mono_ms();
	w->fd = -1;
	w->body_done = true;
	buf_init(&w->out, REPLY_HEAD_BYTES);
	arena_init(&w->arena, ARENA_BYTES);
	w->proof = &s->proof;
	w->x.site = s->site;
	w->x.conn = s->conn;
	w->network = network_of(conn_peer(s->conn));
	w->x.arena = &w->arena;
	w->x.host = s->site->primary_name;
	w->x.scheme = "https";
	reply_init(&w->x.reply);
	random_bytes(id, sizeof id);
	hex_encode(w->x.id, id, sizeof id);
	log_set_request(w->x.id);
	s->work = w;
	conn_pace(s->conn, PACE_NONE);
	return w;
}

/* Who speaks HTTP to an HTTPS port: a browser is sent to the right place, everything else gets a short answer; the API
 * is never served in plain text (docs/clients.md, Names). */
static enum rc refuse_plain(struct exchange *x)
{
	const struct head *h = x->head;
	struct str accept;
	bool reads = h->method == METHOD_GET || h->method == METHOD_HEAD;

	x->route = NULL;
	if (reads && h->path.p[0] == '/' && head_field(h, STR("Accept"), &accept) && accept.n >= 9 &&
	    memmem(accept.p, accept.n, "text/html", 9) && h->host.n && str_eq(x->host, h->host)) {
		reply_field(x, "Location", "https://%.*s%.*s%s%.*s", STR_ARG(x->host), STR_ARG(h->path),
		    h->query.p ? "?" : "", STR_ARG(h->query));
		return reply_empty(x, 308);
	}
	return fail_rc(&x->err, E_HTTP_PLAIN);
}

/* Without doubled slashes and one at the end. */
static struct str path_cleaned(struct exchange *x, struct str path)
{
	char *out = arena_alloc(x->arena, path.n + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < path.n; i++)
		if (path.p[i] != '/' || n == 0 || out[n - 1] != '/')
			out[n++] = path.p[i];
	if (n > 1 && out[n - 1] == '/')
		n--;
	return (struct str){out, n};
}

/* As the reference server does: such a path leads to the one without them, if there is something. */
static bool redirect_cleaned(struct exchange *x)
{
	const struct head *h = x->head;
	struct str path = path_cleaned(x, h->path), came = x->path, allow;
	bool reads = h->method == METHOD_GET || h->method == METHOD_HEAD, leads;

	if (path.n == h->path.n || !str_starts(path, STR("/v2")))
		return false;
	leads = route_find(x, path, h->method, &allow) == OK;
	x->path = came;
	if (!leads)
		return false;
	reply_field(x, "Location", "%.*s%s%.*s", STR_ARG(path), h->query.p ? "?" : "", STR_ARG(h->query));
	(void)reply_empty(x, reads ? 301 : 308);
	return true;
}

/* Finds the row. *answered: the request is done with, by the code or (OK) by x->reply. */
static enum rc find_row(struct work *w, bool *answered)
{
	struct exchange *x = &w->x;
	const struct head *h = x->head;
	struct str allow;
	enum rc rc = route_find(x, h->path, h->method, &allow);

	*answered = true;
	if (!conn_is_tls(x->conn) && !x->is_plain && (rc || !(x->route->flags & ROUTE_PLAIN)))
		return refuse_plain(x);
	if (h->method == METHOD_OPTIONS && str_eq(h->path, STR("*")))
		return reply_empty(x, 204);
	if (rc == E_HTTP_METHOD) {
		reply_field(x, "Allow", "%.*s", STR_ARG(allow));
		if (h->method == METHOD_OPTIONS)
			cors_preflight(x, allow);
		return h->method == METHOD_OPTIONS ? reply_empty(x, 204) : rc;
	}
	if ((rc == E_NOT_FOUND || rc == E_NAME_INVALID) && redirect_cleaned(x))
		return OK;
	TRY(rc);
	if (x->route->flags & ROUTE_LARGE) {
		if (memory_is_short(w))
			return fail_rc(&x->err, E_BUSY);
		w->arena.max = ARENA_LARGE_BYTES;
	}
	if (x->asked.n)
		TRY(place_find(x));
	*answered = false;
	return OK;
}

/* Takes the head's bytes over from the connection. */
static bool take_head(struct session *s, struct work *w, size_t length)
{
	w->head_bytes = malloc(length);
	if (!w->head_bytes)
		return false;
	memcpy(w->head_bytes, s->in.p, length);
	w->head_n = length;
	buf_drop_wiped(&s->in, length);
	if (s->in.n == 0)
		buf_release(&s->in); /* a slow transfer must not hold it */
	s->scan = (struct head_scan){0};
	return true;
}

static void take_framing(struct session *s, struct work *w)
{
	const struct head *h = &w->head;

	w->body_left = h->length;
	w->body_done = !h->chunked && h->length == 0;
	/* RFC 9110 §10.1.1: no 100 for HTTP/1.0, none for a body that is already coming */
	w->continue_wanted = h->expect_continue && h->minor == 1 && !w->body_done && s->in.n == 0;
}

enum want exchange_accept(struct session *s, size_t length)
{
	struct work *w = exchange_begin(s);
	struct exchange *x;
	bool answered = false;
	enum rc rc;

	if (!w || !take_head(s, w, length))
		return WANT_CLOSE;
	x = &w->x;
	rc = head_parse((struct str){w->head_bytes, w->head_n}, &w->head, &x->err);
	if (rc)
		return session_answer(s, rc);
	x->head = &w->head;
	x->path = w->head.path;
	x->query = w->head.query;
	take_framing(s, w);
	rc = place_begin(x);
	if (!rc)
		rc = find_row(w, &answered);
	if (rc || answered)
		return session_answer(s, rc);
	s->stage = STAGE_ACCESS;
	return WANT_AGAIN;
}

static void access_log(const struct session *s, const struct work *w)
{
	const struct exchange *x = &w->x;
	struct str agent = STR_NONE;
	bool whole = w->send_size && w->sent == w->send_size;

	if (!s->site->access_log)
		return;
	if (x->head)
		head_field(x->head, STR("User-Agent"), &agent);
	log_each("http.access", "method=%.*s path=%s status=%d%s bytes=%llu in=%llu ms=%lld user=%s peer=%.*s agent=%s",
	    STR_ARG(x->head ? x->head->method_text : STR("-")), log_quote(x->head ? x->path : STR("-")),
	    w->send_size ? x->reply.status : 0, whole ? "" : " cut=1",
	    (unsigned long long)(w->sent > w->out.n ? w->sent - w->out.n : 0), (unsigned long long)w->body_bytes,
	    (long long)(clock_mono_ms() - w->started_ms), log_quote(str_of(x->who.name[0] ? x->who.name : "-")),
	    STR_ARG(conn_peer(s->conn)), log_quote(agent));
}

bool exchange_holds(const struct exchange *x, const void *p)
{
	const struct work *w = (const struct work *)(const void *)x;

	for (size_t i = 0; i < w->held_count; i++)
		if (w->held[i].p == p)
			return true;
	return false;
}

enum rc exchange_hold(struct exchange *x, void *p, void (*release)(void *p))
{
	struct work *w = (struct work *)(void *)x;
	struct held *more = NULL;
	bool known = exchange_holds(x, p);

	if (!known && w->held_count < HOLD_MAX)
		more = realloc(w->held, (w->held_count + 1) * sizeof(*more));
	if (more) {
		w->held = more;
		w->held[w->held_count++] = (struct held){p, release};
		return OK;
	}
	release(p);
	return known ? OK : fail_rc(&x->err, E_BUSY);
}

enum rc exchange_list_lane(struct exchange *x)
{
	switch (conn_lane_enter(x->conn, LANE_LIST)) {
	case LANE_IN:
		return OK;
	case LANE_WAIT:
		return E_WANT_WAKE;
	case LANE_FULL:
		break;
	}
	return fail_rc(&x->err, E_BUSY);
}

static void release_held(struct work *w)
{
	for (size_t i = 0; i < w->held_count; i++)
		w->held[i].release(w->held[i].p);
	free(w->held);
}

struct moment exchange_moment(const struct work *w)
{
	return (struct moment){arena_mark(&w->arena), w->x.reply.fields.n, w->x.reply.warning_bytes};
}

void exchange_rewind(struct work *w, struct moment moment)
{
	reply_empty(&w->x, 500);
	buf_release(&w->x.reply.content);
	buf_cut(&w->x.reply.fields, moment.fields_n);
	w->x.reply.warning_bytes = moment.warning_bytes;
	w->x.reply.etag = STR_NONE;
	w->x.detail = STR_NONE;
	arena_rewind(&w->arena, moment.arena);
}

void exchange_end(struct session *s)
{
	struct work *w = s->work;

	if (!w)
		return;
	log_set_request(w->x.id); /* net may close outside of a step */
	access_log(s, w);
	if (w->x.upload)
		upload_pause(w->x.upload);
	release_held(w);
	namespace_set_unref(w->x.namespaces);
	memory_forget(w);
	reply_release(&w->x.reply);
	buf_drop_wiped(&w->out, w->out.n);
	buf_release(&w->out);
	buf_drop_wiped(&w->body, w->body.n);
	buf_release(&w->body);
	arena_release(&w->arena);
	if (w->head_bytes)
		wipe(w->head_bytes, w->head_n);
	free(w->head_bytes);
	free(w);
	s->work = NULL;
	log_set_request("");
}
