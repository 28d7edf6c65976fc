/* conn: what a step may ask of its connection. */
#include "tls.h"
#include "wire.h"
#include <cove/base/log.h>

static enum io io_failed(struct conn *c)
{
	if (!c->broken)
		log_debug("net.gone", "peer=%s", c->peer);
	c->broken = true;
	return IO_FAILED;
}

static enum io read_plain(struct conn *c, void *p, size_t n, size_t *moved)
{
	ssize_t got = wire_recv_raw(c, p, n);

	if (got == -1)
		return IO_WANT_READ;
	if (got < 0)
		return io_failed(c);
	c->ended = got == 0;
	*moved = (size_t)got;
	return got ? IO_OK : IO_END;
}

enum io conn_read(struct conn *c, void *p, size_t n, size_t *moved)
{
	*moved = 0;
	/* Linux still delivers what arrives after shutdown(SHUT_RD). */
	if (c->ended || atomic_load(&c->cut))
		return IO_END;
	if (c->broken)
		return IO_FAILED;
	return c->tls ? tls_read(c, p, n, moved) : read_plain(c, p, n, moved);
}

enum io conn_write(struct conn *c, const void *p, size_t n, size_t *moved)
{
	*moved = 0;
	if (c->broken)
		return IO_FAILED;
	if (c->tls)
		return tls_write(c, p, n, moved);

	ssize_t sent = wire_send_raw(c, p, n);
	if (sent == -1)
		return IO_WANT_WRITE;
	if (sent < 0)
		return io_failed(c);
	*moved = (size_t)sent;
	return IO_OK;
}

void conn_write_end(struct conn *c)
{
	if (c->tls && !c->broken && !c->farewell)
		tls_say_goodbye(c);
	c->farewell = true;
}

bool conn_has_pending(struct conn *c)
{
	return c->tls && !c->broken && (wire_has_input(c) || tls_has_plaintext(c));
}

void *conn_scratch(struct conn *c)
{
	return c->worker->scratch;
}

void conn_pace(struct conn *c, enum pace pace)
{
	static const enum timing timings[] = {
	    [PACE_NONE] = TIMING_NONE,
	    [PACE_HEAD] = TIMING_HEAD,
	    [PACE_BODY] = TIMING_BODY,
	    [PACE_IDLE] = TIMING_IDLE_PLAIN,
	    [PACE_LINGER] = TIMING_LINGER,
	};
	struct net *n = c->net;
	enum timing timing = timings[pace];

	if (c->pace == pace && c->paced)
		return;
	c->pace = pace;
	c->paced = true;
	if (timing == TIMING_IDLE_PLAIN && c->tls)
		timing = TIMING_IDLE_TLS;
	pthread_mutex_lock(&n->mutex);
	if (!atomic_load(&c->cut)) { /* else its end is set */
		deadline_set(c, timing);
		if (pace == PACE_IDLE && atomic_load(&n->draining))
			deadline_cut(c, false);
	}
	pthread_mutex_unlock(&n->mutex);
}

bool conn_timed_out(const struct conn *c)
{
	return atomic_load(&c->timed_out);
}

bool conn_draining(const struct conn *c)
{
	return atomic_load(&c->net->draining);
}

bool conn_is_tls(const struct conn *c)
{
	return c->tls != NULL;
}

struct str conn_peer(const struct conn *c)
{
	return (struct str){c->peer, c->peer_n};
}

uint16_t conn_local_port(const struct conn *c)
{
	return c->local_port;
}

unsigned conn_listener(const struct conn *c)
{
	return c->listener_tag;
}

struct conn_ref conn_ref(struct conn *c)
{
	return (struct conn_ref){c->net, c->slot, c->serial};
}

void conn_wake(struct conn_ref ref)
{
	struct conn *c = slots_at(ref.net, ref.slot);

	pthread_mutex_lock(&ref.net->mutex);
	if (c->fd >= 0 && c->serial == ref.serial)
		crew_wake(c);
	pthread_mutex_unlock(&ref.net->mutex);
}
