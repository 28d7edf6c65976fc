/*
 * throttle: failed logins cost the caller time, and nobody else for long (why so: DECISIONS.md, "Three counts of failed
 * logins"). Counts are halved every ten minutes, and kept per
 *   pair     (account, address): waits from 1 s to 60 s after 10 failures; cleared by a success
 *   address  over all accounts: after 30 failures an account is heard from there in its turn only, 8 s of every 64 s
 *   account  over all addresses: after 100 failures an address is heard in its turn only, of the same length
 * A refused try is not counted. An address is a network of network.h. Bounded: SETS sets of WAYS counters, found by a
 * keyed hash, so that collisions cannot be aimed at somebody; the smallest count of a set gives way.
 *
 * Beside the counts it remembers where an account succeeded, for who is heard first when many wait. All places of an
 * account lie in one set, so that nobody by logging in makes those of others be forgotten.
 */
#include <cove/base/clock.h>
#include <cove/base/network.h>
#include <cove/base/random.h>
#include <pthread.h>
#include "private.h"

enum {
	WAYS = 8,
	SETS = 512,
	HALF_LIFE_MS = 10 * 60 * 1000,
	PAIR_FREE = 10,
	ADDRESS_FREE = 30,
	ACCOUNT_FREE = 100,
	WAIT_MAX_S = 60,
	TURN_MS = 8 * 1000,
	TURNS = 8,
	ID_SIZE = 16,
};

struct counter {
	uint8_t id[ID_SIZE];
	int64_t halved_at_ms;
	int64_t blocked_until_ms;
	uint32_t failures; /* 0: empty */
};

struct success {
	uint8_t id[ID_SIZE]; /* of the pair */
	int64_t at_ms;       /* 0: empty */
};

struct throttle {
	pthread_mutex_t lock;
	uint8_t key[32];
	struct counter counters[SETS][WAYS];
	struct success successes[SETS][WAYS];
};

/* The three counters that a try falls on, as keyed hashes. */
struct ids {
	uint8_t pair[HMAC_SHA256_SIZE], address[HMAC_SHA256_SIZE], account[HMAC_SHA256_SIZE];
};

struct throttle *throttle_new(void)
{
	struct throttle *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	random_bytes(t->key, sizeof(t->key));
	return t;
}

