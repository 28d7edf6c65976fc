/* What several nouns parse and print alike. */
#include "commands.h"
#include <cove/base/clock.h>
#include <cove/base/json.h>
#include <stdio.h>

enum rc cli_expiry(const char *text, int64_t *at, struct err *err)
{
	uint64_t seconds;

	TRY(config_duration(str_of(text), &seconds, err));
	*at = clock_wall_s() + (int64_t)seconds;
	return OK;
}

enum rc cli_id(const char *text, const char *sentence, int64_t *id, struct err *err)
{
	uint64_t number;

	if (!str_u64(str_of(text), &number) || number < 1 || number > INT64_MAX)
		return fail(err, E_USAGE, "%s", sentence);
	*id = (int64_t)number;
	return OK;
}

void cli_note_pattern(struct str pattern)
{
	if (!str_has(pattern, '*') && !str_has(pattern, '?'))
		fprintf(stderr,
		    "Note: the pattern %.*s is only the repository of that name; '%.*s/**' is every repository below "
		    "it.\n",
		    STR_ARG(pattern), STR_ARG(pattern));
}

enum rc cli_print_grant(void *ctx, const struct grant_info *g, struct err *err)
{
	char actions[ACTIONS_TEXT_MAX];

	(void)ctx;
	(void)err;
	actions_text(actions, g->actions);
	printf(" %.*s:%s", STR_ARG(g->pattern), actions);
	return OK;
}

enum rc cli_put_grant(void *ctx, const struct grant_info *g, struct err *err)
{
	struct buf *json = ctx;
	char actions[ACTIONS_TEXT_MAX];

	(void)err;
	actions_text(actions, g->actions);
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_str(json, "pattern", g->pattern);
	json_put_member_str(json, "actions", str_of(actions));
	buf_addz(json, "}");
	return OK;
}
