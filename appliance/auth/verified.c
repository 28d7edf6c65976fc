/*
 * verified: passwords on which Argon2 gave its verdict less than five minutes ago, so that Basic on every request does
 * not cost an Argon2 each (docs/clients.md, Tokens 6). An entry is HMAC-SHA256 under a key that is random per process
 * and never leaves it, over all of struct tried: it holds no password, is worth nothing outside the process, and a
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

#define WHO_MAX 64

static size_t put(char *to, struct str s)
{
	s = str_first(s, WHO_MAX);
	to[0] = (char)s.n;
	if (s.n)
		memcpy(to + 1, s.p, s.n);
	return 1 + s.n;
}

static struct entry *find_set(struct verified *v, const struct tried *t, uint8_t mac[static 32])
{
	char message[2 * sizeof(int64_t) + 2 * (1 + WHO_MAX) + SECRET_MAX];
	size_t n = 2 * sizeof(int64_t);

	memcpy(message, &t->user_id, sizeof(int64_t));
	memcpy(message + sizeof(int64_t), &t->generation, sizeof(int64_t));
	n += put(message + n, t->user);
	n += put(message + n, t->peer);
	memcpy(message + n, t->password->p, t->password->n);
	n += t->password->n;
	hmac_sha256(mac, (struct str){(const char *)v->key, sizeof(v->key)}, (struct str){message, n});
	wipe(message, sizeof(message));
	return v->entries[((unsigned)mac[0] | (unsigned)mac[1] << 8) % SETS];
}

bool verified_has(struct verified *v, const struct tried *tried)
{
	uint8_t mac[HMAC_SHA256_SIZE];
	struct entry *set = find_set(v, tried, mac);
	int64_t now = clock_mono_ms();
	bool found = false;

	pthread_mutex_lock(&v->lock);
	for (int i = 0; i < WAYS; i++)
		found |= set[i].until_ms > now && bytes_eq(set[i].mac, mac, sizeof(mac));
	pthread_mutex_unlock(&v->lock);
	return found;
}

bool verified_add(struct verified *v, const struct tried *tried)
{
	uint8_t mac[HMAC_SHA256_SIZE];
	struct entry *set = find_set(v, tried, mac);
	struct entry *victim = &set[0];
	int64_t now = clock_mono_ms();
	bool is_new = true;

	pthread_mutex_lock(&v->lock);
	for (int i = 0; i < WAYS; i++) {
		if (bytes_eq(set[i].mac, mac, sizeof(mac))) {
			victim = &set[i];
			is_new = victim->until_ms <= now;
			break;
		}
		if (set[i].until_ms < victim->until_ms)
			victim = &set[i];
	}
	memcpy(victim->mac, mac, sizeof(mac));
	victim->until_ms = now + VERIFIED_LIFE_MS;
	pthread_mutex_unlock(&v->lock);
	return is_new;
}
