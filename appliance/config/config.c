/* config: where values come from, and in which order: default, file, environment, flag. */
#include "config_internal.h"
#include <cove/base/io.h>
#include <fcntl.h>
#include <limits.h>

enum { FILE_MAX = 1024 * 1024 }; /* a thousand namespaces with a line or two for each attribute */

static void store_default(struct loaded *l, const struct setting *s, struct str value)
{
	struct err err;

	if (setting_store(l, s, value, ORIGIN_DEFAULT, &err))
		bug("the default of %s: %s", s->key, err.text);
}

/* systemd's StateDirectory= hands over one path or several, separated by colons (systemd.exec(5)). */
static struct loaded *with_defaults(void)
{
	struct loaded *l = xcalloc(1, sizeof(*l));
	struct str state, more;

	l->config.file = xstrdup(STR(""));
	for (size_t i = 0; i < settings_count; i++)
		store_default(l, &settings[i], str_of(settings[i].standard));
	str_cut(str_of(getenv("STATE_DIRECTORY")), ':', &state, &more);
	if (state.n)
		store_default(l, setting_find(STR("data")), state);
	return l;
}

static enum rc take_environment(struct loaded *l, struct err *err)
{
	char name[SETTING_NAME_MAX];
	struct err what;

	for (size_t i = 0; i < settings_count; i++) {
		setting_variable(&settings[i], name);

		const char *value = getenv(name);

		/* empty is unset: `-e COVE_NAMES` and compose files make such ones */
		if (!value || !*value)
			continue;
		if (setting_store(l, &settings[i], str_of(value), ORIGIN_ENVIRONMENT, &what))
			return fail(err, E_CONFIG, "%s: %s", name, what.text);
	}
	return OK;
}

static const struct setting *find_flag(struct str name)
{
	char flag[SETTING_NAME_MAX];

	for (size_t i = 0; i < settings_count; i++) {
		setting_flag(&settings[i], flag);
		if (str_eq(str_of(flag), name))
			return &settings[i];
	}
	return NULL;
}

struct arguments {
	int count, at; /* at: the next one */
	char **items;
};

/* The value of a flag: after '=', or the next argument. A switch needs none. */
static enum rc flag_value(
    struct arguments *a, bool is_switch, struct str name, bool has_value, struct str *value, struct err *err)
{
	bool have_next = a->at < a->count;
	struct str following = have_next ? str_of(a->items[a->at]) : STR_NONE;

	if (has_value)
		return OK;
	if (is_switch && !str_eq(following, STR("true")) && !str_eq(following, STR("false"))) {
		*value = STR("true");
		return OK;
	}
	if (!have_next)
		return fail(err, E_USAGE, "%.*s needs a value", STR_ARG(name));
	*value = following;
	a->at++;
	return OK;
}

/* Takes the settings out of argv; what is left moves to its front. */
static enum rc take_flags(struct loaded *l, int argc, char **argv, int *rest_count, const char **file, struct err *err)
{
	struct arguments a = {.count = argc, .items = argv};
	struct err what;

	*rest_count = 0;
	while (a.at < argc) {
		char *word = argv[a.at++];
		struct str name, value;
		bool has_value = str_cut(str_of(word), '=', &name, &value);
		const struct setting *s = find_flag(name);

		if (str_eq(name, STR("--config"))) {
			TRY(flag_value(&a, false, name, has_value, &value, err));
			*file = value.p; /* the tail of an argument: ends in NUL */
		} else if (s) {
			TRY(flag_value(&a, s->type == TYPE_BOOL, name, has_value, &value, err));
			if (setting_store(l, s, value, ORIGIN_FLAG, &what))
				return fail(err, E_USAGE, "%.*s: %s", STR_ARG(name), what.text);
		} else {
			argv[(*rest_count)++] = word;
		}
	}
	return OK;
}

static enum rc take_file(struct loaded *l, const char *path, bool must_exist, struct err *err)
{
	struct buf text = BUF_INIT(FILE_MAX);
	struct config_rows rows = {0};
	enum rc rc = io_read_file(AT_FDCWD, path, &text, err);

	free(l->config.file);
	l->config.file = xstrdup(str_of(path));
	l->config.has_file = !rc;
	if (!rc) {
		rc = file_apply(l, &rows, buf_str(&text), path, err);
		config_rows_free(&rows);
	} else if (rc == E_NOT_FOUND) {
		rc = must_exist ? E_CONFIG : OK;
	}
	buf_release(&text);
	return rc;
}

enum rc config_namespaces(const struct config *c, struct config_rows *out, struct err *err)
{
	struct buf text = BUF_INIT(FILE_MAX);
	enum rc rc;

