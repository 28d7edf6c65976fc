/* values: the types of attributes: from text to the member of struct namespace, and back. */
#include "private.h"
#include <cove/crypto/pem.h>
#include <cove/base/units.h>

#define SECONDS_MAX (10ull * 366 * 86400)
#define PATH_MAX_BYTES 1024
#define MILLISECONDS_MAX (10ull * 60 * 1000)

struct value {
	const struct attribute_type *type;
	struct str text;
	void *member;
	struct arena *arena;
};

typedef enum rc store_fn(const struct value *v, struct err *err);
typedef void put_fn(const struct attribute_type *type, const void *member, struct buf *out);

/* ---- texts ---- */

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return false;
	return true;
}

static enum rc keep_text(const struct value *v, struct str text, struct err *err)
{
	struct str kept = arena_str(v->arena, text);

	if (v->arena->failed)
		return fail(err, E_BUSY, "the namespaces take more than %u MiB of memory", SET_MAX_BYTES >> 20);
	memcpy(v->member, &kept, sizeof(kept));
	return OK;
}

static enum rc store_text(const struct value *v, struct err *err)
{
	if (v->text.n > VALUE_MAX_BYTES || !is_printable(v->text))
		return fail(err, E_USAGE,
		    "the value is too long or has several lines: write one line of at most %d bytes", VALUE_MAX_BYTES);
	return keep_text(v, v->text, err);
}

static void put_text(const struct attribute_type *type, const void *member, struct buf *out)
{
	struct str text;

	(void)type;
	memcpy(&text, member, sizeof(text));
	buf_add(out, text);
}

bool list_next(struct str *rest, struct str *item)
{
	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == ','))
		*rest = str_from(*rest, 1);
	item->p = rest->p;
	item->n = 0;
	while (item->n < rest->n && item->p[item->n] != ' ' && item->p[item->n] != ',')
		item->n++;
	*rest = str_from(*rest, item->n);
	return item->n > 0;
}

/* Items apart by blanks or commas; kept with one blank. */
static enum rc store_list(const struct value *v, struct err *err)
{
	struct buf list = BUF_INIT(VALUE_MAX_BYTES);
	struct str rest = v->text, item;
	enum rc rc = OK;

	if (!is_printable(v->text))
		return fail(
		    err, E_USAGE, "the list has several lines: write all items on one line, separated by spaces");
	while (list_next(&rest, &item)) {
		if (item.n > FULL_NAME_MAX)
			rc = fail(err, E_USAGE, "an item of the list is too long: at most %d bytes are allowed",
			    FULL_NAME_MAX);
		buf_add(&list, list.n ? STR(" ") : STR(""));
		buf_add(&list, item);
	}
	if (!rc && !buf_ok(&list))
		rc = fail(err, E_USAGE, "the list is too long: at most %d bytes are allowed", VALUE_MAX_BYTES);
	if (!rc)
		rc = keep_text(v, buf_str(&list), err);
	buf_release(&list);
	return rc;
}

static bool is_host_name(struct str s)
{
	bool good = s.n >= 1 && s.n <= 253 && ascii_is_alnum(s.p[0]) && ascii_is_alnum(s.p[s.n - 1]);

	for (size_t i = 0; good && i < s.n; i++)
		good = ascii_is_alnum(s.p[i]) || s.p[i] == '-' ||
		       (s.p[i] == '.' && ascii_is_alnum(s.p[i - 1]) && ascii_is_alnum(s.p[i + 1]));
	return good;
}

static enum rc store_host(const struct value *v, struct err *err)
{
	if (v->text.n && !is_host_name(v->text))
		return fail(err, E_USAGE, "\"%.*s\" is not a host name: write it without scheme and port",
		    STR_ARG(str_first(v->text, 100)));
	return keep_text(v, v->text, err);
}

/* The arena's copy ends in a NUL. */
static enum rc store_path(const struct value *v, struct err *err)
{
	if (v->text.n && (v->text.p[0] != '/' || v->text.n > PATH_MAX_BYTES || !is_printable(v->text)))
		return fail(err, E_USAGE, "the path must begin with / and have at most %d bytes", PATH_MAX_BYTES);
	return keep_text(v, v->text, err);
}

/* The text must end in a NUL for the PEM reader: the arena's copy does. */
static enum rc store_certificates(const struct value *v, struct err *err)
{
	struct buf der = BUF_INIT(CA_MAX_BYTES);
	struct str rest = arena_str(v->arena, v->text);
	bool found = false, any = false;
	enum rc rc = OK;

