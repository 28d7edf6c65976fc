/* scope: the grammar of distribution's "Token Scope Documentation": type[(class)]:name:action[,action]*. */
#include <cove/auth/access_token.h>

#define NAME_MAX_BYTES 255

/* What repository names are made of, host and port before them included. */
static bool name_is_plain(struct str name)
{
	if (name.n < 1 || name.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alnum(name.p[i]) && !str_has(STR("._-/:"), name.p[i]))
			return false;
	return true;
}

static unsigned parse_actions(struct str text, bool is_catalog)
{
	unsigned actions = 0;
	struct str word;
	bool more;

	do {
		more = str_cut(text, ',', &word, &text);
		if (str_eq(word, STR("*")))
			actions |= is_catalog ? MAY_PULL : MAY_PULL | MAY_PUSH | MAY_DELETE;
		else if (str_eq(word, STR("pull")))
			actions |= MAY_PULL;
		else if (str_eq(word, STR("push")) && !is_catalog)
			actions |= MAY_PUSH;
		else if (str_eq(word, STR("delete")) && !is_catalog)
			actions |= MAY_DELETE;
	} while (more);
	return actions;
}

/* The next scope of a value, borrowing; false at its end. What is no scope that is known has no actions. */
static bool next_scope(struct str *value, struct access *out)
{
	struct str scope, type, class, name, actions, rest;

	*out = (struct access){.actions = 0};
	if (!value->n)
		return false;
	str_cut(*value, ' ', &scope, value);
	/* a name may hold a colon (host:port), so the first and the last one count */
	if (!str_cut(scope, ':', &type, &rest) || !str_cut_last(rest, ':', &name, &actions))
		return true;
	if (str_cut(type, '(', &type, &class) && !str_ends(class, STR(")")))
		return true;
	out->name = out->full = name;
	out->is_catalog = str_eq(type, STR("registry")) && str_eq(name, STR("catalog"));
	if (out->is_catalog || (str_eq(type, STR("repository")) && name_is_plain(name)))
		out->actions = parse_actions(actions, out->is_catalog);
	return true;
}

static bool is_same(const struct access *a, const struct access *b)
{
	return a->is_catalog == b->is_catalog && str_eq(a->name, b->name);
}

static void add(struct access_set *set, const struct access *one)
{
	for (size_t i = 0; i < set->count; i++)
		if (is_same(&set->items[i], one)) {
			set->items[i].actions |= one->actions;
			return;
		}
	if (set->count < ACCESS_MAX)
		set->items[set->count++] = *one;
	else
		set->overflows = true;
}

void scope_parse(struct str value, struct access_set *set)
{
	struct access one;

	while (next_scope(&value, &one))
		if (one.actions)
			add(set, &one);
}

unsigned scope_actions(struct str value, struct str repository)
{
	unsigned actions = 0;
	struct access one;

	while (next_scope(&value, &one))
		if (!one.is_catalog && str_eq(one.name, repository))
			actions |= one.actions;
	return actions;
}

void scope_add(struct buf *out, bool is_catalog, struct str name, unsigned actions)
{
	char text[ACTIONS_TEXT_MAX];

	actions_text(text, actions);
	buf_addf(out, "%s%s:%.*s:%s", out->n ? " " : "", is_catalog ? "registry" : "repository", STR_ARG(name),
	    is_catalog ? "*" : text);
}

void scope_text(const struct access_set *set, struct buf *out)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].actions)
			scope_add(out, set->items[i].is_catalog, set->items[i].name, set->items[i].actions);
}
