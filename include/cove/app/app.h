/*
 * app: builds the objects, connects, starts, reloads and stops them. The only place that knows all modules.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/config/config.h>
#include <cove/namespace/namespace.h>

struct trust_names;
struct trust_certificate;

/* Serves until SIGTERM or SIGINT; SIGHUP reloads certificates and declared namespaces. */
CHECKED enum rc app_serve(const struct config *config, struct err *err);

/* The data directory as a command beside a running (or stopped) server uses it: database, auth and namespaces. */
struct app_data {
	const struct config *config;
	int dirfd;
	struct db *db;
	struct auth *auth;
	struct namespaces *namespaces;
};
CHECKED enum rc app_data_open(const struct config *config, struct app_data *out, struct err *err);
void app_data_close(struct app_data *d);
/* Name and port under which the server that ran here last told people to reach it: appended; has_ca: clients must trust
 * its own CA. E_USAGE: it never ran. */
CHECKED enum rc app_data_address(const struct app_data *d, struct buf *out, bool *has_ca, struct err *err);
/* The owner's certificate, with the setting to blame in the sentence. */
CHECKED enum rc app_own_certificate(
    const struct config *config, struct trust_names *names, struct trust_certificate *out, struct err *err);
/* The namespaces that the file declares, checked one by one, with file and line: E_CONFIG. With `n` the declared ones
 * are then made exactly these, or it is rehearsed: E_USAGE when together, or with those made by hand, they cannot be.
 */
CHECKED enum rc app_declare(const struct config *config, struct namespaces *n, bool rehearse, struct err *err);
