/* transfer: from a request to curl's options, and from curl's answers to the caller's events and sentences. */
#include "transfer.h"
#include <cove/base/clock.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	QUEUE_MS = 30000,
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

static void enter(struct transfer *t, enum stage stage, int64_t for_ms)
{
	t->stage = stage;
	t->due_ms = clock_mono_ms() + for_ms;
}

/* The host and port of an address, for sentences: without a user and password that may be in it. */
static void host_of(struct str url, char *out, size_t size)
{
	struct str scheme, rest, host, path, user;

	str_cut(url, ':', &scheme, &rest);
	rest = str_from(rest, str_starts(rest, STR("//")) ? 2 : 0);
	str_cut(rest, '/', &host, &path);
	str_cut(host, '?', &host, &path);
	if (str_has(host, '@'))
		str_cut_last(host, '@', &user, &host);
	snprintf(out, size, "%.*s", STR_ARG(str_first(host, size - 1)));
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

/* RFC 9110 §10.2.3; dates in the three forms of §5.6.7 */
int64_t client_retry_after(const struct client_head *head, int64_t now_s)
{
	struct str value, date;
	uint64_t seconds;
	int64_t at;

	if (!client_field(head, "Retry-After", &value))
		return 0;
	if (str_u64(str_trim(value), &seconds))
		return seconds < INT32_MAX ? (int64_t)seconds : INT32_MAX;
	at = curl_getdate(value.p, NULL);
	if (client_field(head, "Date", &date) && curl_getdate(date.p, NULL) >= 0)
		now_s = curl_getdate(date.p, NULL);
	return at > now_s && at - now_s < INT32_MAX ? at - now_s : 0;
}

static void say_too_long(struct transfer *t)
{
	t->rc = fail(&t->err, E_UPSTREAM_ANSWER, "%s sent more than the %llu bytes that are allowed", t->host,
	    (unsigned long long)t->body_max);
}

/* As a client resolves it (RFC 9110 §10.2.2); NULL: it is no redirect, or leads nowhere. curl_free() it. */
static char *location_of(const struct client_head *head)
{
	struct str location;
	char *out = NULL;
	CURLU *url;

	if (head->status / 100 != 3 || head->status == 304 || !client_field(head, "Location", &location))
		return NULL;
	url = curl_url();
	if (!url)
		return NULL;
	/* both are strings of curl's, which end in a NUL */
	if (curl_url_set(url, CURLUPART_URL, head->url.p, 0) ||
	    curl_url_set(url, CURLUPART_URL, location.p, CURLU_URLENCODE) ||
	    curl_url_set(url, CURLUPART_USER, NULL, 0) || curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) ||
	    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) || curl_url_get(url, CURLUPART_URL, &out, 0))
		out = NULL;
	curl_url_cleanup(url);
	return out;
}

void transfer_say_head(struct transfer *t)
{
	struct client_head head = {.fields = t->easy};
	char *location = NULL;
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
	if (t->shows_redirects)
		location = location_of(&head);
	head.location = str_of(location);
	if (t->body_max && !t->is_head && head.length > t->body_max)
		say_too_long(t);
	else if (t->events.head)
		t->rc = t->events.head(t->ctx, &head, &t->err);
	curl_free(location);
}

/* Where the request is about to go: the peer, unless that is a proxy of the owner's. */
static enum nearness nearness_of_peer(struct transfer *t, const char *peer)
{
	char *address = NULL, *host = NULL;
	enum nearness near;
	long by_proxy = 0;
	CURLU *url;

	curl_easy_getinfo(t->easy, CURLINFO_USED_PROXY, &by_proxy);
	if (!by_proxy)
		return nearness_of_text(peer);
	curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &address);
	url = curl_url();
	if (url && address && !curl_url_set(url, CURLUPART_URL, address, 0))
		(void)curl_url_get(url, CURLUPART_HOST, &host, 0);
	near = host ? nearness_of_text(host) : NEAR_NOT;
	curl_free(host);
	curl_url_cleanup(url);
	return near;
}

