/*
 * crypto_speed: what the hooks of crypto/ gain over mbedTLS's own code on this CPU, and the public key work of one TLS
 * handshake. Prints the median of ROUNDS rounds by the process's CPU time; a difference below 1.4x means nothing on a
 * shared machine. Not a test: nothing is asserted. `cmake --build --preset ... --target crypto_speed`.
 */
#include "accel/stock.h"
#include "mbedtls/chachapoly.h"
#include "mbedtls/ecdsa.h"
#include "mbedtls/gcm.h"
#include "mbedtls/sha256.h"
#include <cove/crypto/cpu.h>
#include <cove/crypto/digest.h>
#include <cove/crypto/jwt.h>
#include <cove/crypto/password.h>
#include <cove/base/random.h>
#include <cove/crypto/secret.h>

#define ROUNDS 7
#define ROUND_NS 60000000
#define RECORD 16384 /* a full TLS record */

static uint8_t data[RECORD + 16], key[32], iv[12], ad[13], tag[16];
static mbedtls_gcm_context gcm128, gcm256;
static struct stock_gcm *stock128, *stock256;
static mbedtls_chachapoly_context chacha;
static struct stock_chachapoly *stock_chacha;
static mbedtls_ecp_group p256, curve25519;
static mbedtls_ecp_point q256, q25519, result;
static mbedtls_mpi d256, d25519, r, s;
static struct jwt_key jwt;
static struct password_cost cost;

typedef int multiplication(mbedtls_ecp_group *, mbedtls_ecp_point *, const mbedtls_mpi *, const mbedtls_ecp_point *,
    int (*f_rng)(void *, unsigned char *, size_t), void *);
multiplication __real_mbedtls_ecp_mul; /* mbedTLS's own, under the linker's --wrap */

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void need(int ret)
{
	if (ret)
		bug("mbedTLS says -0x%04x", (unsigned)-ret);
}

/* Calls per second of CPU. */
static double rate(void (*call)(void))
{
	double rates[ROUNDS];

	call();
	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = cpu_ns(), now = start;
		long n = 0;

		while (now - start < ROUND_NS) {
			call();
			n++;
			now = cpu_ns();
		}
		rates[i] = (double)n * 1e9 / (double)(now - start);
	}
	qsort(rates, ROUNDS, sizeof(rates[0]), by_value);
	return rates[ROUNDS / 2];
}

static int rng(void *context, unsigned char *out, size_t n)
{
	(void)context;
	random_bytes(out, n);
	return 0;
}

#define GCM_FAST(c)                                                                                                    \
	need(mbedtls_gcm_crypt_and_tag(&(c), MBEDTLS_GCM_ENCRYPT, RECORD, iv, 12, ad, 13, data, data, 16, tag))
#define GCM_STOCK(c)                                                                                                   \
	need(stock_gcm_crypt_and_tag((c), MBEDTLS_GCM_ENCRYPT, RECORD, iv, 12, ad, 13, data, data, 16, tag))

static void aes128_fast(void)
{
	GCM_FAST(gcm128);
}

static void aes128_stock(void)
{
	GCM_STOCK(stock128);
}

static void aes256_fast(void)
{
	GCM_FAST(gcm256);
}

static void aes256_stock(void)
{
	GCM_STOCK(stock256);
}

static void chacha_fast(void)
{
	need(mbedtls_chachapoly_encrypt_and_tag(&chacha, RECORD, iv, ad, 13, data, data, tag));
}

static void chacha_stock(void)
{
	need(stock_chachapoly_encrypt_and_tag(stock_chacha, RECORD, iv, ad, 13, data, data, tag));
}

static void sha256_fast(void)
{
	uint8_t out[32];

	need(mbedtls_sha256(data, RECORD, out, 0));
}

static void sha256_stock(void)
{
	uint8_t out[32];

	need(stock_sha256(data, RECORD, out, 0));
}

static void sha512(void)
{
	struct digest d;

	digest_of(&d, DIGEST_SHA512, (struct str){(const char *)data, RECORD});
}

static void x25519_fast(void)
{
	need(mbedtls_ecp_mul(&curve25519, &result, &d25519, &q25519, rng, NULL));
}

static void x25519_stock(void)
{
	need(__real_mbedtls_ecp_mul(&curve25519, &result, &d25519, &q25519, rng, NULL));
}

static void x25519_base(void)
{
	need(mbedtls_ecp_mul(&curve25519, &result, &d25519, &curve25519.G, rng, NULL));
}

