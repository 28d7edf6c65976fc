/* cove.yaml: what is taken, and the place that complaints name. */
#include "config_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *yaml;
	const char *says; /* NULL: taken */
} rows[] = {
    {"", NULL},
    {"# nothing\n", NULL},
    {"---\n", NULL},
    {"threads: 4\n", NULL},
    {"--- # settings\nthreads: 4\n...\n", NULL},
    {"{threads: 4, names: \"a, b\"}\n", NULL},
    {"names: 'it''s'\n", NULL},
    {"names:\n", NULL},
    {"certificate: |-\n  a\n", NULL},
    {"tls_memory: 64MiB\nupload_expiry: 2w\nlisten: \"[::1]:443\"\naccess_log: true\n", NULL},
    {"namespaces:\n  own:\n    kind: hosted\n    immutable_tags: [v*, r*]\n  docker.io: {kind: proxy, upstream: "
     "\"https://a\"}\n",
	NULL},
    {"namespaces:\n", NULL},
    {"namespaces: own\n", "x:1:13: namespaces: expected lines of the form"},
    {"namespaces:\n  own: hosted\n", "x:2:8: namespace own: expected lines of the form"},
    {"namespaces:\n  own: {}\n", "x:2:9: namespace own has no kind"},
    {"namespaces:\n  own:\n    kind: hosted\n    kind: group\n", "x:4:11: kind of own is set twice"},
    {"namespaces:\n  own:\n    members: [[a]]\n", "x:3:15: expected a value or a list"},
    {"namespaces:\n  own:\n    members: {a: b}\n", "x:3:14: expected a value or a list"},
    {"namespaces:\n  own: {kind: hosted}\n  b: {kind: hosted}\n  own: {quota: 1GiB}\n", "x:4:3: own is declared twice"},
    {"namespaces:\n  own: {kind: hosted}\nnamespaces:\n  b: {kind: hosted}\n", "x:3:1: namespaces is set twice"},
    {"threads: 4\ntreads: 5\n", "x:2:1: \"treads\" is not a setting"},
    {"threads: 4\nthreads: 5\n", "x:2:1: threads is set twice"},
    {"threads: four\n", "x:1:10: threads: \"four\" is not a whole number"},
    {"threads: 1000\n", "x:1:10: threads: \"1000\" is out of range: use 0 to 256"},
    {"\n\ntls_memory:   5 potatoes\n", "x:3:15: tls_memory: "},
    {"log_level: Info\n", "x:1:12: log_level: \"Info\" is not allowed: choose one of error warn info debug"},
    {"access_log: yes\n", "x:1:13: access_log: "},
    {"upload_expiry: 7\n", "x:1:16: upload_expiry: "},
    {"data: \"\"\n", "x:1:7: data: a value is required"},
    {"listen: 5000\n", "x:1:9: listen: "},
    {"names: \"a\\0b\"\n", "x:1:8: names: line breaks"},
    {"certificate: |\n  a\n", "x:1:14: certificate: line breaks"},
    {"names: [a, b]\n", "x:1:8: names: expected a single value"},
    {"names:\n  a: b\n", "x:2:3: names: expected a single value"},
    {"names: &a x\ncertificate: *a\n", "x:2:14: certificate: expected a single value"},
    {"names: !!binary aGk=\n", "x:1:8: names: YAML tags"},
    {"[a]: b\n", "x:1:1: expected the name of a setting"},
    {"- threads\n", "x:1:1: expected lines of the form"},
    {"threads\n", "x:1:1: expected lines of the form"},
    {"threads: 4\n---\nthreads: 5\n", "x:2:1: the file has more than one YAML document"},
    {"log_level: [\n", "x:1:12: log_level: expected a single value"},
    {"names: \"open\n", "x:2:1: not valid YAML: "},
    {"threads: 4\n\tnames: a\n", "x:2:1: not valid YAML: "},
    {"names: \xff\n", ": not valid YAML: "},
};

static struct loaded *loaded;

static int setup(void **state)
{
	struct config *c;

	(void)state;
	if (config_load(0, NULL, &c, NULL))
		return -1;
	loaded = (struct loaded *)c;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	config_free(&loaded->config);
	return 0;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err err = {.text = ""};
		struct config_rows declared = {0};
		enum rc rc = file_apply(loaded, &declared, str_of(rows[i].yaml), "x", &err);

		if (rc != (rows[i].says ? E_CONFIG : OK))
			fail_msg("row %zu: %s: %s", i, rows[i].yaml, err.text);
		if (rc && !strstr(err.text, rows[i].says))
			fail_msg("row %zu: %s: says %s", i, rows[i].yaml, err.text);
		config_rows_free(&declared);
	}
}

static void test_declared(void **state)
{
	struct config_rows declared = {0};

	(void)state;
	assert_int_equal(
	    file_apply(NULL, &declared,
		STR("threads: 4\nnamespaces:\n  own:\n    kind: hosted\n    immutable_tags:\n    - v*\n    - r*\n"),
		"x", NULL),
	    OK);
	assert_int_equal(declared.count, 2);
	assert_string_equal(declared.items[1].name, "own");
	assert_string_equal(declared.items[1].key, "immutable_tags");
	assert_string_equal(declared.items[1].value, "v* r*");
	assert_int_equal(declared.items[1].line, 5);
	config_rows_free(&declared);
}

static void test_values(void **state)
{
	struct config_rows declared = {0};

	(void)state;
	assert_int_equal(
	    file_apply(loaded, &declared, STR("tls_memory: 64MiB\nnames: a, b # c\ncertificate: /x y\n"), "x", NULL),
	    OK);
	assert_int_equal(loaded->config.tls_memory_bytes, 64 << 20);
	assert_string_equal(loaded->config.names, "a, b");
	assert_string_equal(loaded->config.certificate, "/x y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
	    cmocka_unit_test(test_declared),
	    cmocka_unit_test_setup_teardown(test_values, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
