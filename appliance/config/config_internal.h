/* config_internal: the table of settings, and what the files of config/ share. */
#pragma once
#include <cove/base/buf.h>
#include <cove/config/config.h>

enum setting_type {
	TYPE_TEXT,
	TYPE_CHOICE,
	TYPE_BOOL,
	TYPE_COUNT,
	TYPE_SIZE,
	TYPE_DURATION,
	TYPE_LISTEN,
	TYPE_ORIGINS
};

/* Later ones win. */
enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct setting {
	const char *key; /* in cove.yaml; `tls_memory` is also --tls-memory and COVE_TLS_MEMORY */
	enum setting_type type;
	size_t offset;        /* of its member of struct config: char *, bool or uint64_t by type */
	const char *standard; /* the default, written as in the file */
	const char *choices;  /* TYPE_CHOICE: separated by blanks */
	uint64_t min, max;    /* of numbers, in the member's unit; of texts, the fewest bytes */
	const char *help;     /* for people: one or two sentences */
};

#define SETTINGS_MAX 20
extern const struct setting settings[];
extern const size_t settings_count;

/* What a struct config that this module hands out is the first member of. */
struct loaded {
	struct config config;
	char *texts[SETTINGS_MAX]; /* as given; owned */
	enum origin origins[SETTINGS_MAX];
	size_t lines[SETTINGS_MAX]; /* of the file, from 1 */
};

#define SETTING_NAME_MAX 40
/* "--tls-memory", "COVE_TLS_MEMORY" */
void setting_flag(const struct setting *s, char out[static SETTING_NAME_MAX]);
void setting_variable(const struct setting *s, char out[static SETTING_NAME_MAX]);
/* By the key of the file; NULL: there is none. */
const struct setting *setting_find(struct str key);
/* Checks and stores one value. Values of a lesser origin than the one that is there are checked only. The sentence does
 * not say where the value comes from. E_CONFIG. */
CHECKED enum rc setting_store(
    struct loaded *l, const struct setting *s, struct str value, enum origin origin, struct err *err);

/* ---- value.c ---- */

CHECKED enum rc value_count(struct str text, uint64_t *out, struct err *err);
/* "64MiB" */
CHECKED enum rc value_size(struct str text, uint64_t *bytes, struct err *err);
CHECKED enum rc value_bool(struct str text, bool *out, struct err *err);
/* "host:port", ":port", "[v6]:port" */
CHECKED enum rc value_listen(struct str text, char host[static 256], uint16_t *port, struct err *err);
/* Nothing, or a list of "https://ui.example:8080" separated by commas; "*" is any. */
CHECKED enum rc value_origins(struct str text, struct err *err);
/* Shortest exact form, "7d", "64MiB". */
void value_put_duration(struct buf *out, uint64_t seconds);
void value_put_size(struct buf *out, uint64_t bytes);

/* ---- file.c ---- */

/* Reads a YAML text; `path` is for the sentences: "cove.yaml:3:13: tls_memory: ...". Settings go to l (NULL: they are
 * read over), what is declared to rows. */
CHECKED enum rc file_apply(
    struct loaded *l, struct config_rows *rows, struct str yaml, const char *path, struct err *err);
