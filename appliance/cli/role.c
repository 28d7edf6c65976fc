/* cove role, cove can: sets of grants, and what they come to. */
#include "commands.h"
#include <cove/base/json.h>
#include <cove/store/name.h>
#include <cove/auth/roles.h>
#include <stdio.h>

struct addition {
	struct str name;
	const struct option *grants;
};

static enum rc add_all(struct auth *auth, void *ctx, struct err *err)
{
	const struct addition *a = ctx;
	struct grant_info grant;
	unsigned now;

	TRY(role_add(auth, a->name, err));
	for (size_t i = 0; i < a->grants->count; i++) {
		TRY(cli_grant_parse(a->grants->values[i], &grant, err));
		TRY(role_grant_add(auth, a->name, grant.pattern, grant.actions, &now, err));
	}
	return OK;
}

static enum rc add(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct addition a = {str_of(w->items[0]), cli_option(options, "--grant")};

	TRY(auth_together(d->auth, add_all, &a, err));
	printf("Added the role %s. To give it to a user: cove user role NAME %s\n", w->items[0], w->items[0]);
	return OK;
}

static enum rc grant(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct str role = str_of(w->items[0]), pattern = str_of(w->items[1]);
	char text[ACTIONS_TEXT_MAX];
	unsigned actions;

	TRY(actions_parse(str_of(w->items[2]), &actions, err));
	if (cli_has(options, "--only"))
		TRY(role_grant(d->auth, role, pattern, actions, err));
	else
		TRY(role_grant_add(d->auth, role, pattern, actions, &actions, err));
	actions_text(text, actions);
	printf("The role %s now gives these rights on %s: %s\n", w->items[0], w->items[1], text);
	cli_note_pattern(pattern);
	return OK;
}

static enum rc revoke(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(role_grant(d->auth, str_of(w->items[0]), str_of(w->items[1]), 0, err));
	printf("Revoked the grant of the role %s on %s.\n", w->items[0], w->items[1]);
	return OK;
}

static enum rc remove_role(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(role_remove(d->auth, str_of(w->items[0]), err));
	printf("Removed the role %s.\n", w->items[0]);
	return OK;
}

/* The roles first, then the grants of each: a list's callback must not ask auth again. */
#define ROLES_SHOWN 1000
struct rows {
	struct role_info items[ROLES_SHOWN];
	char names[ROLES_SHOWN][USER_NAME_MAX + 1];
	size_t count;
};

static enum rc keep_role(void *ctx, const struct role_info *r, struct err *err)
{
	struct rows *rows = ctx;
	char *name = rows->names[rows->count];

	if (rows->count == ROLES_SHOWN)
		return fail(err, E_INTERNAL, "there are more than %d roles", ROLES_SHOWN);
	memcpy(name, r->name.p, r->name.n);
	rows->items[rows->count] = *r;
	rows->items[rows->count++].name = str_of(name);
	return OK;
}

static enum rc print_role(struct app_data *d, const struct role_info *r, struct err *err)
{
	printf("%-20.*s %-9s %-6lld", STR_ARG(r->name), r->built_in ? "built in" : "", (long long)r->users);
	TRY(role_grant_list(d->auth, r->name, cli_print_grant, NULL, err));
	printf("\n");
	return OK;
}

static enum rc put_role(struct app_data *d, const struct role_info *r, struct buf *json, struct err *err)
{
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_str(json, "name", r->name);
	json_put_name(json, "built_in");
	buf_addz(json, r->built_in ? "true" : "false");
	json_put_member_u64(json, "users", (uint64_t)r->users);
	json_put_name(json, "grants");
	buf_addz(json, "[");
	TRY(role_grant_list(d->auth, r->name, cli_put_grant, json, err));
	buf_addz(json, "]}");
	return OK;
}

static enum rc list(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));
	struct buf json = BUF_INIT(64u * 1024 * 1024);
	bool as_json = cli_has(options, "--json");
	enum rc rc = role_list(d->auth, keep_role, rows, err);

	(void)w;
	buf_addz(&json, "[");
	if (!rc && !as_json)
		printf("%-20s %-9s %-6s GRANTS\n", "NAME", "", "USERS");
	for (size_t i = 0; i < rows->count && !rc; i++)
		rc = as_json ? put_role(d, &rows->items[i], &json, err) : print_role(d, &rows->items[i], err);
	if (!rc && as_json)
		printf("%.*s]\n", STR_ARG(buf_str(&json)));
	buf_release(&json);
	free(rows);
	return rc;
}

int cmd_role(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"add", 1, 1, add, "add NAME [--grant PATTERN:ACTIONS]..."},
	    {"grant", 3, 3, grant, "grant NAME PATTERN ACTIONS [--only]"},
	    {"revoke", 2, 2, revoke, "revoke NAME PATTERN"},
	    {"remove", 1, 1, remove_role, "remove NAME"},
	    {"list", 0, 0, list, "list [--json]"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {
	    {.name = "--grant", .takes_value = true}, {.name = "--only"}, {.name = "--json"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "role");
}

/* ---- cove can ---- */

static bool answered;

static enum rc can(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	const struct option *key = cli_option(options, "--key");
	struct buf why = BUF_INIT(1024 * 1024);
	struct repo_name name;
	unsigned actions;
	int64_t id = 0;
	bool may;
	enum rc rc;

	TRY(actions_parse(str_of(w->items[1]), &actions, err));
	TRY(repo_name_parse(str_of(w->items[2]), &name, err));
	if (key->count)
		TRY(cli_id(key->values[0], "this is not the number of a key: `cove key list USER` shows the numbers",
		    &id, err));
	rc = auth_explain(d->auth, str_of(w->items[0]), id, name.s, actions, &may, &why, err);
	if (!rc) {
		answered = true;
		printf("%s: %s may %s%s %s\n%.*s", may ? "yes" : "no", w->items[0], may ? "" : "not ", w->items[1],
		    w->items[2], STR_ARG(buf_str(&why)));
		if (!may)
			rc = fail(err, E_DENIED, "%s", ""); /* all is said */
	}
	buf_release(&why);
	return rc;
}

/* A script must not take a typo for a no. */
int cmd_can(int argc, char **argv)
{
	int status;
	static const struct verb verbs[] = {{"", 3, 3, can, "USER ACTIONS REPOSITORY [--key ID]"}};
	struct option options[] = {{.name = "--key", .takes_value = true}, {.name = NULL}};

	status = cli_run_verb(argc, argv, verbs, options, "can");
	return answered ? status : CLI_USAGE;
}
