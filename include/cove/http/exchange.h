/*
 * exchange: one request and its reply, as handlers see it. The router has parsed everything: a handler gets typed,
 * valid values, is one or two straight functions (before the body, then), may block on disk and database, and answers
 * with data. It never reads or writes a socket, and knows nothing of TLS, keep-alive, chunking, Expect, HEAD, Range or
 * 304: http/ does those in one place each. One thread at a time.
 */
#pragma once
#include <cove/auth/access_token.h>
#include <cove/base/arena.h>
#include <cove/http/flow.h>
#include <cove/http/head.h>
#include <cove/namespace/namespace.h>
#include <cove/net/net.h>
#include <cove/oidc/oidc.h>
#include <cove/store/store.h>

/* The objects of the process that handlers work with; made by app/, constant while serving. */
struct site {
	struct store *store;
	struct auth *auth;
	struct oidc *oidc; /* NULL: tokens of issuers are not taken */
	struct namespaces *namespaces;
	struct upstream *upstream; /* for registry/ */
	struct db *db;             /* for web/: the audit log and blob stores */
	struct token_signer *signer;
	struct str service; /* audience of our tokens: stable over restarts */
	int64_t started_at;
	struct str primary_name; /* "box.local:5000": used where the request's Host is not one of ours */
	/* Is this Host value (name or address, with or without port) one of this machine's? */
	bool (*is_own_host)(const struct site *site, struct str host);
	const void *names;         /* for is_own_host */
	struct str ca_pem;         /* empty when the certificate is not from our own CA */
	struct str ca_fingerprint; /* "AB:CD:..", SHA-256 of the DER */
	bool access_log;
	bool sparse_manifests;                   /* manifests may name what is not here */
	struct str cors_origins;                 /* as in struct config; empty: no page of another origin */
	const struct route *const *route_tables; /* each ends in a row without pattern; the list ends in NULL */
};

enum reply_kind { REPLY_NONE, REPLY_BYTES, REPLY_FILE, REPLY_FLOW };

struct reply {
	int status;
	struct buf fields; /* "Name: value\r\n"...; at most 8 KiB. Kept when the handler then fails (Location on 416) */
	enum reply_kind kind;
	struct str content_type; /* empty: no field */
	struct str etag;         /* without quotes; empty: none. Enables 304 */
	struct str bytes;        /* REPLY_BYTES: in the arena, in `content`, or constant; p may be NULL for HEAD */
	struct buf content;   /* for bodies too long for the arena (lists): max set by the handler, released by http/ */
	int fd;               /* REPLY_FILE: owned by the exchange, -1 otherwise */
	uint64_t size;        /* REPLY_FILE: of the whole; Range is applied by http/ */
	struct flow *flow;    /* REPLY_FLOW: a reference, of the exchange */
	bool close;           /* the connection ends with this reply */
	size_t warning_bytes; /* of `fields`: Warning fields */
};

struct exchange {
	const struct site *site;
	struct conn *conn;
	struct arena
	    *arena; /* at most 64 KiB, 6 MiB on routes that handle manifests (ROUTE_LARGE); reset after the exchange */
	struct err err;    /* filled by a handler that returns a code */
	struct str detail; /* JSON for the error's "detail" member; may stay empty */

	/* the request; all slices are valid until the exchange ends */
	const struct head *head;
	struct str path; /* of the target, decoded once: what is routed, judged and logged. Below /api/ as it came */
	const struct route *route;
	char id[17];     /* request id, hex */
	struct str host; /* Host of the request if it is ours, else the primary name; with port */
	const char
	    *scheme;      /* "https"; "http" on a namespace's listener without TLS and without a TLS proxy before it */
	bool is_plain;    /* on a listener where the whole API is answered without TLS */
	struct str query; /* raw, without '?' */
	/* captures of the route's pattern */
	struct repo_name name;            /* <name>, in full: place.full */
	struct str asked;                 /* <name> as the client wrote it: for everything that the client is told */
	struct place place;               /* the namespace that <name> leads to; of that snapshot: */
	struct namespace_set *namespaces; /* routes with <name> have it; others: exchange_namespaces() */
	struct approach approach;         /* how it came */
	struct digest digest;             /* <digest> */
	struct reference reference;       /* <reference> */
	struct str upload_id;             /* <id> */
	struct str object;                /* <object> */

	/* who asks; filled for every route but ACCESS_ANY; anonymous when no credentials came */
	struct identity who;
	struct str allowed; /* the scope value of what the Bearer token allows; p is NULL without one */

