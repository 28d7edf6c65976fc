/* cove user: who there is and what each may do. */
#include "commands.h"
#include <cove/base/json.h>
#include <cove/auth/roles.h>
#include <stdio.h>

struct addition {
	struct str name;
	const struct secret *password; /* NULL: a robot */
	const struct option *options;
};

/* All of it or nothing: a role with a typo must not leave half a user. */
static enum rc add_all(struct auth *auth, void *ctx, struct err *err)
{
	const struct addition *a = ctx;
	const struct option *grants = cli_option(a->options, "--grant"), *roles = cli_option(a->options, "--role");
	struct grant_info grant;
	unsigned now;

	TRY(a->password ? user_add(auth, a->name, a->password, err) : user_add_robot(auth, a->name, err));
	for (size_t i = 0; i < grants->count; i++) {
		TRY(cli_grant_parse(grants->values[i], &grant, err));
		TRY(grant_add(auth, a->name, grant.pattern, grant.actions, &now, err));
	}
	for (size_t i = 0; i < roles->count; i++)
		TRY(user_role_set(auth, a->name, str_of(roles->values[i]), true, err));
	return cli_has(a->options, "--admin") ? user_role_set(auth, a->name, STR("admin"), true, err) : OK;
}

static enum rc add(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct addition a = {.name = str_of(w->items[0]), .options = options};
	struct secret password;
	enum rc rc;

	TRY(user_may_be_added(d->auth, a.name, err));
	if (!cli_has(options, "--robot")) {
		TRY(cli_read_password(&password, err));
		a.password = &password;
	}
	rc = auth_together(d->auth, add_all, &a, err);
	secret_wipe(&password);
	TRY(rc);
	if (cli_has(options, "--grant") || cli_has(options, "--role") || cli_has(options, "--admin"))
		printf("Added %s.\n", w->items[0]);
	else
		printf("Added %s, who has no rights yet. To let %s push to team/...:\n"
		       "  cove user grant %s 'team/**' pull,push\n",
		    w->items[0], w->items[0], w->items[0]);
	if (cli_has(options, "--robot"))
		printf("To create a key for it: cove key create %s\n", w->items[0]);
	return OK;
}

/* The users first, then the grants of each: a list's callback must not ask auth again. */
struct user_row {
	struct user_info info;
	char name[USER_NAME_MAX + 1];
};
struct rows {
	struct user_row *items;
	size_t count, room;
};

static enum rc keep_user(void *ctx, const struct user_info *u, struct err *err)
{
	struct rows *rows = ctx;
	struct user_row *r;

	(void)err;
	if (rows->count == rows->room) {
		struct user_row *more = xcalloc(rows->room * 2 + 16, sizeof(*more));

		if (rows->count)
			memcpy(more, rows->items, rows->count * sizeof(*more));
		free(rows->items);
		rows->items = more;
		rows->room = rows->room * 2 + 16;
	}
	r = &rows->items[rows->count++];
	r->info = *u;
	memcpy(r->name, u->name.p, u->name.n);
	return OK;
}

static const char *kind_text(enum user_kind kind)
{
	static const char *const texts[] = {
	    [USER_PERSON] = "person", [USER_ROBOT] = "robot", [USER_ISSUER_RULE] = "issuer rule"};

	return texts[kind];
}

static enum rc print_role(void *ctx, const struct role_info *r, struct err *err)
{
	(void)ctx;
	(void)err;
	printf(" %.*s", STR_ARG(r->name));
	return OK;
}

static enum rc put_role(void *ctx, const struct role_info *r, struct err *err)
{
	struct buf *json = ctx;

	(void)err;
	json_put_comma(json);
	json_put_str(json, r->name);
	return OK;
}

static enum rc print_user(struct app_data *d, const struct user_row *u, struct err *err)
{
	char last[24];

	cli_time(last, u->info.last_login_at);
	printf(
	    "%-20s %-11s %-9s %-17s", u->name, kind_text(u->info.kind), u->info.enabled ? "enabled" : "disabled", last);
	TRY(user_role_list(d->auth, str_of(u->name), print_role, NULL, err));
	TRY(grant_list(d->auth, str_of(u->name), cli_print_grant, NULL, err));
	printf("\n");
	return OK;
}

static enum rc put_user(struct app_data *d, const struct user_row *u, struct buf *json, struct err *err)
{
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_str(json, "name", str_of(u->name));
	json_put_member_str(json, "kind", str_of(kind_text(u->info.kind)));
	json_put_name(json, "enabled");
	buf_addz(json, u->info.enabled ? "true" : "false");
	json_put_member_u64(json, "created_at", (uint64_t)u->info.created_at);
	json_put_member_u64(json, "last_login_at", (uint64_t)u->info.last_login_at);
	json_put_name(json, "roles");
	buf_addz(json, "[");
	TRY(user_role_list(d->auth, str_of(u->name), put_role, json, err));
	buf_addz(json, "]");
	json_put_name(json, "grants");
	buf_addz(json, "[");
	TRY(grant_list(d->auth, str_of(u->name), cli_put_grant, json, err));
	buf_addz(json, "]}");
	return OK;
}

