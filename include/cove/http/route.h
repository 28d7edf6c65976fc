/*
 * route: the table that binds requests to handlers. The route table of registry/ IS the spec's endpoint table, in its
 * order, with its ids. The router does once, for all rows: method and 405 with Allow, grammar of the captures, who may,
 * body limit. Patterns are literal but for the captures <name> (may contain slashes, matched right-anchored), <digest>,
 * <reference>, <id> (one segment each). Below /api/ a segment is decoded after it was found, so that <object> and <id>
 * may hold an encoded slash: names of namespaces have some.
 */
#pragma once
#include <cove/http/exchange.h>

enum needs {
	ACCESS_ANY,     /* nobody is asked */
	ACCESS_LOGIN,   /* the handler asks, by exchange_identify() (token endpoint) */
	ACCESS_TOKEN,   /* some credential, even an anonymous token (end-1), but at the own port or host of a mirror
			   that is open to all */
	ACCESS_PULL,    /* pull on <name>: by a token, by Basic, or, without credentials, what anonymous may */
	ACCESS_PUSH,    /* pull and push on <name>, as the reference server asks */
	ACCESS_DELETE,  /* delete on <name> */
	ACCESS_CATALOG, /* a credential; the handler filters what it lists */
	ACCESS_SELF,   /* a user but anonymous, by Basic: password or key, no access token, which is for repositories */
	ACCESS_ADMIN,  /* likewise, with admin */
	ACCESS_RIGHTS, /* likewise, and neither by a key that is limited or expires, nor by a token: what gives rights,
			  credentials or content to somebody for longer */
};

enum body {
	BODY_NONE,     /* a body is read off and dropped, up to 64 KiB */
	BODY_BUFFERED, /* whole, in x->body, up to body_max bytes */
	BODY_STREAMED, /* into x->upload as it comes */
};

enum {
	ROUTE_PLAIN = 1, /* also answered without TLS */
	ROUTE_LARGE =
	    2, /* may hold up to 6 MiB of memory: counted against a budget of the process, beyond which it is E_BUSY */
	ROUTE_MANAGEMENT = 4,  /* what was asked wrongly (E_USAGE, E_CONFIG, E_EXISTS) is told to the requester */
	ROUTE_BEFORE_PUSH = 8, /* pushes begin with its HEAD: who comes without a login is always asked for one */
};

struct route {
	const char *id;     /* "end-7" */
	enum method method; /* GET rows answer HEAD too */
	const char *pattern;
	enum needs needs;
	enum body body;
	uint32_t body_max; /* bytes, BODY_BUFFERED only */
	unsigned flags;
	handler *before; /* after the access check, before the body; NULL for none */
	handler *then;   /* after the body */
};

#define ROUTES_END                                                                                                     \
	{                                                                                                              \
		.pattern = NULL                                                                                        \
	}

/* Finds the row and fills path and captures. E_NOT_FOUND, E_HTTP_METHOD (then *allow is the Allow value, in the arena),
 * E_HTTP_BAD, E_NAME_INVALID, E_DIGEST_INVALID, E_TAG_INVALID, E_MANIFEST_UNKNOWN. Pure but for the arena. */
CHECKED enum rc route_find(struct exchange *x, struct str path, enum method method, struct str *allow);
