/* first_start: the admin user of a new data directory, and what the console says about it once. */
#pragma once
#include <cove/auth.h>

/* Makes `admin` with a random password if there is no user yet; then *made is true and password holds it. */
CHECKED enum rc first_admin(struct auth *auth, char password[static PASSWORD_TEXT_MAX], bool *made, struct err *err);
/* The address, the password, the fingerprint and the trust commands, to stdout: never to the log. */
void first_start_print(struct str host, const char *password, struct str fingerprint);
/* At every later start: where it listens, nothing secret. */
void start_print(struct str host);
