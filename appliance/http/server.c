/*
 * server: the state machine that runs over net's connections. A stage is one function; this file has the driver, the
 * stages that read a head and that run handlers, and the one way into an answer.
 */
#include "session.h"
#include <cove/base/log.h>

/* While it waits in the queue the time is ours, not the peer's. */
bool session_lane_enter(struct session *s, enum lane lane, enum want *want)
{
	struct work *w = s->work;

	switch (conn_lane_enter(s->conn, lane)) {
	case LANE_IN:
		w->lane_entered = true;
		return true;
	case LANE_WAIT:
		conn_pace(s->conn, PACE_NONE);
		*want = WANT_WAKE;
		return false;
	case LANE_FULL:
		break;
	}
	*want = w->lane_entered ? WANT_AGAIN : session_answer(s, fail_rc(&w->x.err, E_BUSY));
	return false;
}

/* What becomes of the rest of the body, and so of the connection. A peer that still waits for 100 may or may not send
 * the body after our answer (RFC 9110 §10.1.1): only a close makes the end of this request certain. */
static enum rest rest_of_body(const struct work *w)
{
	if (!w->x.head || w->body_garbled)
		return REST_LONG;
	if (!body_is_pending(w))
		return REST_NONE;
	if (w->head.has_length && w->body_left <= DRAIN_KEEP_BYTES && !w->continue_wanted)
		return REST_SHORT;
	return REST_LONG;
}

static enum rc compose(struct session *s, enum rc rc)
{
	struct work *w = s->work;
	struct exchange *x = &w->x;

	if (rc)
		reply_error(x, rc);
	w->rest = rest_of_body(w);
	w->keep = x->head && w->head.keep_alive && !x->reply.close && w->rest != REST_LONG && !conn_draining(s->conn) &&
		  (conn_is_tls(s->conn) || x->is_plain || (x->route && x->route->flags & ROUTE_PLAIN));
	return reply_compose(w);
}

enum want session_answer(struct session *s, enum rc rc)
{
	struct work *w = s->work;
	struct exchange *x = &w->x;

	if (x->upload) { /* now, not after the reply: the peer may come back for it at once */
		upload_pause(x->upload);
		x->upload = NULL;
	}
	if (!rc && w->arena.failed)
		rc = fail_rc(&x->err, E_BUSY);
	if (!rc && !buf_ok(&x->reply.content))
		rc = fail(&x->err, E_INTERNAL, "the reply's body does not fit");
	rc = compose(s, rc);
	if (rc) /* an error found while composing, such as an unsatisfiable range, becomes the reply */
		rc = compose(s, rc);
	if (rc) {
		log_error("http.compose", "error=%s", log_quote(str_of(x->err.text)));
		return WANT_CLOSE;
	}
	buf_drop_wiped(&w->body, w->body.n);
	buf_release(&w->body);
	memory_count(w);
	s->stage = STAGE_SEND;
	return WANT_AGAIN;
}

enum want session_next(struct session *s)
{
	bool keep = s->work->keep;

	exchange_end(s);
	if (!keep)
		return WANT_CLOSE;
	s->stage = STAGE_HEAD;
	if (s->in.n)
		return WANT_AGAIN;
	buf_release(&s->in);
	if (conn_draining(s->conn))
		return WANT_CLOSE;
	conn_pace(s->conn, PACE_IDLE);
	return WANT_READ;
}

/* A head that never became one. */
static enum want refuse_head(struct session *s, enum rc rc, const struct err *err)
{
	struct work *w = exchange_begin(s);

	if (!w)
		return WANT_CLOSE;
	w->x.err = *err;
	return session_answer(s, rc);
}

static enum want head_wait(struct session *s, enum want want)
{
	if (s->in.n) {
		conn_pace(s->conn, PACE_HEAD);
	} else {
		buf_release(&s->in);
		conn_pace(s->conn, PACE_IDLE);
	}
	return want;
}

enum want stage_head(struct session *s)
{
	struct err err = {.rc = OK};

	for (;;) {
		size_t length = 0, moved = 0;
		char *room;

		if (s->in.n) {
			enum rc rc = head_complete(buf_str(&s->in), &s->scan, &length, &err);

			if (rc)
				return refuse_head(s, rc, &err);
			if (length)
				return exchange_accept(s, length);
		}
		room = buf_room(&s->in, HEAD_MAX_BYTES - s->in.n);
		if (!room)
			return WANT_CLOSE;
		switch (conn_read(s->conn, room, HEAD_MAX_BYTES - s->in.n, &moved)) {
		case IO_OK:
			buf_grown(&s->in, moved);
			break;
		case IO_WANT_READ:
			return head_wait(s, WANT_READ);
		case IO_WANT_WRITE:
			return head_wait(s, WANT_WRITE);
		case IO_END:
			if (s->in.n && conn_timed_out(s->conn))
				return refuse_head(s, fail_rc(&err, E_HTTP_TIMEOUT), &err);
			return WANT_CLOSE;
		case IO_FAILED:
			return WANT_CLOSE;
		}
	}
}

