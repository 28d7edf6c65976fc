/*
 * turn: what a thread does with a connection between two waits: finish sending, find out what it speaks, handshake,
 * step the protocol, say goodbye. FIRST_BYTE -> (HANDSHAKE ->) OPEN -> CLOSING.
 */
#include "tls.h"
#include "wire.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_HANDSHAKE_RECORD 0x16 /* ContentType handshake, RFC 8446 §5.1 */

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Room for one more session, if need be by sending another one away. */
static struct tls_context *admit_tls(struct conn *c)
{
	struct net *n = c->net;
	struct tls_context *context = NULL;
	bool sent;

	pthread_mutex_lock(&n->mutex);
	if (!c->seat.leaving && room_make(n, POOL_TLS, &c->network, &sent) && room_enter(c, POOL_TLS, &c->network)) {
		context = n->tls_now;
		tls_context_ref(context);
	}
	pthread_mutex_unlock(&n->mutex);
	return context;
}

static enum want begin_tls(struct conn *c, const unsigned char *hello, size_t n)
{
	struct tls_context *context = admit_tls(c);

	if (!context || !tls_start(c, context, tls_hello_offers(hello, n, c->net->favourite_suite))) {
		count(&c->net->refused);
		return WANT_CLOSE;
	}
	c->phase = PHASE_HANDSHAKE;
	return WANT_AGAIN;
}

/* Epoll wakes us when so many bytes are there. */
static bool wake_at(struct conn *c, size_t bytes)
{
	int low_water = (int)bytes;

	return setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof(low_water)) == 0;
}

/*
 * A session begins when all of its ClientHello has come, so that an unfinished one costs what any connection costs.
 * Until then it stays in the kernel, which wakes us when so much is there as we have seen that there must be; or before
 * that, when the peer has ended or memory is short: then the library says what becomes of it.
 */
static enum want hello(struct conn *c, const unsigned char *p, size_t n)
{
	size_t wanted = tls_hello_wants(p, n);

	if (wanted > TLS_HELLO_MAX) {
		count(&c->net->refused);
		c->broken = true;
		return WANT_CLOSE;
	}
	if (n < wanted && n >= c->hello_wanted && wake_at(c, wanted)) {
		c->hello_wanted = wanted;
		return WANT_READ;
	}
	(void)wake_at(c, 1);
	return begin_tls(c, p, n);
}

static enum want first_byte(struct conn *c)
{
	unsigned char *peek = conn_scratch(c);
	ssize_t got = recv(c->fd, peek, TLS_HELLO_MAX, MSG_PEEK);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return WANT_READ;
	if (got <= 0 || atomic_load(&c->cut)) {
		c->broken = true;
		return WANT_CLOSE;
	}
	if (peek[0] == TLS_HANDSHAKE_RECORD)
		return hello(c, peek, (size_t)got);
	c->phase = PHASE_OPEN;
	return WANT_AGAIN;
}

static enum want handshake(struct conn *c)
{
	switch (conn_lane_enter(c, LANE_HANDSHAKE)) {
	case LANE_IN:
		break;
	case LANE_WAIT:
		return WANT_WAKE;
	case LANE_FULL:
		count(&c->net->refused);
		c->broken = true;
		return WANT_CLOSE;
	}
	switch (tls_handshake(c)) {
	case IO_OK:
		c->phase = PHASE_OPEN;
		conn_pace(c, PACE_IDLE); /* until the request begins; may make room for others */
		return WANT_READ;
	case IO_WANT_READ:
		return WANT_READ;
	case IO_WANT_WRITE:
		return WANT_WRITE;
	case IO_END:
	case IO_FAILED:
		break;
	}
	c->phase = PHASE_CLOSING; /* an alert may be on its way out; no goodbye */
	return WANT_CLOSE;
}

static enum want step(struct conn *c)
{
	struct protocol *p = &c->net->protocol;

	if (!c->state) {
		c->state = calloc(1, p->state_bytes ? p->state_bytes : 1);
		if (!c->state) {
			count(&c->net->refused);
			return WANT_CLOSE;
		}
		conn_pace(c, PACE_HEAD);
	}
	return p->step(c, c->state, p->ctx);
}

static enum want go_on(struct conn *c)
{
	for (;;) {
		enum phase was = c->phase;
		enum want want = was == PHASE_FIRST_BYTE  ? first_byte(c)
				 : was == PHASE_HANDSHAKE ? handshake(c)
							  : step(c);
		/* Found out what it speaks: that is no turn of its own. */
		if (want != WANT_AGAIN || was == c->phase)
			return want;
	}
}

/* The protocol's part is over; true: nothing is left to be sent. */
static bool closing(struct conn *c)
{
	if (c->phase != PHASE_CLOSING) {
		c->phase = PHASE_CLOSING;
		/* A peer that takes its time over the rest is measured as for a body. */
		if (c->pace == PACE_NONE || c->pace == PACE_IDLE)
			conn_pace(c, PACE_BODY);
		conn_write_end(c);
	}
	return wire_end(c) || c->broken;
}

static enum want unsent_first(struct conn *c)
{
	conn_lane_leave(c); /* nobody else waits while this peer takes its time */
	if (c->broken)
		return WANT_CLOSE;
	/* Idle is who has got all of the last answer. */
	c->idle_after |= c->pace == PACE_IDLE;
	if (c->pace == PACE_IDLE || c->pace == PACE_NONE)
		conn_pace(c, PACE_BODY);
	return WANT_WRITE;
}

enum want turn_run(struct conn *c)
{
	enum want want;

	c->queued_in_turn = c->worker->tls_full = false;
	if (!wire_begin(c)) {
		wire_end(c);
		return unsent_first(c);
	}
	if (c->idle_after) {
		c->idle_after = false;
		conn_pace(c, PACE_IDLE);
	}
	want = c->phase == PHASE_CLOSING ? WANT_CLOSE : go_on(c);
	if (want != WANT_WAKE || !c->queued_in_turn)
		conn_lane_leave(c);
	if (want == WANT_CLOSE)
		return closing(c) ? WANT_CLOSE : unsent_first(c);
	/* No event will come for what the library or the read-ahead holds. */
	bool pending = want == WANT_READ && (conn_has_pending(c) || c->worker->tls_full);
	if (!wire_end(c))
		return unsent_first(c);
	return pending ? WANT_AGAIN : want;
}

static void give_back(struct conn *c)
{
	struct net *n = c->net;
	int fd = c->fd;

	pthread_mutex_lock(&n->mutex);
	deadline_set(c, TIMING_NONE);
	room_leave(c);
	c->fd = -1;
	/* Under the mutex, so that the figure `open` never claims less than there are descriptors. */
	close(fd);
	slots_give(c);
	pthread_mutex_unlock(&n->mutex);
}

void turn_end(struct conn *c)
{
	struct protocol *p = &c->net->protocol;

	conn_lane_leave(c);
	if (c->state && p->close)
		p->close(c, c->state, p->ctx);
	free(c->state);
	tls_release(c);
	wire_release(c);
	c->worker = NULL;
	c->state = NULL;
	c->phase = PHASE_FIRST_BYTE;
	c->hello_wanted = 0;
	c->pace = PACE_NONE;
	c->broken = c->ended = c->farewell = c->watched = c->paced = c->idle_after = c->queued_in_turn = false;
	atomic_store(&c->moved, 0);
	atomic_store(&c->waited_ms, 0);
	atomic_store(&c->waits_since, 0);
	atomic_store(&c->waits_to_write, false);
	atomic_store(&c->cut, false);
	atomic_store(&c->timed_out, false);
	give_back(c);
}
