/* transfer: from a request to curl's options, and from curl's answers to the caller's events and sentences. */
#include "transfer.h"
#include <cove/clock.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CONNECT_MS = 10000,
	HEAD_MS = 30000,
	STALL_MS = 30000,
	REDIRECTS = 5,
	RECEIVE_BYTES = 128 * 1024, /* handed over at once */
};

/* The library's own wiping is not linked here (crypto/ is a sibling); the compiler must not drop it. */
static void clear(char *p, size_t n)
{
	if (p)
		explicit_bzero(p, n);
}

/* ---- events ---- */

bool client_field_at(const struct client_head *head, const char *name, size_t index, struct str *value)
{
	struct curl_header *h;

	*value = STR_NONE;
	/* -1: of the last answer, behind all redirects */
	if (curl_easy_header((CURL *)(uintptr_t)head->fields, name, index, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return false;
	*value = str_of(h->value);
	return true;
}

bool client_field(const struct client_head *head, const char *name, struct str *value)
{
	struct str next;
	bool found = client_field_at(head, name, 0, value);

	for (size_t i = 1; found && client_field_at(head, name, i, &next); i++)
		*value = next;
	return found;
}

void transfer_say_head(struct transfer *t)
{
	struct client_head head = {.fields = t->easy};
	curl_off_t length = -1;
	char *url = NULL;
	long status = 0;

	if (t->head_said || t->rc)
		return;
	t->head_said = true;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
	head.status = (int)status;
	head.has_length = length >= 0;
	head.length = length >= 0 ? (uint64_t)length : 0;
	head.url = str_of(url);
	if (t->events.head)
		t->rc = t->events.head(t->ctx, &head, &t->err);
}

static size_t on_body(char *p, size_t one, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	n *= one;
	t->last_byte_ms = clock_mono_ms();
	transfer_say_head(t);
	if (t->rc)
		return CURL_WRITEFUNC_ERROR;
	t->body_bytes += n;
	if (t->body_max && t->body_bytes > t->body_max)
		t->rc = fail(&t->err, E_UPSTREAM_ANSWER, "%s sends more than the %llu bytes that are allowed here",
		    t->host, (unsigned long long)t->body_max);
	else if (t->events.body)
		t->rc = t->events.body(t->ctx, p, n, &t->err);
	return t->rc ? CURL_WRITEFUNC_ERROR : n;
}

/* ---- the request ---- */

static char *copy(struct str s, size_t *n)
{
	*n = s.n;
	return s.n ? xstrdup(s) : NULL;
}

static void find_host(struct transfer *t, struct str url)
{
	struct str scheme, rest, host, path;

	str_cut(url, ':', &scheme, &rest);
	rest = str_from(rest, str_starts(rest, STR("//")) ? 2 : 0);
	str_cut(rest, '/', &host, &path);
	snprintf(t->host, sizeof(t->host), "%.*s", STR_ARG(host));
}

static bool add_field(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->fields, line);

	if (more)
		t->fields = more;
	return more;
}

static bool add_fields(struct transfer *t, struct str fields)
{
	struct str line;
	bool ok = true;

	while (ok && fields.n) {
		char *z;

		str_cut(fields, '\n', &line, &fields);
		line.n -= str_ends(line, STR("\r"));
		if (!line.n)
			continue;
		z = xstrdup(line);
		ok = add_field(t, z);
		free(z);
	}
	/* curl would ask for 100-continue before longer bodies, which some registries do not know */
	return ok && add_field(t, "Expect:");
}

/* curl drops an Authorization of ours by itself when a redirect leads to another scheme, host or port. */
static bool add_authorization(struct transfer *t)
{
	size_t room = t->authorization_n + 32;
	char *line;
	bool ok;

	if (!t->authorization)
		return true;
	line = xcalloc(1, room);
	snprintf(line, room, "Authorization: %s", t->authorization);
	ok = add_field(t, line);
	clear(line, room);
	free(line);
	return ok;
}

static void set_method(struct transfer *t, const struct client_request *r)
{
	char range[32];

	if (r->method == CLIENT_HEAD)
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	if (r->method == CLIENT_POST) {
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_n);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body ? t->body : "");
	}
	if (r->from) {
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)r->from);
		curl_easy_setopt(t->easy, CURLOPT_RANGE, range);
	}
}

