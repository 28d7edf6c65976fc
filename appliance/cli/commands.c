/* The table of commands, and the code that all of them share: words, options, failures. */
#include "commands.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <stdio.h>

const struct command commands[] = {
    {"serve", cmd_serve, "start the registry",
	"cove serve [SETTINGS]\n\n"
	"Runs the registry until it receives SIGTERM. No argument is needed: the first start creates the data\n"
	"directory, a CA, a certificate and the user admin, and prints once how to use them. SIGHUP reloads the\n"
	"certificate and the namespaces in cove.yaml. Other changed settings are named in the log; they take\n"
	"effect at the next start.\n"},
    {"check", cmd_check, "check the settings, or read all blobs and list the damaged ones",
	"cove check [SETTINGS]\n"
	"cove check --blobs [SETTINGS]            reads and hashes all blobs\n\n"
	"Prints each error with its file, line and path, and then exits with status 1. --blobs lists the blobs\n"
	"that are damaged or missing and the tags that need them. It can run beside a running server. To\n"
	"replace the damaged blobs of an image, push the image again.\n"},
    {"config", cmd_config, "show the settings in effect and where each one is set",
	"cove config [SETTINGS]\n"
	"cove config --defaults                   prints a cove.yaml with the default of every setting\n"},
    {"user", cmd_user, "add, list and change users, their roles and their grants",
	"cove user add NAME [--role ROLE]... [--grant PATTERN:ACTIONS]... [--admin] [--robot]\n"
	"cove user list [--json]\n"
	"cove user passwd NAME\n"
	"cove user disable NAME | enable NAME | remove NAME\n"
	"cove user role NAME ROLE [--remove]\n"
	"cove user grant NAME PATTERN ACTIONS [--only]   ACTIONS: pull, push, delete, * (all three), admin\n"
	"cove user revoke NAME PATTERN            removes the user's own grant on exactly this pattern\n\n"
	"A grant adds ACTIONS to those that the user already has on PATTERN; --only replaces them. The command\n"
	"prompts for a password on the terminal, or reads it as one line from stdin. A robot has no password;\n"
	"it logs in with keys (`cove key`). The user anonymous stands for every client that does not log in. In\n"
	"a PATTERN, * matches any characters except /, and ** matches any characters. team is only the\n"
	"repository of that name; team/** is every repository below it. Changes take effect at once, even while\n"
	"the server runs.\n"},
    {"role", cmd_role, "add, list and change roles: sets of grants for users",
	"cove role add NAME [--grant PATTERN:ACTIONS]...\n"
	"cove role grant NAME PATTERN ACTIONS [--only]   like `cove user grant`\n"
	"cove role revoke NAME PATTERN\n"
	"cove role remove NAME\n"
	"cove role list [--json]\n\n"
	"The roles admin, developer and reader are built in. `cove user role` gives a role to a user. Changes\n"
	"take effect at once.\n"},
    {"can", cmd_can, "show whether a user may do something, and why",
	"cove can USER ACTIONS REPOSITORY [--key ID]\n\n"
	"Exit status 0: yes; 1: no; 2: unknown, because the user, the key or the action does not exist.\n"
	"REPOSITORY is the full name, which begins with the namespace.\n"},
    {"key", cmd_key, "create, list and revoke keys",
	"cove key create USER [--label TEXT] [--expires 90d] [--grant PATTERN:ACTIONS]...\n"
	"cove key list USER [--json]\n"
	"cove key revoke ID\n"
	"cove key revoke-all USER\n\n"
	"A key is used in place of the user's password. The command prints a new key only once. Grants of a key\n"
	"limit it to part of what its user may do.\n"},
    {"issuer", cmd_issuer, "let CI jobs log in with the tokens of their provider",
	"cove issuer add NAME URL --audience TEXT [--jwks FILE] [--jwks-url URL] [--ca FILE]\n"
	"cove issuer keys NAME FILE               replaces the keys of an issuer that was added with --jwks\n"
	"cove issuer rule NAME RULE CLAIM=PATTERN... [--role ROLE]...\n"
	"cove issuer unrule RULE\n"
	"cove issuer remove NAME                  removes its rules too\n"
	"cove issuer list [--json]\n\n"
	"A client logs in with a token of the issuer (OpenID Connect) as its password and with any user name.\n"
	"cove takes the first rule whose conditions all match the claims of the token; if that rule is\n"
	"disabled, the login fails. Each rule is a user, oidc.RULE: give it roles and grants. For example, for\n"
	"GitHub Actions:\n"
	"  cove issuer add github https://token.actions.githubusercontent.com --audience box.example\n"
	"  cove issuer rule github deploy repository=myorg/* ref=refs/heads/main --role developer\n"
	"If cove cannot reach a Kubernetes cluster, save the output of `kubectl get --raw /openid/v1/jwks` and\n"
	"pass that file with --jwks. Then:\n"
	"  cove issuer rule cluster ci 'sub=system:serviceaccount:ci:*' --role developer\n"},
    {"audit", cmd_audit, "list changes and refused requests",
	"cove audit [--user NAME] [--action ACTION] [--refused] [--last 1d] [--max N] [--json]\n\n"
	"Prints the newest entry first. ACTION is the name of an action, or a noun with a dot: user. lists all\n"
	"changes of users. The setting audit_rows limits the number of entries that are kept.\n"},
    {"namespace", cmd_namespace, "create, change and remove namespaces",
	"cove namespace create NAME hosted|proxy|group [ATTRIBUTE=VALUE]...\n"
	"cove namespace change NAME ATTRIBUTE=VALUE...\n"
	"cove namespace password NAME\n"
	"cove namespace refresh NAME\n"
	"cove namespace remove NAME [--purge]\n"
	"cove namespace list [--json]\n"
	"cove namespace show NAME [--json]\n"
	"cove namespace attributes\n\n"
	"A hosted namespace stores what you push. A proxy caches another registry. A group shows several\n"
	"namespaces as one. The images of a namespace are at NAME/...; the namespace / holds the images that\n"
	"belong to no other one. ATTRIBUTE= (without a value) restores the default. ca=@FILE reads the value\n"
	"from a file. password prompts for the upstream's password on the terminal, or reads it from stdin.\n"
	"Changes take effect at once.\n\n"
	"refresh makes a proxy forget missing images, failures and the age of cached tags, so that the next\n"
	"pulls ask the upstream again. The cached images stay.\n\n"
	"host=NAME needs a name that resolves to this machine and that its certificate can contain: one that\n"
	"ends in .local, .lan, .internal or .home.arpa, or one that this machine had when its CA was created.\n"
	"To allow other names, run `rm tls/ca.crt` and restart: cove then creates a new CA. Every client must\n"
	"trust the new CA.\n"},
    {"repository", cmd_repository, "list repositories, or remove one with all its content",
	"cove repository list [--json]\n"
	"cove repository remove NAME\n\n"
	"NAME is the full name, which begins with the namespace. cove removes a repository when clients have\n"
	"deleted its last manifest and blob. As long as a hosted repository has tags, a group does not ask an\n"
	"upstream for that name. Changes take effect at once.\n"},
    {"mirror", cmd_mirror, "print the file that makes a container engine pull through this registry",
	"cove mirror config docker|containerd|k3s|podman|buildkit [--address NAME:PORT] [--namespace NAME]\n\n"
	"Prints the configuration file for the proxy namespaces of this registry on stdout. Prints on stderr\n"
	"where the file must be saved and what is still missing.\n"},
    {"blob-store", cmd_blob_store, "add, list and remove directories on other disks that hold blobs of namespaces",
	"cove blob-store add NAME PATH\n"
	"cove blob-store list [--json]\n"
	"cove blob-store remove NAME\n\n"
	"PATH is an existing directory on a mounted disk that the server may write to. To use it, run\n"
	"`cove namespace change NAME blob_store=STORE`: the server stores new content of the namespace there.\n"
	"If the disk is missing, only the content on that disk is unavailable; mount it again, and the server\n"
	"serves the content again. remove works only for an empty blob store. Changes take effect at once.\n"},
    {"licenses", cmd_licenses, "print the licenses of cove and of the libraries in it", "cove licenses\n"},
    {"version", cmd_version, "print the version", "cove version\n"},
    {"help", cmd_help, "list the commands, or show the help of one", "cove help [COMMAND]\n"},
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
			return fail(err, E_USAGE, "%.*s is not an option of this command: %s",
			    STR_ARG(str_first(name, 60)),
			    str_starts(name, STR("--password")) ? "the command prompts for a password on the terminal, "
								  "or reads it as one line from stdin"
								: "see `cove help`");
		if (has_value != o->takes_value && (has_value || i + 1 == argc))
			return fail(
			    err, E_USAGE, "%s %s", o->name, o->takes_value ? "needs a value" : "takes no value");
		if (o->count == OPTION_VALUES_MAX)
			return fail(err, E_USAGE, "%s is given too many times", o->name);
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
			fprintf(
			    stderr, "cove: this is not a subcommand of %s: `cove help %s` lists them\n", noun, noun);
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
