/* The one moment at which secrets are shown: the first start, on the console. */
#include "first_start.h"
#include <cove/trust/howto.h>
#include <stdio.h>

static void print_password(const struct console *c, const char *password)
{
	printf("cove is ready at https://%.*s\n\n"
	       "  user         admin\n"
	       "  password     %s\n",
	    STR_ARG(c->host), password);
	if (c->fingerprint.n)
		printf("  CA sha256    %.*s\n", STR_ARG(c->fingerprint));
	printf("\n"
	       "The password is not shown again. To change it: cove user passwd admin --data %s\n"
	       "\n",
	    c->data);
}

static void print_howto(const struct console *c)
{
	struct buf text = BUF_INIT(16384);

	howto_trust(&text, c->host, c->fingerprint);
	printf("%.*s\n", STR_ARG(buf_str(&text)));
	buf_release(&text);
}

struct first {
	const struct console *console;
	bool made;
};

/* Shown before it is kept: a password that was shown and does not count is followed by another one with the next start,
 * one that counts and was not shown would lock the owner out. */
static enum rc make_and_show(struct auth *auth, void *ctx, struct err *err)
{
	char password[PASSWORD_TEXT_MAX];
	struct first *first = ctx;
	struct secret secret;
	int64_t users;
	enum rc rc;

	TRY(user_count(auth, &users, err));
	if (users)
		return OK;
	password_make(password);
	if (!secret_set(&secret, str_of(password)))
		bug("our own password is too long");
	rc = user_add(auth, STR("admin"), &secret, err);
	secret_wipe(&secret);
	if (!rc)
		rc = grant_set(auth, STR("admin"), STR("**"), MAY_PULL | MAY_PUSH | MAY_DELETE | MAY_ADMIN, err);
	if (!rc)
		print_password(first->console, password);
	wipe(password, sizeof(password));
	TRY(rc);
	if (fflush(stdout) || ferror(stdout))
		return fail(err, E_IO,
		    "cove cannot print the password of admin and did not save it: start cove with a standard output "
		    "that it can write to");
	first->made = true;
	return OK;
}

static enum rc see_admin(void *ctx, const struct user_info *u, struct err *err)
{
	bool *unused = ctx;

	(void)err;
	if (str_eq(u->name, STR("admin")) && u->enabled && u->has_password && !u->last_login_at)
		*unused = true;
	return OK;
}

enum rc first_start(struct auth *auth, const struct console *console, bool *made, struct err *err)
{
	struct first first = {.console = console};
	int64_t users;

	*made = false;
	TRY(user_count(auth, &users, err));
	if (users)
		return OK; /* without a transaction, which a disk may not take */
	TRY(auth_together(auth, make_and_show, &first, err));
	*made = first.made;
	return OK;
}

static void print_later(struct auth *auth, const struct console *console)
{
	bool unused = false;

	printf("cove is ready at https://%.*s\n", STR_ARG(console->host));
	if (user_list(auth, see_admin, &unused, NULL) == OK && unused)
		printf("Nobody has logged in as admin yet. To set a new password: cove user passwd admin --data %s\n",
		    console->data);
}

void start_print(struct auth *auth, const struct console *console, bool made)
{
	if (made)
		print_howto(console);
	else
		print_later(auth, console);
	fflush(stdout);
}
