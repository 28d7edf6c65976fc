/* token_cache: what was put in comes out as a copy, within bounds. */
#include "fixture.h"
#include "token_private.h"
#include <pthread.h>

static struct digest id_of(int n)
{
	struct digest d;

	digest_of(&d, DIGEST_SHA256, (struct str){(const char *)&n, sizeof(n)});
	return d;
}

static void put(struct token_cache *cache, int n, struct str scope)
{
	struct claims claims = {.user_id = n,
	    .key_id = 2,
	    .generation = 3,
	    .not_before = 4,
	    .expires_at = 5 + n,
	    .audience = STR("box"),
	    .scope = scope};
	struct digest id = id_of(n);

	token_cache_put(cache, &id, &claims);
}

static bool get(struct token_cache *cache, int n, struct arena *a, struct claims *out)
{
	struct digest id = id_of(n);

	return token_cache_get(cache, &id, a, out);
}

static void hands_out_copies(void **state)
{
	struct token_cache *cache = token_cache_new();
	struct claims claims;
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_false(get(cache, 1, &a, &claims));
	put(cache, 1, STR("repository:a:pull"));
	assert_true(get(cache, 1, &a, &claims));
	put(cache, 1, STR("repository:b:pull")); /* the old text is gone */
	assert_int_equal(claims.user_id, 1);
	assert_int_equal(claims.key_id, 2);
	assert_int_equal(claims.generation, 3);
	assert_int_equal(claims.not_before, 4);
	assert_int_equal(claims.expires_at, 6);
	assert_true(str_eq(claims.audience, STR("box")));
	assert_true(str_eq(claims.scope, STR("repository:a:pull")));
	assert_true(get(cache, 1, &a, &claims));
	assert_true(str_eq(claims.scope, STR("repository:b:pull")));
	assert_false(get(cache, 2, &a, &claims));
	put(cache, 3, STR_NONE);
	assert_true(get(cache, 3, &a, &claims));
	assert_int_equal(claims.scope.n, 0);
	token_cache_free(cache);
	assert_true(str_eq(claims.audience, STR("box")));
	arena_release(&a);
}

static void bounds(void **state)
{
	static char scope[TOKEN_CACHE_SCOPE_MAX + 1];
	struct token_cache *cache = token_cache_new();
	struct claims claims;
	struct arena a;
	int kept = 0;

	(void)state;
	arena_init(&a, 1 << 20);
	memset(scope, 'x', sizeof(scope));
	put(cache, 1, (struct str){scope, sizeof(scope)});
	assert_false(get(cache, 1, &a, &claims));
	put(cache, 1, (struct str){scope, sizeof(scope) - 1});
	assert_true(get(cache, 1, &a, &claims));
	for (int i = 0; i < 3000; i++) {
		put(cache, i, STR("s"));
		assert_true(get(cache, i, &a, &claims));
	}
	for (int i = 0; i < 3000; i++)
		kept += get(cache, i, &a, &claims);
	assert_true(kept <= TOKEN_CACHE_MAX);
	assert_true(kept > TOKEN_CACHE_MAX / 2);
	arena_release(&a);
	token_cache_free(cache);
}

static void a_full_arena_finds_nothing(void **state)
{
	struct token_cache *cache = token_cache_new();
	struct claims claims;
	struct arena a;

	(void)state;
	arena_init(&a, 1);
	put(cache, 1, STR("repository:a:pull"));
	assert_false(get(cache, 1, &a, &claims));
	arena_release(&a);
	token_cache_free(cache);
}

static void *hammer(void *cache)
{
	struct claims claims;
	struct arena a;

	arena_init(&a, 1 << 16);
	for (int i = 0; i < 3000; i++) {
		put(cache, i % 700, STR("repository:a:pull"));
		if (get(cache, (i * 7) % 700, &a, &claims) && !str_eq(claims.scope, STR("repository:a:pull")))
			abort();
		arena_reset(&a);
	}
	arena_release(&a);
	return NULL;
}

static void threads(void **state)
{
	struct token_cache *cache = token_cache_new();
	pthread_t ids[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, hammer, cache), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(ids[i], NULL);
	token_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hands_out_copies),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(a_full_arena_finds_nothing),
	    cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
