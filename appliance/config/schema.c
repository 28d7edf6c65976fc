/*
 * schema: the table of all settings. Its rows are the manual: flags, variables, `cove help`, cove.example.yaml and the
 * checks of values follow from them.
 */
#include "config_internal.h"
#include <cove/base/json.h>

#define MEMBER(name) offsetof(struct config, name)

const struct setting settings[] = {
    {"data", TYPE_TEXT, MEMBER(data), "./cove-data", NULL, 1, 0,
	"The data directory: images, users, keys, certificates. If systemd sets $STATE_DIRECTORY, that is the default. "
	"The cove.yaml in the data directory cannot set it."},
    {"listen", TYPE_LISTEN, MEMBER(listen), ":5000", NULL, 0, 0,
	"The address and port of the registry; without an address, it listens on all addresses of this machine."},
    {"names", TYPE_TEXT, MEMBER(names), "", NULL, 0, 0,
	"More names and addresses that clients use to reach this machine, separated by commas. Set public names before "
	"the first start: the CA can issue certificates only for local names and for those that are set when it is "
	"created."},
    {"certificate", TYPE_TEXT, MEMBER(certificate), "", NULL, 0, 0,
	"Your own certificate, used instead of one from cove's CA: a PEM file with the server's certificate first, "
	"then the intermediate ones."},
    {"certificate_key", TYPE_TEXT, MEMBER(certificate_key), "", NULL, 0, 0,
	"The PEM file with the private key of the certificate."},
    {"log_level", TYPE_CHOICE, MEMBER(log_level), "info", "error warn info debug", 0, 0,
	"The log level: cove logs lines of this level, and of the levels before it, to stderr."},
    {"access_log", TYPE_BOOL, MEMBER(access_log), "false", NULL, 0, 0, "Whether cove logs a line for each request."},
    {"threads", TYPE_COUNT, MEMBER(threads), "0", NULL, 0, 256,
	"The number of threads that serve requests; 0: four per core, at least 8."},
    {"tls_memory", TYPE_SIZE, MEMBER(tls_memory_bytes), "0", NULL, 0, 1ull << 40,
	"The memory for TLS sessions (about 36KiB each). When it is used up, cove closes sessions of the client that "
	"has the most. 0: an eighth of the machine's memory."},
    {"max_connections", TYPE_COUNT, MEMBER(max_connections), "0", NULL, 0, 1000000,
	"The number of connections at the same time. When all are in use, cove closes connections of the client that "
	"has the most. 0: as many as the limit of open files allows."},
    {"stall_timeout", TYPE_DURATION, MEMBER(stall_timeout_s), "3m", NULL, 1, 3600,
	"How long the transfer of a blob or manifest may stay below 1 KiB/s before cove ends it. Tools that copy "
	"images pause one side while the other side is slow, so use at least two minutes except in tests."},
    {"sparse_manifests", TYPE_BOOL, MEMBER(sparse_manifests), "false", NULL, 0, 0,
	"Whether clients may push a manifest or index that refers to content that the repository does not have; a "
	"mirror of only some platforms needs this. If false, such a push is refused, because a pull of the image would "
	"fail."},
    {"cors_origins", TYPE_ORIGINS, MEMBER(cors_origins), "", NULL, 0, 0,
	"The origins of web pages whose scripts may use the registry API and fetch tokens, such as "
	"https://ui.example:8080, separated by commas. * allows every page, but none of them can use the visitor's "
	"login. Scripts of other origins can never use the management API."},
    {"audit_rows", TYPE_COUNT, MEMBER(audit_rows), "100000", NULL, 100, 100000000,
	"The number of entries that the audit log (`cove audit`) keeps; cove deletes the oldest ones. An entry takes "
	"about 150 bytes of the database."},
    {"upload_expiry", TYPE_DURATION, MEMBER(upload_expiry_s), "7d", NULL, 60, 10 * 365 * 86400ull,
	"How long a client can resume an unfinished upload before cove removes it."},
    {"blob_grace", TYPE_DURATION, MEMBER(blob_grace_s), "1d", NULL, 0, 10 * 365 * 86400ull,
	"How long cove keeps a blob that no repository uses, so that a client that pushes it again need not send it "
	"again."},
    {"stop_grace", TYPE_DURATION, MEMBER(stop_grace_s), "30s", NULL, 0, 3600,
	"How long transfers may continue after the server is told to stop."},
};
const size_t settings_count = sizeof(settings) / sizeof(*settings);
_Static_assert(sizeof(settings) / sizeof(*settings) <= SETTINGS_MAX, "raise SETTINGS_MAX");

