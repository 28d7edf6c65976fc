/* The table of commands, and what they share: words, options, failures. */
#include "commands.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <stdio.h>

const struct command commands[] = {
    {"serve", cmd_serve, "start the registry",
	"cove serve [SETTINGS]\n\nServes until SIGTERM. Needs no argument: the first start makes the data directory, a "
	"CA, a\n"
	"certificate and the user admin, and prints once how to use them. SIGHUP reloads the certificate\n"
	"and the namespaces of cove.yaml; what else has changed there is named in the log.\n"},
    {"check", cmd_check, "validate the settings, or read all blobs and name those that are damaged",
	"cove check [SETTINGS]\n"
	"cove check --blobs [SETTINGS]            reads and hashes all blobs\n\n"
	"Says what is wrong, with file, line and path; exit status 1 then. With --blobs: which blobs are damaged or "
	"missing,\n"
	"and the tags that need them; also beside a running server. A push of such an image replaces what is "
	"damaged.\n"},
    {"config", cmd_config, "show the settings in effect and where each comes from",
	"cove config [SETTINGS]\n"
	"cove config --defaults                   a cove.yaml with every setting at its default\n"},
    {"user", cmd_user, "add, list and change users, their roles and grants",
	"cove user add NAME [--role ROLE]... [--grant PATTERN:ACTIONS]... [--admin] [--robot]\n"
	"cove user list [--json]\n"
	"cove user passwd NAME\n"
	"cove user disable NAME | enable NAME | remove NAME\n"
	"cove user role NAME ROLE [--remove]\n"
	"cove user grant NAME PATTERN ACTIONS [--only]   ACTIONS: pull, push, delete, * (all three), admin\n"
	"cove user revoke NAME PATTERN            what a grant of that very pattern gave\n\n"
	"A grant adds to what its pattern has; with --only the pattern has these actions and no others.\n"
	"A password is asked for on the terminal, or read as one line from stdin; a robot has none, only keys "
	"(`cove key`).\n"
	"The user anonymous is everybody without a login. Patterns: * is any run within one path segment, ** any run;\n"
	"team is the one repository of that name, team/** all below it.\n"
	"Changes work at once, also beside a running server.\n"},
    {"role", cmd_role, "sets of grants that users can have",
	"cove role add NAME [--grant PATTERN:ACTIONS]...\n"
	"cove role grant NAME PATTERN ACTIONS [--only]   as `cove user grant`\n"
	"cove role revoke NAME PATTERN\n"
	"cove role remove NAME\n"
	"cove role list [--json]\n\n"
	"admin, developer and reader are built in. A role is given by `cove user role`. Changes work at once.\n"},
    {"can", cmd_can, "may this user do that, and why",
	"cove can USER ACTIONS REPOSITORY [--key ID]\n\n"
	"Exit status 0: yes, 1: no, 2: it cannot be said (there is no such user, no such action). REPOSITORY is the "
	"full name, its namespace first.\n"},
    {"key", cmd_key, "create, list and revoke keys for robots",
	"cove key create USER [--label TEXT] [--expires 90d] [--grant PATTERN:ACTIONS]...\n"
	"cove key list USER [--json]\n"
	"cove key revoke ID\n"
	"cove key revoke-all USER\n\n"
	"A key is used as that user's password. It is shown once. Grants narrow what the user may do.\n"},
    {"issuer", cmd_issuer, "let CI jobs log in with the tokens of their provider",
	"cove issuer add NAME URL --audience TEXT [--jwks FILE] [--jwks-url URL] [--ca FILE]\n"
	"cove issuer keys NAME FILE               new keys for an issuer that was added with --jwks\n"
	"cove issuer rule NAME RULE CLAIM=PATTERN... [--role ROLE]...\n"
	"cove issuer unrule RULE\n"
	"cove issuer remove NAME                  with its rules\n"
	"cove issuer list [--json]\n\n"
	"A token of the issuer (OpenID Connect) is a password, with any user name, for the first rule whose conditions "
	"its\n"
	"claims all meet (one that is disabled refuses). The rule is a user, oidc.RULE: give it roles and grants. For "
	"example, GitHub Actions:\n"
	"  cove issuer add github https://token.actions.githubusercontent.com --audience box.example\n"
	"  cove issuer rule github deploy repository=myorg/* ref=refs/heads/main --role developer\n"
	"A Kubernetes cluster that cannot be asked: --jwks with what `kubectl get --raw /openid/v1/jwks` prints, and\n"
	"  cove issuer rule cluster ci 'sub=system:serviceaccount:ci:*' --role developer\n"},
    {"audit", cmd_audit, "what was changed, and what was refused",
	"cove audit [--user NAME] [--action ACTION] [--refused] [--last 1d] [--max N] [--json]\n\n"
	"Newest first. ACTION may be a noun with a dot, such as user. for all that happened to users. How many rows "
	"are\n"
	"kept is the setting audit_rows.\n"},
    {"namespace", cmd_namespace, "create, change and remove namespaces",
	"cove namespace create NAME hosted|proxy|group [ATTRIBUTE=VALUE]...\n"
	"cove namespace change NAME ATTRIBUTE=VALUE...\n"
	"cove namespace password NAME\n"
	"cove namespace refresh NAME\n"
	"cove namespace remove NAME [--purge]\n"
	"cove namespace list [--json]\n"
	"cove namespace show NAME [--json]\n"
	"cove namespace attributes\n\n"
	"hosted keeps what you push; proxy is a cache of another registry; group shows several as one. Images are then "
	"at\n"
	"NAME/..., / is what has no other namespace. ATTRIBUTE= sets the default again; ca=@FILE reads a file. The "
	"password of an\n"
	"upstream is asked for on the terminal, or read from stdin. Changes work at once.\n"
	"refresh makes a proxy forget what it knows of its upstream (what is not there, failures, where tags point): "
	"the next\n"
	"pulls ask it. What is kept stays.\n"
	"A host needs a name that clients find this box by, and that its certificate may have: below .local, .lan, "
	".internal "
	"or\n"
	".home.arpa, or one that was among the names of this box when its CA was made. After `rm tls/ca.crt` and a "
	"restart "
	"the\n"
	"CA is made anew, and every client must trust it again.\n"},
    {"repository", cmd_repository, "list repositories, and remove one with all that it holds",
	"cove repository list [--json]\n"
	"cove repository remove NAME\n\n"
	"NAME is the full name, its namespace first. One whose last manifest and blob are deleted by clients goes by "
	"itself;\n"
	"as long as it has tags, a group asks no upstream for that name. Changes work at once.\n"},
    {"mirror", cmd_mirror, "the file that makes a container engine pull through this box",
	"cove mirror config docker|containerd|k3s|podman|buildkit [--address NAME:PORT] [--namespace NAME]\n\n"
	"Prints the file for the proxy namespaces of this box; where it belongs, and what is still missing, goes to "
	"stderr.\n"},
    {"blob-store", cmd_blob_store, "directories, mostly on other disks, that namespaces keep their blobs in",
	"cove blob-store add NAME PATH\n"
	"cove blob-store list [--json]\n"
	"cove blob-store remove NAME\n\n"
	"PATH is a directory that is there, on a mounted disk, and that the server may write to. A namespace uses it "
	"by\n"
	"`cove namespace change NAME blob_store=STORE`, for what is pushed from then on. A disk that is missing costs "
	"only "
	"what\n"
	"lies on it; mounted again, it goes on. Only an empty blob store is removed. Changes work at once.\n"},
    {"licenses", cmd_licenses, "print the licences of cove and of the libraries within", "cove licenses\n"},
    {"version", cmd_version, "print the version", "cove version\n"},
    {"help", cmd_help, "this list, or the help of one command", "cove help [COMMAND]\n"},
    {NULL, NULL, NULL, NULL},
};

