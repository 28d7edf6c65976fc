/*
 * inside: what the files of net/ share. Three kinds of data, three rules:
 *  - what only the owner of a connection touches (the thread that claimed it): no lock;
 *  - what is marked "mutex": under net->mutex, short sections only;
 *  - atomics: read by the reaper or by wakers while the owner runs.
 * A struct conn lives in a slot that is never given back to the heap, so a late event or wake-up can always look at it;
 * the ticket in the claim tells whether it is meant (crew.c).
 */
#pragma once
#include "lane.h"
#include "listener.h"
#include "room.h"
#include <cove/net/net.h>
#include <pthread.h>
#include <stdatomic.h>

/* Ciphertext read ahead: a request's record, or a header and its beginning, in one recv(). */
#define AHEAD_BYTES 4096u
#define GATHER_BYTES (256u * 1024)           /* ciphertext of several records for one send() */
#define UNSENT_MAX_BYTES (16u * 1024 * 1024) /* of all connections: above, one record is gathered at a time */
#define RECORD_ROOM 17000u /* one TLS record with all that is around it (RFC 8446 §5.2: 16384 + 256 + 5) */
#define TLS_CALL_BYTES                                                                                                 \
	(256u * 1024) /* more than any flight or record: the library skips warnings for as long as they come */
#define SLOTS_PER_CHUNK 256u
#define TICK_MS 500

struct tls;
struct tls_context;

/* One list per duration, so that appending keeps each in order of its deadlines (deadline.c). */
enum timing {
	TIMING_NONE,
	TIMING_OPENING, /* accepted: first byte and handshake */
	TIMING_HEAD,
	TIMING_BODY, /* a window, looked at when it ends */
	TIMING_IDLE_PLAIN,
	TIMING_IDLE_TLS,
	TIMING_LINGER,
	TIMING_CUT, /* reading was shut down; writing follows */
	TIMING_COUNT
};

enum phase {
	PHASE_FIRST_BYTE,
	PHASE_HANDSHAKE,
	PHASE_OPEN,
	PHASE_CLOSING, /* the rest of what we say goes out, then the end */
};

struct chunk {
	unsigned char *p; /* owned */
	size_t from, n;
};

struct conn {
	struct net *net;
	uint32_t slot;
	_Atomic uint64_t claim; /* ticket << 8 | CLAIM_ bits */
	struct conn *ready_next;

	/* owner */
	struct worker *worker; /* in its turn */
	enum phase phase;
	enum pace pace;
	bool paced;           /* the protocol has chosen a pace */
	struct tls *tls;      /* NULL: plain */
	void *state;          /* the protocol's; NULL before its first step */
	struct chunk unread;  /* ciphertext read ahead that the last turn left */
	struct chunk unsent;  /* ciphertext that the socket did not take */
	bool broken;          /* neither read nor write any more */
	bool ended, farewell; /* nothing more to read; to write, and the peer is told when all is out */
	bool watched;         /* known to epoll */
	bool queued_in_turn;  /* got LANE_WAIT in this turn */
	bool idle_after;      /* PACE_IDLE begins when `unsent` is gone */
	uint16_t local_port;
	unsigned listener_tag;
	uint8_t peer_n;
	char peer[46];
	struct network network; /* of peer */
	size_t hello_wanted;    /* bytes of its ClientHello that epoll waits for; 0: as yet any */

	/* lanes' mutex */
	enum lane lane;
	_Atomic enum lane_place place; /* the owner may read it without the mutex */
	struct conn *lane_prev, *lane_next;
	unsigned lane_turn; /* in the order of its network: the how manieth of it that was queued */
	unsigned lane_rank; /* in the order of all: how many of the networks around it were before it */
	int64_t lane_since_ms;
	/* mutex */
	int fd; /* -1: the slot is free */
	uint32_t serial;
	enum timing timing;
	int64_t due_at_ms;
	uint64_t window_moved;
	int64_t window_waited_ms;
	struct conn *prev, *next; /* in the list of its timing; next also in the list of free slots */
	struct seat seat;         /* room.h */