/* The connection is there: the request goes out. Once more for each redirect. */
static int on_request(void *ctx, char *peer, char *own, int peer_port, int own_port)
{
	struct transfer *t = ctx;
	enum nearness near = nearness_of_peer(t, peer);
	char *scheme = NULL;
	bool is_https;

	(void)own;
	(void)peer_port;
	(void)own_port;
	curl_easy_getinfo(t->easy, CURLINFO_SCHEME, &scheme);
	is_https = str_eqi(str_of(scheme), STR("https"));
	if (t->was_https && !is_https) {
		t->rc = fail(&t->err, E_UPSTREAM_ANSWER,
		    "%s redirects from https to http, which cove refuses: anyone on the network path could read and "
		    "change the content",
		    t->host);
		return CURL_PREREQFUNC_ABORT;
	}
	/* also over a connection that somebody else has opened */
	if (t->is_led && !nearness_allows(t->led_from, near)) {
		t->rc = near_refuse(t);
		return CURL_PREREQFUNC_ABORT;
	}
	t->was_https |= is_https;
	if (t->events.connected)
		t->events.connected(t->ctx, near);
	enter(t, STAGE_ASKED, t->head_ms);
	return CURL_PREREQFUNC_OK;
}

/* By lines; the empty one ends a head: of the answer, or of a redirect or 1xx before it. */
static size_t on_header(char *p, size_t one, size_t n, void *ctx)
{
	n *= one;
	if (str_eq((struct str){p, n}, STR("\r\n")) || str_eq((struct str){p, n}, STR("\n")))
		enter(ctx, STAGE_ANSWERED, ((struct transfer *)ctx)->stall_ms);
	return n;
}

static size_t on_body(char *p, size_t one, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	n *= one;
	transfer_say_head(t);
	if (t->rc)
		return CURL_WRITEFUNC_ERROR;
	t->body_bytes += n;
	if (t->body_max && t->body_bytes > t->body_max)
		say_too_long(t);
	else if (t->events.body)
		t->rc = t->events.body(t->ctx, p, n, &t->err);
	enter(t, STAGE_ANSWERED, t->stall_ms); /* from now on: what the event took is not the peer's delay */
	return t->rc ? CURL_WRITEFUNC_ERROR : n;
}

/* ---- the request ---- */

static char *copy(struct str s, size_t *n)
{
	*n = s.n;
	return s.n ? xstrdup(s) : NULL;
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
	/* a POST carries credentials: nobody but its addressee gets them, and it is never sent twice */
	curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, r->method == CLIENT_POST || r->shows_redirects ? 0L : 1L);
	curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, (long)t->redirects_max);
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

	curl_easy_setopt(e, CURLOPT_URL, url);
	free(url);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->fields);
	curl_easy_setopt(e, CURLOPT_USERAGENT, c->user_agent);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)t->connect_ms);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, near_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	ca_set(t, c->ca, r->ca_pem);
	set_method(t, r);
}

struct transfer *transfer_new(
    struct client *c, const struct client_request *r, const struct client_events *events, void *ctx)
{
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->events = *events;
	t->ctx = ctx;
	t->body_max = r->body_max;
	t->is_head = r->method == CLIENT_HEAD;
	t->is_bulk = r->bulk;
	t->shows_redirects = r->shows_redirects;
	t->is_led = r->is_led;
	t->led_from = r->led_from;
	t->redirects_max = r->redirects_max ? r->redirects_max : REDIRECTS;
	t->queue_ms = r->queue_ms ? r->queue_ms : QUEUE_MS;
	t->connect_ms = r->connect_ms ? r->connect_ms : CONNECT_MS;
	t->head_ms = r->head_ms ? r->head_ms : HEAD_MS;
	t->stall_ms = r->stall_ms ? r->stall_ms : STALL_MS;
	enter(t, STAGE_DELAYED, r->delay_ms);
	t->authorization = copy(r->authorization, &t->authorization_n);
	t->body = copy(r->body, &t->body_n);
	host_of(r->url, t->host, sizeof(t->host));
	t->easy = curl_easy_init();
	if (!t->easy || !add_fields(t, r->fields) || !add_authorization(t)) {
		t->rc = fail(&t->err, E_BUSY, "no memory for a request to %s", t->host);
		return t;
	}
	if (!str_starts(r->url, STR("https://")) && !str_starts(r->url, STR("http://")))
		t->rc = fail(&t->err, E_UPSTREAM_ANSWER, "the URL of %s is neither http nor https", t->host);
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
	free(t->ca_pem);
	ca_extra_free(t->ca_extra);
	free(t);
}

/* ---- the end ---- */

static const struct cause {
	CURLcode code;
	const char *text;
	bool has_detail; /* curl knows more than that */
} causes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "its name cannot be resolved", false},
    {CURLE_COULDNT_RESOLVE_PROXY, "the name of the proxy (HTTPS_PROXY or HTTP_PROXY) cannot be resolved", true},
    {CURLE_PROXY, "the proxy (HTTPS_PROXY or HTTP_PROXY) refuses", true},
    {CURLE_COULDNT_CONNECT, "it does not accept the connection", false},
    {CURLE_OPERATION_TIMEDOUT, "it does not answer in time", false},
    {CURLE_SSL_CONNECT_ERROR, "TLS fails", true},
    {CURLE_SEND_ERROR, "it dropped the connection", false},
    {CURLE_RECV_ERROR, "it dropped the connection", false},
    {CURLE_GOT_NOTHING, "it dropped the connection", false},
    {CURLE_PARTIAL_FILE, "it dropped the connection", false},
    {CURLE_OUT_OF_MEMORY, "out of memory", false},
};