int cli_fail(const struct err *err)
{
	if (err->text[0])
		fprintf(stderr, "%scove: %s\n", log_priority(LOG_ERROR), err->text);
	return err->rc == E_USAGE ? CLI_USAGE : CLI_FAILED;
}

int cli_usage(const char *sentence)
{
	fprintf(stderr, "cove: %s\n", sentence);
	return CLI_USAGE;
}

static struct option *find_option(struct option *options, struct str name)
{
	for (struct option *o = options; o->name; o++)
		if (str_eq(str_of(o->name), name))
			return o;
	return NULL;
}

enum rc cli_words(int argc, char **argv, struct option *options, struct words *words, struct err *err)
{
	*words = (struct words){.count = 0};
	for (int i = 0; i < argc; i++) {
		struct str word = str_of(argv[i]), name, value;

		if (!str_starts(word, STR("--"))) {
			if (words->count == WORDS_MAX)
				return fail(err, E_USAGE, "too many words: see `cove help`");
			words->items[words->count++] = argv[i];
			continue;
		}
		bool has_value = str_cut(word, '=', &name, &value);
		struct option *o = find_option(options, name);

		if (!o)
			return fail(err, E_USAGE, "there is no option %.*s here: %s", STR_ARG(str_first(name, 60)),
			    str_starts(name, STR("--password"))
				? "a password is asked for on the terminal, or read as one line from stdin"
				: "see `cove help`");
		if (has_value != o->takes_value && (has_value || i + 1 == argc))
			return fail(
			    err, E_USAGE, "%s %s", o->name, o->takes_value ? "needs a value" : "takes no value");
		if (o->count == OPTION_VALUES_MAX)
			return fail(err, E_USAGE, "%s is given too often", o->name);
		o->values[o->count++] = !o->takes_value ? "" : has_value ? value.p : argv[++i];
	}
	return OK;
}

