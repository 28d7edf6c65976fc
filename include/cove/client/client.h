/*
 * client: outgoing HTTP: one thread with one curl_multi for the process. Requests are data. Results arrive as calls on
 * that thread, which may block on disk for a moment but never on a peer, and may start or cancel requests. Connections
 * are kept and shared; HTTPS_PROXY and similar variables set proxies; TLS certificates are always verified.
 */
#pragma once
#include <cove/base/err.h>

struct client;

struct client_options {
	struct str user_agent;
	unsigned connections_max;          /* at the same time, for all hosts together; 0: 64 */
	unsigned connections_per_host_max; /* 0: 16 */
};
/* After crypto_start(). The public CAs are those of the system, or, without these, the built-in ones. */
CHECKED enum rc client_open(const struct client_options *options, struct client **out, struct err *err);
/* Ends every request (done() with E_SHUTTING_DOWN) and joins the thread. */
void client_close(struct client *c);

/* How near an address is to this machine. */
enum nearness { NEAR_NOT, NEAR_PRIVATE, NEAR_LOOPBACK, NEAR_LINK_LOCAL };

enum client_method { CLIENT_GET, CLIENT_HEAD, CLIENT_POST };

/* client_start() copies everything. Zero means "none" in each member. */
struct client_request {
	enum client_method method;
	struct str url;           /* absolute, http or https */
	struct str fields;        /* "Name: value\r\n"... */
	struct str authorization; /* the value; not sent on to another origin by a redirect; wiped */
	struct str body;          /* POST: application/x-www-form-urlencoded; wiped */
	struct str ca_pem;        /* trusted in addition to the public CAs, only by this request */
	uint64_t from;            /* > 0: `Range: bytes=<from>-` */
	uint64_t body_max;        /* limit; a longer body ends the request: E_UPSTREAM_ANSWER */
	bool bulk;                /* a long transfer: these leave a quarter of the connections to other requests */
	int64_t delay_ms;         /* delays the start: for retries */
	int64_t queue_ms;         /* the wait for a free connection, then E_BUSY. 0: 30 s */
	int64_t connect_ms;       /* 0: 10 s */
	int64_t head_ms;          /* to the head of the answer, 0: 30 s */
	int64_t stall_ms;         /* without a byte of the body, 0: 30 s */
	unsigned redirects_max;   /* 0: 5; redirects from https to http are refused; those of a POST are not followed */
	bool shows_redirects;     /* redirects are not followed: the caller gets them as answers */
	bool is_led;              /* another server named the URL; its nearness is: */
	enum nearness led_from;   /* a nearer address that is not public is not contacted: E_UPSTREAM_ANSWER */
};

/* The answer's head, after redirects. Slices are valid during the call. */
struct client_head {
	int status;
	bool has_length;
	uint64_t length;     /* of what follows */
	struct str url;      /* that answered */
	struct str location; /* the absolute target of a shown redirect; empty: not a redirect */
	const void *fields;  /* for client_field() */
};
/* The last field of that name (any case); false and STR_NONE without. */
bool client_field(const struct client_head *head, const char *name, struct str *value);
/* The field of that name at `index`, from 0: for fields that may occur more than once. */
bool client_field_at(const struct client_head *head, const char *name, size_t index, struct str *value);
/* The seconds of Retry-After, or until its date, by the clock of the answer or else by ours; 0: absent, or over. */
int64_t client_retry_after(const struct client_head *head, int64_t now_s);

/* Called on the client's thread, in this order: connected before each request is sent, head at most once, body as it
 * arrives, done exactly once. If head or body returns another code than OK, the request ends and done() gets that
 * code. */
struct client_events {
	enum rc (*head)(void *ctx, const struct client_head *head, struct err *err);
	enum rc (*body)(void *ctx, const void *p, size_t n, struct err *err);
	/* E_UPSTREAM_UNREACHABLE (name, connect, TLS, timeout, drop; the sentence says which and names the host),
	 * E_UPSTREAM_ANSWER, E_BUSY (too many requests), E_SHUTTING_DOWN, or the code of head or body. An HTTP error
	 * status is not a failure here. */
	void (*done)(void *ctx, enum rc rc, const struct err *err);
	/* may be NULL; the connection is open, and the request is sent */
	void (*connected)(void *ctx, enum nearness to);
};
/* Any thread, also from an event. Never fails at once: done() reports errors of the request. */
typedef uint64_t client_id;
client_id client_start(
    struct client *c, const struct client_request *request, const struct client_events *events, void *ctx);
/* done() is called with E_SHUTTING_DOWN, unless it was already called. */
void client_cancel(struct client *c, client_id id);

/* "https://name:port" in lower case: the origin of that URL, as this client reads it. False: not http or https, or it
 * contains a user. */
#define ORIGIN_MAX 320
bool client_origin(struct str address, char out[static ORIGIN_MAX]);
