/* log: the lines as they come out of stderr. */
#include <cove/base/log.h>
#include <cove/base/clock.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static int saved_stderr, reader;
static char caught[65536];

static int catch_stderr(void **state)
{
	int ends[2];

	(void)state;
	if (pipe(ends))
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	clock_pin(0, 0);
	return 0;
}

/* Gives stderr back first: a failing test must be able to say so. */
static const char *lines(void)
{
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	saved_stderr = -1;
	n = read(reader, caught, sizeof caught - 1); /* the only writer is closed: this does not wait */
	caught[n > 0 ? n : 0] = '\0';
	return caught;
}

static int release_stderr(void **state)
{
	(void)state;
	if (saved_stderr >= 0)
		lines();
	close(reader);
	clock_pin(-1, -1);
	log_set_level(LOG_INFO);
	log_set_request("");
	return 0;
}

static void writes_one_line(void **state)
{
	(void)state;
	errno = ENOENT;
	log_info("blob.commit", "repo=%s bytes=%d", "team/app", 7);
	assert_int_equal(errno, ENOENT);
	log_set_request("abc");
	log_warn("x", "%s", "");
	log_set_request("");
	log_error("x", "a=%s", "1\n2\x1b[0m");
	assert_string_equal(lines(), "time=1970-01-01T00:00:00Z level=info event=blob.commit repo=team/app bytes=7\n"
				     "time=1970-01-01T00:00:00Z level=warn event=x request=abc\n"
				     "time=1970-01-01T00:00:00Z level=error event=x a=1 2 [0m\n");
}

static void keeps_to_its_level(void **state)
{
	(void)state;
	log_debug("no", "%d", 1);
	log_set_level(LOG_DEBUG);
	assert_true(log_wants(LOG_DEBUG));
	log_debug("yes", "%d", 1);
	log_set_level(LOG_ERROR);
	log_warn("no", "%d", 1);
	assert_string_equal(lines(), "time=1970-01-01T00:00:00Z level=debug event=yes 1\n");
}

static void cuts_long_lines(void **state)
{
	const char *got;

	(void)state;
	log_set_request("0123456789012345678901234567890123456789");
	assert_int_equal(strlen(log_request()), 31);
	log_info("long", "%04000d", 1);
	got = lines();
	assert_true(strlen(got) < 2200);
	assert_int_equal(got[strlen(got) - 1], '\n');
	assert_non_null(strstr(got, " request=0123456789012345678901234567890\n"));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

/* Whatever a peer can repeat: each event has lines of its own, and those left out are counted. */
static void bounds_floods(void **state)
{
	const char *got;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		log_info("flood", "%d", 1);
		log_warn("also", "%d", 1);
	}
	log_info("rare", "%d", 1);
	log_tend(); /* nothing yet: no line may be written */
	clock_pin(0, 31 * 1000);
	log_info("flood", "%d", 2);
	log_info("flood", "%d", 3);
	log_tend(); /* "also" has ended */
	for (int i = 0; i < 100; i++)
		log_each("each", "%d", 1);
	got = lines();
	assert_int_equal(count(got, "event=flood"), 61);
	assert_int_equal(count(got, "event=flood 2 left_out=940\n"), 1);
	assert_int_equal(count(got, "event=also"), 60);
	assert_int_equal(count(got, "event=log.left_out of=also lines=940\n"), 1);
	assert_int_equal(count(got, "event=rare"), 1);
	assert_int_equal(count(got, "event=each 1\n"), 100);
}

static void quotes(void **state)
{
	static const struct {
		struct str s;
		const char *want;
	} rows[] = {
	    {{"plain/1.0", 9}, "plain/1.0"},
	    {{"", 0}, "\"\""},
	    {{NULL, 0}, "\"\""},
	    {{"a b", 3}, "\"a b\""},
	    {{"a=b", 3}, "\"a=b\""},
	    {{"a\"b\\", 4}, "\"a\\\"b\\\\\""},
	    {{"a\nb", 3}, "\"a\\x0ab\""},
	    {{"\0", 1}, "\"\\x00\""},
	    {{"\x7f", 1}, "\"\\x7f\""},
	    {{"\xc3\xa4", 2}, "\"\xc3\xa4\""},
	    {{"\xc2\x9b", 2}, "\"\\xc2\\x9b\""}, /* CSI in eight bits */
	    {{"\xff", 1}, "\"\\xff\""},
	};
	char many[300];
	const char *first;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(log_quote(rows[i].s), rows[i].want);
	first = log_quote(STR("first"));
	for (int i = 0; i < 3; i++)
		log_quote(STR("other"));
	assert_string_equal(first, "first");
	memset(many, 1, sizeof many);
	assert_int_equal(strlen(log_quote((struct str){many, sizeof many})), 200 * 4 + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(writes_one_line, catch_stderr, release_stderr),
	    cmocka_unit_test_setup_teardown(keeps_to_its_level, catch_stderr, release_stderr),
	    cmocka_unit_test_setup_teardown(cuts_long_lines, catch_stderr, release_stderr),
	    cmocka_unit_test_setup_teardown(bounds_floods, catch_stderr, release_stderr),
	    cmocka_unit_test(quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
