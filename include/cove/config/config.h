/*
 * config: the settings. One table (config/schema.c) defines for each its key in cove.yaml, type, default, bounds and
 * help; the flag and the variable follow from the key. Order of precedence: flag, environment, file, default. The
 * result is immutable. Everything that can change while running (users, keys, grants) is in the database instead.
 */
#pragma once
#include <cove/base/err.h>

struct buf;

/* Texts are never NULL. */
struct config {
	char *file;            /* the path of the file, even if it does not exist */
	bool has_file;         /* the file exists */
	char *data;            /* directory; default: $STATE_DIRECTORY, else ./cove-data */
	char *listen;          /* valid for config_listen() */
	char *names;           /* further names and addresses of this box, comma-separated */
	char *certificate;     /* the owner's PEM chain; empty, like certificate_key: cove's own CA */
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
/* Like config_load, but leaves the other arguments to the caller: it moves these *rest_count arguments to the front of
 * argv. */
CHECKED enum rc config_load_partial(int argc, char **argv, int *rest_count, struct config **out, struct err *err);
void config_free(struct config *c);
/*
 * The namespaces that the file declares: `namespaces:`, a mapping of names to mappings of attributes. One row for each
 * attribute, in the order of the file; config does not know what they mean. Items of a list are joined by spaces.
 */
struct config_row {
	char *name, *key, *value;
	size_t line; /* from 1 */
};
struct config_rows {
	struct config_row *items;
	size_t count;
};
/* Reads the current file again. Without a file, or without namespaces in it, the result is empty; but E_NOT_FOUND if
 * the file existed and is now missing. E_CONFIG. */
CHECKED enum rc config_namespaces(const struct config *c, struct config_rows *out, struct err *err);
void config_rows_free(struct config_rows *rows);
/* Reads the file again and appends the keys of the settings whose values have changed, separated by commas. E_CONFIG as
 * config_load(). */
CHECKED enum rc config_differences(const struct config *c, struct buf *out, struct err *err);
/* Puts the origin of a setting's value in front of a sentence about it: "cove.yaml:3: names", "--names" or
 * "COVE_NAMES". Returns E_CONFIG. */
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
