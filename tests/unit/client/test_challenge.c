/* challenge: fields as registries send them, and the corners of the grammar. */
#include <cove/client/challenge.h>
#include <cove/base/buf.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void put(struct buf *b, const char *name, struct str value)
{
	if (value.p)
		buf_addf(b, " %s=<%.*s>", name, STR_ARG(value));
}

/* Every challenge in words, so that a table can hold them: "Bearer realm=<x>;". "broken" when it did not end well. */
static void assert_reads(const char *field, const char *want)
{
	struct str rest = str_of(field);
	struct buf got = BUF_INIT(2000);
	struct challenge c;
	struct arena a;

	arena_init(&a, 65536);
	while (challenge_next(&a, &rest, &c)) {
		buf_add(&got, c.scheme);
		put(&got, "realm", c.realm);
		put(&got, "service", c.service);
		put(&got, "scope", c.scope);
		put(&got, "error", c.error);
		buf_addc(&got, ';');
	}
	assert_int_equal(rest.n, 0);
	if (!str_eq(buf_str(&got), str_of(want)))
		fail_msg("%s: got %s", field, buf_str(&got).p);
	buf_release(&got);
	arena_release(&a);
}

static void reads(void **state)
{
	static const struct {
		const char *field, *want;
	} rows[] = {
	    {"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\"",
		"Bearer realm=<https://auth.docker.io/token> service=<registry.docker.io>;"},
	    {"Bearer realm=\"https://x/t\", service=\"s\", scope=\"repository:a/b:pull,push\", error=\"invalid_token\"",
		"Bearer realm=<https://x/t> service=<s> scope=<repository:a/b:pull,push> error=<invalid_token>;"},
	    {"Basic realm=\"x\"", "Basic realm=<x>;"},
	    {"Basic", "Basic;"},
	    {"Negotiate, Basic realm=x", "Negotiate;Basic realm=<x>;"},
	    {"Basic realm=\"a, b\", Bearer realm=\"c\"", "Basic realm=<a, b>;Bearer realm=<c>;"},
	    /* RFC 9110 §11.6.1 */
	    {"Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\"",
		"Basic realm=<simple>;Newauth realm=<apps>;"},
	    {"Negotiate YWJj==, Bearer service = \"s\"", "Negotiate;Bearer service=<s>;"},
	    {"Negotiate a.b/c+d", "Negotiate;"},
	    {"Bearer realm=\"a\\\\b\\\"c\"", "Bearer realm=<a\\b\"c>;"},
	    {"bearer REALM=x , ,Service=y,", "bearer realm=<x> service=<y>;"},
	    {" , ,Basic realm=x", "Basic realm=<x>;"},
	    {"Bearer realm=\"\"", "Bearer realm=<>;"},
	    {"Bearer  realm\t=\t\"x\"\t,\tservice=y", "Bearer realm=<x> service=<y>;"},
	    {"Bearer realm=one,realm=two", "Bearer realm=<one>;"},
	    {"Bearer x=1, y=\"2\"", "Bearer;"},
	    {"", ""},
	    {" ,\t", ""},
	    /* broken: what is before stays */
	    {"Basic realm=x, Bearer realm=\"x", "Basic realm=<x>;"},
	    {"Bearer realm=\"x\\", ""},
	    {"Bearer realm=\"x\" service=\"y\"", ""},
	    {"Bearer realm=\"x\"y", ""},
	    {"Bearer realm=https://x/", ""},
	    {"Bearer realm=,service=x", "Bearer;"}, /* "realm=" is a token68, and "service=" no scheme */
	    {"Bearer realm=\"a\x01\"", ""},
	    {"Bearer realm=\"a\\\x7f\"", ""},
	    {"\"x\"", ""},
	    {"Bearer\trealm=x", ""},
	    {"Bearer (", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_reads(rows[i].field, rows[i].want);
}

static void finds(void **state)
{
	struct str field = STR("Basic realm=\"b\", BEARER realm=\"r\",service=\"s\"");
	struct challenge c;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	assert_true(challenge_find(&a, field, STR("Bearer"), &c));
	assert_true(str_eq(c.realm, STR("r")) && str_eq(c.service, STR("s")));
	assert_true(challenge_find(&a, field, STR("basic"), &c));
	assert_true(str_eq(c.realm, STR("b")) && !c.service.p);
	assert_false(challenge_find(&a, field, STR("Digest"), &c));
	assert_null(c.scheme.p);
	arena_release(&a);

	arena_init(&a, 0); /* no memory: as if it were broken */
	assert_false(challenge_find(&a, field, STR("Basic"), &c));
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads),
	    cmocka_unit_test(finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
