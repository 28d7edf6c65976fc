/*
 * token: credentials for those who ask for them ("Token Authentication Specification"; docs/clients.md, Upstreams).
 * Most often that is the upstream; when it redirects to another registry (lscr.io to ghcr.io), it is that one. A token
 * goes back to the origin that asked for it and to nobody else; the namespace's password goes to nobody but the
 * upstream's own host, or a token service of its domain, or the one that the owner has named.
 */
#include "private.h"
#include <cove/base/clock.h>
#include <cove/base/codec.h>
#include <cove/base/json.h>
#include <cove/namespace/proxy.h>
#include <cove/client/challenge.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	URL_MAX = 4096,
	TOKEN_MAX = 16384,
	TOKEN_LIFE_S = 60, /* "expires_in [...] If omitted, this defaults to 60 seconds" */
	TOKEN_RESERVE_S = 10,
	TOKEN_LIFE_MAX_S = 3600,
};

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
	hasher_add(&hasher, " ", 1);
	hasher_add(&hasher, j->ask.origin, strlen(j->ask.origin));
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

void token_find(struct job *j, struct buf *out)
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

/* Of an origin: "https://[::1]:443". */
static struct str host_of(const char *origin)
{
	struct str scheme, rest, host, port;

	str_cut(str_of(origin), ':', &scheme, &rest);
	str_cut_last(str_from(rest, 2), ':', &host, &port);
	return host;
}

static bool is_below(struct str host, struct str domain)
{
	return host.n > domain.n && str_eqi(str_from(host, host.n - domain.n), domain) &&
	       host.p[host.n - domain.n - 1] == '.';
}

bool is_downgrade(const char *from, const char *to)
{
	return str_starts(str_of(from), STR("https:")) && !str_starts(str_of(to), STR("https:"));
}

/*
 * May the password of this upstream be shown to that token service, or be used for a token that the asker gets? They
 * are named by the upstream itself, but an answer can be forged by whoever breaks into it: only the same host, or one
 * of the same domain (registry-1.docker.io and auth.docker.io), or the one that the owner has set. Never in plain text
 * when the upstream is asked over TLS.
 */
static bool may_know_password(const struct namespace *ns, const char *origin)
{
	char own[ORIGIN_MAX];
	struct str ours, theirs = host_of(origin), label, parent;

	if (!client_origin(ns->upstream, own) || is_downgrade(own, origin))
		return false;
	ours = host_of(own);
	if (str_eqi(ours, theirs) || is_below(theirs, ours) || (ns->token_host.n && str_eqi(ns->token_host, theirs)))
		return true;
	str_cut(ours, '.', &label, &parent);
	if (!str_has(parent, '.') || ascii_is_digit(parent.p[parent.n - 1]))
		return false; /* a top-level domain, or an address */
	return str_eqi(theirs, parent) || is_below(theirs, parent);
}

/* Itself, and not by way of a token. */
static bool may_get_password(const struct job *j)
{
	char own[ORIGIN_MAX];

	return j->ns->username.n && client_origin(j->ns->upstream, own) && !is_downgrade(own, j->ask.origin) &&
	       str_eqi(host_of(own), host_of(j->ask.origin));
}

enum rc basic_value(struct job *j, struct buf *out, struct err *err)
{
	struct secret password;
	struct buf pair = BUF_INIT(AUTHORIZATION_MAX);

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
	return buf_ok(out) ? OK : fail(err, E_BUSY, "the user name and password of the upstream are too long");
}

/* ---- the token service ---- */

static enum rc token_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct job *j = ctx;

	(void)err;
	j->ask.token_status = head->status;
	health_read(j, head);
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

static bool token_gets_password(const struct job *j)
{
	return j->ns->username.n && may_know_password(j->ns, j->ask.origin) &&
	       may_know_password(j->ns, j->ask.token_origin);
}

static enum rc denied(const struct job *j, struct str host, struct err *err)
{
	const struct namespace *ns = j->ns;

