/* The life of tls/: making, keeping, renewing, losing files. Certificates are checked by mbedTLS. */
#include "trust_internal.h"
#include <cove/base/clock.h>
#include <cove/crypto/secret.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW (COVE_BUILD_DATE_S + 1000000)
#define DAY 86400

static char root[64];
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/cove-test-trust-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	clock_pin(NOW, 0);
	return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"ca.key", "ca.crt", "leaf.key", "leaf.crt"};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		unlinkat(dir, names[i], 0);
	io_close(&dir);
	clock_pin(-1, -1);
	return rmdir(root);
}

static void names_of(struct trust_names *names, const char *list)
{
	struct str rest = str_of(list), one;

	names->count = 0;
	while (rest.n) {
		str_cut(rest, ' ', &one, &rest);
		assert_true(names_add(names, one));
	}
}

static struct buf make_ca(const char *list, bool want_made)
{
	struct buf pem = BUF_INIT(16384);
	char fingerprint[TRUST_FINGERPRINT_MAX];
	struct trust_names names;
	struct err err;
	bool made;

	names_of(&names, list);
	if (trust_ca(dir, &names, &pem, fingerprint, &made, &err))
		fail_msg("%s", err.text);
	assert_int_equal(made, want_made);
	assert_int_equal(strlen(fingerprint), 95);
	return pem;
}

static void make_leaf(const char *list, bool want_issued, mbedtls_x509_crt *leaf)
{
	struct trust_certificate c;
	struct trust_names names;
	struct err err;
	bool issued;

	names_of(&names, list);
	if (trust_leaf(dir, &names, &c, &issued, &err))
		fail_msg("%s", err.text);
	assert_int_equal(issued, want_issued);
	assert_true(c.from_own_ca);
	mbedtls_x509_crt_free(leaf);
	mbedtls_x509_crt_init(leaf);
	assert_int_equal(chain_parse(buf_str(&c.chain_pem), "leaf", leaf, NULL, &err), OK);
	assert_int_equal(c.not_after, x509_seconds(&leaf->valid_to));
	trust_certificate_release(&c);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, 0), 0);
	return st.st_mode & 0777;
}

static void test_content(void **state)
{
	mbedtls_x509_crt ca, leaf;
	struct subtrees subtrees;
	struct buf pem = make_ca("box 192.168.1.5", true);
	uint32_t flags;
	struct err err;

	(void)state;
	mbedtls_x509_crt_init(&ca);
	mbedtls_x509_crt_init(&leaf);
	assert_int_equal(chain_parse(buf_str(&pem), "ca", &ca, &subtrees, &err), OK);
	assert_int_equal(mbedtls_x509_crt_get_ca_istrue(&ca), 1);
	assert_int_equal(
	    mbedtls_x509_crt_check_key_usage(&ca, MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN), 0);
	assert_true(subtrees.present && subtrees_permit(&subtrees, "box", false));
	assert_int_equal(mode_of("ca.key"), 0600);

	make_leaf("box 192.168.1.5 ::1", true, &leaf);
	assert_int_equal(mode_of("leaf.key"), 0600);
	assert_int_equal(mbedtls_x509_crt_get_ca_istrue(&leaf), 0);
	assert_int_equal(mbedtls_x509_crt_check_key_usage(&leaf, MBEDTLS_X509_KU_DIGITAL_SIGNATURE), 0);
	assert_int_not_equal(mbedtls_x509_crt_check_key_usage(&leaf, MBEDTLS_X509_KU_KEY_CERT_SIGN), 0);
	assert_true(leaf.serial.len >= 9 && leaf.serial.len <= 20 && leaf.serial.p[0] < 0x80);
	assert_true(x509_seconds(&leaf.valid_from) == NOW - 2 * DAY);
	assert_true(x509_seconds(&leaf.valid_to) - x509_seconds(&leaf.valid_from) <= 397 * DAY);
	assert_true(certificate_has(&leaf, "box", false) && certificate_has(&leaf, "::1", true));
	assert_false(certificate_has(&leaf, "lan", false));
	assert_int_equal(mbedtls_x509_crt_verify(&leaf, &ca, NULL, "192.168.1.5", &flags, NULL, NULL) &&
			     (flags & ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)),
	    0);
	mbedtls_x509_crt_free(&ca);
	mbedtls_x509_crt_free(&leaf);
	buf_release(&pem);
}