	if (v->text.n > CA_MAX_BYTES)
		return fail(err, E_USAGE, "the certificates are too large: together at most %d KiB are allowed",
		    CA_MAX_BYTES >> 10);
	if (!v->arena->failed)
		while (!(rc = pem_next_certificate(&rest, &der, &found, err)) && found)
			any = true;
	buf_release(&der);
	if (rc)
		return fail(err, E_USAGE, "a certificate is not valid PEM: copy it again");
	if (!any && v->text.n)
		return fail(err, E_USAGE,
		    "the value is not a certificate: give the text of a PEM file, which begins with -----BEGIN "
		    "CERTIFICATE-----");
	return keep_text(v, v->text, err);
}

/* ---- addresses of upstreams ---- */

bool namespace_is_docker_hub(struct str host)
{
	static const char *const names[] = {
	    "docker.io", "registry-1.docker.io", "index.docker.io", "registry.hub.docker.com", "hub.docker.com"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (str_eqi(host, str_of(names[i])))
			return true;
	return false;
}

static void cut_url(struct str url, struct str *host, struct str *path)
{
	struct str scheme, rest;

	str_cut(url, ':', &scheme, &rest);
	str_cut(str_from(rest, 2), '/', host, path);
}

struct str upstream_host(struct str url)
{
	struct str host, path;

	cut_url(url, &host, &path);
	return host;
}

struct str namespace_upstream_path(const struct namespace *proxy)
{
	struct str host, path;

	cut_url(proxy->upstream, &host, &path);
	return path;
}

/* host, host:port or [v6]:port */
static bool is_authority(struct str s)
{
	struct str host = s, port = STR("443");
	uint64_t n;
	bool good;

	if (s.n && s.p[0] == '[') {
		if (!str_cut(s, ']', &host, &port))
			return false;
		host = str_from(host, 1);
		good = host.n >= 2 && host.n <= 45 && (port.n == 0 || port.p[0] == ':');
		for (size_t i = 0; i < host.n; i++)
			good = good && (str_hex_u64((struct str){host.p + i, 1}, &n) || str_has(STR(":."), host.p[i]));
		port = port.n ? str_from(port, 1) : STR("443");
	} else {
		if (str_has(s, ':'))
			str_cut_last(s, ':', &host, &port);
		good = is_host_name(host);
	}
	return good && str_u64(port, &n) && n >= 1 && n <= UINT16_MAX;
}

static bool is_path(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && !str_has(STR("/._~-"), s.p[i]))
			return false;
	return true;
}

static enum rc store_url(const struct value *v, struct err *err)
{
	struct str url = v->text, scheme = STR("https"), host, path, rest;
	struct str kept;

	if (str_starts(url, STR("https://")))
		url = str_from(url, 8);
	else if (str_starts(url, STR("http://"))) {
		scheme = STR("http");
		url = str_from(url, 7);
	}
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	str_cut(url, '/', &host, &path);
	/* people copy the API's address */
	if (str_eq(path, STR("v2")) || str_starts(path, STR("v2/")))
		str_cut(path, '/', &rest, &path);
	if (url.n > VALUE_MAX_BYTES || !is_authority(host) || !is_path(path))
		return fail(err, E_USAGE,
		    "\"%.*s\" is not the address of a registry: write https://host, https://host:port or "
		    "https://host/prefix, without user, ? or #",
		    STR_ARG(str_first(v->text, 100)));
	if (namespace_is_docker_hub(host)) { /* its other names are not its API's */
		scheme = STR("https");
		host = STR("registry-1.docker.io");
	}
	kept = arena_printf(
	    v->arena, "%.*s://%.*s%s%.*s", STR_ARG(scheme), STR_ARG(host), path.n ? "/" : "", STR_ARG(path));
	return keep_text(v, kept, err);
}

/* ---- numbers and choices ---- */

static enum rc store_bool(const struct value *v, struct err *err)
{
	bool yes = str_eq(v->text, STR("true"));

	if (!yes && !str_eq(v->text, STR("false")))
		return fail(
		    err, E_USAGE, "\"%.*s\" is not a boolean: write true or false", STR_ARG(str_first(v->text, 40)));
	memcpy(v->member, &yes, sizeof(yes));
	return OK;
}

static void put_bool(const struct attribute_type *type, const void *member, struct buf *out)
{
	bool yes;

	(void)type;
	memcpy(&yes, member, sizeof(yes));
	buf_addz(out, yes ? "true" : "false");
}

static enum rc store_choice(const struct value *v, struct err *err)
{
	struct str rest = str_of(v->type->choices), word;

	for (unsigned i = 0; list_next(&rest, &word); i++)
		if (str_eq(word, v->text)) {
			memcpy(v->member, &i, sizeof(i));
			return OK;
		}
	return fail(err, E_USAGE, "\"%.*s\" is not allowed: choose one of %s", STR_ARG(str_first(v->text, 40)),
	    v->type->choices);
}

_Static_assert(sizeof(enum redeploy) == sizeof(unsigned) && sizeof(enum listener_kind) == sizeof(unsigned),
    "choices are stored as unsigned");