	if (!j->ask.is_own && !token_gets_password(j))
		return fail(err, E_UPSTREAM_DENIED,
		    "%.*s redirects to %s, whose token service requires credentials: create a proxy of %s, with a user "
		    "name and a password of that registry",
		    STR_ARG(ns->upstream), j->ask.origin, j->ask.origin);
	if (!ns->username.n)
		return fail(err, E_UPSTREAM_DENIED,
		    "the upstream's token service %.*s requires credentials: set a username and a password for the "
		    "namespace %.*s",
		    STR_ARG(host), STR_ARG(ns->name));
	if (!token_gets_password(j))
		return fail(err, E_UPSTREAM_DENIED,
		    "cove did not send the password to the upstream's token service %.*s (namespace %.*s), because it "
		    "is in another domain than %.*s: if it may receive the password, set token_host=%.*s",
		    STR_ARG(host), STR_ARG(ns->name), STR_ARG(ns->upstream), STR_ARG(host));
	return fail(err, E_UPSTREAM_DENIED,
	    "the upstream's token service %.*s refuses the credentials of the namespace %.*s", STR_ARG(host),
	    STR_ARG(ns->name));
}

static enum rc take_token(struct job *j, struct err *err)
{
	struct json *doc;
	struct str text;
	uint64_t life_s = TOKEN_LIFE_S;
	struct str host = host_of(j->ask.token_origin);

	if (j->ask.token_status == 401 || j->ask.token_status == 403)
		return denied(j, host, err);
	if (j->ask.token_status == 429)
		return fail(err, E_UPSTREAM_LIMIT,
		    "the upstream's token service %.*s limits requests (429): try again later", STR_ARG(host));
	if (j->ask.token_status != 200 || json_parse(buf_str(&j->ask.token_answer), &doc, NULL))
		return fail(err, E_UPSTREAM_ANSWER, "the upstream's token service %.*s issues no token (status %d)",
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
	return text.n
		   ? OK
		   : fail(err, E_UPSTREAM_ANSWER, "the upstream's token service %.*s issues no token", STR_ARG(host));
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
		ask_send(j);
}

void token_fetch(struct job *j)
{
	static const struct client_events events = {token_head, token_body, token_done, NULL};
	struct client_request request = {
	    .url = str_of(j->ask.token_url), .ca_pem = j->ns->ca_pem, .is_led = true, .led_from = j->ask.near};
	struct buf authorization = BUF_INIT(AUTHORIZATION_MAX);
	struct err err;
	enum rc rc = OK;

	if (is_downgrade(j->ask.origin, j->ask.token_origin))
		rc = fail(&err, E_UPSTREAM_ANSWER,
		    "%s names a token service with plain HTTP, which cove refuses: anyone on the network path could "
		    "read and change the token",
		    j->ask.origin);
	else if (token_gets_password(j))
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

/* ---- what is asked for ---- */

/* Where a token for it comes from. What the upstream itself does not say, its own repositories tell. */
static bool take_realm(struct job *j, const struct challenge *c)
{
	struct str path = namespace_upstream_path(j->ns);
	struct buf url = BUF_INIT(URL_MAX);
	bool ok;

	buf_add(&url, c->realm);
	buf_addz(&url, str_has(c->realm, '?') ? "&scope=" : "?scope=");
	if (c->scope.n || !j->ask.is_own)
		percent_encode(&url, c->scope);
	else
		buf_addf(&url, "repository%%3A%.*s%s%s%%3Apull", STR_ARG(path), path.n ? "/" : "", j->rest);
	if (c->service.n) {
		buf_addz(&url, "&service=");
		percent_encode(&url, c->service);
	}
	free(j->ask.token_url);
	j->ask.token_url = NULL;
	ok = buf_ok(&url) && client_origin(buf_str(&url), j->ask.token_origin);
	if (ok)
		j->ask.token_url = xstrdup(buf_str(&url));
	buf_release(&url);
	return ok;
}

bool token_can_meet(struct job *j, const struct client_head *head)
{
	struct arena a;
	struct challenge c;
	struct str field;
	bool bearer = false;

	arena_init(&a, 65536);
	for (size_t i = 0; !bearer && client_field_at(head, "WWW-Authenticate", i, &field); i++) {
		j->ask.basic = j->ask.basic || (challenge_find(&a, field, STR("Basic"), &c) && may_get_password(j));
		bearer = challenge_find(&a, field, STR("Bearer"), &c) && c.realm.n && take_realm(j, &c);
	}
	arena_release(&a);
	if (bearer)
		j->ask.basic = false;
	return bearer || j->ask.basic;
}
