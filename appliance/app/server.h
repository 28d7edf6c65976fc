/* server: what the running server consists of. serve.c builds it and takes it apart; chores.c
 * tends it. */
#pragma once
#include "certificates.h"
#include "listeners.h"
#include "primary_name.h"
#include <cove/app/app.h>
#include <cove/client/client.h>
#include <cove/http/server.h>
#include <cove/upstream/upstream.h>

struct runner;

/* The names of a moment. Requests are checked against the newest; old ones stay until the end, since a request may
 * still be reading them: they only change when the network does. */
struct names_snapshot {
	struct trust_names names;
	struct names_snapshot *older;
};

struct server {
	const struct config *config;
	int dirfd, lock_fd;
	struct app_data data; /* all but the directory */
	struct store *store;
	struct client *client;
	struct upstream *upstream;
	struct oidc *oidc;
	struct token_signer *signer;
	struct certificates certificates;
	struct buf names_text; /* further names: of the settings, then of namespaces */
	_Atomic(struct names_snapshot *) names;
	struct net *net;
	struct listeners listeners;
	struct runner *chores;
	int64_t clock_offset_s;
	struct site site;
	char primary_name[PRIMARY_NAME_MAX];
	uint16_t port;
};

/* These three: at the start, then by the thread of the chores alone. */
/* A Host that is one of these names is ours. */
void server_set_names(struct server *s, const struct trust_names *names);
/* The namespaces of the file. What contradicts namespaces that were made by hand is no reason to serve nothing, nor is
 * a disk that cannot be written to: the last good ones stay, and the log says so. */
CHECKED enum rc server_declare(struct server *s, const char *event, struct err *err);
/* The names that this box is to have beside the machine's. *changed: they are not what they were. */
CHECKED enum rc server_renew_names(struct server *s, bool *changed, struct err *err);
