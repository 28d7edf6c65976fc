/*
 * config: the settings. One table (config/schema.c) gives for each: YAML path, flag, environment variable, type, default,
 * bounds, help. Order of precedence: flag, environment, file, default. The result is immutable. Everything that can
 * change while running (users, keys, grants) is in the database instead.
 */
#pragma once
#include <cove/err.h>

struct config {
	char *data;             /* --data       COVE_DATA       directory; default: $STATE_DIRECTORY, else ./cove-data */
	char *listen;           /* --listen     COVE_LISTEN     host:port, ":5000", "[::1]:5000" */
	char *names;            /* --names      COVE_NAMES      further names and addresses of this box, comma-separated */
	char *certificate;      /* --certificate COVE_CERTIFICATE  PEM chain of the owner's; empty: own CA */
	char *certificate_key;  /* --certificate-key COVE_CERTIFICATE_KEY */
	char *log_level;        /* --log-level  COVE_LOG_LEVEL  error warn info debug */
	bool access_log;        /* --access-log COVE_ACCESS_LOG */
	uint64_t threads;       /* --threads    COVE_THREADS    0: by the number of cores */
	uint64_t tls_memory_bytes; /* --tls-memory COVE_TLS_MEMORY  0: an eighth of the memory; "64MiB" */
	uint64_t max_connections;  /* --max-connections COVE_MAX_CONNECTIONS 0: by the file limit */
	uint64_t upload_expiry_s;  /* --upload-expiry COVE_UPLOAD_EXPIRY  "7d" */
	uint64_t stop_grace_s;     /* --stop-grace COVE_STOP_GRACE "30s" */
};

/* argv: the flags after the subcommand (`--name value` or `--name=value`, and --config FILE; default: cove.yaml in the
 * data directory, if it is there). Unknown flags and keys are errors with file, line, column and path. */
CHECKED enum rc config_load(int argc, char **argv, struct config **out, struct err *err);
/* As config_load, but leaves what is no setting to the caller: *rest_count arguments moved to the front of argv. */
CHECKED enum rc config_load_partial(int argc, char **argv, int *rest_count, struct config **out, struct err *err);
void config_free(struct config *c);
/* The manual: every setting with its YAML path, flag, variable, default and help. */
struct buf;
void config_help(struct buf *out);
/* A cove.yaml with every setting at its default, commented: cove.example.yaml is exactly this. */
void config_defaults(struct buf *out);
/* "90d", "12h", "30s" as seconds. E_CONFIG. For settings and for `cove key create --expires`. */
CHECKED enum rc config_duration(struct str text, uint64_t *seconds, struct err *err);
/* The effective settings as YAML, with the origin of each as a comment (default, file, environment, flag). */
void config_print(const struct config *c, struct buf *out);
/* host and port of `listen`. */
CHECKED enum rc config_listen(const struct config *c, char host[static 256], uint16_t *port, struct err *err);