static void set_options(struct client *c, struct transfer *t, const struct client_request *r)
{
	CURL *e = t->easy;
	char *url = xstrdup(r->url);
	bool is_https = str_starts(r->url, STR("https://"));

	curl_easy_setopt(e, CURLOPT_URL, url);
	free(url);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	/* from https never down to plain text */
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(e, CURLOPT_MAXREDIRS, r->redirects_max ? (long)r->redirects_max : (long)REDIRECTS);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->fields);
	curl_easy_setopt(e, CURLOPT_USERAGENT, c->user_agent);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, r->connect_ms ? (long)r->connect_ms : (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	trust_set(c, e, r->ca_pem);
	set_method(t, r);
}

struct transfer *transfer_new(
    struct client *c, const struct client_request *r, const struct client_events *events, void *ctx)
{
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->events = *events;
	t->ctx = ctx;
	t->body_max = r->body_max;
	t->head_ms = r->head_ms ? r->head_ms : HEAD_MS;
	t->stall_ms = r->stall_ms ? r->stall_ms : STALL_MS;
	t->start_at_ms = clock_mono_ms() + r->delay_ms;
	t->authorization = copy(r->authorization, &t->authorization_n);
	t->body = copy(r->body, &t->body_n);
	find_host(t, r->url);
	t->easy = curl_easy_init();
	if (!t->easy || !add_fields(t, r->fields) || !add_authorization(t)) {
		t->rc = fail(&t->err, E_BUSY, "no memory for a request to %s", t->host);
		return t;
	}
	if (!str_starts(r->url, STR("https://")) && !str_starts(r->url, STR("http://")))
		t->rc = fail(&t->err, E_UPSTREAM_ANSWER, "%.*s is not an http or https address",
		    STR_ARG(str_first(r->url, 200)));
	else
		set_options(c, t, r);
	return t;
}

void transfer_free(struct transfer *t)
{
	if (t->easy)
		curl_easy_cleanup(t->easy);
	for (struct curl_slist *f = t->fields; f; f = f->next)
		clear(f->data, strlen(f->data));
	curl_slist_free_all(t->fields);
	clear(t->authorization, t->authorization_n);
	clear(t->body, t->body_n);
	free(t->authorization);
	free(t->body);
	free(t);
}

/* ---- the end ---- */

static const char *cause(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return "its name is not found";
	case CURLE_COULDNT_CONNECT:
		return "it does not accept the connection";
	case CURLE_OPERATION_TIMEDOUT:
		return "it does not answer in time";
	case CURLE_PEER_FAILED_VERIFICATION:
		return "its certificate is not trusted: if its CA is not a public one, set it as `ca` of the namespace";
	case CURLE_SSL_CACERT_BADFILE:
		return "the file with the trusted CAs cannot be read";
	case CURLE_SSL_CONNECT_ERROR:
		return "TLS failed";
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
		return "it dropped the connection";
	default:
		return NULL;
	}
}

void transfer_judge(struct transfer *t, CURLcode code)
{
	const char *why = cause(code);

	if (t->rc || code == CURLE_OK)
		return;
	if (code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_UNSUPPORTED_PROTOCOL ||
	    code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_URL_MALFORMAT)
		t->rc = fail(
		    &t->err, E_UPSTREAM_ANSWER, "%s: %s", t->host, t->error[0] ? t->error : curl_easy_strerror(code));
	else
		t->rc = fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s cannot be reached: %s%s%s%s", t->host,
		    why ? why : curl_easy_strerror(code), t->error[0] ? " (" : "", t->error, t->error[0] ? ")" : "");
}

int64_t transfer_check(struct transfer *t, int64_t now_ms)
{
	int64_t due;

	if (t->rc)
		return now_ms;
	if (!t->in_multi)
		return t->start_at_ms;
	/* until the first byte of the body, which is when the head is said, the head's deadline holds */
	due = t->head_said ? t->last_byte_ms + t->stall_ms : t->head_by_ms;
	if (now_ms < due)
		return due;
	if (t->head_said)
		t->rc = fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s has stopped sending: nothing for %lld s", t->host,
		    (long long)(t->stall_ms / 1000));
	else
		t->rc =
		    fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s cannot be reached: it does not answer in time", t->host);
	return now_ms;
}
