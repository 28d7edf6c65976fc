/* verified: exactly the password that was right, for five minutes, within bounds. */
#include "fixture.h"
#include <pthread.h>

static int setup(void **state)
{
	crypto_start();
	clock_pin(NOW, MONO_MS);
	*state = verified_new();
	return 0;
}

static int teardown(void **state)
{
	verified_free(*state);
	clock_pin(-1, -1);
	return 0;
}

static bool has(struct verified *v, int64_t user, int64_t generation, const char *password)
{
	struct secret s = secret_of(password);

	return verified_has(v, &(struct tried){.user_id = user, .generation = generation, .password = &s});
}

static void add(struct verified *v, int64_t user, int64_t generation, const char *password)
{
	struct secret s = secret_of(password);

	verified_add(v, &(struct tried){.user_id = user, .generation = generation, .password = &s});
}

static void only_the_very_same(void **state)
{
	static const struct {
		int64_t user, generation;
		const char *password;
		bool has;
	} rows[] = {
	    {7, 1, "correct horse", true},
	    {8, 1, "correct horse", false},
	    {7, 2, "correct horse", false},
	    {1, 7, "correct horse", false},
	    {7, 1, "correct hors", false},
	    {7, 1, "correct horse ", false},
	    {7, 1, "", false},
	};

	assert_false(has(*state, 7, 1, "correct horse"));
	add(*state, 7, 1, "correct horse");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(has(*state, rows[i].user, rows[i].generation, rows[i].password), rows[i].has);
}

static void five_minutes(void **state)
{
	add(*state, 7, 1, "correct horse");
	clock_pin(NOW, MONO_MS + VERIFIED_LIFE_MS - 1);
	assert_true(has(*state, 7, 1, "correct horse"));
	clock_pin(NOW, MONO_MS + VERIFIED_LIFE_MS);
	assert_false(has(*state, 7, 1, "correct horse"));
	add(*state, 7, 1, "correct horse");
	assert_true(has(*state, 7, 1, "correct horse"));
}

static void newest_stay(void **state)
{
	int kept = 0;

	for (int i = 0; i < 5000; i++) {
		clock_pin(NOW, MONO_MS + i);
		add(*state, i, 1, "correct horse");
		assert_true(has(*state, i, 1, "correct horse"));
	}
	for (int i = 0; i < 5000; i++)
		kept += has(*state, i, 1, "correct horse");
	assert_true(kept <= VERIFIED_MAX);
	assert_true(kept > VERIFIED_MAX / 2);
}

static void the_longest_password(void **state)
{
	char text[SECRET_MAX + 1];

	memset(text, 'p', SECRET_MAX);
	text[SECRET_MAX] = '\0';
	add(*state, 7, 1, text);
	assert_true(has(*state, 7, 1, text));
	text[SECRET_MAX - 1] = 'q';
	assert_false(has(*state, 7, 1, text));
}

static void *hammer(void *v)
{
	for (int i = 0; i < 2000; i++) {
		add(v, i % 20, 1, "correct horse");
		has(v, i % 30, 1, "correct horse");
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t ids[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, hammer, *state), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(ids[i], NULL);
	assert_true(has(*state, 19, 1, "correct horse"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(only_the_very_same),
	    T(five_minutes),
	    T(newest_stay),
	    T(the_longest_password),
	    T(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