static void test_kept_and_renewed(void **state)
{
	struct buf first = make_ca("box", true), second;
	mbedtls_x509_crt leaf;

	(void)state;
	mbedtls_x509_crt_init(&leaf);
	make_leaf("box", true, &leaf);
	make_leaf("box", false, &leaf);
	make_leaf("box box.lan", true, &leaf); /* gained a name */
	make_leaf("box", false, &leaf);        /* lost one: harmless until the next */
	clock_pin(NOW + 200 * DAY, 0);
	make_leaf("box", false, &leaf);
	clock_pin(NOW + 270 * DAY, 0); /* past two thirds */
	make_leaf("box", true, &leaf);
	make_leaf("box", false, &leaf);
	clock_pin(NOW + 9 * 365 * DAY + 300 * DAY, 0); /* the CA's last days: no leaf outlives it */
	make_leaf("box", true, &leaf);
	assert_true(x509_seconds(&leaf.valid_to) <= NOW + 3650LL * DAY);
	second = make_ca("box other.example.com", false);
	assert_true(str_eq(buf_str(&first), buf_str(&second)));
	mbedtls_x509_crt_free(&leaf);
	buf_release(&first);
	buf_release(&second);
}

static void test_not_permitted(void **state)
{
	struct buf pem = make_ca("box", true);
	mbedtls_x509_crt leaf;

	(void)state;
	mbedtls_x509_crt_init(&leaf);
	make_leaf("box box.example.com 203.0.113.9", true, &leaf);
	assert_true(certificate_has(&leaf, "box", false));
	assert_false(certificate_has(&leaf, "box.example.com", false));
	assert_false(certificate_has(&leaf, "203.0.113.9", true));
	make_leaf("box box.example.com 203.0.113.9", false, &leaf);
	mbedtls_x509_crt_free(&leaf);
	buf_release(&pem);
}

static void test_permits(void **state)
{
	static const struct {
		const char *name;
		bool permits;
	} rows[] = {
	    {"box", true},
	    {"team.local", true},
	    {"registry.example.com", true},
	    {"team.registry.example.com", true},
	    {"Team.Local", true},
	    {"other.example.com", false},
	    {"docker.io", false},
	    {"not a name", false},
	};
	struct err err;
	struct buf pem;
	bool permits = false;

	(void)state;
	assert_int_equal(trust_ca_permits(dir, STR("docker.io"), &permits, &err), OK);
	assert_true(permits); /* it will be made for what there is then */
	pem = make_ca("box registry.example.com", true);
	buf_release(&pem);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(trust_ca_permits(dir, str_of(rows[i].name), &permits, &err), OK);
		if (permits != rows[i].permits)
			fail_msg("%s", rows[i].name);
	}
}

static void test_files_lost(void **state)
{
	struct buf pem = make_ca("box", true), new;
	mbedtls_x509_crt leaf;

	(void)state;
	mbedtls_x509_crt_init(&leaf);
	make_leaf("box", true, &leaf);
	assert_int_equal(unlinkat(dir, "leaf.key", 0), 0);
	make_leaf("box", true, &leaf);
	assert_int_equal(io_write_file(dir, "leaf.crt", STR("torn"), 0644, NULL), OK);
	make_leaf("box", true, &leaf);
	/* the power went between ca.key and ca.crt: both anew, and the leaf follows */
	assert_int_equal(unlinkat(dir, "ca.crt", 0), 0);
	new = make_ca("box", true);
	assert_false(str_eq(buf_str(&pem), buf_str(&new)));
	make_leaf("box", true, &leaf);
	/* without the CA's key a good leaf goes on, and one with a new name is the old one */
	assert_int_equal(unlinkat(dir, "ca.key", 0), 0);
	make_leaf("box", false, &leaf);
	make_leaf("box box.lan", false, &leaf);
	mbedtls_x509_crt_free(&leaf);
	buf_release(&pem);
	buf_release(&new);
}