static enum rc list_as_json(struct app_data *d, const struct rows *rows, struct err *err)
{
	struct buf json = BUF_INIT(64u * 1024 * 1024);
	enum rc rc = OK;

	buf_addz(&json, "[");
	for (size_t i = 0; i < rows->count && !rc; i++)
		rc = put_user(d, &rows->items[i], &json, err);
	buf_addz(&json, "]\n");
	if (!rc)
		printf("%.*s", STR_ARG(buf_str(&json)));
	buf_release(&json);
	return rc;
}

static enum rc list(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct rows rows = {.count = 0};
	enum rc rc = user_list(d->auth, keep_user, &rows, err);

	(void)w;
	if (!rc && cli_has(options, "--json")) {
		rc = list_as_json(d, &rows, err);
	} else if (!rc) {
		printf("%-20s %-11s %-9s %-17s ROLES AND GRANTS\n", "NAME", "KIND", "STATE", "LAST LOGIN (UTC)");
		for (size_t i = 0; i < rows.count && !rc; i++)
			rc = print_user(d, &rows.items[i], err);
	}
	free(rows.items);
	return rc;
}

static enum rc passwd(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct secret password;
	int64_t keys;
	enum rc rc;

	(void)options;
	TRY(user_may_have_password(d->auth, str_of(w->items[0]), err));
	TRY(cli_read_password(&password, err));
	rc = user_set_password(d->auth, str_of(w->items[0]), &password, err);
	secret_wipe(&password);
	TRY(rc);
	TRY(key_count(d->auth, str_of(w->items[0]), &keys, err));
	printf("Changed the password of %s. Its tokens are revoked.\n", w->items[0]);
	if (keys)
		printf("%lld of its keys still work: cove key list %s. To revoke them: cove key revoke-all %s\n",
		    (long long)keys, w->items[0], w->items[0]);
	return OK;
}

static enum rc disable(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(user_set_enabled(d->auth, str_of(w->items[0]), false, err));
	printf("Disabled %s.\n", w->items[0]);
	return OK;
}

static enum rc enable(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(user_set_enabled(d->auth, str_of(w->items[0]), true, err));
	printf("Enabled %s.\n", w->items[0]);
	return OK;
}

static enum rc remove_user(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(user_remove(d->auth, str_of(w->items[0]), err));
	printf("Removed %s.\n", w->items[0]);
	return OK;
}

/* Mostly it is a mistake. */
static void warn_if_open(const char *name, unsigned actions)
{
	if (strcmp(name, ANONYMOUS) == 0 && actions & (MAY_PUSH | MAY_DELETE))
		fprintf(stderr,
		    "Warning: everybody who can reach this registry can now change its content without a login.\n");
}

static enum rc add_actions(void *ctx, const struct grant_info *g, struct err *err)
{
	unsigned *actions = ctx;

	(void)err;
	*actions |= g->actions;
	return OK;
}

static enum rc role(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	bool has = !cli_has(options, "--remove");
	unsigned actions = 0;

	TRY(user_role_set(d->auth, str_of(w->items[0]), str_of(w->items[1]), has, err));
	printf("%s %s the role %s.\n", w->items[0], has ? "now has" : "no longer has", w->items[1]);
	if (has)
		TRY(role_grant_list(d->auth, str_of(w->items[1]), add_actions, &actions, err));
	warn_if_open(w->items[0], actions);
	return OK;
}

static enum rc grant(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct str user = str_of(w->items[0]), pattern = str_of(w->items[1]);
	char text[ACTIONS_TEXT_MAX];
	unsigned actions;

	TRY(actions_parse(str_of(w->items[2]), &actions, err));
	if (cli_has(options, "--only"))
		TRY(grant_set(d->auth, user, pattern, actions, err));
	else
		TRY(grant_add(d->auth, user, pattern, actions, &actions, err));
	actions_text(text, actions);
	printf("%s now has these rights on %s: %s\n", w->items[0], w->items[1], text);
	cli_note_pattern(pattern);
	warn_if_open(w->items[0], actions);
	return OK;
}

static enum rc revoke(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(grant_set(d->auth, str_of(w->items[0]), str_of(w->items[1]), 0, err));
	printf("Revoked the grant of %s on %s.\n", w->items[0], w->items[1]);
	return OK;
}

int cmd_user(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"add", 1, 1, add, "add NAME [--role ROLE]... [--grant PATTERN:ACTIONS]... [--admin] [--robot]"},
	    {"list", 0, 0, list, "list [--json]"},
	    {"passwd", 1, 1, passwd, "passwd NAME"},
	    {"disable", 1, 1, disable, "disable NAME"},
	    {"enable", 1, 1, enable, "enable NAME"},
	    {"remove", 1, 1, remove_user, "remove NAME"},
	    {"role", 2, 2, role, "role NAME ROLE [--remove]"},
	    {"grant", 3, 3, grant, "grant NAME PATTERN ACTIONS [--only]"},
	    {"revoke", 2, 2, revoke, "revoke NAME PATTERN"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {{.name = "--grant", .takes_value = true}, {.name = "--role", .takes_value = true},
	    {.name = "--admin"}, {.name = "--robot"}, {.name = "--only"}, {.name = "--remove"}, {.name = "--json"},
	    {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "user");
}