void throttle_free(struct throttle *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void hash_id(const struct throttle *t, char kind, struct str account, struct str network, uint8_t out[static 32])
{
	char message[1 + USER_NAME_MAX + 2 + 64];
	size_t n = 0;

	/* longer names than users can have are cut: they share a counter, which only slows their inventor down */
	account = str_first(account, USER_NAME_MAX + 1);
	message[n++] = kind;
	message[n++] = (char)account.n;
	if (account.n)
		memcpy(message + n, account.p, account.n);
	n += account.n;
	if (network.n)
		memcpy(message + n, network.p, network.n);
	n += network.n;
	hmac_sha256(out, (struct str){(const char *)t->key, sizeof(t->key)}, (struct str){message, n});
}

static void find_ids(const struct throttle *t, struct str account, struct str peer, struct ids *out)
{
	struct network from = network_of(peer);
	struct str network = {(const char *)&from, sizeof(from)};

	hash_id(t, 'p', account, network, out->pair);
	hash_id(t, 'n', STR_NONE, network, out->address);
	hash_id(t, 'a', account, STR_NONE, out->account);
}

/* The counter of that id, brought up to date, or NULL. */
static struct counter *find(struct throttle *t, const uint8_t id[static ID_SIZE], int64_t now)
{
	struct counter *set = t->counters[((unsigned)id[0] | (unsigned)id[1] << 8) % SETS];

	for (int i = 0; i < WAYS; i++) {
		struct counter *c = &set[i];
		int64_t halvings;

		if (!c->failures || memcmp(c->id, id, ID_SIZE) != 0)
			continue;
		halvings = (now - c->halved_at_ms) / HALF_LIFE_MS;
		if (halvings > 0) {
			c->failures = halvings > 31 ? 0 : c->failures >> halvings;
			c->halved_at_ms += halvings * HALF_LIFE_MS;
		}
		return c->failures ? c : NULL;
	}
	return NULL;
}

static struct counter *find_or_make(struct throttle *t, const uint8_t id[static ID_SIZE], int64_t now)
{
	struct counter *c = find(t, id, now);
	struct counter *set = t->counters[((unsigned)id[0] | (unsigned)id[1] << 8) % SETS];

	if (c)
		return c;
	c = &set[0];
	for (int i = 1; i < WAYS; i++)
		if (set[i].failures < c->failures)
			c = &set[i];
	*c = (struct counter){.halved_at_ms = now};
	memcpy(c->id, id, ID_SIZE);
	return c;
}

static struct counter *count_failure(struct throttle *t, const uint8_t id[static ID_SIZE], int64_t now)
{
	struct counter *c = find_or_make(t, id, now);

	if (c->failures < UINT32_MAX)
		c->failures++;
	return c;
}

static void block(struct counter *pair, int64_t now)
{
	int64_t wait_s = WAIT_MAX_S;

	if (pair->failures < PAIR_FREE)
		return;
	if (pair->failures - PAIR_FREE < 6)
		wait_s = (int64_t)1 << (pair->failures - PAIR_FREE);
	pair->blocked_until_ms = now + wait_s * 1000;
}

static int64_t blocked_for_ms(struct throttle *t, const uint8_t id[static ID_SIZE], int64_t now)
{
	struct counter *c = find(t, id, now);

	return c && c->blocked_until_ms > now ? c->blocked_until_ms - now : 0;
}

/* How long until the turn of this account at this address, when one of the two is under attack. */
static int64_t until_turn_ms(struct throttle *t, const struct ids *ids, int64_t now)
{
	struct counter *account = find(t, ids->account, now), *address = find(t, ids->address, now);
	bool attacked =
	    (account && account->failures >= ACCOUNT_FREE) || (address && address->failures >= ADDRESS_FREE);
	int64_t turn = now / TURN_MS;

	if (!attacked || turn % TURNS == ids->pair[ID_SIZE] % TURNS)
		return 0;
	return (turn + (ids->pair[ID_SIZE] % TURNS - turn % TURNS + TURNS) % TURNS) * TURN_MS - now;
}

enum rc throttle_check(struct throttle *t, struct str account, struct str peer, struct err *err)
{
	int64_t now = clock_mono_ms(), wait[2], longest = 0;
	struct ids ids;

	find_ids(t, account, peer, &ids);
	pthread_mutex_lock(&t->lock);
	wait[0] = blocked_for_ms(t, ids.pair, now);
	wait[1] = until_turn_ms(t, &ids, now);
	pthread_mutex_unlock(&t->lock);
	for (int i = 0; i < 2; i++)
		longest = wait[i] > longest ? wait[i] : longest;
	if (longest == 0)
		return OK;
	longest = (longest + 999) / 1000;
	fail(err, E_THROTTLED, "too many failed logins: try again in %lld seconds", (long long)longest);
	if (err)
		err->retry_after_s = (unsigned)longest;
	return E_THROTTLED;
}

void throttle_failed(struct throttle *t, struct str account, struct str peer)
{
	int64_t now = clock_mono_ms();
	struct ids ids;

	find_ids(t, account, peer, &ids);
	pthread_mutex_lock(&t->lock);
	block(count_failure(t, ids.pair, now), now);
	count_failure(t, ids.address, now);
	count_failure(t, ids.account, now);
	pthread_mutex_unlock(&t->lock);
}

/* Of that pair; else the oldest of its account's set, when one is wanted. */
static struct success *find_success(struct throttle *t, const struct ids *ids, bool make)
{
	struct success *set = t->successes[((unsigned)ids->account[0] | (unsigned)ids->account[1] << 8) % SETS];
	struct success *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].at_ms && memcmp(set[i].id, ids->pair, ID_SIZE) == 0)
			return &set[i];
		if (set[i].at_ms < oldest->at_ms)
			oldest = &set[i];
	}
	return make ? oldest : NULL;
}

void throttle_succeeded(struct throttle *t, struct str account, struct str peer)
{
	int64_t now = clock_mono_ms();
	struct success *success;
	struct counter *c;
	struct ids ids;

	find_ids(t, account, peer, &ids);
	pthread_mutex_lock(&t->lock);
	c = find(t, ids.pair, now);
	if (c)
		c->failures = 0;
	success = find_success(t, &ids, true);
	memcpy(success->id, ids.pair, ID_SIZE);
	success->at_ms = now;
	pthread_mutex_unlock(&t->lock);
}

bool throttle_was_right(struct throttle *t, struct str account, struct str peer)
{
	struct ids ids;
	bool was;

	find_ids(t, account, peer, &ids);
	pthread_mutex_lock(&t->lock);
	was = find_success(t, &ids, false);
	pthread_mutex_unlock(&t->lock);
	return was;
}
