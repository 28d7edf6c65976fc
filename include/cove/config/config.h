/*
 * config: the settings. One table (config/schema.c) gives for each: its key in cove.yaml, type, default, bounds, help;
 * flag and variable follow from the key. Order of precedence: flag, environment, file, default. The result is
 * immutable. Everything that can change while running (users, keys, grants) is in the database instead.
 */
#pragma once
#include <cove/base/err.h>

struct buf;

/* Texts are never NULL. */
struct config {
	char *file;            /* that was read, or was looked for */
	bool has_file;         /* it was there */
	char *data;            /* directory; default: $STATE_DIRECTORY, else ./cove-data */
	char *listen;          /* valid for config_listen() */
	char *names;           /* further names and addresses of this box, comma-separated */
	char *certificate;     /* PEM chain of the owner's; empty, with certificate_key: own CA */
	char *certificate_key; /* PEM */
	char *log_level;       /* error warn info debug */
	bool access_log;
	uint64_t threads;          /* 0: by the number of cores */
	uint64_t tls_memory_bytes; /* 0: an eighth of the memory */
	uint64_t max_connections;  /* 0: by the file limit */
	uint64_t stall_timeout_s;
	bool sparse_manifests;
	char *cors_origins; /* "*" and origins, comma-separated; checked */
	uint64_t audit_rows;
	uint64_t upload_expiry_s;
	uint64_t blob_grace_s;
	uint64_t stop_grace_s;
};

/* argv: the flags after the subcommand (`--name value` or `--name=value`, and --config FILE; default: cove.yaml in the
 * data directory, if it is there). Unknown flags are E_USAGE, unknown keys and bad values E_CONFIG; sentences about a
 * file begin with file:line:column. */
CHECKED enum rc config_load(int argc, char **argv, struct config **out, struct err *err);
/* As config_load, but leaves what is no setting to the caller: *rest_count arguments moved to the front of argv. */
CHECKED enum rc config_load_partial(int argc, char **argv, int *rest_count, struct config **out, struct err *err);
void config_free(struct config *c);
/*
 * What the file declares beyond settings: `namespaces:`, a mapping of names to mappings of attributes. One row for each
 * attribute, in the file's order; what they mean is not known here. Items of a list are joined by spaces.
 */
struct config_row {
	char *name, *key, *value;
	size_t line; /* from 1 */
};
struct config_rows {
	struct config_row *items;
	size_t count;
};
/* Reads the file again, as it is now. Without a file, or without namespaces in it: none; but a file that was there and
 * is gone is E_NOT_FOUND. E_CONFIG. */
CHECKED enum rc config_namespaces(const struct config *c, struct config_rows *out, struct err *err);
void config_rows_free(struct config_rows *rows);
/* Reads the file again, and appends the keys of those settings, separated by commas, that would now be others. E_CONFIG
 * as config_load(). */
CHECKED enum rc config_differences(const struct config *c, struct buf *out, struct err *err);
/* Puts where the value of the setting with that key comes from in front of a sentence about it: "cove.yaml:3: names",
 * "--names" or "COVE_NAMES". Gives E_CONFIG. */
enum rc config_blame(const struct config *c, const char *key, struct err *err);
/* The manual: every setting with its flag, variable, key, default and help. */
void config_help(struct buf *out);
/* A cove.yaml with every setting at its default, all as comments: cove.example.yaml is exactly this. */
void config_defaults(struct buf *out);
/* "90d", "12h", "30s" as seconds. E_CONFIG. For settings and for `cove key create --expires`. */
CHECKED enum rc config_duration(struct str text, uint64_t *seconds, struct err *err);
/* The settings in effect as YAML, with the origin of each as a comment (default, file, environment, flag). */
void config_print(const struct config *c, struct buf *out);
/* host ("" for all addresses) and port of `listen`. */
CHECKED enum rc config_listen(const struct config *c, char host[static 256], uint16_t *port, struct err *err);
