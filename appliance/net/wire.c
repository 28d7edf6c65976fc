/* wire: see wire.h. */
#include "wire.h"
#include <errno.h>
#include <sys/socket.h>

static void count_in(struct conn *c, size_t n)
{
	atomic_fetch_add_explicit(&c->moved, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->net->bytes_in, n, memory_order_relaxed);
}

ssize_t wire_recv_raw(struct conn *c, void *p, size_t n)
{
	ssize_t got;

	do
		got = recv(c->fd, p, n, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		count_in(c, (size_t)got);
	if (got >= 0)
		return got;
	return errno == EAGAIN ? -1 : -2;
}

ssize_t wire_send_raw(struct conn *c, const void *p, size_t n)
{
	ssize_t sent;

	do
		sent = send(c->fd, p, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0) {
		atomic_fetch_add_explicit(&c->moved, (size_t)sent, memory_order_relaxed);
		atomic_fetch_add_explicit(&c->net->bytes_out, (size_t)sent, memory_order_relaxed);
		return sent;
	}
	return errno == EAGAIN ? -1 : -2;
}

static void chunk_release(struct chunk *chunk)
{
	free(chunk->p);
	*chunk = (struct chunk){0};
}

/* A copy of what is left, of just its size. */
static bool chunk_keep(struct chunk *chunk, const void *p, size_t n)
{
	chunk->p = malloc(n);
	if (!chunk->p)
		return false;
	memcpy(chunk->p, p, n);
	chunk->from = 0;
	chunk->n = n;
	return true;
}

static void unsent_release(struct conn *c)
{
	atomic_fetch_sub_explicit(&c->net->unsent_bytes, c->unsent.from + c->unsent.n, memory_order_relaxed);
	chunk_release(&c->unsent);
}

static bool unsent_keep(struct conn *c, const void *p, size_t n)
{
	if (!chunk_keep(&c->unsent, p, n))
		return false;
	atomic_fetch_add_explicit(&c->net->unsent_bytes, n, memory_order_relaxed);
	return true;
}

void wire_release(struct conn *c)
{
	chunk_release(&c->unread);
	unsent_release(c);
}

/* False: the socket takes no more now, or never again (c->broken). */
static bool send_unsent(struct conn *c)
{
	struct chunk *u = &c->unsent;

	while (u->n) {
		ssize_t sent = wire_send_raw(c, u->p + u->from, u->n);
		if (sent < 0) {
			c->broken |= sent == -2;
			return false;
		}
		u->from += (size_t)sent;
		u->n -= (size_t)sent;
	}
	unsent_release(c);
	return true;
}

/* Sends what is gathered; what the socket does not take becomes the connection's. */
static bool send_gathered(struct conn *c)
{
	struct worker *w = c->worker;
	size_t done = 0;

	while (done < w->out_n) {
		ssize_t sent = wire_send_raw(c, w->out + done, w->out_n - done);
		if (sent == -2 || (sent == -1 && !unsent_keep(c, w->out + done, w->out_n - done)))
			c->broken = true;
		if (sent < 0)
			break;
		done += (size_t)sent;
	}
	bool all = done == w->out_n;
	w->out_n = 0;
	return all;
}

bool wire_begin(struct conn *c)
{
	struct worker *w = c->worker;

	w->in_from = w->in_n = w->out_n = 0;
	w->drained = false;
	if (c->unread.n) {
		memcpy(w->in, c->unread.p, c->unread.n);
		w->in_n = c->unread.n;
		chunk_release(&c->unread);
	}
	return send_unsent(c);
}

bool wire_end(struct conn *c)
{
	struct worker *w = c->worker;

	if (w->in_n && !c->broken && !chunk_keep(&c->unread, w->in + w->in_from, w->in_n))
		c->broken = true;
	w->in_n = 0;
	if (c->broken)
		return false;
	if (c->unsent.n || !send_gathered(c))
		return false;
	if (c->farewell)
		shutdown(c->fd, SHUT_WR);
	return true;
}

ssize_t wire_recv(struct conn *c, void *p, size_t n)
{
	struct worker *w = c->worker;

	if (!w->in_n) {
		/* The rest of a long record goes straight to its place. Reading several records at once was measured
		 * and is not faster. */
		bool direct = n >= AHEAD_BYTES;
		size_t room = direct ? n : AHEAD_BYTES;
		ssize_t got = wire_recv_raw(c, direct ? p : w->in, room);
		w->drained = got < (ssize_t)room;
		if (got <= 0 || direct)
			return got;
		w->in_from = 0;
		w->in_n = (size_t)got;
	}
	if (n > w->in_n)
		n = w->in_n;
	memcpy(p, w->in + w->in_from, n);
	w->in_from += n;
	w->in_n -= n;
	return (ssize_t)n;
}

/* What a peer does not take stays with its connection: many slow ones must not add up to much. */
static size_t gather_max(const struct conn *c)
{
	bool many = atomic_load_explicit(&c->net->unsent_bytes, memory_order_relaxed) > UNSENT_MAX_BYTES;

	return many ? RECORD_ROOM : GATHER_BYTES;
}

bool wire_room(struct conn *c)
{
	if (c->broken || !send_unsent(c))
		return false;
	return c->worker->out_n + RECORD_ROOM <= gather_max(c) || send_gathered(c);
}

ssize_t wire_send(struct conn *c, const void *p, size_t n)
{
	struct worker *w = c->worker;

	if ((c->unsent.n || w->out_n + n > GATHER_BYTES) && !wire_room(c))
		return c->broken ? -2 : -1;
	if (n > GATHER_BYTES - w->out_n)
		n = GATHER_BYTES - w->out_n;
	memcpy(w->out + w->out_n, p, n);
	w->out_n += n;
	return (ssize_t)n;
}

bool wire_has_input(const struct conn *c)
{
	return c->worker->in_n > 0;
}
