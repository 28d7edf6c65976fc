/*
 * ask: one request with the credentials that its upstream wants ("Token Authentication Specification";
 * docs/clients.md, Upstreams). A token that is known goes along at once; a 401 with a challenge that we can meet is met
 * once, and the request sent again. On the client's thread but for the first ask_start().
 */
#include "private.h"
#include <cove/client/challenge.h>
#include <cove/base/clock.h>
#include <cove/base/codec.h>
#include <cove/base/json.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	URL_MAX = 8192,
	TOKEN_MAX = 16384,
	TOKEN_LIFE_S = 60, /* "expires_in [...] If omitted, this defaults to 60 seconds" */
	TOKEN_RESERVE_S = 10,
	TOKEN_LIFE_MAX_S = 3600,
	BULK_QUEUE_MS = 10 * 60 * 1000, /* a slow line has much to bring before */
};

static void start(struct job *j);

/* ---- tokens that are known ---- */

static struct digest token_key(const struct job *j)
{
	struct hasher hasher;
	struct digest key;
	char head[64];
	int n = snprintf(head, sizeof(head), "%llx ", (unsigned long long)j->ns->version);

	hasher_init(&hasher, DIGEST_SHA256);
	hasher_add(&hasher, head, (size_t)n);
	hasher_add(&hasher, j->rest, strlen(j->rest));
	hasher_end(&hasher, &key);
	return key;
}

static void token_drop(struct token *t)
{
	if (t->text)
		wipe(t->text, strlen(t->text));
	free(t->text);
	t->text = NULL;
}

static bool token_find(struct job *j, struct buf *out)
{
	struct digest key = token_key(j);
	bool found = false;

	pthread_mutex_lock(&j->u->mutex);
	for (size_t i = 0; i < TOKENS_MAX && !found; i++) {
		struct token *t = &j->u->tokens[i];

		found = t->text && t->until_ms > clock_mono_ms() && digest_eq(&t->key, &key);
		if (found) {
			buf_addz(out, "Bearer ");
			buf_addz(out, t->text);
		}
	}
	pthread_mutex_unlock(&j->u->mutex);
	return found;
}

static void token_keep(struct job *j, struct str text, uint64_t life_s)
{
	struct token *to = &j->u->tokens[0];
	struct digest key = token_key(j);

	pthread_mutex_lock(&j->u->mutex);
	for (size_t i = 0; i < TOKENS_MAX; i++) {
		struct token *t = &j->u->tokens[i];

		if (t->text && digest_eq(&t->key, &key)) {
			to = t; /* the upstream does not take it any more */
			break;
		}
		if (t->until_ms < to->until_ms)
			to = t; /* the one that ends first */
	}
	token_drop(to);
	if (life_s > TOKEN_LIFE_MAX_S)
		life_s = TOKEN_LIFE_MAX_S;
	to->key = key;
	to->text = xstrdup(text);
	to->until_ms = clock_mono_ms() + (life_s > TOKEN_RESERVE_S ? (int64_t)(life_s - TOKEN_RESERVE_S) * 1000 : 1000);
	pthread_mutex_unlock(&j->u->mutex);
}

/* ---- credentials ---- */

static struct str host_of(struct str url)
{
	struct str scheme, host, rest;

	str_cut(url, ':', &scheme, &host);
	host = str_from(host, 2);
	str_cut(host, '/', &host, &rest);
	str_cut(host, '?', &host, &rest);
	if (!str_starts(host, STR("[")))
		str_cut(host, ':', &host, &rest);
	return host;
}

static bool is_below(struct str host, struct str domain)
{
	return host.n > domain.n && str_eqi(str_from(host, host.n - domain.n), domain) &&
	       host.p[host.n - domain.n - 1] == '.';
}

static bool is_downgrade(struct str upstream, struct str realm)
{
	return str_starts(upstream, STR("https://")) && !str_starts(realm, STR("https://"));
}

