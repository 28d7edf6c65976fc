/* cove issuer: whose tokens are passwords, and of whom. */
#include "commands.h"
#include <cove/base/io.h>
#include <cove/base/json.h>
#include <cove/oidc/oidc.h>
#include <fcntl.h>
#include <stdio.h>

#define FILE_MAX (256u * 1024)

typedef enum rc with_oidc(struct oidc *o, const struct words *w, const struct option *options, struct err *err);

/* For management: nobody is asked for keys. */
static enum rc run(
    struct app_data *d, const struct words *w, const struct option *options, with_oidc *fn, struct err *err)
{
	struct oidc *o;
	enum rc rc;

	TRY(oidc_open(d->db, d->auth, NULL, &o, err));
	rc = fn(o, w, options, err);
	oidc_close(o);
	return rc;
}

static struct str value_of(const struct option *options, const char *name)
{
	const struct option *o = cli_option(options, name);

	return o->count ? str_of(o->values[0]) : STR_NONE;
}

/* The file that the option names, or nothing. */
static enum rc read_file_of(const struct option *options, const char *name, struct buf *out, struct err *err)
{
	struct str path = value_of(options, name);

	return path.n ? io_read_file(AT_FDCWD, path.p, out, err) : OK;
}

static enum rc add_issuer(struct oidc *o, const struct words *w, const struct option *options, struct err *err)
{
	struct buf jwks = BUF_INIT(FILE_MAX), ca = BUF_INIT(FILE_MAX);
	enum rc rc = read_file_of(options, "--jwks", &jwks, err);

	if (!rc)
		rc = read_file_of(options, "--ca", &ca, err);
	if (!rc)
		rc = issuer_add(o,
		    &(struct issuer_info){
			.name = str_of(w->items[0]),
			.url = str_of(w->items[1]),
			.audience = value_of(options, "--audience"),
			.jwks_url = value_of(options, "--jwks-url"),
			.jwks = buf_str(&jwks),
			.ca_pem = buf_str(&ca),
		    },
		    err);
	buf_release(&jwks);
	buf_release(&ca);
	if (!rc)
		printf("Added the issuer %s. To accept its tokens, add a rule: cove issuer rule %s RULE "
		       "CLAIM=PATTERN...\n",
		    w->items[0], w->items[0]);
	return rc;
}

static enum rc set_keys(struct oidc *o, const struct words *w, const struct option *options, struct err *err)
{
	struct buf jwks = BUF_INIT(FILE_MAX);
	enum rc rc = io_read_file(AT_FDCWD, w->items[1], &jwks, err);

	(void)options;
	if (!rc)
		rc = issuer_set_keys(o, str_of(w->items[0]), buf_str(&jwks), err);
	buf_release(&jwks);
	if (!rc)
		printf("Replaced the keys of %s.\n", w->items[0]);
	return rc;
}

static enum rc add_rule(struct oidc *o, const struct words *w, const struct option *options, struct err *err)
{
	const struct option *given = cli_option(options, "--role");
	struct condition conditions[WORDS_MAX];
	struct str roles[OPTION_VALUES_MAX];
	size_t count = w->count - 2;

	for (size_t i = 0; i < count; i++)
		if (!str_cut(str_of(w->items[i + 2]), '=', &conditions[i].claim, &conditions[i].pattern))
			return fail(err, E_USAGE, "write a condition as CLAIM=PATTERN, such as 'repository=myorg/*'");
	for (size_t i = 0; i < given->count; i++)
		roles[i] = str_of(given->values[i]);
	TRY(issuer_rule_add(o, str_of(w->items[0]), str_of(w->items[1]), conditions, count, roles, given->count, err));
	if (given->count)
		printf("Added the rule %s with the user oidc.%s.\n", w->items[1], w->items[1]);
	else
		printf("Added the rule %s, which gives no rights yet. To give it a role: cove user role oidc.%s ROLE\n",
		    w->items[1], w->items[1]);
	return OK;
}

static enum rc remove_rule(struct oidc *o, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(issuer_rule_remove(o, str_of(w->items[0]), err));
	printf("Removed the rule %s and its user.\n", w->items[0]);
	return OK;
}

static enum rc remove_issuer(struct oidc *o, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(issuer_remove(o, str_of(w->items[0]), err));
	printf("Removed the issuer %s and its rules.\n", w->items[0]);
	return OK;
}

/* ---- list: the issuers first, then the rules of each, since callbacks must not ask the database ---- */

struct rows {
	char names[ISSUERS_MAX][USER_NAME_MAX + 1];
	size_t count;
	struct buf text; /* the rest of each, in its form */
	size_t at[ISSUERS_MAX + 1];
	bool as_json;
};

static enum rc keep(void *ctx, const struct issuer_info *i, struct err *err)
{
	struct rows *rows = ctx;
	struct buf *t = &rows->text;