void setting_flag(const struct setting *s, char out[static SETTING_NAME_MAX])
{
	snprintf(out, SETTING_NAME_MAX, "--%s", s->key);
	for (char *p = out; *p; p++)
		if (*p == '_')
			*p = '-';
}

void setting_variable(const struct setting *s, char out[static SETTING_NAME_MAX])
{
	snprintf(out, SETTING_NAME_MAX, "COVE_%s", s->key);
	for (char *p = out; *p; p++)
		*p = ascii_upper(*p);
}

const struct setting *setting_find(struct str key)
{
	for (size_t i = 0; i < settings_count; i++)
		if (str_eq(str_of(settings[i].key), key))
			return &settings[i];
	return NULL;
}

static enum rc check_choice(const struct setting *s, struct str value, struct err *err)
{
	struct str rest = str_of(s->choices), one;

	while (rest.n) {
		str_cut(rest, ' ', &one, &rest);
		if (str_eq(one, value))
			return OK;
	}
	return fail(err, E_CONFIG, "\"%.*s\" is not allowed: choose one of %s", STR_ARG(value), s->choices);
}

static enum rc check_text(const struct setting *s, struct str value, struct err *err)
{
	if (s->type == TYPE_TEXT && value.n < s->min)
		return fail(err, E_CONFIG, "a value is required");
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
			return fail(err, E_CONFIG, "line breaks and control characters are not allowed");
	return OK;
}

static enum rc check_bounds(const struct setting *s, uint64_t n, struct str value, struct err *err)
{
	struct buf text = BUF_INIT(100);
	void (*put)(struct buf *, uint64_t) = s->type == TYPE_DURATION ? value_put_duration : value_put_size;
	enum rc rc = OK;

	if (n < s->min || n > s->max) {
		if (s->type == TYPE_COUNT) {
			buf_addf(&text, "%llu to %llu", (unsigned long long)s->min, (unsigned long long)s->max);
		} else {
			put(&text, s->min);
			buf_addz(&text, " to ");
			put(&text, s->max);
		}
		rc = fail(err, E_CONFIG, "\"%.*s\" is out of range: use %s", STR_ARG(value), text.p ? text.p : "");
	}
	buf_release(&text);
	return rc;
}

static void replace_text(char **text, struct str value)
{
	free(*text);
	*text = xstrdup(value);
}

static enum rc check_value(const struct setting *s, struct str value, uint64_t *number, bool *flag, struct err *err)
{
	char host[256];
	uint16_t port;

	TRY(check_text(s, value, err));
	switch (s->type) {
	case TYPE_TEXT:
		return OK;
	case TYPE_CHOICE:
		return check_choice(s, value, err);
	case TYPE_LISTEN:
		return value_listen(value, host, &port, err);
	case TYPE_ORIGINS:
		return value_origins(value, err);
	case TYPE_BOOL:
		return value_bool(value, flag, err);
	case TYPE_COUNT:
		TRY(value_count(value, number, err));
		break;
	case TYPE_SIZE:
		TRY(value_size(value, number, err));
		break;
	case TYPE_DURATION:
		TRY(config_duration(value, number, err));
		break;
	}
	return check_bounds(s, *number, value, err);
}

enum rc setting_store(struct loaded *l, const struct setting *s, struct str value, enum origin origin, struct err *err)
{
	size_t i = (size_t)(s - settings);
	char *member = (char *)&l->config + s->offset;
	uint64_t number = 0;
	bool flag = false;

	TRY(check_value(s, value, &number, &flag, err));
	if (origin < l->origins[i])
		return OK;
	l->origins[i] = origin;
	replace_text(&l->texts[i], value);
	switch (s->type) {
	case TYPE_TEXT:
	case TYPE_CHOICE:
	case TYPE_LISTEN:
	case TYPE_ORIGINS:
		replace_text((char **)(void *)member, value);
		break;
	case TYPE_BOOL:
		*(bool *)(void *)member = flag;
		break;
	case TYPE_COUNT:
	case TYPE_SIZE:
	case TYPE_DURATION:
		*(uint64_t *)(void *)member = number;
		break;
	}
	return OK;
}