const struct option *cli_option(const struct option *options, const char *name)
{
	while (!str_eq(str_of(options->name), str_of(name)))
		options++;
	return options;
}

bool cli_has(const struct option *options, const char *name)
{
	return cli_option(options, name)->count > 0;
}

enum rc cli_grant_parse(const char *text, struct grant_info *out, struct err *err)
{
	struct str actions;

	if (!str_cut_last(str_of(text), ':', &out->pattern, &actions) || !out->pattern.n)
		return fail(err, E_USAGE, "a grant is written PATTERN:ACTIONS, such as 'team/**:pull,push'");
	TRY(actions_parse(actions, &out->actions, err));
	cli_note_pattern(out->pattern);
	return OK;
}

/* NULL: no such verb. *count gets the number of words that name it. */
static const struct verb *find_verb(const struct verb *verbs, const struct words *words, size_t *count)
{
	*count = verbs->name[0] ? 1 : 0;
	if (!*count)
		return verbs;
	for (const struct verb *v = verbs; v->name && words->count; v++)
		if (str_eq(str_of(v->name), str_of(words->items[0])))
			return v;
	return NULL;
}

/* The usage of a verb names its options: the table of a noun has those of all its verbs. */
static bool takes_options(const struct verb *v, const struct option *options)
{
	for (const struct option *o = options; o->name; o++) {
		struct str rest = str_of(v->usage), word;
		bool named = !o->count;

		while (rest.n && !named) {
			str_cut(rest, ' ', &word, &rest);
			word = str_from(word, word.n && word.p[0] == '[');
			named = str_starts(word, str_of(o->name)) &&
				(word.n == strlen(o->name) || word.p[strlen(o->name)] == ']');
		}
		if (!named)
			return false;
	}
	return true;
}

static enum rc open_and_run(const struct verb *v, const struct words *words, size_t skip, const struct option *options,
    const struct config *config, struct err *err)
{
	struct app_data data;
	struct words rest = {.count = words->count - skip};
	enum rc rc;

	memcpy(rest.items, words->items + skip, rest.count * sizeof(*rest.items));
	crypto_start();
	TRY(app_data_open(config, &data, err));
	rc = v->run(&data, &rest, options, err);
	app_data_close(&data);
	return rc;
}

int cli_run_verb(int argc, char **argv, const struct verb *verbs, struct option *options, const char *noun)
{
	const struct verb *v;
	struct config *config;
	struct words words;
	struct err err;
	size_t skip;
	int rest;
	enum rc rc;

	if (config_load_partial(argc, argv, &rest, &config, &err))
		return cli_fail(&err);
	rc = cli_words(rest, argv, options, &words, &err);
	if (rc) {
		config_free(config);
		return cli_fail(&err);
	}
	v = find_verb(verbs, &words, &skip);
	if (!v || words.count - skip < v->words_min || words.count - skip > v->words_max ||
	    !takes_options(v, options)) {
		config_free(config);
		if (v)
			fprintf(stderr, "cove: usage: cove %s %s\n", noun, v->usage);
		else
			fprintf(stderr, "cove: `cove help %s` lists what can be done\n", noun);
		return CLI_USAGE;
	}
	rc = open_and_run(v, &words, skip, options, config, &err);
	config_free(config);
	return rc ? cli_fail(&err) : CLI_OK;
}

void cli_time(char out[static 24], int64_t at)
{
	char text[21];

	if (!at) {
		memcpy(out, "never", 6);
		return;
	}
	clock_rfc3339(text, at);
	snprintf(out, 24, "%.10s %.5s", text, text + 11);
}