	/* the body */
	struct str body; /* BODY_BUFFERED: all of it */
	struct upload
	    *upload; /* BODY_STREAMED: opened by `before`; http/ writes the body to it. `then` takes it (sets NULL);
		      * what is left over is paused at the end of the exchange, also when the peer went away.
		      * NULL after `before`: bytes that come are read off and dropped, and `then` still runs */
	bool in_password_lane; /* a handler may return E_WANT_PASSWORD_LANE or E_WANT_KNOWN_LANE once and is then run
				* again with this true */

	struct reply reply;
};

/* May return E_WANT_WAKE after it has arranged for conn_wake(conn_ref(x->conn)): it is run again then, from its start.
 */
typedef enum rc handler(struct exchange *x);

/* Keeps p until the exchange ends, then calls release(p): for what a handler waits for. At most HOLD_MAX; the same p is
 * held once, and `release` called at once for the surplus reference. E_BUSY: no place, and p was released. */
#define HOLD_MAX 128
CHECKED enum rc exchange_hold(struct exchange *x, void *p, void (*release)(void *p));
bool exchange_holds(const struct exchange *x, const void *p);
/* The snapshot for this exchange: x->namespaces, one for all its life. */
CHECKED enum rc exchange_namespaces(struct exchange *x);
/* A repository name of the request (a scope, a mount's source) as a place, under the same listener, host and ?ns=. */
CHECKED enum rc exchange_resolve(struct exchange *x, struct str asked, struct place *out);

/* A query parameter, decoded into the arena; false when absent (or not decodable). The first one wins. */
bool query_get(struct exchange *x, const char *name, struct str *value);
/* Every occurrence, in order: start with *rest = x->query. */
bool query_next(struct exchange *x, const char *name, struct str *rest, struct str *value);

/* A place among the few that make lists: pulls go on whatever is listed. E_WANT_WAKE, which is for the handler to
 * return, or E_BUSY. */
CHECKED enum rc exchange_list_lane(struct exchange *x);
/* If-Match and If-None-Match, for handlers that change something; for GET http/ looks at them. */
bool exchange_has_condition(const struct exchange *x);
/* there: what the target is now, NULL for nothing. E_HTTP_CONDITION: it is not what the client takes it for. */
CHECKED enum rc exchange_check_condition(struct exchange *x, const struct digest *there);

/* Fills x->who: from the Authorization field, for rows of ACCESS_LOGIN; from a user name and a password, a key, or the
 * token of an issuer. Neither name nor password is nobody. E_WANT_WAKE and E_WANT_PASSWORD_LANE are for the handler to
 * return. */
CHECKED enum rc exchange_identify(struct exchange *x);
CHECKED enum rc exchange_login(struct exchange *x, struct str user, struct str password);
/* Is a pull from that place, to which a mirror's own port, host or ?ns= has led, open to all? */
CHECKED enum rc exchange_is_open(struct exchange *x, const struct place *place, bool *is_open);

/* May the requester do this (one MAY_* bit) with another repository than the route's? For mounts. */
CHECKED enum rc exchange_may(struct exchange *x, struct repo_name repo, unsigned action, bool *may);
/* Has the requester's identity that right, whatever the token at hand says? Tells a missing scope from a missing right.
 */
CHECKED enum rc exchange_identity_may(struct exchange *x, struct repo_name repo, unsigned action, bool *may);
/* Ends with 401 insufficient_scope and a challenge for these scopes (a scope value as in access_token.h). */
CHECKED enum rc exchange_challenge(struct exchange *x, struct str scopes);

/* ---- replies: each sets status and body, and returns OK ---- */
enum rc reply_empty(struct exchange *x, int status);
enum rc reply_bytes(struct exchange *x, int status, const char *content_type, struct str bytes);
/* Takes the fd. */
enum rc reply_file(struct exchange *x, int status, const char *content_type, int fd, uint64_t size);
/* Takes the reference. Ranges hold for the whole; what has not come yet is waited for. While its size is unknown the
 * reply is chunked, and a range is not looked at: for who wants one, and for HTTP/1.0, the handler waits for the end.
 */
enum rc reply_flow(struct exchange *x, int status, const char *content_type, struct flow *flow);
/* Adds a field; the value must not hold CR, LF or NUL (a bug() if it does: values from peers are parsed before). */
void reply_field(struct exchange *x, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `Warning: 299 - "text"` (distribution spec "Warnings"): for the person at the client; cut to what the spec allows. */
void reply_warning(struct exchange *x, struct str text);
/* ETag (and 304 on If-None-Match); also sets Docker-Content-Digest. */
void reply_digest(struct exchange *x, const struct digest *d);