/*
 * May the password of this upstream be shown to that token service? The service is named by the upstream itself, but an
 * answer can be forged by whoever breaks into it: only the same host, or one of the same domain (registry-1.docker.io
 * and auth.docker.io), or the one that the owner has set. Never in plain text when the upstream is asked over TLS.
 */
static bool may_know_password(const struct namespace *ns, struct str realm)
{
	struct str ours = host_of(ns->upstream), theirs = host_of(realm), label, parent;

	if (is_downgrade(ns->upstream, realm))
		return false;
	if (str_eqi(ours, theirs) || is_below(theirs, ours) || (ns->token_host.n && str_eqi(ns->token_host, theirs)))
		return true;
	str_cut(ours, '.', &label, &parent);
	if (!str_has(parent, '.') || ascii_is_digit(parent.p[parent.n - 1]))
		return false; /* a top-level domain, or an address */
	return str_eqi(theirs, parent) || is_below(theirs, parent);
}

static enum rc basic_value(struct job *j, struct buf *out, struct err *err)
{
	struct secret password;
	struct buf pair = BUF_INIT(4096);

	TRY(namespace_password(j->u->namespaces, j->ns, &password, err));
	buf_add(&pair, j->ns->username);
	buf_addc(&pair, ':');
	buf_add(&pair, secret_str(&password));
	buf_addz(out, "Basic ");
	base64_encode(out, pair.p, pair.n);
	if (pair.p)
		wipe(pair.p, pair.n);
	buf_release(&pair);
	secret_wipe(&password);
	return buf_ok(out) ? OK : fail(err, E_BUSY, "the credentials of the upstream are too long");
}

/* ---- the token service ---- */

static enum rc token_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct job *j = ctx;

	(void)err;
	j->ask.token_status = head->status;
	return OK;
}

static enum rc token_body(void *ctx, const void *p, size_t n, struct err *err)
{
	struct job *j = ctx;

	buf_add(&j->ask.token_answer, (struct str){p, n});
	return buf_ok(&j->ask.token_answer) ? OK
					    : fail(err, E_UPSTREAM_ANSWER, "the token service's answer is too long");
}

/* Fit for a field's value (RFC 6750 §2.1). */
static bool is_visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static enum rc denied(const struct job *j, struct str host, struct err *err)
{
	const struct namespace *ns = j->ns;

	if (!ns->username.n)
		return fail(err, E_UPSTREAM_DENIED,
		    "the token service %.*s of the upstream gives nothing without credentials: set a username and a "
		    "password of the namespace %.*s",
		    STR_ARG(host), STR_ARG(ns->name));
	if (!may_know_password(ns, str_of(j->ask.token_url)))
		return fail(err, E_UPSTREAM_DENIED,
		    "the token service %.*s of the upstream was not given the password of the namespace %.*s, since it "
		    "is in another domain than %.*s: if it may have it, set token_host=%.*s",
		    STR_ARG(host), STR_ARG(ns->name), STR_ARG(ns->upstream), STR_ARG(host));
	return fail(err, E_UPSTREAM_DENIED,
	    "the token service %.*s of the upstream refuses the credentials of the namespace %.*s", STR_ARG(host),
	    STR_ARG(ns->name));
}

static enum rc take_token(struct job *j, struct err *err)
{
	struct json *doc;
	struct str text;
	uint64_t life_s = TOKEN_LIFE_S;
	struct str host = host_of(str_of(j->ask.token_url));

