/* The one moment at which secrets are shown: the first start, on the console. */
#include "first_start.h"
#include <cove/howto.h>
#include <stdio.h>

enum rc first_admin(struct auth *auth, char password[static PASSWORD_TEXT_MAX], bool *made, struct err *err)
{
	struct secret secret;
	int64_t users;
	enum rc rc;

	*made = false;
	TRY(user_count(auth, &users, err));
	if (users)
		return OK;
	password_make(password);
	if (!secret_set(&secret, str_of(password)))
		bug("our own password is too long");
	rc = user_add(auth, STR("admin"), &secret, err);
	secret_wipe(&secret);
	TRY(rc);
	TRY(grant_set(auth, STR("admin"), STR("**"), MAY_PULL | MAY_PUSH | MAY_DELETE | MAY_ADMIN, err));
	*made = true;
	return OK;
}

void first_start_print(struct str host, const char *password, struct str fingerprint)
{
	struct buf text = BUF_INIT(16384);

	printf("cove is ready at https://%.*s\n\n"
	       "  user         admin\n"
	       "  password     %s\n",
	    STR_ARG(host), password);
	if (fingerprint.n)
		printf("  CA sha256    %.*s\n", STR_ARG(fingerprint));
	printf("\nThe password is shown this once. Change it with: cove user passwd admin\n\n");
	howto_trust(&text, host, fingerprint);
	printf("%.*s\n", STR_ARG(buf_str(&text)));
	fflush(stdout);
	buf_release(&text);
}

void start_print(struct str host)
{
	printf("cove is ready at https://%.*s\n", STR_ARG(host));
	fflush(stdout);
}
