/* cove login: what clients keep in place of a password. */
#include "commands.h"
#include <cove/base/json.h>
#include <stdio.h>

static enum rc put_login(void *ctx, const struct login_info *l, struct err *err)
{
	struct buf *json = ctx;
	char created[24], used[24];

	(void)err;
	cli_time(created, l->created_at);
	cli_time(used, l->last_used_at);
	if (!json) {
		printf("%-6lld %-17s %-17s %.*s\n", (long long)l->id, created, used, STR_ARG(l->client));
		return OK;
	}
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_u64(json, "id", (uint64_t)l->id);
	json_put_member_u64(json, "key_id", (uint64_t)l->key_id);
	json_put_member_str(json, "client", l->client);
	json_put_member_u64(json, "created_at", (uint64_t)l->created_at);
	json_put_member_u64(json, "last_used_at", (uint64_t)l->last_used_at);
	buf_addz(json, "}");
	return OK;
}

static enum rc list(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf json = BUF_INIT(1024u * 1024);
	bool as_json = cli_has(options, "--json");
	enum rc rc;

	if (!as_json)
		printf("%-6s %-17s %-17s CLIENT\n", "ID", "CREATED (UTC)", "LAST USED");
	buf_addz(&json, "[");
	rc = login_list(d->auth, str_of(w->items[0]), put_login, as_json ? &json : NULL, err);
	if (!rc && as_json)
		printf("%.*s]\n", STR_ARG(buf_str(&json)));
	buf_release(&json);
	return rc;
}

static enum rc revoke(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	int64_t id, count;

	(void)options;
	if (w->count == 1) {
		TRY(login_revoke_all(d->auth, str_of(w->items[0]), &count, err));
		printf("%lld logins of %s are revoked, and its tokens with them.\n", (long long)count, w->items[0]);
		return OK;
	}
	TRY(cli_id(w->items[1], "a login is named by its number: see `cove login list USER`", &id, err));
	TRY(login_revoke(d->auth, str_of(w->items[0]), id, err));
	printf("Login %lld is revoked; what it fetched last ends within five minutes.\n", (long long)id);
	return OK;
}

int cmd_login(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"list", 1, 1, list, "list USER [--json]"},
	    {"revoke", 1, 2, revoke, "revoke USER [ID]"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {{.name = "--json"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "login");
}
