/* body: the request's body, from the connection to a buffer, to an upload, or to nowhere, in bounded turns. */
#include "session.h"

bool body_is_pending(const struct work *w)
{
	return !w->body_done;
}

static uint64_t body_limit(const struct route *r)
{
	switch (r->body) {
	case BODY_NONE:
		return DRAIN_KEEP_BYTES;
	case BODY_BUFFERED:
		return r->body_max;
	case BODY_STREAMED:
		break;
	}
	return UINT64_MAX;
}

static enum rc too_large(struct exchange *x)
{
	return fail(&x->err, E_HTTP_BODY_TOO_LARGE,
	    "the request's body is larger than the %llu bytes that the server allows",
	    (unsigned long long)body_limit(x->route));
}

enum rc body_prepare(struct work *w)
{
	struct exchange *x = &w->x;

	if (w->head.has_length && w->head.length > body_limit(x->route))
		return too_large(x);
	if (x->route->body != BODY_BUFFERED || w->body.max)
		return OK;
	buf_init(&w->body, x->route->body_max);
	/* at once: growing would leave copies of a password behind */
	if (w->head.has_length && !buf_room(&w->body, (size_t)w->head.length))
		return fail_rc(&x->err, E_BUSY);
	memory_count(w);
	return OK;
}

/* Where one piece of decoded body goes. */
static enum rc body_put(struct session *s, struct str data)
{
	struct work *w = s->work;
	struct exchange *x = &w->x;

	w->body_bytes += data.n;
	if (s->stage == STAGE_DRAIN)
		return OK;
	if (w->body_bytes > body_limit(x->route))
		return too_large(x);
	if (x->upload)
		return upload_write(x->upload, data.p, data.n, &x->err);
	if (x->route->body == BODY_BUFFERED) {
		size_t cap = w->body.cap;

		buf_add(&w->body, data);
		if (!buf_ok(&w->body))
			return fail_rc(&x->err, E_BUSY);
		if (w->body.cap != cap) { /* chunked: its length shows as it comes */
			memory_count(w);
			if (memory_is_short(w))
				return fail_rc(&x->err, E_BUSY);
		}
	}
	return OK;
}

static enum rc body_decode(struct session *s, struct str raw)
{
	struct work *w = s->work;

	if (!w->head.chunked) {
		w->body_left -= raw.n;
		w->body_done = w->body_left == 0;
		return body_put(s, raw);
	}
	while (raw.n && !chunked_done(&w->chunked)) {
		struct str data;
		size_t used;
		enum rc rc = chunked_feed(&w->chunked, raw, &used, &data, &w->x.err);

		if (rc) {
			w->body_done = w->body_garbled = true;
			return rc;
		}
		raw = str_from(raw, used);
		if (data.n)
			TRY(body_put(s, data));
	}
	if (!chunked_done(&w->chunked))
		return OK;
	w->body_done = true;
	buf_add(&s->in, raw); /* the start of the next request; body_fetch() saw to it that it fits */
	return buf_ok(&s->in) ? OK : fail_rc(&w->x.err, E_BUSY);
}

/* Raw bytes of the body into p: first what came with the head, then as much as there is. Never past the body's end by
 * more than s->in can keep. */
static enum io body_fetch(struct session *s, char *p, size_t *n)
{
	struct work *w = s->work;
	uint64_t left = w->head.chunked ? w->chunked.left : w->body_left;
	size_t max = left < SCRATCH_BYTES ? (size_t)left : SCRATCH_BYTES;
	enum io io = IO_OK;

	if (w->head.chunked)
		max = max < SCRATCH_BYTES - HEAD_MAX_BYTES ? max + HEAD_MAX_BYTES : SCRATCH_BYTES;
	if (s->in.n) {
		*n = s->in.n < max ? s->in.n : max;
		memcpy(p, s->in.p, *n);
		buf_drop_wiped(&s->in, *n);
		return IO_OK;
	}
	*n = 0;
	while (*n < max && io == IO_OK) {
		size_t moved;

		io = conn_read(s->conn, p + *n, max - *n, &moved);
		if (io == IO_OK)
			*n += moved;
	}
	return *n ? IO_OK : io;
}