	if (j->ask.token_status == 401 || j->ask.token_status == 403)
		return denied(j, host, err);
	if (j->ask.token_status == 429)
		return fail(
		    err, E_UPSTREAM_LIMIT, "the token service %.*s of the upstream limits its requests", STR_ARG(host));
	if (j->ask.token_status != 200 || json_parse(buf_str(&j->ask.token_answer), &doc, NULL))
		return fail(err, E_UPSTREAM_ANSWER, "the token service %.*s of the upstream gives no token (status %d)",
		    STR_ARG(host), j->ask.token_status);
	text = json_string(json_member(doc, "token"));
	if (!text.n)
		text = json_string(json_member(doc, "access_token"));
	(void)json_u64(json_member(doc, "expires_in"), &life_s);
	if (text.n <= TOKEN_MAX && is_visible(text))
		token_keep(j, text, life_s);
	else
		text.n = 0;
	json_free(doc);
	return text.n ? OK
		      : fail(err, E_UPSTREAM_ANSWER, "the token service %.*s of the upstream gives no token",
			    STR_ARG(host));
}

static void token_done(void *ctx, enum rc rc, const struct err *failure)
{
	struct job *j = ctx;
	struct err err = {.rc = OK};

	if (rc)
		err = *failure;
	else
		rc = take_token(j, &err);
	if (j->ask.token_answer.p)
		wipe(j->ask.token_answer.p, j->ask.token_answer.n);
	buf_reset(&j->ask.token_answer);
	if (rc)
		j->ask.done(j, rc, &err);
	else
		start(j);
}

static void fetch_token(struct job *j)
{
	static const struct client_events events = {token_head, token_body, token_done};
	struct client_request request = {.url = str_of(j->ask.token_url), .ca_pem = j->ns->ca_pem};
	struct buf authorization = BUF_INIT(8192);
	struct err err;
	enum rc rc = OK;

	if (is_downgrade(j->ns->upstream, request.url))
		rc = fail(&err, E_UPSTREAM_ANSWER,
		    "%.*s names a token service that speaks plain HTTP, which is refused: anybody on the way could "
		    "read and change it",
		    STR_ARG(j->ns->upstream));
	else if (j->ns->username.n && may_know_password(j->ns, request.url))
		rc = basic_value(j, &authorization, &err);
	if (rc) {
		j->ask.done(j, rc, &err);
	} else {
		request.authorization = buf_str(&authorization);
		client_start(j->u->client, &request, &events, j);
	}
	if (authorization.p)
		wipe(authorization.p, authorization.n);
	buf_release(&authorization);
}

/* ---- the request ---- */

/* Can we meet one of the challenges? Bearer before Basic. */
static bool read_challenges(struct job *j, const struct client_head *head)
{
	struct buf url = BUF_INIT(URL_MAX);
	struct str path = namespace_upstream_path(j->ns);
	struct arena a;
	struct challenge c;
	struct str field;
	bool bearer = false;

	arena_init(&a, 65536);
	for (size_t i = 0; !bearer && client_field_at(head, "WWW-Authenticate", i, &field); i++) {
		j->ask.basic = j->ask.basic || (challenge_find(&a, field, STR("Basic"), &c) && j->ns->username.n);
		bearer = challenge_find(&a, field, STR("Bearer"), &c) && c.realm.n;
	}
	if (bearer) {
		buf_add(&url, c.realm);
		buf_addz(&url, str_has(c.realm, '?') ? "&scope=" : "?scope=");
		if (c.scope.n)
			percent_encode(&url, c.scope);
		else
			buf_addf(&url, "repository%%3A%.*s%s%s%%3Apull", STR_ARG(path), path.n ? "/" : "", j->rest);
		if (c.service.n) {
			buf_addz(&url, "&service=");
			percent_encode(&url, c.service);
		}
		free(j->ask.token_url);
		j->ask.token_url = buf_ok(&url) ? xstrdup(buf_str(&url)) : NULL;
		bearer = j->ask.token_url != NULL;
	}
	buf_release(&url);
	arena_release(&a);
	if (bearer)
		j->ask.basic = false;
	return bearer || j->ask.basic;
}

static enum rc on_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct job *j = ctx;

	j->status = head->status;
	if (head->status == 401 && !j->ask.authorized && read_challenges(j, head)) {
		j->ask.again = true;
		return OK;
	}
	health_read(j, head);
	return j->ask.head(j, head, err);
}

