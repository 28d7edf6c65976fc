/* token_private: access tokens that were verified a moment ago, so that Ed25519 and JSON do not run on each request. */
#pragma once
#include <cove/auth/access_token.h>
#include <cove/crypto/digest.h>

#define TOKEN_CACHE_MAX 512
#define TOKEN_CACHE_SCOPE_MAX 2048 /* bytes; tokens with more are verified each time */

/* What a token says. The strings are borrowed. */
struct claims {
	int64_t user_id, key_id, generation, not_before, expires_at;
	struct str audience;
	struct str scope; /* as scope_add() writes it */
};

/* Any thread; one lock, never held while anything else is called. */
struct token_cache;
struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache *cache);
/* Found: *out is filled, with its strings in the arena. The arena being full counts as not found. */
bool token_cache_get(struct token_cache *cache, const struct digest *token, struct arena *a, struct claims *out);
void token_cache_put(struct token_cache *cache, const struct digest *token, const struct claims *claims);