	if (rows->count == ISSUERS_MAX)
		return fail(err, E_INTERNAL, "there are more than %d issuers", ISSUERS_MAX);
	memcpy(rows->names[rows->count], i->name.p, i->name.n);
	rows->at[rows->count] = t->n;
	if (rows->as_json) {
		buf_addc(t, '{');
		json_put_member_str(t, "name", i->name);
		json_put_member_str(t, "url", i->url);
		json_put_member_str(t, "audience", i->audience);
		json_put_member_str(t, "jwks_url", i->jwks_url);
		json_put_name(t, "keys_given");
		buf_addz(t, i->jwks.n ? "true" : "false");
		json_put_member_u64(t, "created_at", (uint64_t)i->created_at);
	} else {
		buf_addf(t, "%.*s  %.*s  for %.*s, keys %s\n", STR_ARG(i->name), STR_ARG(i->url), STR_ARG(i->audience),
		    i->jwks.n ? "given" : "fetched");
	}
	rows->at[++rows->count] = t->n;
	return OK;
}

static enum rc print_rule(void *ctx, const struct rule_info *r, struct err *err)
{
	(void)ctx;
	(void)err;
	printf("  %.*s%s:", STR_ARG(r->user), r->enabled ? "" : " (disabled)");
	for (size_t i = 0; i < r->count; i++)
		printf(" %.*s=%.*s", STR_ARG(r->conditions[i].claim), STR_ARG(r->conditions[i].pattern));
	printf("\n");
	return OK;
}

static enum rc put_rule(void *ctx, const struct rule_info *r, struct err *err)
{
	struct buf *json = ctx;

	(void)err;
	json_put_comma(json);
	buf_addc(json, '{');
	json_put_member_str(json, "name", r->name);
	json_put_member_str(json, "user", r->user);
	json_put_name(json, "enabled");
	buf_addz(json, r->enabled ? "true" : "false");
	json_put_name(json, "conditions");
	buf_addc(json, '{');
	for (size_t i = 0; i < r->count; i++) {
		json_put_comma(json);
		json_put_str(json, r->conditions[i].claim);
		buf_addc(json, ':');
		json_put_str(json, r->conditions[i].pattern);
	}
	buf_addz(json, "}}");
	return OK;
}

static enum rc print_rows(struct oidc *o, const struct rows *rows, struct buf *json, struct err *err)
{
	buf_addc(json, '[');
	for (size_t i = 0; i < rows->count; i++) {
		struct str text = {rows->text.p + rows->at[i], rows->at[i + 1] - rows->at[i]};

		if (!rows->as_json) {
			printf("%.*s", STR_ARG(text));
			TRY(issuer_rule_list(o, str_of(rows->names[i]), print_rule, NULL, err));
			continue;
		}
		json_put_comma(json);
		buf_add(json, text);
		json_put_name(json, "rules");
		buf_addc(json, '[');
		TRY(issuer_rule_list(o, str_of(rows->names[i]), put_rule, json, err));
		buf_addz(json, "]}");
	}
	if (rows->as_json)
		printf("%.*s]\n", STR_ARG(buf_str(json)));
	return OK;
}

static enum rc list_issuers(struct oidc *o, const struct words *w, const struct option *options, struct err *err)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));
	struct buf json = BUF_INIT(64u * 1024 * 1024);
	enum rc rc;

	(void)w;
	rows->as_json = cli_has(options, "--json");
	buf_init(&rows->text, 1024u * 1024);
	rc = issuer_list(o, keep, rows, err);
	if (!rc)
		rc = print_rows(o, rows, &json, err);
	buf_release(&rows->text);
	buf_release(&json);
	free(rows);
	return rc;
}

#define VERB(name, fn)                                                                                                 \
	static enum rc name(struct app_data *d, const struct words *w, const struct option *options, struct err *err)  \
	{                                                                                                              \
		return run(d, w, options, fn, err);                                                                    \
	}
VERB(verb_add, add_issuer)
VERB(verb_keys, set_keys)
VERB(verb_rule, add_rule)
VERB(verb_unrule, remove_rule)
VERB(verb_remove, remove_issuer)
VERB(verb_list, list_issuers)

int cmd_issuer(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"add", 2, 2, verb_add, "add NAME URL --audience TEXT [--jwks FILE] [--jwks-url URL] [--ca FILE]"},
	    {"keys", 2, 2, verb_keys, "keys NAME FILE"},
	    {"rule", 3, 2 + CONDITIONS_MAX, verb_rule, "rule NAME RULE CLAIM=PATTERN... [--role ROLE]..."},
	    {"unrule", 1, 1, verb_unrule, "unrule RULE"},
	    {"remove", 1, 1, verb_remove, "remove NAME"},
	    {"list", 0, 0, verb_list, "list [--json]"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {{.name = "--audience", .takes_value = true}, {.name = "--jwks", .takes_value = true},
	    {.name = "--jwks-url", .takes_value = true}, {.name = "--ca", .takes_value = true},
	    {.name = "--role", .takes_value = true}, {.name = "--json"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "issuer");
}
