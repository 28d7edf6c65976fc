/*
 * net: sockets, threads, TLS, deadlines. It does not know HTTP: a struct protocol defines what runs over a connection.
 *
 * One epoll set, EPOLLONESHOT, a fixed crew of threads. A ready connection is delivered to exactly one thread, which
 * calls the protocol's step(); step returns what it needs next and only the crew re-arms or frees. So a connection and
 * its state need no lock. step may wait for disk, database and CPU, never for a peer.
 *
 * The first byte decides: 0x16 is a TLS record and net does the handshake by itself before the first step; anything
 * else is plain text and step sees conn_is_tls() == false.
 */
#pragma once
#include <cove/base/err.h>

struct net;
struct conn;
struct tls_identity; /* a certificate chain and its key; counted references, immutable */

/* What a step needs before it can go on. */
enum want {
	WANT_READ,  /* bytes from the peer; returns at once if the TLS library still holds some */
	WANT_WRITE, /* the peer can take more bytes */
	WANT_WAKE,  /* a place in a lane, or conn_wake(); uses no thread meanwhile. A wake-up may be spurious */
	WANT_AGAIN, /* nothing: its turn is over, other connections go first */
	WANT_CLOSE, /* the end: net sends close_notify if it can, and closes */
};

struct protocol {
	size_t state_bytes; /* zeroed, allocated with the connection's first byte */
	/* One bounded turn (at most about TURN_BYTES moved). */
	enum want (*step)(struct conn *c, void *state, void *ctx);
	/* The connection ends, for any reason; frees what the state owns. Called exactly once after the first step. */
	void (*close)(struct conn *c, void *state, void *ctx);
	void *ctx;
};

#define TURN_BYTES (1024u * 1024)
#define SCRATCH_BYTES (128u * 1024)

struct net_options {
	const struct protocol *protocol;
	unsigned threads;          /* 0: four per core, at least 8, at most 64 */
	uint64_t tls_memory_bytes; /* limit for all TLS sessions together; 0: an eighth of the machine's memory */
	unsigned max_connections;  /* 0: what RLIMIT_NOFILE allows, minus a reserve */
	int64_t stall_ms;          /* see PACE_BODY; 0: three minutes */
};

/* ---- life: one thread, after crypto_start() ---- */
CHECKED enum rc net_open(const struct net_options *options, struct net **out, struct err *err);
/* host: an address literal, or "" for all addresses of both families; port 0: any port; *bound_port (may be NULL) gets
 * it. tag: conn_listener() returns it for connections of this listener. Also while the crew runs; any thread. */
CHECKED enum rc net_listen(
    struct net *n, const char *host, uint16_t port, unsigned tag, uint16_t *bound_port, struct err *err);
/* Whether a program already listens on that port of this machine. For a warning only; it can change a moment later. */
bool net_port_is_taken(uint16_t port);
/* Closes the listener of that port; open connections continue. Any time, any thread. */
void net_unlisten(struct net *n, uint16_t port);
/* New handshakes use it; running ones keep their own. Takes its own reference. Any time, any thread. */
void net_set_identity(struct net *n, struct tls_identity *identity);
/* Starts the crew; returns at once. Needs an identity. */
CHECKED enum rc net_start(struct net *n, struct err *err);
/* Accepts no new connections and closes idle ones. Waits up to ms until the running exchanges have finished, and
 * returns true if they have. May be called again. */
bool net_drain(struct net *n, int64_t ms);
/* Like net_drain() for grace_ms; then ends all connections and joins the crew. */
void net_stop(struct net *n, int64_t grace_ms);
/* After net_stop(), or without a start. */
void net_close(struct net *n);

/* PEM, chain leaf first. The key is checked against the leaf. */
CHECKED enum rc tls_identity_new(struct str chain_pem, struct str key_pem, struct tls_identity **out, struct err *err);
void tls_identity_unref(struct tls_identity *identity);

