/*
 * keys: the keys of issuers that can be asked, kept in memory. Found by OpenID Connect Discovery 1.0 §4 unless the
 * issuer says where they are. One fetch per issuer at a time, and KEYS_TRY_MS between the end of one and the next: a
 * token with an invented kid makes no load, and who waited for a fetch never waits for a second one. Old keys are used
 * while new ones are fetched, so that CI goes on when a provider does not.
 */
#include "private.h"
#include <cove/client/client.h>
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <pthread.h>
#include <stdlib.h>

struct waiter {
	struct waiter *next;
	struct oidc_wake wake;
};

struct fetch;

/* What is known of an issuer. */
struct entry {
	int64_t issuer_id; /* 0: empty */
	struct jwk_set set;
	int64_t fetched_ms, tried_ms;
	bool was_tried, failed;
	struct fetch *fetch; /* under way */
	struct waiter *waiters;
	size_t waiter_count;
};

struct key_cache {
	struct client *client;
	pthread_mutex_t lock; /* of all that follows; client_start() is called under it, events never are */
	pthread_cond_t idle;
	size_t running; /* fetches */
	bool closing;
	struct entry entries[ISSUERS_MAX];
};

/* One or two requests: discovery and keys, or keys only. Owned by the client's events. */
struct fetch {
	struct key_cache *cache;
	size_t at;        /* of the entry */
	bool discovering; /* the first of two */
	char *issuer, *url, *ca_pem;
	struct buf body;
	int64_t until_ms; /* all of it; clients wait so long */
	int status;
	client_id id; /* under the lock */
};

static void fetch_free(struct fetch *f)
{
	free(f->issuer);
	free(f->url);
	free(f->ca_pem);
	buf_release(&f->body);
	free(f);
}

/* ---- a fetch ---- */

static enum rc on_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct fetch *f = ctx;

	f->status = head->status;
	return head->status == 200 ? OK
				   : fail(err, E_UPSTREAM_ANSWER, "%s answered with status %d", f->url, head->status);
}

static enum rc on_body(void *ctx, const void *p, size_t n, struct err *err)
{
	struct fetch *f = ctx;

	if (clock_mono_ms() >= f->until_ms)
		return fail(err, E_UPSTREAM_ANSWER, "%s answers too slowly", f->url);
	buf_add(&f->body, (struct str){p, n});
	return buf_ok(&f->body) ? OK : fail(err, E_UPSTREAM_ANSWER, "%s sent an answer that is too long", f->url);
}

static void on_done(void *ctx, enum rc rc, const struct err *why);

/* Under the lock. */
static void request(struct fetch *f)
{
	static const struct client_events events = {.head = on_head, .body = on_body, .done = on_done};
	int64_t left_ms = f->until_ms - clock_mono_ms();
	int64_t half_ms = left_ms > 2 ? left_ms / 2 : 1;

	f->id = client_start(f->cache->client,
	    &(struct client_request){.url = str_of(f->url),
		.ca_pem = str_of(f->ca_pem),
		.body_max = JWK_SET_MAX,
		.connect_ms = half_ms,
		.head_ms = half_ms,
		.stall_ms = KEYS_STALL_MS},
	    &events, f);
}

/* The document must be that of this very issuer (OpenID Connect Discovery §4.3). */
static enum rc read_discovery(struct fetch *f, struct err *err)
{
	struct json *json = NULL;
	struct str url;
	enum rc rc = E_UPSTREAM_ANSWER;

	if (json_parse(buf_str(&f->body), &json, NULL) != OK) {
		fail(err, rc, "%s is not JSON", f->url);
	} else if (!str_eq(json_string(json_member(json, "issuer")), str_of(f->issuer))) {
		fail(err, rc, "%s belongs to another issuer than %s", f->url, f->issuer);
	} else {
		url = json_string(json_member(json, "jwks_uri"));
		rc = str_starts(url, STR("https://")) && url.n <= URL_MAX
			 ? OK
			 : fail(err, rc, "%s does not contain a jwks_uri with https", f->url);
		if (!rc) {
			free(f->url);
			f->url = xstrdup(url);
		}
	}
	json_free(json);
	return rc;
}

static void wake_all(struct waiter *w)
{
	while (w) {
		struct waiter *next = w->next;

		w->wake.fn(w->wake.ctx);
		free(w);
		w = next;
	}
}

/* The end: the entry gets the keys, or why there are none, and who waits is woken. */
static void finish(struct fetch *f, enum rc rc, struct jwk_set *set, const struct err *why)
{
	struct key_cache *cache = f->cache;
	struct entry *e = &cache->entries[f->at];
	struct waiter *waiters;

	if (rc)
		log_warn("oidc.keys", "issuer=%s error=%s", log_quote(str_of(f->issuer)), log_quote(str_of(why->text)));
	else
		log_info("oidc.keys", "issuer=%s keys=%zu", log_quote(str_of(f->issuer)), set->count);
	pthread_mutex_lock(&cache->lock);
	e->tried_ms = clock_mono_ms();
	e->failed = rc != OK;
	if (!rc) {
		jwk_set_release(&e->set);
		e->set = *set;
		e->fetched_ms = clock_mono_ms();
	}
	waiters = e->waiters;
	e->waiters = NULL;
	e->waiter_count = 0;
	e->fetch = NULL;
	pthread_mutex_unlock(&cache->lock);
	wake_all(waiters);
	fetch_free(f);
	pthread_mutex_lock(&cache->lock);
	cache->running--;
	pthread_cond_broadcast(&cache->idle);
	pthread_mutex_unlock(&cache->lock);
}

