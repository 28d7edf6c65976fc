/* rights: see rights.h: the rows of the user and, where a key narrows it, of the key, in an arena of their own. */
#include <cove/auth/rights.h>
#include "private.h"

#define ROWS_BYTES_MAX                                                                                                 \
	(8u << 20) /* more than a user with all the roles that one may have, each full of long patterns */

struct row {
	struct row *next;
	struct str pattern;
	unsigned actions;
};
struct rows {
	struct arena *a;
	struct row *first;
};
struct rights {
	struct arena a;
	struct rows user, key;
	enum narrowing narrowing;
	uint64_t spent;
};

static void keep_row(void *ctx, struct str pattern, unsigned actions)
{
	struct rows *rows = ctx;
	struct row *r = arena_alloc(rows->a, sizeof(*r));

	if (!r)
		return;
	*r = (struct row){rows->first, arena_str(rows->a, pattern), actions};
	rows->first = r;
}

static enum rc read_rows(struct auth *auth, const struct identity *who, struct rights *r, struct err *err)
{
	struct db_conn *c;

	TRY(db_here(auth->db, &c, err));
	TRY(each_user_row(c, who, keep_row, &r->user, err));
	TRY(narrowing_of(c, who, &r->narrowing, err));
	if (r->narrowing == NARROWED_BY_ROWS)
		TRY(each_key_row(c, who, keep_row, &r->key, err));
	return r->a.failed ? fail_rc(err, E_BUSY) : OK;
}

enum rc rights_take(struct auth *auth, const struct identity *who, struct rights **out, struct err *err)
{
	struct rights *r = xcalloc(1, sizeof(*r));
	enum rc rc;

	arena_init(&r->a, ROWS_BYTES_MAX);
	r->user.a = r->key.a = &r->a;
	rc = read_rows(auth, who, r, err);
	if (rc) {
		rights_free(r);
		return rc;
	}
	*out = r;
	return OK;
}

void rights_free(struct rights *r)
{
	if (!r)
		return;
	arena_release(&r->a);
	free(r);
}

uint64_t rights_spent(const struct rights *r)
{
	return r->spent;
}

static unsigned actions_of(struct rights *r, const struct rows *rows, struct str repository)
{
	unsigned actions = 0;

	for (const struct row *row = rows->first; row; row = row->next) {
		actions |= grant_gives(row->pattern, row->actions, repository);
		r->spent += row->pattern.n + 1;
	}
	return actions;
}

unsigned rights_on(struct rights *r, struct str repository)
{
	unsigned actions = r->narrowing == NARROWED_TO_NOTHING ? 0 : actions_of(r, &r->user, repository);

	return actions && r->narrowing == NARROWED_BY_ROWS ? actions & actions_of(r, &r->key, repository) : actions;
}

/* ---- what may be seen ---- */

/* The first name from `from` on that a row may match: what it matches begins with what it has before its first
 * wildcard. */
static bool first_of_row(const struct row *row, struct str from, struct str *out)
{
	struct str at = row->pattern;
	size_t n = 0;

	if (!(row->actions & (MAY_PULL | MAY_ADMIN)))
		return false;
	while (n < at.n && at.p[n] != '*' && at.p[n] != '?')
		n++;
	at.n = n;
	*out = n < row->pattern.n && str_starts(from, at) ? from : at;
	return str_cmp(*out, from) >= 0;
}

static bool seek_rows(struct rights *r, const struct rows *rows, struct name_at *at)
{
	struct str from = {at->p, at->n}, best = STR_NONE, one;
	bool any = false;

	for (const struct row *row = rows->first; row; row = row->next) {
		r->spent += row->pattern.n + 1;
		if (first_of_row(row, from, &one) && (!any || str_cmp(one, best) < 0)) {
			best = one;
			any = true;
		}
	}
	if (any) {
		memmove(at->p, best.p, best.n);
		at->n = best.n;
	}
	return any;
}

/* The user's rows and the key's take turns until both agree: each turn only goes forward. */
bool rights_seek(struct rights *r, struct name_at *at)
{
	struct name_at before;
	bool any;

	if (r->narrowing == NARROWED_TO_NOTHING)
		return false;
	do {
		any = seek_rows(r, &r->user, at);
		before = *at;
		if (any && r->narrowing == NARROWED_BY_ROWS)
			any = seek_rows(r, &r->key, at);
	} while (any && !str_eq((struct str){at->p, at->n}, (struct str){before.p, before.n}));
	return any;
}
