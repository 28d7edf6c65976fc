/* cove audit: what was changed and what was refused. */
#include "commands.h"
#include <cove/base/clock.h>
#include <cove/base/json.h>
#include <stdio.h>

static enum rc put(void *ctx, const struct audit_entry *e, struct err *err)
{
	struct buf *json = ctx;
	char at[24], times[32] = "", user[101], object[AUDIT_TEXT_MAX + 1], detail[AUDIT_TEXT_MAX + 1];

	(void)err;
	cli_time(at, e->at);
	if (e->count > 1)
		snprintf(times, sizeof(times), " (%lld times)", (long long)e->count);
	if (!json) {
		printf("%s  %-7s %-16s %-15.*s %-16.*s %s  %s%s\n", at, e->refused ? "refused" : "done",
		    str_print(user, 100, e->user), STR_ARG(e->peer), STR_ARG(e->action),
		    str_print(object, AUDIT_TEXT_MAX, e->object), str_print(detail, AUDIT_TEXT_MAX, e->detail), times);
		return OK;
	}
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_u64(json, "id", (uint64_t)e->id);
	json_put_member_u64(json, "at", (uint64_t)e->at);
	json_put_member_str(json, "user", e->user);
	json_put_member_str(json, "peer", e->peer);
	json_put_member_str(json, "action", e->action);
	json_put_member_str(json, "object", e->object);
	json_put_member_str(json, "outcome", e->refused ? STR("refused") : STR("done"));
	json_put_member_str(json, "detail", e->detail);
	json_put_member_u64(json, "count", (uint64_t)e->count);
	buf_addz(json, "}");
	return OK;
}

static enum rc read_filter(const struct option *options, struct audit_filter *filter, struct err *err)
{
	const struct option *user = cli_option(options, "--user"), *action = cli_option(options, "--action"),
			    *last = cli_option(options, "--last"), *max = cli_option(options, "--max");
	uint64_t seconds;
	int64_t rows = 200;

	if (last->count) {
		TRY(config_duration(str_of(last->values[0]), &seconds, err));
		filter->since = clock_wall_s() - (int64_t)seconds;
		rows = AUDIT_LIST_MAX;
	}
	if (max->count)
		TRY(cli_id(max->values[0], "--max must be a number of entries", &rows, err));
	filter->max = rows < AUDIT_LIST_MAX ? (uint32_t)rows : AUDIT_LIST_MAX;
	filter->user = user->count ? str_of(user->values[0]) : STR_NONE;
	filter->action = action->count ? str_of(action->values[0]) : STR_NONE;
	filter->refused_only = cli_has(options, "--refused");
	return OK;
}

static enum rc audit(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf json = BUF_INIT(64u * 1024 * 1024);
	bool as_json = cli_has(options, "--json");
	struct audit_filter filter = {0};
	enum rc rc;

	(void)w;
	TRY(read_filter(options, &filter, err));
	buf_addz(&json, "[");
	rc = audit_list(d->db, &filter, put, as_json ? &json : NULL, err);
	if (!rc && as_json)
		printf("%.*s]\n", STR_ARG(buf_str(&json)));
	buf_release(&json);
	return rc;
}

int cmd_audit(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"", 0, 0, audit, "[--user NAME] [--action ACTION] [--refused] [--last 1d] [--max N] [--json]"}};
	struct option options[] = {{.name = "--user", .takes_value = true}, {.name = "--action", .takes_value = true},
	    {.name = "--last", .takes_value = true}, {.name = "--max", .takes_value = true}, {.name = "--refused"},
	    {.name = "--json"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "audit");
}