static void put_choice(const struct attribute_type *type, const void *member, struct buf *out)
{
	struct str rest = str_of(type->choices), word = STR_NONE;
	unsigned choice;

	memcpy(&choice, member, sizeof(choice));
	for (unsigned i = 0; i <= choice; i++)
		list_next(&rest, &word);
	buf_add(out, word);
}

static enum rc store_port(const struct value *v, struct err *err)
{
	uint64_t n;
	uint16_t port;

	if (!str_u64(v->text, &n) || n > UINT16_MAX)
		return fail(err, E_USAGE, "\"%.*s\" is not a port: write a number from 1 to 65535",
		    STR_ARG(str_first(v->text, 40)));
	port = (uint16_t)n;
	memcpy(v->member, &port, sizeof(port));
	return OK;
}

static void put_port(const struct attribute_type *type, const void *member, struct buf *out)
{
	uint16_t port;

	(void)type;
	memcpy(&port, member, sizeof(port));
	buf_addf(out, "%u", port);
}

static enum rc store_quantity(const struct value *v, enum units units, uint64_t max, struct err *err)
{
	struct buf limit = BUF_INIT(64);
	struct err why;
	uint64_t n;

	if (units_parse(v->text, units, &n, &why))
		return fail(err, E_USAGE, "%s", why.text);
	if (n > max) {
		units_put(&limit, units, max);
		enum rc rc =
		    fail(err, E_USAGE, "%.*s is too much: use at most %s", STR_ARG(str_first(v->text, 40)), limit.p);

		buf_release(&limit);
		return rc;
	}
	memcpy(v->member, &n, sizeof(n));
	return OK;
}

static void put_quantity(enum units units, const void *member, struct buf *out)
{
	uint64_t n;

	memcpy(&n, member, sizeof(n));
	units_put(out, units, n);
}

static enum rc store_bytes(const struct value *v, struct err *err)
{
	return store_quantity(v, UNITS_BYTES, INT64_MAX, err);
}

static void put_bytes(const struct attribute_type *type, const void *member, struct buf *out)
{
	(void)type;
	put_quantity(UNITS_BYTES, member, out);
}

static enum rc store_seconds(const struct value *v, struct err *err)
{
	return store_quantity(v, UNITS_SECONDS, SECONDS_MAX, err);
}

static void put_seconds(const struct attribute_type *type, const void *member, struct buf *out)
{
	(void)type;
	put_quantity(UNITS_SECONDS, member, out);
}

/* Never: the most that there is. */
static enum rc store_age(const struct value *v, struct err *err)
{
	uint64_t never = SECONDS_MAX;

	if (!str_eq(v->text, STR("never")))
		return store_seconds(v, err);
	memcpy(v->member, &never, sizeof(never));
	return OK;
}

static void put_age(const struct attribute_type *type, const void *member, struct buf *out)
{
	uint64_t n;

	memcpy(&n, member, sizeof(n));
	if (n == SECONDS_MAX)
		buf_addz(out, "never");
	else
		put_seconds(type, member, out);
}

static enum rc store_milliseconds(const struct value *v, struct err *err)
{
	return store_quantity(v, UNITS_MILLISECONDS, MILLISECONDS_MAX, err);
}

static void put_milliseconds(const struct attribute_type *type, const void *member, struct buf *out)
{
	(void)type;
	put_quantity(UNITS_MILLISECONDS, member, out);
}

static const struct {
	const char *name;
	store_fn *store;
	put_fn *put;
} TYPES[] = {
    {"text", store_text, put_text},
    {"list", store_list, put_text},
    {"host", store_host, put_text},
    {"url", store_url, put_text},
    {"certificates", store_certificates, put_text},
    {"path", store_path, put_text},
    {"bool", store_bool, put_bool},
    {"choice", store_choice, put_choice},
    {"port", store_port, put_port},
    {"bytes", store_bytes, put_bytes},
    {"seconds", store_seconds, put_seconds},
    {"age", store_age, put_age},
    {"milliseconds", store_milliseconds, put_milliseconds},
};

static size_t type_index(const struct attribute_type *type)
{
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(*TYPES); i++)
		if (strcmp(TYPES[i].name, type->type) == 0)
			return i;
	bug("attribute %s has no type %s", type->name, type->type);
}

enum rc value_store(
    struct namespace *ns, const struct attribute_type *type, struct str text, struct arena *a, struct err *err)
{
	struct value v = {.type = type, .text = str_trim(text), .member = (char *)ns + type->offset, .arena = a};

	return TYPES[type_index(type)].store(&v, err);
}

void namespace_attribute_text(const struct namespace *ns, const struct attribute_type *type, struct buf *out)
{
	TYPES[type_index(type)].put(type, (const char *)ns + type->offset, out);
}