static enum want body_cut(struct session *s)
{
	struct work *w = s->work;

	w->body_done = w->x.reply.close = true;
	return session_answer(s, fail_rc(&w->x.err, conn_timed_out(s->conn) ? E_HTTP_TIMEOUT : E_HTTP_BODY_CUT));
}

/* WANT_AGAIN with w->body_done, or with a turn used up; or what stopped it. */
static enum want body_turn(struct session *s, enum rc *rc, bool *ended)
{
	struct work *w = s->work;
	enum pace pace = s->stage == STAGE_DRAIN ? PACE_LINGER : PACE_BODY;
	char *scratch = conn_scratch(s->conn);
	size_t n, turn = 0;

	*rc = OK;
	*ended = false;
	while (!w->body_done && turn < TURN_BYTES) {
		switch (body_fetch(s, scratch, &n)) {
		case IO_OK:
			break;
		case IO_WANT_READ:
			conn_pace(s->conn, pace);
			return WANT_READ;
		case IO_WANT_WRITE:
			conn_pace(s->conn, pace);
			return WANT_WRITE;
		case IO_END:
			*ended = true;
			return WANT_AGAIN;
		case IO_FAILED:
			return WANT_CLOSE;
		}
		turn += n;
		*rc = body_decode(s, (struct str){scratch, n});
		if (*rc)
			return WANT_AGAIN;
	}
	return WANT_AGAIN;
}

enum want stage_body(struct session *s)
{
	struct work *w = s->work;
	bool bulk = w->x.upload && (w->head.chunked || w->head.length > LARGE_BYTES);
	enum want want;
	enum rc rc;
	bool ended;

	if (bulk && !session_lane_enter(s, LANE_BULK, &want))
		return want;
	want = body_turn(s, &rc, &ended);
	if (bulk)
		conn_lane_leave(s->conn);
	if (ended)
		return body_cut(s);
	if (rc)
		return session_answer(s, rc);
	if (w->body_done) {
		w->x.body = buf_str(&w->body);
		s->stage = STAGE_SERVE;
	}
	return want;
}

/* What still comes of a request that was answered: not decoded, only read off, so that the peer, still writing, can see
 * our answer before a reset takes it away (RFC 9112 §9.6; docs/clients.md, Pushes 5). */
static enum want linger(struct session *s)
{
	struct work *w = s->work;
	char *scratch = conn_scratch(s->conn);

	conn_write_end(s->conn);
	conn_pace(s->conn, PACE_LINGER);
	w->drained += s->in.n;
	buf_drop_wiped(&s->in, s->in.n);
	for (size_t turn = 0; turn < TURN_BYTES;) {
		size_t n = 0;

		switch (conn_read(s->conn, scratch, SCRATCH_BYTES, &n)) {
		case IO_OK:
			break;
		case IO_WANT_READ:
			return WANT_READ;
		case IO_WANT_WRITE:
			return WANT_WRITE;
		case IO_END:
		case IO_FAILED:
			return WANT_CLOSE;
		}
		turn += n;
		w->drained += n;
		if (w->drained >= DRAIN_LINGER_BYTES)
			return WANT_CLOSE;
		if (w->head.has_length && w->drained >= w->body_left)
			return WANT_CLOSE;
	}
	return WANT_AGAIN;
}

enum want stage_drain(struct session *s)
{
	enum want want;
	enum rc rc;
	bool ended;

	if (s->work->rest == REST_LONG)
		return linger(s);
	want = body_turn(s, &rc, &ended);
	if (ended || rc)
		return WANT_CLOSE;
	return s->work->body_done ? session_next(s) : want;
}