	*out = (struct config_rows){0};
	rc = io_read_file(AT_FDCWD, c->file, &text, err);
	if (rc == E_NOT_FOUND && !c->has_file)
		rc = OK;
	else if (!rc)
		rc = file_apply(NULL, out, buf_str(&text), c->file, err);
	buf_release(&text);
	if (rc)
		config_rows_free(out);
	return rc;
}

void config_rows_free(struct config_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->items[i].name);
		free(rows->items[i].key);
		free(rows->items[i].value);
	}
	free(rows->items);
	*rows = (struct config_rows){0};
}

/* Flags and variables are stronger than the file, and cannot change while the process lives. */
enum rc config_differences(const struct config *c, struct buf *out, struct err *err)
{
	const struct loaded *old = (const struct loaded *)c;
	struct loaded *fresh = with_defaults();
	enum rc rc = take_file(fresh, c->file, c->has_file, err);

	for (size_t i = 0; !rc && i < settings_count; i++)
		if (old->origins[i] <= ORIGIN_FILE && !str_eq(str_of(old->texts[i]), str_of(fresh->texts[i])))
			buf_addf(out, "%s%s", out->n ? "," : "", settings[i].key);
	config_free(&fresh->config);
	return rc;
}

enum rc config_blame(const struct config *c, const char *key, struct err *err)
{
	const struct loaded *l = (const struct loaded *)c;
	const struct setting *s = setting_find(str_of(key));
	char name[SETTING_NAME_MAX];
	size_t i = (size_t)(s - settings);
	struct err what = *err;

	if (l->origins[i] == ORIGIN_FILE)
		return fail(err, E_CONFIG, "%s:%zu: %s: %s", c->file, l->lines[i], key, what.text);
	if (l->origins[i] == ORIGIN_FLAG)
		setting_flag(s, name);
	else if (l->origins[i] == ORIGIN_ENVIRONMENT)
		setting_variable(s, name);
	else
		return fail(err, E_CONFIG, "%s: %s", key, what.text);
	return fail(err, E_CONFIG, "%s: %s", name, what.text);
}

/* The file named by --config, else cove.yaml of the data directory if it is there. */
static enum rc take_files(struct loaded *l, const char *named, struct err *err)
{
	size_t data = (size_t)(setting_find(STR("data")) - settings);
	char path[PATH_MAX];

	if (named)
		return take_file(l, named, true, err);
	if ((size_t)snprintf(path, sizeof(path), "%s/cove.yaml", l->config.data) >= sizeof(path))
		return fail(err, E_CONFIG, "the path of the data directory is too long");
	TRY(take_file(l, path, false, err));
	if (l->origins[data] == ORIGIN_FILE)
		return fail(err, E_CONFIG,
		    "%s: data: a file in the data directory cannot set the data directory: remove this line, or use "
		    "--data",
		    path);
	return OK;
}

static enum rc check_together(const struct config *c, struct err *err)
{
	const char *given = c->certificate[0] ? "certificate" : "certificate_key";

	if (!c->certificate[0] == !c->certificate_key[0])
		return OK;
	fail(err, E_CONFIG, "set both certificate and certificate_key, or neither");
	return config_blame(c, given, err);
}

enum rc config_load_partial(int argc, char **argv, int *rest_count, struct config **out, struct err *err)
{
	struct loaded *l = with_defaults();
	const char *file = NULL;
	enum rc rc;

	rc = take_flags(l, argc, argv, rest_count, &file, err);
	if (!rc)
		rc = take_environment(l, err);
	if (!rc)
		rc = take_files(l, file, err);
	if (!rc)
		rc = check_together(&l->config, err);
	if (rc)
		config_free(&l->config);
	else
		*out = &l->config;
	return rc;
}

enum rc config_load(int argc, char **argv, struct config **out, struct err *err)
{
	struct config *c;
	int rest;

	TRY(config_load_partial(argc, argv, &rest, &c, err));
	if (rest) {
		config_free(c);
		return fail(err, E_USAGE, "%s is not a setting: `cove help` lists them", argv[0]);
	}
	*out = c;
	return OK;
}

void config_free(struct config *c)
{
	struct loaded *l = (struct loaded *)c;

	if (!l)
		return;
	for (size_t i = 0; i < settings_count; i++) {
		enum setting_type type = settings[i].type;

		if (type == TYPE_TEXT || type == TYPE_CHOICE || type == TYPE_LISTEN || type == TYPE_ORIGINS)
			free(*(char **)(void *)((char *)c + settings[i].offset));
		free(l->texts[i]);
	}
	free(c->file);
	free(l);
}

enum rc config_listen(const struct config *c, char host[static 256], uint16_t *port, struct err *err)
{
	return value_listen(str_of(c->listen), host, port, err);
}
