/* scope: what clients write, and the one way in which we write it. */
#include "fixture.h"
#include <cove/auth/access_token.h>

static const struct {
	const char *in, *out;
} rows[] = {
    {"", ""},
    {"repository:a:pull", "repository:a:pull"},
    {"repository:team/app:push,pull", "repository:team/app:pull,push"},
    {"repository:a:*", "repository:a:pull,push,delete"},
    {"repository:a:pull,*", "repository:a:pull,push,delete"},
    {"repository:a:delete", "repository:a:delete"},
    /* united by name; containerd sends both its own and the challenge's */
    {"repository:a:pull repository:a:pull,push", "repository:a:pull,push"},
    {"repository:a:pull repository:b:pull repository:a:push", "repository:a:pull,push repository:b:pull"},
    {"  repository:a:pull   repository:b:pull ", "repository:a:pull repository:b:pull"},
    /* host and port are part of the name */
    {"repository:box.local:5000/team/app:pull", "repository:box.local:5000/team/app:pull"},
    /* the class is deprecated and ignored */
    {"repository(plugin):a:pull", "repository:a:pull"},
    {"repository(plugin:a:pull", ""},
    {"registry:catalog:*", "registry:catalog:*"},
    {"registry:catalog:pull", "registry:catalog:*"},
    {"registry:catalog:push", ""},
    {"registry:other:*", ""},
    /* unknown types and actions */
    {"image:a:pull", ""},
    {"repository:a:fly", ""},
    {"repository:a:fly,pull", "repository:a:pull"},
    {"repository:a:admin", ""},
    {"repository:a:", ""},
    {"repository:a:,,", ""},
    {"repository:a:PULL", ""},
    /* not the grammar */
    {"repository", ""},
    {"repository:a", ""},
    {"repository::pull", ""},
    {":a:pull", ""},
    {":::", ""},
    {"repository:a\"b:pull", ""},
    {"repository:a\\b:pull", ""},
    {"repository:a\tb:pull", ""},
    {"repository:a\nb:pull", ""},
    {"repository:\xc3\xa9:pull", ""},
};

static void text_of(const struct access_set *set, char *out, size_t size)
{
	struct buf b = BUF_INIT(1 << 20);

	scope_text(set, &b);
	assert_true(buf_ok(&b));
	assert_true(b.n < size);
	memcpy(out, buf_str(&b).p, b.n);
	out[b.n] = '\0';
	buf_release(&b);
}

static void grammar(void **state)
{
	char text[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct access_set set = {.count = 0};

		scope_parse(str_of(rows[i].in), &set);
		text_of(&set, text, sizeof(text));
		assert_string_equal(text, rows[i].out);
	}
}

static void several_values_are_one_set(void **state)
{
	struct access_set set = {.count = 0};
	char text[200];

	(void)state;
	scope_parse(STR("repository:a:push"), &set);
	scope_parse(STR(""), &set);
	scope_parse(STR("repository:b:pull repository:a:pull"), &set);
	text_of(&set, text, sizeof(text));
	assert_string_equal(text, "repository:a:pull,push repository:b:pull");
}

static void bounds(void **state)
{
	struct access_set set = {.count = 0};
	static char many[ACCESS_MAX + 10][32];
	char name[300];

	(void)state;
	for (int i = 0; i < ACCESS_MAX + 10; i++) {
		assert_int_equal(set.overflows, i > ACCESS_MAX);
		snprintf(many[i], sizeof(many[i]), "repository:r%d:pull", i);
		scope_parse(str_of(many[i]), &set);
	}
	assert_int_equal(set.count, ACCESS_MAX);
	scope_parse(STR("repository:r3:push"), &set); /* a full set still unites */
	assert_int_equal(set.items[3].actions, MAY_PULL | MAY_PUSH);

	set.count = 0;
	memset(name, 'n', sizeof(name));
	memcpy(name, "repository:", 11);
	memcpy(name + 11 + 255, ":pull", 5);
	scope_parse((struct str){name, 11 + 255 + 5}, &set);
	assert_int_equal(set.count, 1);
	set.count = 0;
	memcpy(name + 11 + 255, "n:pull", 6);
	scope_parse((struct str){name, 11 + 256 + 5}, &set);
	assert_int_equal(set.count, 0);
}

/* What a token's scope value allows with one repository: all of its entries count. */
static void actions_of_one(void **state)
{
	static const struct {
		const char *scope, *repository;
		unsigned actions;
	} many[] = {
	    {"", "a", 0},
	    {"repository:a:pull", "a", MAY_PULL},
	    {"repository:a:pull", "ab", 0},
	    {"repository:ab:pull", "a", 0},
	    {"repository:a:pull repository:b:push repository:a:delete", "a", MAY_PULL | MAY_DELETE},
	    {"registry:catalog:*", "catalog", 0},
	    {"registry:catalog:* repository:catalog:push", "catalog", MAY_PUSH},
	    {"junk repository:a:fly repository:a:pull", "a", MAY_PULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		assert_int_equal(scope_actions(str_of(many[i].scope), str_of(many[i].repository)), many[i].actions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grammar),
	    cmocka_unit_test(several_values_are_one_set),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(actions_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
