/* io: real files in a temporary directory. */
#include <cove/base/io.h>
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static char top[] = "/tmp/cove-io-XXXXXX";
static int dir = -1;

static int make_top(void **state)
{
	(void)state;
	if (!mkdtemp(top))
		return -1;
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int remove_top(void **state)
{
	static const char *const files[] = {"a", "big", "d/f", "empty", "plain"};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlinkat(dir, files[i], 0);
	unlinkat(dir, "d/e", AT_REMOVEDIR);
	unlinkat(dir, "d", AT_REMOVEDIR);
	io_close(&dir);
	return rmdir(top); /* fails when a test left something: a temporary file */
}

static void assert_content(const char *path, struct str want)
{
	struct buf b = BUF_INIT(1 << 20);
	struct err err;

	assert_int_equal(io_read_file(dir, path, &b, &err), OK);
	assert_true(str_eq(buf_str(&b), want));
	buf_release(&b);
}

static void writes_whole_files(void **state)
{
	struct err err;
	struct stat st;

	(void)state;
	assert_int_equal(io_write_file(dir, "a", STR("one"), 0600, &err), OK);
	assert_content("a", STR("one"));
	assert_int_equal(fstatat(dir, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(io_write_file(dir, "a", STR("two\0"), 0600, &err), OK);
	assert_content("a", STR("two\0"));
	assert_int_equal(io_write_file(dir, "empty", STR_NONE, 0600, &err), OK);
	assert_content("empty", STR(""));
}

static void a_failed_write_leaves_nothing(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(io_write_file(dir, "none/a", STR("x"), 0600, &err), E_IO);
	assert_non_null(strstr(err.text, strerror(ENOENT)));
	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(io_write_file(dir, "d", STR("x"), 0600, &err), E_IO); /* a directory has that name */
	assert_int_equal(io_write_file(dir, "d/f", STR("x"), 0600, &err), OK);
	assert_content("d/f", STR("x"));
}

static void bounds_what_it_reads(void **state)
{
	static char big[100000];
	struct buf b = BUF_INIT(sizeof big);
	struct err err;

	(void)state;
	memset(big, 'x', sizeof big);
	assert_int_equal(io_write_file(dir, "big", (struct str){big, sizeof big}, 0600, &err), OK);
	assert_int_equal(io_read_file(dir, "big", &b, &err), OK); /* exactly the maximum */
	assert_int_equal(b.n, sizeof big);
	buf_release(&b);
	buf_init(&b, sizeof big - 1);
	assert_int_equal(io_read_file(dir, "big", &b, &err), E_IO);
	assert_non_null(strstr(err.text, "99999"));
	buf_release(&b);
	assert_int_equal(io_read_file(dir, "absent", &b, &err), E_NOT_FOUND);
	assert_int_equal(io_read_file(dir, "d", &b, &err), E_IO);
	buf_release(&b);
}

static void writes_all(void **state)
{
	struct err err;
	int ends[2];
	char got[10];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(io_write_all(ends[1], "0123456789", 10, &err), OK);
	assert_int_equal(read(ends[0], got, 10), 10);
	assert_memory_equal(got, "0123456789", 10);
	assert_int_equal(io_write_all(ends[0], "x", 1, &err), E_IO); /* the wrong end */
	io_close(&ends[0]);
	io_close(&ends[1]);
}

static void opens_directories(void **state)
{
	struct err err;
	int fd = -1;

	(void)state;
	assert_int_equal(io_open_dir(dir, "d/e", 0700, &fd, &err), OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(io_fsync_dir(fd, "e", &err), OK);
	io_close(&fd);
	assert_int_equal(fd, -1);
	io_close(&fd);
	assert_int_equal(io_open_dir(dir, "d/e/", 0700, &fd, &err), OK); /* again, and with a slash */
	io_close(&fd);
	assert_int_equal(io_open_dir(dir, "x/y", 0700, &fd, &err), E_IO);
	assert_int_equal(io_write_file(dir, "plain", STR("x"), 0600, &err), OK);
	assert_int_equal(io_open_dir(dir, "plain", 0700, &fd, &err), E_IO);
	assert_int_equal(fd, -1);
}

static void closing_keeps_errno(void **state)
{
	int fd = 1 << 20;

	(void)state;
	errno = ENOENT;
	io_close(&fd); /* not open: EBADF inside */
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_whole_files),
	    cmocka_unit_test(a_failed_write_leaves_nothing),
	    cmocka_unit_test(bounds_what_it_reads),
	    cmocka_unit_test(writes_all),
	    cmocka_unit_test(opens_directories),
	    cmocka_unit_test(closing_keeps_errno),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
