/*
 * token_cache: the claims of verified tokens by the SHA-256 of the token. What it answers is only that the signature
 * was right: times, audience and the user are judged by the caller each time. Bounded: SETS sets of WAYS entries of at
 * most TOKEN_CACHE_SCOPE_MAX bytes and an audience; the one that expires first gives way.
 */
#include <pthread.h>
#include "token_private.h"

enum { WAYS = 4, SETS = TOKEN_CACHE_MAX / WAYS, AUDIENCE_MAX = 255 };

struct entry {
	uint8_t id[32];
	struct claims claims; /* its strings point into text */
	char *text;           /* owned; NULL: empty */
};

struct token_cache {
	pthread_mutex_t lock;
	struct entry entries[SETS][WAYS];
};

struct token_cache *token_cache_new(void)
{
	struct token_cache *cache = xcalloc(1, sizeof(*cache));

	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void token_cache_free(struct token_cache *cache)
{
	if (!cache)
		return;
	for (int set = 0; set < SETS; set++)
		for (int way = 0; way < WAYS; way++)
			free(cache->entries[set][way].text);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct entry *set_of(struct token_cache *cache, const struct digest *token)
{
	return cache->entries[token->bytes[0] % SETS];
}

static struct entry *find(struct entry *set, const struct digest *token)
{
	for (int i = 0; i < WAYS; i++)
		if (set[i].text && memcmp(set[i].id, token->bytes, sizeof(set[i].id)) == 0)
			return &set[i];
	return NULL;
}

bool token_cache_get(struct token_cache *cache, const struct digest *token, struct arena *a, struct claims *out)
{
	struct entry *e;

	pthread_mutex_lock(&cache->lock);
	e = find(set_of(cache, token), token);
	if (e) {
		*out = e->claims;
		out->audience = arena_str(a, e->claims.audience);
		out->scope = arena_str(a, e->claims.scope);
	}
	pthread_mutex_unlock(&cache->lock);
	return e && !a->failed;
}

void token_cache_put(struct token_cache *cache, const struct digest *token, const struct claims *claims)
{
	struct entry *set = set_of(cache, token), *e;
	size_t audience_n = claims->audience.n, scope_n = claims->scope.n;
	char *text, *old;

	if (audience_n > AUDIENCE_MAX || scope_n > TOKEN_CACHE_SCOPE_MAX)
		return;
	text = xcalloc(1, audience_n + scope_n + 1);
	memcpy(text, claims->audience.p, audience_n);
	memcpy(text + audience_n, scope_n ? claims->scope.p : "", scope_n);

	pthread_mutex_lock(&cache->lock);
	e = find(set, token);
	if (!e) {
		e = &set[0];
		for (int i = 0; i < WAYS && e->text; i++)
			if (!set[i].text || set[i].claims.expires_at < e->claims.expires_at)
				e = &set[i];
	}
	old = e->text;
	memcpy(e->id, token->bytes, sizeof(e->id));
	e->text = text;
	e->claims = *claims;
	e->claims.audience = (struct str){text, audience_n};
	e->claims.scope = (struct str){text + audience_n, scope_n};
	pthread_mutex_unlock(&cache->lock);
	free(old);
}