static void test_clock(void **state)
{
	char fingerprint[TRUST_FINGERPRINT_MAX];
	struct buf pem = BUF_INIT(16384);
	struct trust_certificate c;
	struct trust_names names;
	mbedtls_x509_crt leaf;
	bool made, issued;
	struct err err;

	(void)state;
	mbedtls_x509_crt_init(&leaf);
	names_of(&names, "box");
	clock_pin(0, 0);
	assert_int_equal(trust_ca(dir, &names, &pem, fingerprint, &made, &err), E_CLOCK);
	assert_non_null(strstr(err.text, "1970-01-01"));
	clock_pin(NOW, 0);
	buf_release(&pem);
	pem = make_ca("box", true);
	clock_pin(0, 0);
	assert_int_equal(trust_leaf(dir, &names, &c, &issued, &err), E_CLOCK);
	clock_pin(NOW, 0);
	make_leaf("box", true, &leaf);
	clock_pin(0, 0);
	make_leaf("box box.lan", false, &leaf); /* served all the same */
	mbedtls_x509_crt_free(&leaf);
	buf_release(&pem);
}

static void write_own(const char *name, const struct buf *content)
{
	assert_int_equal(io_write_file(dir, name, buf_str(content), 0600, NULL), OK);
}

static void test_own_files(void **state)
{
	struct buf pem = make_ca("box", true), other = BUF_INIT(16384);
	char chain[128], key[128], wrong[128];
	struct trust_certificate c;
	struct trust_names names;
	mbedtls_x509_crt leaf;
	mbedtls_pk_context pk;
	struct err err;

	(void)state;
	mbedtls_x509_crt_init(&leaf);
	names_of(&names, "box other.example.com");
	make_leaf("box", true, &leaf);
	snprintf(chain, sizeof chain, "%s/leaf.crt", root);
	snprintf(key, sizeof key, "%s/leaf.key", root);
	snprintf(wrong, sizeof wrong, "%s/ca.key", root);
	assert_int_equal(trust_own_files(chain, key, &names, &c, &err), OK);
	assert_false(c.from_own_ca);
	assert_int_equal(c.not_after, x509_seconds(&leaf.valid_to));
	trust_certificate_release(&c);
	assert_int_equal(trust_own_files(chain, wrong, &names, &c, &err), E_CONFIG); /* another key */
	assert_int_equal(trust_own_files(key, key, &names, &c, &err), E_CONFIG);     /* no certificate */
	assert_int_equal(trust_own_files(chain, chain, &names, &c, &err), E_CONFIG); /* no key */
	assert_int_equal(trust_own_files(chain, "", &names, &c, &err), E_CONFIG);
	assert_int_equal(trust_own_files("/nonexistent", key, &names, &c, &err), E_CONFIG);
	/* the CA has no alternative names */
	mbedtls_pk_init(&pk);
	assert_int_equal(key_make(&pk, &other, &err), OK);
	write_own("leaf.crt", &pem);
	assert_int_equal(trust_own_files(chain, wrong, &names, &c, &err), E_CONFIG);
	assert_non_null(strstr(err.text, "alternative names"));
	write_own("leaf.key", &other);
	assert_int_equal(trust_own_files(chain, key, &names, &c, &err), E_CONFIG);
	mbedtls_pk_free(&pk);
	mbedtls_x509_crt_free(&leaf);
	buf_release(&other);
	buf_release(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_content, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_kept_and_renewed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_permitted, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_permits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_files_lost, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_own_files, setup, teardown),
	};

	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
