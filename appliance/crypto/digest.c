/* digest: SHA-2 by nettle, which takes SHA-NI or ARMv8 CE where the CPU has them, and the text form of digests. */
#include <cove/base/codec.h>
#include <cove/crypto/digest.h>
#include <cove/crypto/secret.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>

static const struct algorithm {
	struct str name;
	size_t size;
} algorithms[] = {
    [DIGEST_SHA256] = {{"sha256", 6}, SHA256_DIGEST_SIZE},
    [DIGEST_SHA512] = {{"sha512", 6}, SHA512_DIGEST_SIZE},
};

_Static_assert(sizeof(struct sha256_ctx) <= sizeof((struct hasher){0}.state), "struct hasher is too small");
_Static_assert(sizeof(struct sha512_ctx) <= sizeof((struct hasher){0}.state), "struct hasher is too small");

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].name.p;
}

size_t digest_size(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].size;
}

static bool find_algorithm(struct str name, enum digest_algorithm *out)
{
	for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (str_eq(name, algorithms[i].name)) {
			*out = (enum digest_algorithm)i;
			return true;
		}
	}
	return false;
}

enum rc digest_algorithm_parse(struct str s, enum digest_algorithm *out, struct err *err)
{
	if (!find_algorithm(s, out))
		return fail(err, E_DIGEST_INVALID, "the digest algorithm is not supported: use sha256 or sha512");
	return OK;
}

enum rc digest_parse(struct str s, struct digest *out, struct err *err)
{
	struct str name, hex;
	struct digest d = {0};

	if (!str_cut(s, ':', &name, &hex))
		return fail(err, E_DIGEST_INVALID, "the digest is not of the form <algorithm>:<hex>");
	TRY(digest_algorithm_parse(name, &d.algorithm, err));
	if (hex.n != 2 * digest_size(d.algorithm) || !hex_decode(d.bytes, digest_size(d.algorithm), hex))
		return fail(err, E_DIGEST_INVALID, "a %s digest must have %zu lower-case hexadecimal digits",
		    digest_algorithm_name(d.algorithm), 2 * digest_size(d.algorithm));
	*out = d;
	return OK;
}

void digest_text(char out[static DIGEST_TEXT_MAX], const struct digest *d)
{
	struct str name = algorithms[d->algorithm].name;

	memcpy(out, name.p, name.n);
	out[name.n] = ':';
	hex_encode(out + name.n + 1, d->bytes, digest_size(d->algorithm));
}

void digest_hex(char out[static 129], const struct digest *d)
{
	hex_encode(out, d->bytes, digest_size(d->algorithm));
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return a->algorithm == b->algorithm && memcmp(a->bytes, b->bytes, digest_size(a->algorithm)) == 0;
}

void digest_of(struct digest *out, enum digest_algorithm algorithm, struct str bytes)
{
	struct hasher h;

	hasher_init(&h, algorithm);
	hasher_add(&h, bytes.p, bytes.n);
	hasher_end(&h, out);
}

void hasher_init(struct hasher *h, enum digest_algorithm algorithm)
{
	h->algorithm = algorithm;
	if (algorithm == DIGEST_SHA256)
		sha256_init((void *)h->state);
	else
		sha512_init((void *)h->state);
}

void hasher_add(struct hasher *h, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (h->algorithm == DIGEST_SHA256)
		sha256_update((void *)h->state, n, p);
	else
		sha512_update((void *)h->state, n, p);
}

void hasher_end(struct hasher *h, struct digest *out)
{
	*out = (struct digest){.algorithm = h->algorithm};
	if (h->algorithm == DIGEST_SHA256)
		sha256_digest((void *)h->state, SHA256_DIGEST_SIZE, out->bytes);
	else
		sha512_digest((void *)h->state, SHA512_DIGEST_SIZE, out->bytes);
}

void hmac_sha256(uint8_t out[static HMAC_SHA256_SIZE], struct str key, struct str message)
{
	struct hmac_sha256_ctx c;

	hmac_sha256_set_key(&c, key.n, (const uint8_t *)(key.p ? key.p : ""));
	if (message.n)
		hmac_sha256_update(&c, message.n, (const uint8_t *)message.p);
	hmac_sha256_digest(&c, HMAC_SHA256_SIZE, out);
	wipe(&c, sizeof(c));
}
