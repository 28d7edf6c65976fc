/* commands: what the files of cli/ share. */
#pragma once
#include <cove/app/app.h>
#include <cove/cli/cli.h>

int cmd_serve(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_role(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_can(int argc, char **argv);
int cmd_issuer(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_namespace(int argc, char **argv);
int cmd_repository(int argc, char **argv);
int cmd_mirror(int argc, char **argv);
int cmd_blob_store(int argc, char **argv);
int cmd_licenses(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* `cove check --blobs`. E_CORRUPT when a blob is damaged. */
CHECKED enum rc check_blobs(const struct config *config, struct err *err);

/* Prints "cove: <sentence>" and gives the exit status for it. */
int cli_fail(const struct err *err);
int cli_usage(const char *sentence);

/* The words and options of a command once the settings are taken out. */
#define OPTION_VALUES_MAX 16
struct option {
	const char *name; /* "--grant" */
	bool takes_value;
	const char *values[OPTION_VALUES_MAX];
	size_t count;
};
#define WORDS_MAX 40
struct words {
	const char *items[WORDS_MAX];
	size_t count;
};
/* Splits argv into words and the given options (ended by a row without name). E_USAGE. */
CHECKED enum rc cli_words(int argc, char **argv, struct option *options, struct words *words, struct err *err);

/* A verb of a command that works on the data directory, such as `user add`; a command without verbs has one row, whose
 * name is empty. */
struct verb {
	const char *name;
	size_t words_min, words_max; /* after the verb */
	enum rc (*run)(struct app_data *d, const struct words *words, const struct option *options, struct err *err);
	const char *usage; /* the options that it names, such as "[--json]", are those that the verb takes */
};
/* Finds the verb, loads the settings, opens the data directory, runs it. verbs end with a row without name. */
int cli_run_verb(int argc, char **argv, const struct verb *verbs, struct option *options, const char *noun);

/* A password: from the terminal without echo, asked twice; one line of stdin when that is no terminal. E_USAGE when it
 * is too short. Wipe it. */
CHECKED enum rc cli_read_password(struct secret *out, struct err *err);
/* A password of someone else's making, however short; asked for once, or all of stdin. Wipe it. */
CHECKED enum rc cli_read_secret(struct secret *out, struct err *err);
/* On stderr, for a pattern without a wildcard: that it is one repository. */
void cli_note_pattern(struct str pattern);
/* "team/x:pull,push": pattern (borrowed) and actions, split at the last colon, with that note. E_USAGE. */
CHECKED enum rc cli_grant_parse(const char *text, struct grant_info *out, struct err *err);
/* Was this option given? */
bool cli_has(const struct option *options, const char *name);
/* The option of that name, which must be in the table. */
const struct option *cli_option(const struct option *options, const char *name);
/* "90d" from now on, in seconds since the epoch. E_CONFIG. */
CHECKED enum rc cli_expiry(const char *text, int64_t *at, struct err *err);
/* A positive number that names something. E_USAGE with that sentence. */
CHECKED enum rc cli_id(const char *text, const char *sentence, int64_t *id, struct err *err);
/* " PATTERN:ACTIONS" on stdout; the same as an element of a JSON array. */
enum rc cli_print_grant(void *ctx, const struct grant_info *g, struct err *err);
enum rc cli_put_grant(void *json, const struct grant_info *g, struct err *err);
/* "2026-11-23 21:04" in UTC, "never" for 0. */
void cli_time(char out[static 24], int64_t at);
