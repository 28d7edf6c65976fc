/*
 * send: the reply as one stream of bytes, its head followed by a body from memory or from a file. It goes out in pieces
 * of at most a scratch buffer, the head together with the start of the body in one write. A piece that stopped in its
 * middle is made again from the same bytes, as conn_write() wants it. A file that grows to nobody knows where goes out
 * in chunks (RFC 9112 §7.1).
 */
#include "session.h"
#include <cove/base/log.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { CHUNK_FRAME_BYTES = 32 }; /* around its bytes */

/* n bytes of the file from `at`. A file that is shorter than its size said is damage. */
static bool read_file(int fd, char *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t got = pread(fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			log_error("http.file", "at=%llu error=%s", (unsigned long long)at,
			    got ? strerror(errno) : "file ends early");
			return false;
		}
		p += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return true;
}

/* n bytes of the body from `at`. Only what was sent is passed for good: a piece may be made again. */
static bool read_body(struct work *w, char *p, size_t n, uint64_t at)
{
	struct multipart m;

	if (!w->multipart.count)
		return read_file(w->fd, p, n, w->file_from + at);
	multipart_seek(&w->multipart, at);
	m = w->multipart;
	while (n) {
		char text[MULTIPART_TEXT_MAX];
		struct run run;
		size_t some;

		multipart_seek(&m, at);
		multipart_run(&m, at, text, &run);
		some = run.n < n ? (size_t)run.n : n;
		if (run.text.p)
			memcpy(p, run.text.p, some);
		else if (!read_file(w->fd, p, some, run.file_from))
			return false;
		p += some;
		n -= some;
		at += some;
	}
	return true;
}

/* The next piece of the reply: *piece points into `out`, the body, or scratch. */
static bool next_piece(struct work *w, uint64_t end, char *scratch, struct str *piece)
{
	uint64_t at = w->sent, left = end - at;
	size_t head, n;

	if (w->window_end <= at)
		w->window_end = at + (left < SCRATCH_BYTES ? left : SCRATCH_BYTES);
	n = (size_t)(w->window_end - at);
	if (at >= w->out.n && w->bytes.p) {
		*piece = str_first(str_from(w->bytes, (size_t)(at - w->out.n)), n);
		return true;
	}
	if (w->window_end <= w->out.n) {
		*piece = str_first(str_from(buf_str(&w->out), (size_t)at), n);
		return true;
	}
	head = at < w->out.n ? (size_t)(w->out.n - at) : 0;
	*piece = (struct str){scratch, n};
	if (head)
		memcpy(scratch, w->out.p + at, head);
	if (w->bytes.p) {
		memcpy(scratch + head, w->bytes.p, n - head);
		return true;
	}
	return read_body(w, scratch + head, n - head, at + head - w->out.n);
}

/* How far the reply may go now: all of it, but for what an upstream has not sent yet. False: the rest never comes. */
static bool look_ahead(struct session *s, uint64_t *end)
{
	struct work *w = s->work;
	uint64_t seen = w->file_from + (w->sent > w->out.n ? w->sent - w->out.n : 0), have;

	*end = w->chunks.is_on ? w->out.n : w->send_size;
	if (!w->flow || w->chunks.is_on)
		return true;
	if (flow_look(w->flow, seen, conn_ref(s->conn), &have) == FLOW_FAILED)
		return false;
	have = w->out.n + (have > w->file_from ? have - w->file_from : 0);
	if (have < *end)
		*end = have;
	return true;
}

static enum io write_piece(struct session *s, struct str piece)
{
	struct work *w = s->work;

	while (piece.n) {
		size_t moved = 0;
		enum io io = conn_write(s->conn, piece.p, piece.n, &moved);

		if (io != IO_OK)
			return io;
		w->sent += moved;
		piece = str_from(piece, moved);
	}
	return IO_OK;
}

/* What a write that did not end well waits for. */
static enum want wait_for_peer(struct session *s, enum io io)
{
	if (io != IO_WANT_READ && io != IO_WANT_WRITE)
		return WANT_CLOSE;
	conn_pace(s->conn, PACE_BODY);
	return io == IO_WANT_READ ? WANT_READ : WANT_WRITE;
}

/* WANT_AGAIN: there is one, or the last, which is empty. */
static enum want begin_chunk(struct session *s)
{
	struct work *w = s->work;
	uint64_t have;
	enum flow_state state = flow_look(w->flow, w->chunks.at, conn_ref(s->conn), &have);

