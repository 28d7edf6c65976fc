/*
 * exchange: one request and its reply, as handlers see it. The router has parsed everything: a handler gets typed,
 * valid values, consists of one or two functions (before the body, and after it), may block on disk and database, and
 * returns data. It never reads or writes a socket and does not deal with TLS, keep-alive, chunking, Expect, HEAD, Range
 * or 304: http/ handles each of those in one place. One thread at a time.
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

/* The objects of the process that handlers work with; app/ creates them, and they are constant while the server
 * runs. */
struct site {
	struct store *store;
	struct auth *auth;
	struct oidc *oidc; /* NULL: tokens of issuers are not accepted */
	struct namespaces *namespaces;
	struct upstream *upstream; /* for registry/ */
	struct db *db;             /* for web/: the audit log and blob stores */
	struct token_signer *signer;
	struct str service; /* audience of our tokens: stable over restarts */
	int64_t started_at;
	struct str primary_name; /* "box.local:5000": used where the request's Host is not one of ours */
	/* Whether this Host value (name or address, with or without port) belongs to this machine. */
	bool (*is_own_host)(const struct site *site, struct str host);
	const void *names;         /* for is_own_host */
	struct str ca_pem;         /* empty when the certificate is not from our own CA */
	struct str ca_fingerprint; /* "AB:CD:..", SHA-256 of the DER */
	bool access_log;
	bool sparse_manifests;                   /* manifests may refer to missing content */
	struct str cors_origins;                 /* as in struct config; empty: no page of another origin */
	const struct route *const *route_tables; /* each ends in a row without pattern; the list ends in NULL */
};

enum reply_kind { REPLY_NONE, REPLY_BYTES, REPLY_FILE, REPLY_FLOW };

struct reply {
	int status;
	struct buf fields; /* "Name: value\r\n"...; at most 8 KiB. Kept if the handler then fails (Location on 416) */
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
	struct str path; /* of the target, decoded once; used for routes, access and log. Below /api/ as received */
	const struct route *route;
	char id[17];        /* request id, hex */
	struct str host;    /* Host of the request if it is ours, else the primary name; with port */
	const char *scheme; /* "https"; "http" on a namespace's listener without TLS and without a TLS proxy in front */
	bool is_plain;      /* on a listener where the whole API is answered without TLS */
	struct str query;   /* raw, without '?' */
	/* captures of the route's pattern */
	struct repo_name name;            /* <name>, in full: place.full */
	struct str asked;                 /* <name> as the client wrote it: for every text that the client gets */
	struct place place;               /* the namespace that <name> belongs to, in this snapshot: */
	struct namespace_set *namespaces; /* routes with <name> have it; others: exchange_namespaces() */
	struct approach approach;         /* how it came */
	struct digest digest;             /* <digest> */
	struct reference reference;       /* <reference> */
	struct str upload_id;             /* <id> */
	struct str object;                /* <object> */

	/* the requester; set for every route but ACCESS_ANY; anonymous without credentials */
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

/* May return E_WANT_WAKE after it has arranged for conn_wake(conn_ref(x->conn)): http then runs it again from its
 * start. */
typedef enum rc handler(struct exchange *x);

/* Keeps p until the exchange ends, then calls release(p): for objects that a handler waits for. At most HOLD_MAX. The
 * same p is held only once: for a second reference, `release` is called at once. E_BUSY: no room, and p was
 * released. */
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

/* Enters the lane for lists, so that lists cannot block pulls. E_WANT_WAKE, which the handler must return, or
 * E_BUSY. */
CHECKED enum rc exchange_list_lane(struct exchange *x);
/* If-Match and If-None-Match, for handlers that change something; for GET, http/ evaluates them. */
bool exchange_has_condition(const struct exchange *x);
/* there: the current digest of the target, NULL if it does not exist. E_HTTP_CONDITION: the condition does not hold. */
CHECKED enum rc exchange_check_condition(struct exchange *x, const struct digest *there);

/* Fills x->who: from the Authorization field, for rows of ACCESS_LOGIN; from a user name and a password, a key, or the
 * token of an issuer. Neither name nor password is nobody. E_WANT_WAKE and E_WANT_PASSWORD_LANE are for the handler to
 * return. */
CHECKED enum rc exchange_identify(struct exchange *x);
CHECKED enum rc exchange_login(struct exchange *x, struct str user, struct str password);
/* Is a pull from that place, to which a mirror's own port, host or ?ns= has led, open to all? */
CHECKED enum rc exchange_is_open(struct exchange *x, const struct place *place, bool *is_open);

/* Whether the requester may do this (one MAY_* bit) with another repository than the route's. For mounts. */
CHECKED enum rc exchange_may(struct exchange *x, struct repo_name repo, unsigned action, bool *may);
/* Whether the requester's identity has that right, regardless of the scope of its token. This distinguishes a missing
 * scope from a missing right. */
CHECKED enum rc exchange_identity_may(struct exchange *x, struct repo_name repo, unsigned action, bool *may);
/* Ends with 401 insufficient_scope and a challenge for these scopes (a scope value as in access_token.h). */
CHECKED enum rc exchange_challenge(struct exchange *x, struct str scopes);

/* ---- replies: each sets status and body, and returns OK ---- */
enum rc reply_empty(struct exchange *x, int status);
enum rc reply_bytes(struct exchange *x, int status, const char *content_type, struct str bytes);
/* Takes the fd. */
enum rc reply_file(struct exchange *x, int status, const char *content_type, int fd, uint64_t size);
/* Takes the reference. Ranges apply to the whole content; the reply waits for bytes that have not arrived yet. While
 * the size is unknown, the reply is chunked and Range is ignored: for a request with Range, and for HTTP/1.0, the
 * handler waits for the end. */
enum rc reply_flow(struct exchange *x, int status, const char *content_type, struct flow *flow);
/* Adds a field; the value must not contain CR, LF or NUL (that is a bug(): values from peers are parsed before). */
void reply_field(struct exchange *x, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `Warning: 299 - "text"` (distribution spec "Warnings"): clients show it to a person; cut to the length that the spec
 * allows. */
void reply_warning(struct exchange *x, struct str text);
/* ETag (and 304 on If-None-Match); also sets Docker-Content-Digest. */
void reply_digest(struct exchange *x, const struct digest *d);
