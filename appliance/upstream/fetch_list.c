/* fetch_list: one page of an upstream's list, passed on as it is. */
#include "private.h"
#include <stdio.h>
#include <stdlib.h>

/* `<https://host/v2/a/tags/list?n=1&last=b>; rel="next"` (RFC 8288): what is behind the question mark. */
static void read_link(struct job *j, struct str link)
{
	struct str target, rest, path, query;

	j->next_query[0] = '\0';
	if (!str_starts(link, STR("<")) || !str_cut(str_from(link, 1), '>', &target, &rest) || !str_has(rest, '=') ||
	    !memmem(rest.p, rest.n, "next", 4))
		return;
	if (str_cut(target, '?', &path, &query) && query.n < sizeof(j->next_query))
		snprintf(j->next_query, sizeof(j->next_query), "%.*s", STR_ARG(query));
}

static enum rc on_head(struct job *j, const struct client_head *head, struct err *err)
{
	struct str link;

	(void)err;
	if (client_field(head, "Link", &link))
		read_link(j, link);
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
