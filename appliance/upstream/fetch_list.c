/* fetch_list: one page of an upstream's list, passed on as it is. */
#include "private.h"
#include <stdlib.h>

/* What is behind the question mark: the path is that which was asked for. What cannot be followed is a failure, since a
 * list that ends there would be cut. */
static enum rc keep_next(struct job *j, struct str target, struct err *err)
{
	struct str path, query, fragment;

	str_cut(target, '#', &target, &fragment);
	if (!str_cut(target, '?', &path, &query) || !upstream_is_query(query))
		return fail(err, E_UPSTREAM_ANSWER,
		    "%.*s names a next page of its list that cannot be requested (a query of up to %d characters is "
		    "wanted)",
		    STR_ARG(j->ns->upstream), UPSTREAM_QUERY_MAX);
	free(j->next_query);
	j->next_query = xstrdup(query);
	return OK;
}

static enum rc on_head(struct job *j, const struct client_head *head, struct err *err)
{
	struct str field, target;

	for (size_t i = 0; j->status == 200 && client_field_at(head, "Link", i, &field); i++)
		if (link_next(field, &target))
			return keep_next(j, target, err);
	return OK;
}

static enum rc on_body(struct job *j, const void *p, size_t n, struct err *err)
{
	if (j->status != 200)
		return OK;
	buf_add(&j->bytes, (struct str){p, n});
	return buf_ok(&j->bytes) ? OK : fail_rc(err, E_BUSY);
}

static void on_done(struct job *j, enum rc rc, const struct err *failure)
{
	struct err err = {.rc = OK};

	if (rc)
		err = *failure;
	else
		rc = status_judge(j, E_NAME_UNKNOWN, &err);
	job_finish(j, rc, &err);
}

void list_begin(struct job *j, const void *ctx)
{
	const struct str *what = ctx;

	j->ask.head = on_head;
	j->ask.body = on_body;
	j->ask.done = on_done;
	j->ask.body_max = LIST_MAX - 1;
	ask_start(j, CLIENT_GET, ask_path(j, "%.*s", STR_ARG(*what)), NULL);
}
