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

static void add(struct access_set *set, struct str type, struct str name, unsigned actions)
{
	struct access *a;

	for (size_t i = 0; i < set->count; i++) {
		a = &set->items[i];
		if (str_eq(a->name, name) && str_eq(a->type, type)) {
			a->actions |= actions;
			return;
		}
	}
	if (set->count < ACCESS_MAX)
		set->items[set->count++] = (struct access){type, name, actions};
}

static void parse_one(struct str scope, struct access_set *set)
{
	struct str type, class, name, actions_part, rest;
	unsigned actions;
	bool is_catalog;

	/* a name may hold a colon (host:port), so the first and the last one count */
	if (!str_cut(scope, ':', &type, &rest) || !str_cut_last(rest, ':', &name, &actions_part))
		return;
	if (str_cut(type, '(', &type, &class) && !str_ends(class, STR(")")))
		return;
	is_catalog = str_eq(type, STR("registry")) && str_eq(name, STR("catalog"));
	if (!is_catalog && !(str_eq(type, STR("repository")) && name_is_plain(name)))
		return;
	actions = parse_actions(actions_part, is_catalog);
	if (actions)
		add(set, type, name, actions);
}

void scope_parse(struct str value, struct access_set *set)
{
	struct str scope;
	bool more;

	do {
		more = str_cut(value, ' ', &scope, &value);
		parse_one(scope, set);
	} while (more);
}

void scope_text(const struct access_set *set, struct buf *out)
{
	char actions[ACTIONS_TEXT_MAX];

	for (size_t i = 0; i < set->count; i++) {
		const struct access *a = &set->items[i];

		actions_text(actions, a->actions);
		buf_addf(out, "%s%.*s:%.*s:%s", i ? " " : "", STR_ARG(a->type), STR_ARG(a->name),
		    str_eq(a->type, STR("registry")) ? "*" : actions);
	}
}
