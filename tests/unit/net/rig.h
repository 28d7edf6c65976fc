/* rig: a server of protocol.h over the real net, with a certificate of its own. */
#pragma once
#include "net/steps.h"

/* ---- a certificate ---- */

static int rig_random(void *unused, unsigned char *out, size_t n)
{
	(void)unused;
	random_bytes(out, n);
	return 0;
}

static UNUSED void rig_make_identity(char *chain_pem, size_t chain_max, char *key_pem, size_t key_max)
{
	mbedtls_pk_context key;
	mbedtls_x509write_cert cert;
	unsigned char serial[] = {1};

	mbedtls_pk_init(&key);
	mbedtls_x509write_crt_init(&cert);
	assert_int_equal(mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
	assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), rig_random, NULL), 0);
	mbedtls_x509write_crt_set_subject_key(&cert, &key);
	mbedtls_x509write_crt_set_issuer_key(&cert, &key);
	mbedtls_x509write_crt_set_md_alg(&cert, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_version(&cert, MBEDTLS_X509_CRT_VERSION_3);
	assert_int_equal(mbedtls_x509write_crt_set_subject_name(&cert, "CN=localhost"), 0);
	assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&cert, "CN=localhost"), 0);
	assert_int_equal(mbedtls_x509write_crt_set_serial_raw(&cert, serial, sizeof(serial)), 0);
	assert_int_equal(mbedtls_x509write_crt_set_validity(&cert, "20200101000000", "20991231235959"), 0);
	assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(&cert, 1, -1), 0);
	assert_int_equal(mbedtls_x509write_crt_pem(&cert, (unsigned char *)chain_pem, chain_max, rig_random, NULL), 0);
	assert_int_equal(mbedtls_pk_write_key_pem(&key, (unsigned char *)key_pem, key_max), 0);
	mbedtls_x509write_crt_free(&cert);
	mbedtls_pk_free(&key);
}

/* ---- the server ---- */

static void rig_open(struct rig *rig, struct net_options options)
{
	struct err err = {0};

	crypto_start();
	*rig = (struct rig){.protocol = {sizeof(struct rig_state), rig_step, rig_close, rig}};
	pthread_mutex_init(&rig->waiting_mutex, NULL);
	options.protocol = &rig->protocol;
	rig_make_identity(rig->chain_pem, sizeof(rig->chain_pem), rig->key_pem, sizeof(rig->key_pem));
	assert_int_equal(tls_identity_new(str_of(rig->chain_pem), str_of(rig->key_pem), &rig->identity, &err), OK);
	assert_int_equal(net_open(&options, &rig->net, &err), OK);
	assert_int_equal(net_listen(rig->net, "127.0.0.1", 0, 0, &rig->port, &err), OK);
	net_set_identity(rig->net, rig->identity);
	assert_int_equal(net_start(rig->net, &err), OK);
}

/* Everything that began has ended, once. */
static void rig_stop(struct rig *rig, int64_t grace_ms)
{
	struct net_figures f;

	net_stop(rig->net, grace_ms);
	net_read_figures(rig->net, &f);
	assert_int_equal(f.open, 0);
	assert_int_equal(f.tls_open, 0);
	assert_int_equal(rig->begun, rig->ended);
	net_close(rig->net);
	tls_identity_unref(rig->identity);
	pthread_mutex_destroy(&rig->waiting_mutex);
}

static UNUSED struct net_figures rig_figures(struct rig *rig)
{
	struct net_figures f;

	net_read_figures(rig->net, &f);
	return f;
}

/* Waits (at most 30 s) until a condition on the figures or on the rig holds. */
#define eventually(condition)                                                                                          \
	do {                                                                                                           \
		int tries = 3000;                                                                                      \
		while (!(condition) && --tries)                                                                        \
			usleep(10000);                                                                                 \
		assert_true(condition);                                                                                \
	} while (0)
