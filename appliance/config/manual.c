/* manual: the table of settings as text for people: help, the example file, the settings in effect. */
#include "config_internal.h"
#include <cove/base/json.h>

enum { WIDTH = 100 };

/* What a value looks like, where the help does not say. */
static const char *form_of(const struct setting *s)
{
	switch (s->type) {
	case TYPE_SIZE:
		return "a size such as 64MiB";
	case TYPE_DURATION:
		return "a duration such as 30s, 15m, 12h, 7d";
	case TYPE_CHOICE:
		return s->choices;
	case TYPE_BOOL:
		return "true or false";
	default:
		return NULL;
	}
}

/* Words of the text in lines that start with `margin`. */
static void put_wrapped(struct buf *out, const char *margin, struct str text)
{
	size_t column = 0;
	struct str word;

	while (text.n) {
		str_cut(text, ' ', &word, &text);
		if (column && column + 1 + word.n > WIDTH) {
			buf_addc(out, '\n');
			column = 0;
		}
		buf_addz(out, column ? " " : margin);
		column += (column ? 1 : strlen(margin)) + word.n;
		buf_add(out, word);
	}
	buf_addc(out, '\n');
}

static void put_help(struct buf *out, const char *margin, const struct setting *s)
{
	struct buf text = BUF_INIT(2048);

	buf_addz(&text, s->help);
	if (form_of(s))
		buf_addf(&text, " (%s)", form_of(s));
	put_wrapped(out, margin, buf_str(&text));
	buf_release(&text);
}

/* Texts are quoted: a JSON string is a YAML one too, and ":5000" or "no" stay texts. */
static void put_value(struct buf *out, const struct setting *s, struct str text)
{
	if (s->type == TYPE_TEXT || s->type == TYPE_LISTEN || s->type == TYPE_ORIGINS)
		json_put_str(out, text);
	else
		buf_add(out, text);
}

void config_help(struct buf *out)
{
	char flag[SETTING_NAME_MAX], variable[SETTING_NAME_MAX];

	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];

		setting_flag(s, flag);
		setting_variable(s, variable);
		buf_addf(out, "  %s, %s, %s: ", flag, variable, s->key);
		put_value(out, s, str_of(s->standard));
		buf_addc(out, '\n');
		put_help(out, "      ", s);
	}
	buf_addz(out, "  --config FILE\n");
	put_wrapped(
	    out, "      ", STR("The file with the settings; default: cove.yaml in the data directory, if it exists."));
}

void config_defaults(struct buf *out)
{
	char flag[SETTING_NAME_MAX], variable[SETTING_NAME_MAX];

	buf_addz(out,
	    "# All settings of cove with their defaults; `cove config --defaults` prints this file. No setting is "
	    "required.\n"
	    "# cove reads cove.yaml in the data directory, or the file given with --config. Environment variables "
	    "override\n"
	    "# the file, and flags override both. `cove check` lists the errors in the file.\n"
	    "#\n"
	    "# Namespaces can be declared here too. They can then be changed only here (SIGHUP reloads the file):\n"
	    "#\n"
	    "#namespaces:\n"
	    "#  own: {kind: hosted, redeploy: refused, redeploy_except: [latest]}\n"
	    "#  docker.io: {kind: proxy, upstream: \"https://registry-1.docker.io\"}\n"
	    "#  all: {kind: group, members: [own, docker.io], writable: own}\n");
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];

		setting_flag(s, flag);
		setting_variable(s, variable);
		buf_addc(out, '\n');
		put_help(out, "# ", s);
		buf_addf(out, "# %s, %s\n#%s: ", flag, variable, s->key);
		put_value(out, s, str_of(s->standard));
		buf_addc(out, '\n');
	}
}

void config_print(const struct config *c, struct buf *out)
{
	static const char *const origins[] = {"default", "file", "environment", "flag"};
	const struct loaded *l = (const struct loaded *)c;

	for (size_t i = 0; i < settings_count; i++) {
		buf_addf(out, "%s: ", settings[i].key);
		put_value(out, &settings[i], str_of(l->texts[i]));
		buf_addf(out, " # %s\n", origins[l->origins[i]]);
	}
}
