/* first_start: the admin user of a new data directory, and what the console says about it once. */
#pragma once
#include <cove/auth/auth.h>

struct console {
	struct str host;        /* name and port for people */
	struct str fingerprint; /* of the CA; empty: none */
	const char *data;       /* the data directory */
};

/* If there is no user yet, makes `admin` with a random password, and shows it with address and fingerprint on stdout,
 * never in the log: both or neither. */
CHECKED enum rc first_start(struct auth *auth, const struct console *console, bool *made, struct err *err);
/* When the server runs. made: the rest of the first start, how to make clients trust it; else where it listens. */
void start_print(struct auth *auth, const struct console *console, bool made);
