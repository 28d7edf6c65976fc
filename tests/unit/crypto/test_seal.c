/* Sealed secrets: back again with the key, and not with another or changed. */
#include <cove/crypto/seal.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

static struct secret secret_of(const char *text)
{
	struct secret s;

	assert_true(secret_set(&s, str_of(text)));
	return s;
}

static struct secret key_of(char byte)
{
	struct secret key = {.n = 32};

	memset(key.p, byte, key.n);
	return key;
}

static void test_back(void **state)
{
	struct secret key = key_of(1), clear = secret_of("hunter2 hunter2"), back;
	struct buf one = BUF_INIT(4096), two = BUF_INIT(4096);

	(void)state;
	assert_int_equal(seal(&key, &clear, &one, NULL), OK);
	assert_int_equal(seal(&key, &clear, &two, NULL), OK);
	assert_false(str_eq(buf_str(&one), buf_str(&two))); /* a nonce each */
	assert_int_equal(seal_open(&key, buf_str(&one), &back, NULL), OK);
	assert_true(str_eq(secret_str(&back), STR("hunter2 hunter2")));
	buf_release(&one);
	buf_release(&two);
}

static void test_longest(void **state)
{
	struct secret key = key_of(1), clear = {.n = SECRET_MAX}, back;
	struct buf sealed = BUF_INIT(2 * SECRET_MAX);

	(void)state;
	memset(clear.p, 'x', clear.n);
	assert_int_equal(seal(&key, &clear, &sealed, NULL), OK);
	assert_int_equal(seal_open(&key, buf_str(&sealed), &back, NULL), OK);
	assert_int_equal(back.n, SECRET_MAX);
	buf_release(&sealed);
}

static void test_refused(void **state)
{
	struct secret key = key_of(1), other = key_of(2), clear = secret_of("hunter2"), back;
	struct buf sealed = BUF_INIT(4096);

	(void)state;
	assert_int_equal(seal(&key, &clear, &sealed, NULL), OK);
	assert_int_equal(seal_open(&other, buf_str(&sealed), &back, NULL), E_CORRUPT);
	assert_int_equal(back.n, 0);
	assert_int_equal(seal_open(&key, str_first(buf_str(&sealed), 40), &back, NULL), E_CORRUPT);
	assert_int_equal(seal_open(&key, STR(""), &back, NULL), E_CORRUPT);
	assert_int_equal(seal_open(&key, STR("not base64 at all!"), &back, NULL), E_CORRUPT);
	for (size_t i = 0; i < sealed.n; i += 7) {
		sealed.p[i] ^= 4;
		assert_int_equal(seal_open(&key, buf_str(&sealed), &back, NULL), E_CORRUPT);
		sealed.p[i] ^= 4;
	}
	buf_release(&sealed);
}

static void test_key_file(void **state)
{
	char dir[] = "/tmp/cove-seal-XXXXXX";
	struct buf sealed = BUF_INIT(4096);
	struct secret one, two;
	int fd, file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(seal_key_load(fd, &one, NULL), OK);
	assert_int_equal(one.n, 32);
	assert_int_equal(seal_key_load(fd, &two, NULL), OK);
	assert_memory_equal(one.p, two.p, 32);
	file = openat(fd, "seal.key", O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(file, "short", 5), 5);
	close(file);
	assert_int_equal(seal_key_load(fd, &two, NULL), E_CORRUPT);
	assert_int_equal(two.n, 0);
	assert_int_equal(seal(&two, &one, &sealed, NULL), E_CORRUPT);
	assert_int_equal(sealed.n, 0);
	assert_int_equal(seal_open(&two, STR("anything"), &one, NULL), E_CORRUPT);
	unlinkat(fd, "seal.key", 0);
	close(fd);
	rmdir(dir);
}

static int start(void **state)
{
	(void)state;
	crypto_start();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_back),
	    cmocka_unit_test(test_longest),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_key_file),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