	if (state == FLOW_FAILED)
		return WANT_CLOSE;
	if (state == FLOW_RUNS && have <= w->chunks.at) {
		conn_pace(s->conn, PACE_NONE);
		return WANT_WAKE;
	}
	have -= w->chunks.at;
	w->chunks.n = have < SCRATCH_BYTES - CHUNK_FRAME_BYTES ? (size_t)have : SCRATCH_BYTES - CHUNK_FRAME_BYTES;
	w->chunks.sent = 0;
	w->chunks.has_one = true;
	return WANT_AGAIN;
}

static bool make_chunk(const struct work *w, char *scratch, struct str *frame)
{
	size_t n = (size_t)snprintf(scratch, CHUNK_FRAME_BYTES, "%zx\r\n", w->chunks.n);

	if (!read_file(w->fd, scratch + n, w->chunks.n, w->chunks.at))
		return false;
	memcpy(scratch + n + w->chunks.n, "\r\n", 2);
	*frame = (struct str){scratch, n + w->chunks.n + 2};
	return true;
}

/* As send_turn(), behind the head. */
static enum want send_chunks(struct session *s, uint64_t turn_end, bool *unreadable)
{
	struct work *w = s->work;
	struct str frame;
	enum want want;
	enum io io;

	while (w->sent < turn_end && w->sent < w->send_size) {
		uint64_t before = w->sent;

		if (!w->chunks.has_one && (want = begin_chunk(s)) != WANT_AGAIN)
			return want;
		if (!make_chunk(w, conn_scratch(s->conn), &frame)) {
			*unreadable = true;
			return WANT_CLOSE;
		}
		io = write_piece(s, str_from(frame, w->chunks.sent));
		w->chunks.sent += (size_t)(w->sent - before);
		if (io != IO_OK)
			return wait_for_peer(s, io);
		w->chunks.at += w->chunks.n;
		w->chunks.has_one = false;
		if (!w->chunks.n)
			w->send_size = w->sent;
	}
	return WANT_AGAIN;
}

/* WANT_AGAIN: all is sent, or the turn is used up. */
static enum want send_turn(struct session *s, bool *unreadable)
{
	struct work *w = s->work;
	char *scratch = conn_scratch(s->conn);
	uint64_t turn_end = w->sent + TURN_BYTES;
	struct str piece;
	uint64_t end;
	enum io io;

	while (w->sent < w->send_size && w->sent < turn_end) {
		if (w->chunks.is_on && w->sent >= w->out.n)
			return send_chunks(s, turn_end, unreadable);
		/* its digest was wrong, or the upstream is gone: only a close tells the peer that this is not the whole
		 */
		if (!look_ahead(s, &end))
			return WANT_CLOSE;
		if (w->sent == end) {
			conn_pace(s->conn, PACE_NONE);
			return WANT_WAKE;
		}
		if (!next_piece(w, end, scratch, &piece)) {
			*unreadable = true;
			return WANT_CLOSE;
		}
		io = write_piece(s, piece);
		if (io != IO_OK)
			return wait_for_peer(s, io);
	}
	return WANT_AGAIN;
}

static enum want sent(struct session *s)
{
	struct work *w = s->work;

	if (w->rest != REST_NONE) {
		s->stage = STAGE_DRAIN;
		return WANT_AGAIN;
	}
	return session_next(s);
}

enum want stage_send(struct session *s)
{
	struct work *w = s->work;
	bool bulk = w->fd >= 0 && w->send_size > LARGE_BYTES;
	bool unreadable = false;
	enum want want;

	if (bulk && !session_lane_enter(s, LANE_BULK, &want))
		return want;
	want = send_turn(s, &unreadable);
	if (bulk)
		conn_lane_leave(s->conn);
	if (unreadable && w->sent == 0) /* nothing of the reply is out yet: there is still a way to say so */
		return session_answer(s, fail(&w->x.err, E_IO, "a stored file cannot be read"));
	if (w->sent == w->send_size)
		return sent(s);
	return want;
}

enum want stage_continue(struct session *s)
{
	static const struct str text = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
	struct work *w = s->work;

	while (w->continue_sent < text.n) {
		struct str piece = str_from(text, w->continue_sent);
		size_t moved = 0;

		enum io io = conn_write(s->conn, piece.p, piece.n, &moved);

		if (io != IO_OK)
			return wait_for_peer(s, io);
		w->continue_sent += moved;
	}
	w->continue_wanted = false;
	s->stage = STAGE_BODY;
	return WANT_AGAIN;
}
