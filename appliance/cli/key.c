/* cove key: passwords for robots. */
#include "commands.h"
#include <cove/base/json.h>
#include <stdio.h>

static enum rc create(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	const struct option *label = &options[0], *expires = &options[1], *grants = &options[2];
	struct grant_info list[OPTION_VALUES_MAX];
	char text[CREDENTIAL_TEXT_MAX];
	int64_t expires_at = 0, id;
	enum rc rc;

	for (size_t i = 0; i < grants->count; i++)
		TRY(cli_grant_parse(grants->values[i], &list[i], err));
	if (expires->count)
		TRY(cli_expiry(expires->values[0], &expires_at, err));
	rc = key_create(d->auth, str_of(w->items[0]), label->count ? str_of(label->values[0]) : STR(""), list,
	    grants->count, expires_at, text, &id, err);
	if (!rc) {
		printf("%s\n", text);
		fprintf(stderr, "This is key %lld of %s. Use it as the password. It is not shown again.\n",
		    (long long)id, w->items[0]);
	}
	wipe(text, sizeof(text));
	return rc;
}

static enum rc put_key(void *ctx, const struct key_info *k, struct err *err)
{
	struct buf *json = ctx;
	char created[24], expires[24], used[24], label[101];

	cli_time(created, k->created_at);
	cli_time(expires, k->expires_at);
	cli_time(used, k->last_used_at);
	if (!json) {
		printf("%-5lld %-20s %-17s %-17s %-17s%s", (long long)k->id, str_print(label, 100, k->label), created,
		    expires, used,
		    k->revoked       ? " revoked"
		    : k->grant_count ? ""
				     : " everything");
		for (size_t i = 0; i < k->grant_count && !k->revoked; i++)
			TRY(cli_print_grant(NULL, &k->grants[i], err));
		printf("\n");
		return OK;
	}
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_u64(json, "id", (uint64_t)k->id);
	json_put_member_str(json, "user", k->user);
	json_put_member_str(json, "label", k->label);
	json_put_member_u64(json, "created_at", (uint64_t)k->created_at);
	json_put_member_u64(json, "expires_at", (uint64_t)k->expires_at);
	json_put_member_u64(json, "last_used_at", (uint64_t)k->last_used_at);
	json_put_name(json, "revoked");
	buf_addz(json, k->revoked ? "true" : "false");
	json_put_name(json, "grants");
	buf_addz(json, "[");
	for (size_t i = 0; i < k->grant_count; i++)
		TRY(cli_put_grant(json, &k->grants[i], err));
	buf_addz(json, "]}");
	return OK;
}

static enum rc list(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf json = BUF_INIT(64u * 1024 * 1024);
	bool as_json = cli_has(options, "--json");
	enum rc rc;

	if (as_json)
		buf_addz(&json, "[");
	else
		printf("%-5s %-20s %-17s %-17s %-17s OF ITS USER'S RIGHTS\n", "ID", "LABEL", "CREATED (UTC)", "EXPIRES",
		    "LAST USED");
	rc = key_list(d->auth, str_of(w->items[0]), put_key, as_json ? &json : NULL, err);
	if (!rc && as_json)
		printf("%.*s]\n", STR_ARG(buf_str(&json)));
	buf_release(&json);
	return rc;
}

static enum rc revoke(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	int64_t id;

	(void)options;
	TRY(cli_id(w->items[0], "this is not the number of a key: `cove key list USER` shows the numbers", &id, err));
	TRY(key_revoke(d->auth, id, err));
	printf("Revoked key %lld.\n", (long long)id);
	return OK;
}

static enum rc revoke_all(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	int64_t count;

	(void)options;
	TRY(key_revoke_all(d->auth, str_of(w->items[0]), &count, err));
	printf("Revoked %lld keys of %s.\n", (long long)count, w->items[0]);
	return OK;
}

int cmd_key(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"create", 1, 1, create, "create USER [--label TEXT] [--expires 90d] [--grant PATTERN:ACTIONS]..."},
	    {"list", 1, 1, list, "list USER [--json]"},
	    {"revoke", 1, 1, revoke, "revoke ID"},
	    {"revoke-all", 1, 1, revoke_all, "revoke-all USER"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {{.name = "--label", .takes_value = true}, {.name = "--expires", .takes_value = true},
	    {.name = "--grant", .takes_value = true}, {.name = "--json"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "key");
}
