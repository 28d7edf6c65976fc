/*
 * session: what http/ keeps for a connection (struct session, small), and for the exchange under way on it (struct
 * work). A stage is a function that takes one bounded turn and says what it needs next. One thread at a time.
 */
#pragma once
#include "conditions.h"
#include "multipart.h"
#include <cove/base/network.h>
#include <cove/http/chunked.h>
#include <cove/http/range.h>
#include <cove/http/route.h>
#include <cove/http/server.h>

enum {
	DRAIN_KEEP_BYTES = 64 * 1024,          /* a refused body up to this is read off and the connection kept */
	DRAIN_LINGER_BYTES = 16 * 1024 * 1024, /* of a longer one, this much is read off before the close */
	LARGE_BYTES = 64 * 1024, /* bodies and files above this move inside the bulk lane; documents are heavy */
	ARENA_BYTES = 64 * 1024,
	ARENA_LARGE_BYTES = 6 * 1024 * 1024,
	REPLY_FIELDS_BYTES = 8 * 1024,
	REPLY_HEAD_BYTES = 12 * 1024,
	WARNINGS_MAX_BYTES = 4096, /* distribution spec "Warnings" */
	RANGES_MAX = 1024, /* of one request: so many podman asks for (containers/storage, maxNumberMissingChunks) */
};

enum stage {
	STAGE_HEAD,     /* reading a head; between exchanges when nothing has come */
	STAGE_ACCESS,   /* who asks, and may that one */
	STAGE_BEFORE,   /* the handler's first half */
	STAGE_CONTINUE, /* sending "100 Continue" */
	STAGE_BODY,
	STAGE_SERVE, /* the handler's second half */
	STAGE_SEND,
	STAGE_DRAIN, /* the reply is out, the rest of the request's body is read off */
	STAGE_COUNT,
};

/* The rest of the request's body when the reply is out. */
enum rest {
	REST_NONE,  /* read to its end: the next head follows */
	REST_SHORT, /* read it off, then the next head follows */
	REST_LONG,  /* read some of it off, then close */
};

struct held {
	void *p;
	void (*release)(void *p);
};

/* proof.c */
struct proof {
	uint8_t key[32], hash[HMAC_SHA256_SIZE];
	struct identity who;
	int64_t until_ms; /* 0: nothing is proven */
};

struct work {
	struct exchange x;     /* first: exchange_hold() goes from it to its work */
	enum rc password_lane; /* E_WANT_...: the one that x->in_password_lane is about */
	struct proof *proof;   /* of the connection */
	struct arena arena;
	struct head head;
	char *head_bytes; /* owned: what head points into; wiped, it may hold credentials */
	size_t head_n;
	int64_t started_ms;
	struct network network;     /* of the peer */
	uint64_t memory_held;       /* counted in memory.c, */
	struct share *memory_share; /* there */
	struct held *held;          /* what handlers wait for: exchange_hold() */
	size_t held_count;
	bool lane_entered; /* it had a place in a lane once: no 503 any more */

	/* the request's body */
	struct buf body; /* BODY_BUFFERED; wiped */
	struct chunked chunked;
	uint64_t body_left;  /* with Content-Length: bytes to come */
	uint64_t body_bytes; /* decoded so far */
	uint64_t drained;    /* raw bytes read off after the reply */
	bool body_done;
	bool body_garbled;    /* where the next request would start is not known */
	bool continue_wanted; /* the peer waits for 100 and has sent nothing yet */
	size_t continue_sent;

	/* the reply: `out` followed by the body from memory or from the file */
	struct buf out;
	struct str bytes;           /* body from memory */
	int fd;                     /* or from a file (borrowed from x.reply), else -1 */
	struct flow *flow;          /* of that file when it still grows (borrowed from x.reply) */
	uint64_t file_from;         /* of the file: where the body starts */
	struct multipart multipart; /* or several ranges of the file */
	uint64_t send_size;         /* out and body */
	uint64_t sent;
	uint64_t window_end; /* end of the piece that conn_write was given last */
	enum rest rest;
	bool keep;            /* the connection goes on after this exchange */
	struct chunks chunks; /* of a flow whose size is not known: they follow `out` */
};

struct session {
	struct conn *conn;
	struct site *site;
	enum stage stage;
	struct head_scan scan;
	struct buf in;     /* come but not used: at most HEAD_MAX_BYTES; no memory while idle */
	struct work *work; /* NULL between exchanges */
	struct proof proof;
};