/*
 * Runs a handler: again when its connection is woken, and inside the password lane, when it asks for that. False:
 * return *want.
 */
static bool run(struct session *s, handler *fn, enum want *want)
{
	struct exchange *x = &s->work->x;
	struct moment moment = exchange_moment(s->work);
	enum rc rc;

	conn_pace(s->conn, PACE_NONE);
	audit_set_actor(str_of(x->who.name), conn_peer(s->conn));
	rc = x->in_password_lane ? s->work->password_lane : fn(x);
	if (rc == E_WANT_PASSWORD_LANE || rc == E_WANT_KNOWN_LANE) {
		bool known = rc == E_WANT_KNOWN_LANE || (x->who.user_id && !x->who.is_anonymous);

		s->work->password_lane = rc;
		switch (conn_lane_enter(s->conn, known ? LANE_KNOWN : LANE_PASSWORD)) {
		case LANE_IN:
			x->in_password_lane = true;
			rc = fn(x);
			x->in_password_lane = false;
			conn_lane_leave(s->conn);
			break;
		case LANE_WAIT:
			x->in_password_lane = true; /* woken, it goes straight into the lane */
			*want = WANT_WAKE;
			return false;
		case LANE_FULL:
			x->in_password_lane = false;
			rc = fail_rc(&x->err, E_BUSY);
			break;
		}
	}
	if (!rc)
		return true;
	if (rc == E_WANT_WAKE && x->arena->failed) {
		rc = fail_rc(&x->err, E_BUSY);
	} else if (rc == E_WANT_WAKE) {
		exchange_rewind(s->work, moment);
		*want = WANT_WAKE;
		return false;
	}
	*want = session_answer(s, rc);
	return false;
}

enum want stage_access(struct session *s)
{
	enum want want;
	enum rc rc;

	if (!run(s, access_check, &want))
		return want;
	rc = body_prepare(s->work);
	if (rc)
		return session_answer(s, rc);
	s->stage = STAGE_BEFORE;
	return WANT_AGAIN;
}

enum want stage_before(struct session *s)
{
	struct work *w = s->work;
	enum want want;

	if (w->x.route->before && !run(s, w->x.route->before, &want))
		return want;
	s->stage = w->continue_wanted ? STAGE_CONTINUE : w->body_done ? STAGE_SERVE : STAGE_BODY;
	return WANT_AGAIN;
}

/* The commit of an upload is disk work like the upload itself; a large document takes a core for a while. */
enum want stage_serve(struct session *s)
{
	struct work *w = s->work;
	bool bulk = w->x.upload, heavy = w->x.body.n > LARGE_BYTES;
	enum want want;

	if ((bulk || heavy) && !session_lane_enter(s, bulk ? LANE_BULK : LANE_HEAVY, &want))
		return want;
	if (!run(s, w->x.route->then, &want))
		return want; /* the place ends with the turn, unless it is queued for another one */
	conn_lane_leave(s->conn);
	return session_answer(s, OK);
}

static enum want http_step(struct conn *c, void *state, void *ctx)
{
	static enum want (*const stages[STAGE_COUNT])(struct session *) = {
	    [STAGE_HEAD] = stage_head,
	    [STAGE_ACCESS] = stage_access,
	    [STAGE_BEFORE] = stage_before,
	    [STAGE_CONTINUE] = stage_continue,
	    [STAGE_BODY] = stage_body,
	    [STAGE_SERVE] = stage_serve,
	    [STAGE_SEND] = stage_send,
	    [STAGE_DRAIN] = stage_drain,
	};
	struct session *s = state;
	enum stage stage;
	enum want want;

	if (!s->conn) {
		s->conn = c;
		s->site = ctx;
		buf_init(&s->in, HEAD_MAX_BYTES);
	}
	log_set_request(s->work ? s->work->x.id : "");
	do {
		stage = s->stage;
		want = stages[stage](s);
	} while (want == WANT_AGAIN && s->stage != stage && s->stage != STAGE_HEAD);
	log_set_request("");
	return want;
}

static void http_close(struct conn *c, void *state, void *ctx)
{
	struct session *s = state;

	(void)c;
	(void)ctx;
	exchange_end(s);
	proof_forget(&s->proof);
	buf_drop_wiped(&s->in, s->in.n);
	buf_release(&s->in);
}

void http_protocol(struct protocol *out, struct site *site)
{
	*out = (struct protocol){
	    .state_bytes = sizeof(struct session), .step = http_step, .close = http_close, .ctx = site};
}
