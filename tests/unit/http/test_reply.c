/* reply: warnings. */
#include "session.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void warnings_are_quoted_strings(void **state)
{
	static const struct {
		struct str text;
		const char *want;
	} rows[] = {
	    {STR("a stale copy"), "Warning: 299 - \"a stale copy\"\r\n"},
	    {STR("the \"app\" in C:\\"), "Warning: 299 - \"the \\\"app\\\" in C:\\\\\"\r\n"},
	    {STR("a\r\nSet-Cookie: x\0\x7f\xc3\xa4"), "Warning: 299 - \"a  Set-Cookie: x    \"\r\n"},
	    {STR(""), "Warning: 299 - \"\"\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct exchange x = {.id = ""};

		reply_init(&x.reply);
		reply_warning(&x, rows[i].text);
		assert_true(str_eq(buf_str(&x.reply.fields), str_of(rows[i].want)));
		reply_release(&x.reply);
	}
}

/* "A registry MUST NOT send more than 4096 bytes of warning data from all headers combined." */
static void warnings_are_bounded_together(void **state)
{
	struct exchange x = {.id = ""};
	char quotes[1000];
	struct str fields;

	(void)state;
	memset(quotes, '"', sizeof quotes);
	reply_init(&x.reply);
	reply_field(&x, "Location", "/somewhere");
	for (int i = 0; i < 20; i++)
		reply_warning(&x, (struct str){quotes, sizeof quotes});
	assert_true(buf_ok(&x.reply.fields));
	fields = str_from(buf_str(&x.reply.fields), strlen("Location: /somewhere\r\n"));
	assert_true(fields.n > 3000 && fields.n <= 4096);
	assert_true(str_ends(fields, STR("\\\"\"\r\n")));
	reply_release(&x.reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(warnings_are_quoted_strings),
	    cmocka_unit_test(warnings_are_bounded_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