	_Atomic uint64_t moved;      /* bytes either way */
	_Atomic int64_t waited_ms;   /* for the peer, before the wait that runs now */
	_Atomic int64_t waits_since; /* 0: it does not wait for the peer */
	_Atomic bool waits_to_write;
	_Atomic bool cut; /* reads give IO_END */
	_Atomic bool timed_out;
};

struct worker {
	struct net *net;
	pthread_t thread;
	char *scratch;
	unsigned char *in; /* read ahead: in_n bytes from in_from */
	size_t in_from, in_n;
	bool drained;       /* the last recv() took all that was there */
	size_t tls_in;      /* bytes that the library took in its present call */
	bool tls_full;      /* it had TLS_CALL_BYTES, and wants more */
	unsigned char *out; /* gathered: out_n bytes */
	size_t out_n;
};

struct list {
	struct conn *first, *last;
};

struct net {
	struct protocol protocol;
	int epoll_fd, timer_fd, wake_fd;
	pthread_mutex_t listeners_mutex; /* guards listeners; taken inside no other */
	struct listener listeners[LISTENERS_MAX];
	bool listeners_watched;   /* by epoll: the crew runs */
	_Atomic unsigned resting; /* out of descriptors or memory: the next tick listens again */
	struct worker *workers;
	unsigned thread_count, started;
	_Atomic bool draining, ended;
	int64_t stall_ms;

	pthread_mutex_t mutex;
	pthread_cond_t empty;         /* open became 0 */
	struct conn *_Atomic *chunks; /* of SLOTS_PER_CHUNK; a pointer is set before any number in it is used */
	uint32_t chunk_count, chunk_max;
	struct conn *free_slots;
	struct list timings[TIMING_COUNT];
	bool ticking;
	struct pool_room room[POOL_COUNT];
	struct crowd everybody;
	void *crowds;                /* struct crowd, by network */
	int spare_fd;                /* given up for a moment when there are no descriptors left */
	struct tls_context *tls_now; /* counted; the one for new handshakes */
	unsigned favourite_suite;    /* of TLS 1.3, on this CPU */
	struct tls_tickets *tickets;

	pthread_mutex_t ready_mutex;
	struct conn *ready_first, *ready_last;
	_Atomic unsigned idle_workers;

	pthread_mutex_t lane_mutex;
	struct lane_queue lanes[LANE_COUNT];

	_Atomic uint64_t accepted, refused, handshakes, resumed, failed, unknown_ca, bytes_in, bytes_out;
	_Atomic uint64_t unsent_bytes; /* gathered, and not taken by their sockets yet */
};

/* crew.c */
void *crew_main(void *worker);
void crew_nudge(struct net *n);
/* A lane's place, or conn_wake(): lets a parked connection run; remembered when it is not parked yet. */
void crew_wake(struct conn *c);
/* Hands over a connection to epoll; the caller no longer owns it. */
void crew_arm(struct conn *c, uint32_t events);
/* All that waits in epoll beside connections: which is one of the EVENT_ numbers. */
CHECKED enum rc crew_watch(struct net *n, int fd, uint32_t which, uint32_t events, bool again, struct err *err);
#define EVENT_WAKE 0xffffffffu
#define EVENT_TICK 0xfffffffeu
#define EVENT_LISTENER 0xffffff00u /* + index */

/* turn.c: what one turn of a connection does; the owner calls. */
enum want turn_run(struct conn *c);
/* Everything of it goes; the slot is free afterwards. */
void turn_end(struct conn *c);

/* slots.c; the first two with the mutex held */
struct conn *slots_take(struct net *n); /* NULL: no memory */
void slots_give(struct conn *c);
struct conn *slots_at(struct net *n, uint32_t slot);

/* deadline.c; all with the mutex held */
void deadline_set(struct conn *c, enum timing timing);
void deadline_tick(struct net *n);
void deadline_start_ticking(struct net *n);
/* Reading ends now (and what the peer makes us wait for; at_once: all); the owner notices. */
void deadline_cut(struct conn *c, bool at_once);
