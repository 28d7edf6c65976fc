/* /can and /audit: why somebody may do something, and what was done. */
#include "api.h"

#define WHY_BYTES 16384

enum rc api_can(struct exchange *x)
{
	struct buf why = BUF_INIT(WHY_BYTES), *b = api_begin(x);
	struct str user = STR_NONE, action = STR_NONE, repository = STR_NONE, rest, line;
	unsigned actions;
	uint64_t key;
	bool may;
	enum rc rc;

	query_get(x, "user", &user);
	query_get(x, "action", &action);
	query_get(x, "repository", &repository);
	TRY(api_number(x, "key", 0, &key));
	TRY(actions_parse(action, &actions, &x->err));
	rc = auth_explain(x->site->auth, user, (int64_t)key, repository, actions, &may, &why, &x->err);
	if (!rc) {
		put_bool(b, "may", may);
		put_list(b, "why");
		for (rest = buf_str(&why); rest.n;) {
			str_cut(rest, '\n', &line, &rest);
			json_put_comma(b);
			json_put_str(b, line);
		}
		buf_addc(b, ']');
		rc = api_end(x, 200);
	}
	buf_release(&why);
	return rc;
}

struct audit_page {
	struct buf *out;
	uint64_t left;
	int64_t last;
	bool more;
};

static enum rc each_entry(void *ctx, const struct audit_entry *e, struct err *err)
{
	struct audit_page *p = ctx;
	struct buf *b = p->out;

	(void)err;
	p->more = p->left == 0;
	if (p->more)
		return OK;
	p->left--;
	p->last = e->id;
	json_put_comma(b);
	buf_addc(b, '{');
	put_i64(b, "id", e->id);
	put_i64(b, "at", e->at);
	json_put_member_str(b, "user", e->user);
	json_put_member_str(b, "peer", e->peer);
	json_put_member_str(b, "action", e->action);
	json_put_member_str(b, "object", e->object);
	json_put_member_str(b, "detail", e->detail);
	put_bool(b, "refused", e->refused);
	put_i64(b, "count", e->count);
	buf_addc(b, '}');
	return OK;
}

enum rc api_audit(struct exchange *x)
{
	struct audit_filter filter = {.before = 0};
	struct audit_page page = {.last = 0};
	uint64_t before, since;

	TRY(api_page(x, &page.left));
	TRY(api_number(x, "before", 0, &before));
	TRY(api_number(x, "since", 0, &since));
	filter.before = (int64_t)before;
	filter.since = (int64_t)since;
	filter.max = (uint32_t)page.left + 1;
	query_get(x, "user", &filter.user);
	query_get(x, "action", &filter.action);
	filter.refused_only = api_flag(x, "refused");
	page.out = api_begin(x);
	put_list(page.out, "entries");
	TRY(audit_list(x->site->db, &filter, each_entry, &page, &x->err));
	buf_addc(page.out, ']');
	if (page.more)
		put_i64(page.out, "next", page.last);
	return api_end(x, 200);
}
