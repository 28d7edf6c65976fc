/*
 * verified: passwords that Argon2 found right less than five minutes ago, so that Basic on every request does not cost
 * an Argon2 each (docs/clients.md, Tokens 6). An entry is HMAC-SHA256 under a key that is random per process and never
 * leaves it, over (user, generation, password): it holds no password, is worth nothing outside the process, and a
 * change of the generation leaves it unreachable. Bounded: SETS sets of WAYS entries; the oldest of a set gives way.
 */
#include <cove/base/clock.h>
#include <cove/base/random.h>
#include <pthread.h>
#include "private.h"

enum { WAYS = 4, SETS = VERIFIED_MAX / WAYS };

struct entry {
	uint8_t mac[HMAC_SHA256_SIZE];
	int64_t until_ms; /* monotonic; 0: empty */
};

struct verified {
	pthread_mutex_t lock;
	uint8_t key[32];
	struct entry entries[SETS][WAYS];
};

struct verified *verified_new(void)
{
	struct verified *v = xcalloc(1, sizeof(*v));

	pthread_mutex_init(&v->lock, NULL);
	random_bytes(v->key, sizeof(v->key));
	return v;
}

void verified_free(struct verified *v)
{
	if (!v)
		return;
	pthread_mutex_destroy(&v->lock);
	wipe(v, sizeof(*v));
	free(v);
}

static struct entry *find_set(
    struct verified *v, int64_t user_id, int64_t generation, const struct secret *password, uint8_t mac[static 32])
{
	uint8_t message[2 * sizeof(int64_t) + SECRET_MAX];

	memcpy(message, &user_id, sizeof(user_id));
	memcpy(message + sizeof(user_id), &generation, sizeof(generation));
	memcpy(message + 2 * sizeof(int64_t), password->p, password->n);
	hmac_sha256(mac, (struct str){(const char *)v->key, sizeof(v->key)},
	    (struct str){(const char *)message, 2 * sizeof(int64_t) + password->n});
	wipe(message, sizeof(message));
	return v->entries[((unsigned)mac[0] | (unsigned)mac[1] << 8) % SETS];
}

bool verified_has(struct verified *v, int64_t user_id, int64_t generation, const struct secret *password)
{
	uint8_t mac[HMAC_SHA256_SIZE];
	struct entry *set = find_set(v, user_id, generation, password, mac);
	int64_t now = clock_mono_ms();
	bool found = false;

	pthread_mutex_lock(&v->lock);
	for (int i = 0; i < WAYS; i++)
		found |= set[i].until_ms > now && bytes_eq(set[i].mac, mac, sizeof(mac));
	pthread_mutex_unlock(&v->lock);
	return found;
}

void verified_add(struct verified *v, int64_t user_id, int64_t generation, const struct secret *password)
{
	uint8_t mac[HMAC_SHA256_SIZE];
	struct entry *set = find_set(v, user_id, generation, password, mac);
	struct entry *victim = &set[0];

	pthread_mutex_lock(&v->lock);
	for (int i = 0; i < WAYS; i++) {
		if (bytes_eq(set[i].mac, mac, sizeof(mac))) {
			victim = &set[i];
			break;
		}
		if (set[i].until_ms < victim->until_ms)
			victim = &set[i];
	}
	memcpy(victim->mac, mac, sizeof(mac));
	victim->until_ms = clock_mono_ms() + VERIFIED_LIFE_MS;
	pthread_mutex_unlock(&v->lock);
}