/* By the text of mbedTLS, which alone tells them apart. */
static const char *certificate_cause(const char *text)
{
	static const struct {
		const char *text, *cause;
	} rows[] = {
	    {"not correctly signed",
		"its certificate is not trusted: if its CA is not public, set it as `ca` of the namespace"},
	    {"does not match", "its certificate is for another name"},
	    {"has expired", "its certificate has expired, or the clock of this machine is wrong"},
	    {"in the future", "its certificate is not valid yet, or the clock of this machine is wrong"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strstr(text, rows[i].text))
			return rows[i].cause;
	return "its certificate is not accepted";
}

/* curl's text may hold bytes of the peer and line ends. */
static void clean(char *text)
{
	size_t n = 0;

	for (const char *p = text; *p; p++)
		if (*p > ' ' && *p < 0x7f)
			text[n++] = *p;
		else if (n && text[n - 1] != ' ')
			text[n++] = ' ';
	while (n && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
}

/* The host that failed: "name", or "cdn (where name redirects to)". */
static void culprit(struct transfer *t, char *out, size_t size)
{
	char last[sizeof(t->host)] = "", *url = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
	host_of(str_of(url), last, sizeof(last));
	if (last[0] && !str_eqi(str_of(last), str_of(t->host)))
		snprintf(out, size, "%s (where %s redirects to)", last, t->host);
	else
		snprintf(out, size, "%s", t->host);
}

static struct cause cause_of(const struct transfer *t, CURLcode code)
{
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return (struct cause){code, certificate_cause(t->error), true};
	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++)
		if (causes[i].code == code)
			return causes[i];
	return (struct cause){code, NULL, true};
}

void transfer_judge(struct transfer *t, CURLcode code)
{
	struct cause cause;
	char who[300];

	if (t->rc || code == CURLE_OK)
		return;
	clean(t->error);
	culprit(t, who, sizeof(who));
	cause = cause_of(t, code);
	if (t->is_too_near && code == CURLE_COULDNT_CONNECT)
		t->rc = near_refuse(t);
	else if (code == CURLE_TOO_MANY_REDIRECTS)
		t->rc = fail(&t->err, E_UPSTREAM_ANSWER, "%s redirects more than %u times", t->host, t->redirects_max);
	else if (!cause.text)
		t->rc = fail(&t->err, E_UPSTREAM_ANSWER, "%s does not follow the protocol: %s", who,
		    t->error[0] ? t->error : curl_easy_strerror(code));
	else if (t->head_said)
		t->rc = fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s dropped the connection after %llu bytes", who,
		    (unsigned long long)t->body_bytes);
	else if (cause.has_detail && t->error[0])
		t->rc =
		    fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s cannot be reached: %s (%s)", who, cause.text, t->error);
	else
		t->rc = fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s cannot be reached: %s", who, cause.text);
}

/* ---- deadlines ---- */

void transfer_queue(struct transfer *t, int64_t now_ms)
{
	t->stage = STAGE_QUEUED;
	t->due_ms = now_ms + t->queue_ms;
}

void transfer_begun(struct transfer *t, int64_t now_ms)
{
	t->in_multi = true;
	t->stage = STAGE_CONNECTING;
	t->due_ms = now_ms + t->connect_ms + t->head_ms; /* curl's own deadline comes before */
}

int64_t transfer_check(struct transfer *t, int64_t now_ms)
{
	char who[300];

	if (t->rc || t->stage == STAGE_DELAYED || now_ms < t->due_ms)
		return t->due_ms;
	culprit(t, who, sizeof(who));
	if (t->stage == STAGE_QUEUED)
		t->rc =
		    fail(&t->err, E_BUSY, "too many requests to %s are in progress: try again in a moment", t->host);
	else if (t->stage == STAGE_CONNECTING || t->stage == STAGE_ASKED)
		t->rc = fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s cannot be reached: it does not answer in time", who);
	else
		t->rc = fail(&t->err, E_UPSTREAM_UNREACHABLE, "%s stopped sending: no data for %lld s after %llu bytes",
		    who, (long long)(t->stall_ms / 1000), (unsigned long long)t->body_bytes);
	return now_ms;
}
