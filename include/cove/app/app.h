/*
 * app: creates, connects, starts, reloads and stops the objects. The only module that knows all others.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/config/config.h>
#include <cove/namespace/namespace.h>

struct trust_names;
struct trust_certificate;

/* Serves until SIGTERM or SIGINT; SIGHUP reloads certificates and declared namespaces. */
CHECKED enum rc app_serve(const struct config *config, struct err *err);

/* The data directory for commands, which can run beside a running server: database, auth and namespaces. */
struct app_data {
	const struct config *config;
	int dirfd;
	struct db *db;
	struct auth *auth;
	struct namespaces *namespaces;
};
CHECKED enum rc app_data_open(const struct config *config, struct app_data *out, struct err *err);
void app_data_close(struct app_data *d);
/* Appends the name and port that the last server of this data directory told people to use; has_ca: clients must trust
 * its own CA. E_USAGE: no server has run yet. */
CHECKED enum rc app_data_address(const struct app_data *d, struct buf *out, bool *has_ca, struct err *err);
/* The owner's certificate. The sentence of an error names the setting. */
CHECKED enum rc app_own_certificate(
    const struct config *config, struct trust_names *names, struct trust_certificate *out, struct err *err);
/* The namespaces that the file declares, checked one by one, with file and line: E_CONFIG. With `n`, the declared
 * namespaces then become exactly these, or (rehearse) it only checks that: E_USAGE when they conflict with each other
 * or with namespaces that were created by command. */
CHECKED enum rc app_declare(const struct config *config, struct namespaces *n, bool rehearse, struct err *err);