/* Each takes one turn. WANT_AGAIN: go on with s->stage, at once if it changed. */
enum want stage_head(struct session *s);
enum want stage_access(struct session *s);
enum want stage_before(struct session *s);
enum want stage_continue(struct session *s);
enum want stage_body(struct session *s);
enum want stage_serve(struct session *s);
enum want stage_send(struct session *s);
enum want stage_drain(struct session *s);

/* The request is answered with this code (OK: with x->reply): composes the reply and goes to STAGE_SEND. */
enum want session_answer(struct session *s, enum rc rc);
/* The exchange is over: on to the next head, or the end. */
enum want session_next(struct session *s);
/* A place in that lane for this turn; false: return *want. */
bool session_lane_enter(struct session *s, enum lane lane, enum want *want);

/* ---- exchange.c ---- */
/* A new s->work with an id; NULL without memory. */
struct work *exchange_begin(struct session *s);
/* Parses the first `length` bytes of s->in, finds the route: on to STAGE_ACCESS, or an answer. */
enum want exchange_accept(struct session *s, size_t length);
/* Where the exchange stands before a handler runs, and back to there: it will run again. */
struct moment {
	struct arena_mark arena;
	size_t fields_n, warning_bytes;
};
struct moment exchange_moment(const struct work *w);
void exchange_rewind(struct work *w, struct moment moment);
/* Ends the exchange if one is under way: log line, clean-up. */
void exchange_end(struct session *s);
/* Forgets the first n bytes of b, leaving no copy behind: heads hold credentials. */
void buf_drop_wiped(struct buf *b, size_t n);

/* ---- memory.c: what exchanges hold beyond the ordinary, summed over the process ---- */
void memory_count(struct work *w);
void memory_forget(struct work *w);
/* Too much to take on more for this one? */
bool memory_is_short(const struct work *w);

/* ---- body.c ---- */
/* Has the request a body that was not read to its end? */
bool body_is_pending(const struct work *w);
/* Declared lengths against the route's limit, and the buffer for it. */
CHECKED enum rc body_prepare(struct work *w);

/* ---- place.c ---- */
/* After the head: host, scheme, listener. E_NAMESPACE_OFFLINE: the listener's namespace is gone. */
CHECKED enum rc place_begin(struct exchange *x);
/* Where <name> leads: place and name. */
CHECKED enum rc place_find(struct exchange *x);
/* Does the name of another repository lead anywhere? Leaves x->err alone. */
bool place_exists(struct exchange *x, struct str asked);

/* ---- outside.c: on a plain listener, what the client wrote to the proxy in front ---- */
struct str outside_host(const struct exchange *x);
/* Does the proxy say that it took the request by TLS? */
bool outside_is_https(const struct exchange *x);

/* ---- access.c ---- */
/* Fills x->who and x->allowed and decides. E_WANT_PASSWORD_LANE or E_WANT_KNOWN_LANE unless x->in_password_lane. */
CHECKED enum rc access_check(struct exchange *x);
/* Counts in the audit log that x->who was refused what the route is for; x->err says why. */
void access_note_refusal(struct exchange *x);
/* The actions of the scope that a row needs; NULL: no repository's. */
const char *access_scope(const struct route *r);
/* What a person or a script does with the registry itself: rights are not asked of a token, whose scopes name
 * repositories only. */
bool access_is_management(const struct route *r);

/* ---- challenge.c ---- */
/* Adds the one WWW-Authenticate field and the error's detail for a 401 of this code. */
void access_add_challenge(struct exchange *x, enum rc rc);
/* Is this request, of the registry API, asked for Basic in place of a token? */
bool challenge_is_basic(const struct exchange *x);

/* ---- proof.c ---- */
/* Is it what this connection has proven? Fills x->who; forgets what was proven otherwise. */
bool proof_holds(struct exchange *x, struct str credential);
/* x->who has proven it. */
void proof_keep(struct exchange *x, struct str credential);
void proof_forget(struct proof *p);

/* ---- reply.c ---- */
void reply_init(struct reply *r);
void reply_release(struct reply *r);
/* Turns a failure into x->reply: status, OCI error body, challenge, Retry-After. */
void reply_error(struct exchange *x, enum rc rc);

/* ---- compose.c ---- */
/* Conditions, ranges, HEAD, and the reply's head: fills w->out, bytes, fd, file_from, send_size. w->keep is set. */
CHECKED enum rc reply_compose(struct work *w);
