/*
 * client: outgoing HTTP: one thread with one curl_multi for the process. Requests are data; what comes back are calls
 * on that thread, which may block on disk for a moment, never on a peer, and may start or cancel requests. Connections
 * are kept and shared; proxies come from HTTPS_PROXY and its kin; TLS is always verified.
 */
#pragma once
#include <cove/base/err.h>

struct client;

struct client_options {
	struct str user_agent;
	unsigned connections_max;          /* at a time, all hosts together; 0: 64 */
	unsigned connections_per_host_max; /* 0: 16 */
};
/* After crypto_start(). The public CAs are those of the system, else those built in. */
CHECKED enum rc client_open(const struct client_options *options, struct client **out, struct err *err);
/* Ends every request (done() with E_SHUTTING_DOWN) and joins the thread. */
void client_close(struct client *c);

/* Where an address lies, seen from this machine. */
enum nearness { NEAR_NOT, NEAR_PRIVATE, NEAR_LOOPBACK, NEAR_LINK_LOCAL };

enum client_method { CLIENT_GET, CLIENT_HEAD, CLIENT_POST };

/* All of it is copied by client_start(). Zero is "none" everywhere. */
struct client_request {
	enum client_method method;
	struct str url;           /* absolute, http or https */
	struct str fields;        /* "Name: value\r\n"... */
	struct str authorization; /* the value; not sent on to another origin by a redirect; wiped */
	struct str body;          /* POST: application/x-www-form-urlencoded; wiped */
	struct str ca_pem;        /* trusted beside the public CAs, by this request only */
	uint64_t from;            /* > 0: `Range: bytes=<from>-` */
	uint64_t body_max;        /* a longer body ends the request: E_UPSTREAM_ANSWER */
	bool bulk;                /* long: leaves a quarter of the connections to others */
	int64_t delay_ms;         /* starts so much later: for retries */
	int64_t queue_ms;         /* for others to end, when as many as may be are under way: E_BUSY. 0: 30 s */
	int64_t connect_ms;       /* 0: 10 s */
	int64_t head_ms;          /* to the head of the answer, 0: 30 s */
	int64_t stall_ms;         /* without a byte of the body, 0: 30 s */
	unsigned redirects_max;   /* 0: 5; from https to http is refused; of a POST none is followed */
	bool shows_redirects;     /* none is followed: one is an answer as any other */
	bool is_led;              /* the address was named by another server, which lies at: */
	enum nearness led_from;   /* what is nearer than that (but public) is not asked: E_UPSTREAM_ANSWER */
};

/* The answer's head, after redirects. Slices are valid during the call. */
struct client_head {
	int status;
	bool has_length;
	uint64_t length;     /* of what follows */
	struct str url;      /* that answered */
	struct str location; /* where a redirect that is shown leads: absolute; empty: it is none */
	const void *fields;  /* for client_field() */
};
/* The last field of that name (any case); false and STR_NONE without. */
bool client_field(const struct client_head *head, const char *name, struct str *value);
/* The field of that name at `index`, from 0: for those that may come more than once. */
bool client_field_at(const struct client_head *head, const char *name, size_t index, struct str *value);
/* The seconds of Retry-After, or to its date by the answer's own clock, else by ours; 0: not told, or over. */
int64_t client_retry_after(const struct client_head *head, int64_t now_s);

/* Called on the client's thread, in this order: connected before each request that goes out, head at most once, body as
 * it comes, done exactly once. An rc other than OK of the first two ends the request and comes back in done(). */
struct client_events {
	enum rc (*head)(void *ctx, const struct client_head *head, struct err *err);
	enum rc (*body)(void *ctx, const void *p, size_t n, struct err *err);
	/* E_UPSTREAM_UNREACHABLE (name, connect, TLS, timeout, drop; the sentence says which and names the host),
	 * E_UPSTREAM_ANSWER, E_BUSY (too many at a time), E_SHUTTING_DOWN, or what head or body returned. A status is
	 * no failure here. */
	void (*done)(void *ctx, enum rc rc, const struct err *err);
	/* may be NULL: the connection is there, and the request goes out */
	void (*connected)(void *ctx, enum nearness to);
};
/* Any thread, also from an event. Never fails at once: what is wrong with the request comes by done(). */
typedef uint64_t client_id;
client_id client_start(
    struct client *c, const struct client_request *request, const struct client_events *events, void *ctx);
/* done() comes with E_SHUTTING_DOWN, unless it has come already. */
void client_cancel(struct client *c, client_id id);

/* "https://name:port" in lower case: who is asked at that address, as this client reads it. False: it is not http or
 * https, or has a user in it. */
#define ORIGIN_MAX 320
bool client_origin(struct str address, char out[static ORIGIN_MAX]);