static void p256_multiply(void)
{
	need(mbedtls_ecp_mul(&p256, &result, &d256, &q256, rng, NULL));
}

static void p256_base(void)
{
	need(mbedtls_ecp_mul(&p256, &result, &d256, &p256.G, rng, NULL));
}

static void p256_sign(void)
{
	need(mbedtls_ecdsa_sign(&p256, &r, &s, &d256, key, 32, rng, NULL));
}

static void p256_verify(void)
{
	need(mbedtls_ecdsa_verify(&p256, key, 32, &q256, &r, &s));
}

static void token_sign(void)
{
	struct buf b = BUF_INIT(1024);

	if (jwt_sign(&jwt, STR("{\"sub\":\"anna\",\"exp\":1700000000}"), &b, NULL) != OK)
		bug("jwt_sign");
	buf_release(&b);
}

static void argon2(void)
{
	static const struct secret password = {.n = 4, .p = "word"};

	password_check_nobody(&password, cost);
}

static void prepare(void)
{
	uint8_t seed[JWT_SEED_SIZE] = {0};

	crypto_start();
	random_bytes(key, sizeof(key));
	stock128 = xcalloc(1, stock_gcm_size);
	stock256 = xcalloc(1, stock_gcm_size);
	stock_chacha = xcalloc(1, stock_chachapoly_size);
	stock_gcm_init(stock128);
	stock_gcm_init(stock256);
	stock_chachapoly_init(stock_chacha);
	mbedtls_gcm_init(&gcm128);
	mbedtls_gcm_init(&gcm256);
	mbedtls_chachapoly_init(&chacha);
	need(mbedtls_gcm_setkey(&gcm128, MBEDTLS_CIPHER_ID_AES, key, 128));
	need(mbedtls_gcm_setkey(&gcm256, MBEDTLS_CIPHER_ID_AES, key, 256));
	need(stock_gcm_setkey(stock128, MBEDTLS_CIPHER_ID_AES, key, 128));
	need(stock_gcm_setkey(stock256, MBEDTLS_CIPHER_ID_AES, key, 256));
	need(mbedtls_chachapoly_setkey(&chacha, key));
	need(stock_chachapoly_setkey(stock_chacha, key));
	need(mbedtls_ecp_group_load(&p256, MBEDTLS_ECP_DP_SECP256R1));
	need(mbedtls_ecp_group_load(&curve25519, MBEDTLS_ECP_DP_CURVE25519));
	need(mbedtls_ecp_gen_keypair(&p256, &d256, &q256, rng, NULL));
	need(mbedtls_ecp_gen_keypair(&curve25519, &d25519, &q25519, rng, NULL));
	jwt_key_from_seed(&jwt, seed);
	cost = password_cost_for_machine();
}

int main(void)
{
	static const struct {
		const char *name;
		void (*fast)(void), (*stock)(void);
	} bulk[] = {
	    {"AES-128-GCM", aes128_fast, aes128_stock},
	    {"AES-256-GCM", aes256_fast, aes256_stock},
	    {"ChaCha20-Poly1305", chacha_fast, chacha_stock},
	    {"SHA-256", sha256_fast, sha256_stock},
	    {"SHA-512", sha512, NULL},
	};
	static const struct {
		const char *name;
		void (*call)(void);
	} calls[] = {
	    {"X25519 (libsodium)", x25519_fast},
	    {"X25519 base (libsodium)", x25519_base},
	    {"X25519 (mbedTLS)", x25519_stock},
	    {"P-256 multiply", p256_multiply},
	    {"P-256 base", p256_base},
	    {"ECDSA P-256 sign", p256_sign},
	    {"ECDSA P-256 verify", p256_verify},
	    {"token sign (Ed25519)", token_sign},
	    {"Argon2id, this machine's", argon2},
	};

	prepare();
	printf("CPU has AES: %s\n%-26s %10s %10s  MB/s, %d-byte messages in place\n", cpu_has_aes() ? "yes" : "no", "",
	    "ours", "mbedTLS's", RECORD);
	for (size_t i = 0; i < sizeof(bulk) / sizeof(bulk[0]); i++)
		printf("%-26s %10.0f %10.0f\n", bulk[i].name, rate(bulk[i].fast) * RECORD / 1e6,
		    bulk[i].stock ? rate(bulk[i].stock) * RECORD / 1e6 : 0.0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		printf("%-26s %10.0f per second\n", calls[i].name, rate(calls[i].call));
	return 0;
}