/* ---- inside step() ---- */
enum io {
	IO_OK,         /* *moved > 0 */
	IO_WANT_READ,  /* return WANT_READ, then the same call again */
	IO_WANT_WRITE, /* return WANT_WRITE, then the same call (same bytes) again */
	IO_END,        /* the peer closed the connection properly, or its time is up (conn_timed_out) */
	IO_FAILED,     /* the connection is gone; logged by net at debug level */
};
enum io conn_read(struct conn *c, void *p, size_t n, size_t *moved);
enum io conn_write(struct conn *c, const void *p, size_t n, size_t *moved);
/* Closes the sending side: the peer sees the end after all bytes are sent, and can still be read from (RFC 9112
 * §9.6). */
void conn_write_end(struct conn *c);
/* Whether bytes are waiting that conn_read() would return (or that would complete a record). WANT_READ checks this
 * itself. */
bool conn_has_pending(struct conn *c);
/* The thread's buffer of SCRATCH_BYTES: content is lost when step returns. */
void *conn_scratch(struct conn *c);

/* How long the peer may take. A peer that is too slow loses the receiving side: reads return IO_END, conn_timed_out()
 * is true, and the protocol has 5 s to answer. */
enum pace {
	PACE_NONE,   /* no limit: the server is working */
	PACE_HEAD,   /* 15 s from now */
	PACE_BODY,   /* at least 1 KiB/s over each window of stall_ms, in either direction; only waiting for the peer
		      * counts */
	PACE_IDLE,   /* 60 s; shorter when TLS memory is needed or the server drains */
	PACE_LINGER, /* 5 s: reads and drops what a refused peer still sends; shorter like PACE_IDLE */
};
/* Setting the current pace again gives the peer no more time. The first step begins with PACE_HEAD. */
void conn_pace(struct conn *c, enum pace pace);
bool conn_timed_out(const struct conn *c);
/* The server is stopping: answer with Connection: close. */
bool conn_draining(const struct conn *c);
bool conn_is_tls(const struct conn *c);
/* The peer's address without port, "192.0.2.1" or "2001:db8::1" (mapped IPv4 as IPv4); valid as long as c. */
struct str conn_peer(const struct conn *c);
/* The local port of the connection. */
uint16_t conn_local_port(const struct conn *c);
/* The tag of the listener. */
unsigned conn_listener(const struct conn *c);

/*
 * Lanes limit how many threads one kind of work may use, so that the others stay responsive: bulk transfers use at most
 * half of the crew, lists a quarter, long computations (large manifests) half as many threads as cores, Argon2 one (two
 * with at least 4 GiB of memory and two cores), TLS handshakes (inside net) as many as cores. A step that gets
 * LANE_WAIT returns WANT_WAKE and calls again when it is woken; it then has its place. A place ends with the turn, and
 * each step enters again, so that all make progress in turns. The queue of each lane is bounded, that of Argon2 by the
 * time that a client would wait; all queues except those for bulk and handshakes serve the peers' networks in turns.
 * LANE_FULL means 503. A peer that closes while it is queued loses its place. LANE_KNOWN is a second queue for the
 * places of LANE_PASSWORD, for clients whose last password was right: it gets every second turn.
 */
enum lane { LANE_BULK, LANE_LIST, LANE_HEAVY, LANE_PASSWORD, LANE_KNOWN, LANE_HANDSHAKE, LANE_COUNT };
enum lane_answer { LANE_IN, LANE_WAIT, LANE_FULL };
enum lane_answer conn_lane_enter(struct conn *c, enum lane lane);
/* Leaves the lane before the turn ends. Does nothing outside of a lane. */
void conn_lane_leave(struct conn *c);

/* For other threads, to wake a step that returned WANT_WAKE (an early wake-up is remembered). If the connection has
 * ended, this does nothing; the net must still exist. */
struct conn_ref {
	struct net *net;
	uint32_t slot, serial;
};
struct conn_ref conn_ref(struct conn *c);
void conn_wake(struct conn_ref ref);

/* ---- figures ---- */
struct net_figures {
	uint64_t accepted, refused, open, tls_open, handshakes, handshakes_resumed, handshakes_failed, unknown_ca;
	uint64_t bytes_in, bytes_out;
};
void net_read_figures(struct net *n, struct net_figures *out);
