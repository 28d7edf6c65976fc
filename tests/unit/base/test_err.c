/* err: the table's promises, and how sentences are filled in. */
#include <cove/base/err.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka has a macro of this name */

static void every_row_is_complete(void **state)
{
	(void)state;
	for (int rc = 1; rc < RC_COUNT; rc++) {
		assert_non_null(rc_name((enum rc)rc));
		assert_in_range(rc_status((enum rc)rc), 400, 599);
		assert_true(strlen(rc_sentence((enum rc)rc)) > 0);
		assert_true(strlen(rc_sentence((enum rc)rc)) < sizeof((struct err *)0)->text);
		assert_null(strchr(rc_sentence((enum rc)rc), '\n'));
	}
	assert_string_equal(rc_name(E_BLOB_UNKNOWN), "BLOB_UNKNOWN");
	assert_string_equal(rc_wire(E_SCOPE), "DENIED");
	assert_null(rc_wire(E_IO));
	assert_int_equal(rc_status(E_MANIFEST_TOO_LARGE), 413);
}

static enum rc failing(struct err *err)
{
	TRY(fail(err, E_BUSY, "%s %d", "text", 1));
	return OK;
}

static void fills(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(failing(&err), E_BUSY);
	assert_int_equal(err.rc, E_BUSY);
	assert_string_equal(err.text, "text 1");
	assert_int_equal(failing(NULL), E_BUSY);
	assert_int_equal(fail_rc(&err, E_DENIED), E_DENIED);
	assert_string_equal(err.text, rc_sentence(E_DENIED));
}

static void stays_one_line_and_bounded(void **state)
{
	struct err err;
	char tail[4];

	(void)state;
	assert_int_equal(fail(&err, E_IO, "a\r\nb\x1b[1m"), E_IO);
	assert_string_equal(err.text, "a  b [1m");
	errno = EIO;
	assert_int_equal(fail_errno(&err, E_IO, "%0500d", 0), E_IO);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	memcpy(tail, err.text + sizeof err.text - 4, 4);
	assert_string_equal(tail, "000");
}

static void reads_errno(void **state)
{
	static const struct {
		int number;
		enum rc rc;
	} rows[] = {
	    {ENOENT, E_IO},
	    {ENOSPC, E_DISK_FULL},
	    {EDQUOT, E_DISK_FULL},
	    {EMFILE, E_BUSY},
	    {ENFILE, E_BUSY},
	    {ENOMEM, E_BUSY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err;

		errno = rows[i].number;
		assert_int_equal(fail_errno(&err, E_IO, "cannot open %s", "f"), rows[i].rc);
		assert_int_equal(errno, rows[i].number);
		assert_int_equal(err.rc, rows[i].rc);
		if (rows[i].rc == E_DISK_FULL) {
			assert_string_equal(err.text, rc_sentence(E_DISK_FULL));
		} else {
			assert_memory_equal(err.text, "cannot open f: ", 15);
			assert_string_equal(err.text + 15, strerror(rows[i].number));
		}
		assert_int_equal(fail_errno(NULL, E_IO, "x"), rows[i].rc);
	}
}

static void helpers(void **state)
{
	char *copy = xstrdup(STR("a\0b"));
	int *numbers = xcalloc(3, sizeof *numbers);

	(void)state;
	assert_memory_equal(copy, "a\0b", 4);
	assert_int_equal(numbers[2], 0);
	free(copy);
	free(numbers);
	free(xcalloc(0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_is_complete),
	    cmocka_unit_test(fills),
	    cmocka_unit_test(stays_one_line_and_bounded),
	    cmocka_unit_test(reads_errno),
	    cmocka_unit_test(helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