static void on_done(void *ctx, enum rc rc, const struct err *why)
{
	struct jwk_set set = {.count = 0};
	struct fetch *f = ctx;
	struct err err = {.rc = OK};
	bool again = false;

	if (rc)
		err = *why;
	else if (f->discovering)
		rc = read_discovery(f, &err);
	else
		rc = jwk_set_parse(buf_str(&f->body), &set, &err);
	if (!rc && f->discovering) {
		f->discovering = false;
		buf_reset(&f->body);
		pthread_mutex_lock(&f->cache->lock);
		again = !f->cache->closing;
		if (again)
			request(f);
		pthread_mutex_unlock(&f->cache->lock);
		if (again)
			return;
		rc = fail_rc(&err, E_SHUTTING_DOWN);
	}
	finish(f, rc, &set, &err);
}

/* Under the lock. */
static void start(struct key_cache *cache, size_t at, const struct issuer_info *issuer, int64_t now)
{
	struct entry *e = &cache->entries[at];
	struct fetch *f = xcalloc(1, sizeof(*f));
	struct buf url = BUF_INIT(URL_MAX + 64);
	struct str base = issuer->url;

	if (issuer->jwks_url.n) {
		buf_add(&url, issuer->jwks_url);
	} else {
		if (str_ends(base, STR("/"))) /* §4: a terminating slash is removed */
			base.n--;
		buf_add(&url, base);
		buf_addz(&url, "/.well-known/openid-configuration");
	}
	*f = (struct fetch){
	    .cache = cache,
	    .at = at,
	    .discovering = !issuer->jwks_url.n,
	    .issuer = xstrdup(issuer->url),
	    .url = xstrdup(buf_str(&url)),
	    .ca_pem = xstrdup(issuer->ca_pem),
	    .body = BUF_INIT(JWK_SET_MAX),
	    .until_ms = now + KEYS_FETCH_MS,
	};
	buf_release(&url);
	e->fetch = f;
	e->was_tried = true;
	cache->running++;
	request(f);
}

/* ---- the cache ---- */

struct key_cache *key_cache_new(struct client *client)
{
	struct key_cache *cache = xcalloc(1, sizeof(*cache));

	cache->client = client;
	pthread_mutex_init(&cache->lock, NULL);
	pthread_cond_init(&cache->idle, NULL);
	return cache;
}

void key_cache_free(struct key_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	cache->closing = true;
	for (size_t i = 0; i < ISSUERS_MAX; i++)
		if (cache->entries[i].fetch)
			client_cancel(cache->client, cache->entries[i].fetch->id);
	while (cache->running)
		pthread_cond_wait(&cache->idle, &cache->lock);
	pthread_mutex_unlock(&cache->lock);
	for (size_t i = 0; i < ISSUERS_MAX; i++)
		jwk_set_release(&cache->entries[i].set);
	pthread_cond_destroy(&cache->idle);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* The entry of that issuer; else one that is empty, or that was not tried for longest: its issuer is gone, as there are
 * as many entries as issuers. Under the lock. */
static struct entry *entry_of(struct key_cache *cache, int64_t issuer_id)
{
	struct entry *best = NULL;

	for (size_t i = 0; i < ISSUERS_MAX; i++) {
		struct entry *e = &cache->entries[i];

		if (e->issuer_id == issuer_id)
			return e;
		if (e->fetch || (best && !best->issuer_id))
			continue;
		if (!best || !e->issuer_id || e->tried_ms < best->tried_ms)
			best = e;
	}
	if (best) {
		jwk_set_release(&best->set);
		*best = (struct entry){.issuer_id = issuer_id};
	}
	return best;
}

static enum rc wait_for(struct entry *e, struct oidc_wake wake, struct err *err)
{
	struct waiter *w;

	if (e->waiter_count == KEYS_WAITERS_MAX)
		return fail_rc(err, E_BUSY);
	w = xcalloc(1, sizeof(*w));
	*w = (struct waiter){e->waiters, wake};
	e->waiters = w;
	e->waiter_count++;
	return fail_rc(err, E_WANT_WAKE);
}

/* The token may be anybody's invention: what is set up here is not told. finish() has logged why. */
static enum rc no_key(const struct entry *e, struct err *err)
{
	if (e->failed)
		return fail(err, E_UPSTREAM_UNREACHABLE,
		    "the keys of the token's issuer cannot be fetched now: the registry's log says why");
	return fail(err, E_BAD_PASSWORD, "the token names a key that its issuer does not have");
}

enum rc key_cache_find(struct key_cache *cache, const struct issuer_info *issuer, const struct jws *token,
    struct oidc_wake wake, struct jwk *out, struct err *err)
{
	int64_t now = clock_mono_ms();
	const struct jwk *key = NULL;
	bool may_try;
	struct entry *e;
	enum rc rc = OK;

	if (!cache->client)
		return fail(err, E_UPSTREAM_UNREACHABLE, "this process cannot fetch the keys of issuers");
	pthread_mutex_lock(&cache->lock);
	e = cache->closing ? NULL : entry_of(cache, issuer->id);
	if (e) {
		may_try = !e->fetch && (!e->was_tried || now - e->tried_ms >= KEYS_TRY_MS);
		if (e->set.count && now - e->fetched_ms < KEYS_STALE_MS)
			key = jws_key(token, &e->set);
		if (may_try && (!key || now - e->fetched_ms >= KEYS_FRESH_MS))
			start(cache, (size_t)(e - cache->entries), issuer, now);
		if (key)
			*out = *key;
		else
			rc = e->fetch ? wait_for(e, wake, err) : no_key(e, err);
	}
	pthread_mutex_unlock(&cache->lock);
	return e ? rc : fail_rc(err, E_BUSY);
}
