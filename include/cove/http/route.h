/*
 * route: the table that binds requests to handlers. The route table of registry/ IS the spec's endpoint table, in its
 * order, with its ids. For all rows, the router checks the method (405 with Allow), the grammar of the captures, the
 * access and the limit of the body. Patterns are literal but for the captures <name> (may contain slashes, matched
 * right-anchored), <digest>, <reference>, <id> (one segment each). Below /api/ a segment is decoded after it was found,
 * so that <object> and <id> may contain an encoded slash, as names of namespaces do.
 */
#pragma once
#include <cove/http/exchange.h>

enum needs {
	ACCESS_ANY,   /* no credentials are needed */
	ACCESS_LOGIN, /* the handler asks, by exchange_identify() (token endpoint) */
	ACCESS_TOKEN, /* any credential, even an anonymous token (end-1); not needed at the separate port or host of a
			 mirror that is open to everybody */
	ACCESS_PULL, /* pull on <name>: with a token, with Basic, or, without credentials, by the rights of anonymous */
	ACCESS_PUSH, /* pull and push on <name>, like the reference server */
	ACCESS_DELETE,  /* delete on <name> */
	ACCESS_CATALOG, /* a credential; the handler filters what it lists */
	ACCESS_SELF,   /* a user, not anonymous, with Basic: password or key. Access tokens are only for repositories */
	ACCESS_ADMIN,  /* likewise, with admin */
	ACCESS_RIGHTS, /* like ACCESS_ADMIN, but neither with a limited or expiring key nor with a token: for requests
			  that give rights, credentials or content whose effect lasts longer */
};

enum body {
	BODY_NONE,     /* a body is read and dropped, up to 64 KiB */
	BODY_BUFFERED, /* whole, in x->body, up to body_max bytes */
	BODY_STREAMED, /* written to x->upload as it arrives */
};

enum {
	ROUTE_PLAIN = 1, /* also served without TLS */
	ROUTE_LARGE = 2, /* may use up to 6 MiB of memory, from a budget of the process; when that is used up: E_BUSY */
	ROUTE_MANAGEMENT = 4,  /* the requester gets the text of E_USAGE, E_CONFIG and E_EXISTS */
	ROUTE_BEFORE_PUSH = 8, /* pushes begin with its HEAD: a client without a login must log in */
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
 * E_HTTP_BAD, E_NAME_INVALID, E_DIGEST_INVALID, E_TAG_INVALID, E_MANIFEST_UNKNOWN. Pure except for the arena. */
CHECKED enum rc route_find(struct exchange *x, struct str path, enum method method, struct str *allow);