static enum rc on_body(void *ctx, const void *p, size_t n, struct err *err)
{
	struct job *j = ctx;

	return j->ask.again ? OK : j->ask.body(j, p, n, err);
}

static void on_done(void *ctx, enum rc rc, const struct err *err)
{
	struct job *j = ctx;

	if (!j->ask.again || rc) {
		j->ask.again = false;
		j->ask.done(j, rc, err);
		return;
	}
	j->ask.again = false;
	j->ask.authorized = true;
	if (j->ask.basic) {
		health_note_basic(j);
		start(j);
	} else {
		fetch_token(j);
	}
}

static void start(struct job *j)
{
	static const struct client_events events = {on_head, on_body, on_done};
	struct buf url = BUF_INIT(URL_MAX), fields = BUF_INIT(2048), authorization = BUF_INIT(TOKEN_MAX + 64);
	struct client_request request = {
	    .method = j->ask.method,
	    .ca_pem = j->ns->ca_pem,
	    .from = j->ask.from,
	    .body_max = j->ask.body_max,
	    .delay_ms = j->ask.delay_ms,
	    .bulk = j->kind == JOB_BLOB && j->ask.method == CLIENT_GET,
	};
	struct str path = namespace_upstream_path(j->ns);
	struct err err;
	enum rc rc = OK;

	request.queue_ms = request.bulk ? BULK_QUEUE_MS : 0;
	/* what the address has as its path is in ask_path() */
	buf_add(&url, str_first(j->ns->upstream, j->ns->upstream.n - path.n - (path.n > 0)));
	buf_addz(&url, j->ask.path);
	buf_addf(&fields, "Via: %s1.1 %s\r\n", j->via, j->u->pseudonym);
	if (j->ask.accept)
		buf_addf(&fields, "Accept: %s\r\n", j->ask.accept);
	if (j->ask.basic)
		rc = basic_value(j, &authorization, &err);
	else
		(void)token_find(j, &authorization);
	if (!rc && (!buf_ok(&url) || !buf_ok(&fields)))
		rc = fail(&err, E_NAME_INVALID, "the name is too long for the upstream");
	request.url = buf_str(&url);
	request.fields = buf_str(&fields);
	request.authorization = buf_str(&authorization);
	if (rc)
		j->ask.done(j, rc, &err);
	else
		client_start(j->u->client, &request, &events, j);
	if (authorization.p)
		wipe(authorization.p, authorization.n);
	buf_release(&authorization);
	buf_release(&fields);
	buf_release(&url);
}

void ask_start(struct job *j, enum client_method method, char *path, const char *accept)
{
	free(j->ask.path);
	j->ask.path = path;
	j->ask.method = method;
	j->ask.accept = accept;
	j->ask.from = 0;
	j->ask.delay_ms = 0;
	j->ask.authorized = false;
	j->ask.basic = health_wants_basic(j);
	if (path) {
		start(j);
	} else {
		struct err err;
		enum rc rc = fail_rc(&err, E_HTTP_URI_TOO_LONG);

		j->ask.done(j, rc, &err);
	}
}

void ask_again(struct job *j, uint64_t from, int64_t delay_ms)
{
	j->ask.from = from;
	j->ask.delay_ms = delay_ms;
	j->ask.authorized = false;
	j->ask.basic = health_wants_basic(j);
	start(j);
}

void ask_release(struct job *j)
{
	free(j->ask.path);
	free(j->ask.token_url);
	buf_release(&j->ask.token_answer);
}

char *ask_path(const struct job *j, const char *format, ...)
{
	struct str path = namespace_upstream_path(j->ns);
	struct buf b = BUF_INIT(URL_MAX);
	va_list ap;

	buf_addf(&b, "/v2/%.*s%s%s/", STR_ARG(path), path.n ? "/" : "", j->rest);
	va_start(ap, format);
	buf_vaddf(&b, format, ap);
	va_end(ap);
	if (buf_ok(&b))
		return b.p;
	buf_release(&b);
	return NULL;
}
