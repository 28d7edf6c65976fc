/* Where values come from, which wins, and what the manual says of them. Files in a temporary directory. */
#include "config_internal.h"
#include <cove/base/io.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

static char root[64], file[80], data_flag[80];

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_count; i++) {
		char name[SETTING_NAME_MAX];

		setting_variable(&settings[i], name);
		unsetenv(name);
	}
	unsetenv("STATE_DIRECTORY");
	snprintf(root, sizeof(root), "/tmp/cove-test-config-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(file, sizeof(file), "%s/cove.yaml", root);
	snprintf(data_flag, sizeof(data_flag), "--data=%s", root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(root);
}

static void write_file(const char *text)
{
	assert_int_equal(io_write_file(AT_FDCWD, file, str_of(text), 0600, NULL), OK);
}

/* The arguments end with NULL. */
static enum rc load(struct config **c, struct err *err, ...)
{
	char *argv[10];
	int argc = 0;
	va_list ap;

	va_start(ap, err);
	for (char *word = va_arg(ap, char *); word && argc < 10; word = va_arg(ap, char *))
		argv[argc++] = word;
	va_end(ap);
	return config_load(argc, argv, c, err);
}

static void test_defaults(void **state)
{
	struct config *c;
	struct err err;
	char host[256];
	uint16_t port;

	(void)state;
	assert_int_equal(load(&c, &err, NULL), OK);
	assert_string_equal(c->data, "./cove-data");
	assert_string_equal(c->names, "");
	assert_string_equal(c->certificate, "");
	assert_string_equal(c->log_level, "info");
	assert_false(c->access_log);
	assert_int_equal(c->threads, 0);
	assert_int_equal(c->upload_expiry_s, 7 * 86400);
	assert_int_equal(c->stop_grace_s, 30);
	assert_int_equal(config_listen(c, host, &port, &err), OK);
	assert_string_equal(host, "");
	assert_int_equal(port, 5000);
	config_free(c);
	setenv("STATE_DIRECTORY", "/var/lib/cove:/var/lib/other", 1);
	assert_int_equal(load(&c, &err, NULL), OK);
	assert_string_equal(c->data, "/var/lib/cove");
	config_free(c);
}

static void test_precedence(void **state)
{
	struct config *c;
	struct err err;

	(void)state;
	write_file("threads: 1\nmax_connections: 1\nlog_level: debug\naccess_log: true\nnames: a b\n");
	setenv("COVE_THREADS", "2", 1);
	setenv("COVE_MAX_CONNECTIONS", "2", 1);
	setenv("COVE_NAMES", "", 1);
	assert_int_equal(load(&c, &err, data_flag, "--threads", "3", NULL), OK);
	assert_int_equal(c->threads, 3);
	assert_int_equal(c->max_connections, 2);
	assert_string_equal(c->log_level, "debug");
	assert_string_equal(c->names, "a b"); /* an empty variable is none */
	assert_true(c->access_log);

	struct buf text = BUF_INIT(4096);

	config_print(c, &text);
	assert_non_null(strstr(text.p, "\nthreads: 3 # flag\n"));
	assert_non_null(strstr(text.p, "\nmax_connections: 2 # environment\n"));
	assert_non_null(strstr(text.p, "\nnames: \"a b\" # file\n"));
	assert_non_null(strstr(text.p, "\nstop_grace: 30s # default\n"));
	buf_release(&text);
	config_free(c);
}

static void test_switches(void **state)
{
	struct config *c;
	struct err err;

	(void)state;
	assert_int_equal(load(&c, &err, data_flag, "--access-log", "--threads=2", NULL), OK);
	assert_true(c->access_log);
	config_free(c);
	assert_int_equal(load(&c, &err, data_flag, "--access-log", "true", NULL), OK);
	assert_true(c->access_log);
	config_free(c);
	assert_int_equal(load(&c, &err, data_flag, "--access-log=false", NULL), OK);
	assert_false(c->access_log);
	config_free(c);
}

static void test_bad_arguments(void **state)
{
	static const struct {
		char *flag, *value;
		enum rc want;
		const char *says;
	} rows[] = {
	    {"--nonsense", NULL, E_USAGE, "--nonsense"},
	    {"word", NULL, E_USAGE, "word"},
	    {"--threads", NULL, E_USAGE, "--threads needs a value"},
	    {"--threads", "-1", E_USAGE, "--threads"},
	    {"--threads", "257", E_USAGE, "0 to 256"},
	    {"--upload-expiry", "59s", E_USAGE, "1m to 3650d"},
	    {"--log-level", "loud", E_USAGE, "error warn info debug"},
	    {"--access-log=maybe", NULL, E_USAGE, "maybe"},
	    {"--listen", "5000", E_USAGE, "host:port"},
	    {"--data=", NULL, E_USAGE, "--data"},
	    {"--config", "/nonexistent/x.yaml", E_CONFIG, "/nonexistent/x.yaml"},
	    {"--certificate", "a.pem", E_CONFIG, "certificate_key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct config *c = NULL;
		struct err err;

		if (load(&c, &err, data_flag, rows[i].flag, rows[i].value, NULL) != rows[i].want)
			fail_msg("row %zu: %s", i, rows[i].flag);
		if (!strstr(err.text, rows[i].says))
			fail_msg("row %zu: %s", i, err.text);
	}
	setenv("COVE_TLS_MEMORY", "5 potatoes", 1);

	struct config *c = NULL;
	struct err err;

	assert_int_equal(load(&c, &err, data_flag, NULL), E_CONFIG);
	assert_non_null(strstr(err.text, "COVE_TLS_MEMORY: "));
}

/* A sentence that is only made where the value is used says where that came from. */
static void test_blame(void **state)
{
	struct config *c;
	struct err err;
	char want[200];

	(void)state;
	write_file("threads: 1\nnames: a b\n");
	setenv("COVE_LISTEN", ":1", 1);
	assert_int_equal(load(&c, &err, data_flag, "--tls-memory=1MiB", NULL), OK);
	(fail)(&err, E_IO, "it is bad");
	assert_int_equal(config_blame(c, "names", &err), E_CONFIG);
	snprintf(want, sizeof(want), "%s:2: names: it is bad", file);
	assert_string_equal(err.text, want);
	(fail)(&err, E_IO, "it is bad");
	assert_int_equal(config_blame(c, "listen", &err), E_CONFIG);
	assert_string_equal(err.text, "COVE_LISTEN: it is bad");
	(fail)(&err, E_IO, "it is bad");
	assert_int_equal(config_blame(c, "tls_memory", &err), E_CONFIG);
	assert_string_equal(err.text, "--tls-memory: it is bad");
	config_free(c);
	unsetenv("COVE_LISTEN");
	write_file("threads: 1\ncertificate_key: x.pem\n");
	assert_int_equal(load(&c, &err, data_flag, NULL), E_CONFIG);
	snprintf(want, sizeof(want), "%s:2: certificate_key: set both certificate and", file);
	assert_true(str_starts(str_of(err.text), str_of(want)));
}

/* The file may come, change, become wrong and go while the process lives. */
static void test_differences(void **state)
{
	struct buf keys = BUF_INIT(1000);
	struct config_rows rows;
	struct config *c;
	struct err err;

	(void)state;
	assert_int_equal(load(&c, &err, data_flag, "--threads=2", NULL), OK);
	assert_int_equal(config_differences(c, &keys, &err), OK);
	assert_int_equal(config_namespaces(c, &rows, &err), OK);
	assert_int_equal(keys.n + rows.count, 0);
	write_file("threads: 5\nlisten: :6000\naudit_rows: 100000\nnames: a\nnamespaces: {own: {kind: hosted}}\n");
	assert_int_equal(config_differences(c, &keys, &err), OK);
	assert_string_equal(keys.p, "listen,names");
	assert_int_equal(config_namespaces(c, &rows, &err), OK);
	assert_int_equal(rows.count, 1);
	config_rows_free(&rows);
	write_file("listen: nowhere\n");
	assert_int_equal(config_differences(c, &keys, &err), E_CONFIG);
	assert_non_null(strstr(err.text, "cove.yaml:1:9: listen: "));
	config_free(c);
	write_file("names: a\n");
	assert_int_equal(load(&c, &err, data_flag, NULL), OK);
	unlink(file);
	assert_int_equal(config_differences(c, &keys, &err), E_CONFIG);
	assert_int_equal(config_namespaces(c, &rows, &err), E_NOT_FOUND);
	config_free(c);
	buf_release(&keys);
}

/* A thousand namespaces are allowed; the file may be as long as that. */
static void test_long_file(void **state)
{
	struct buf text = BUF_INIT(2000000);
	struct config_rows rows;
	struct config *c;
	struct err err;

	(void)state;
	buf_addz(&text, "namespaces:\n");
	for (int i = 0; i < 1000; i++)
		buf_addf(&text,
		    "  proxy-number-%d:\n    kind: proxy\n    upstream: https://registry-%d.example.org\n    # one of "
		    "many\n",
		    i, i);
	assert_true(buf_ok(&text) && text.n > 65536);
	write_file(text.p);
	assert_int_equal(load(&c, &err, data_flag, NULL), OK);
	assert_int_equal(config_namespaces(c, &rows, &err), OK);
	assert_int_equal(rows.count, 2000);
	config_rows_free(&rows);
	config_free(c);
	buf_release(&text);
}

static void test_partial(void **state)
{
	char *argv[] = {"add", data_flag, "alice", "--grant", "a/**:pull", "--threads", "2", "--admin"};
	struct config *c;
	struct err err;
	int rest;

	(void)state;
	assert_int_equal(config_load_partial(8, argv, &rest, &c, &err), OK);
	assert_int_equal(rest, 5);
	assert_string_equal(argv[0], "add");
	assert_string_equal(argv[1], "alice");
	assert_string_equal(argv[3], "a/**:pull");
	assert_string_equal(argv[4], "--admin");
	assert_int_equal(c->threads, 2);
	config_free(c);
}

static void test_file_names_data(void **state)
{
	struct config *c;
	struct err err;

	(void)state;
	write_file("data: /elsewhere\n");
	assert_int_equal(load(&c, &err, "--config", file, NULL), OK);
	assert_string_equal(c->data, "/elsewhere");
	config_free(c);
	setenv("STATE_DIRECTORY", root, 1);
	assert_int_equal(load(&c, &err, NULL), E_CONFIG);
	assert_non_null(strstr(err.text, file));
}

/* cove.example.yaml is what `cove config --defaults` prints, and each line of it, once uncommented, is the default. */
static void test_example(void **state)
{
	struct buf want = BUF_INIT(65536), have = BUF_INIT(65536), lines = BUF_INIT(65536);
	struct config *plain, *c;
	struct str rest, line;
	struct err err;

	(void)state;
	config_defaults(&want);
	assert_int_equal(io_read_file(AT_FDCWD, COVE_TESTS "/../cove.example.yaml", &have, &err), OK);
	assert_true(buf_ok(&want));
	assert_string_equal(have.p, want.p);
	for (rest = buf_str(&have); rest.n;) {
		str_cut(rest, '\n', &line, &rest);
		if (str_starts(line, STR("#")) && !str_starts(line, STR("# ")))
			buf_addf(&lines, "%.*s\n", STR_ARG(str_from(line, 1)));
	}
	write_file(lines.p);
	assert_int_equal(load(&c, &err, "--config", file, NULL), OK);
	for (size_t i = 0; i < settings_count; i++)
		assert_int_equal(((struct loaded *)c)->origins[i], ORIGIN_FILE);
	assert_int_equal(load(&plain, &err, NULL), OK);
	buf_reset(&want);
	buf_reset(&have);
	config_print(c, &have);
	config_print(plain, &want);
	for (struct str a = buf_str(&have), b = buf_str(&want), x, y, no; a.n || b.n;) {
		str_cut(a, '\n', &x, &a);
		str_cut(b, '\n', &y, &b);
		str_cut_last(x, '#', &x, &no);
		str_cut_last(y, '#', &y, &no);
		assert_true(str_eq(x, y));
	}
	config_free(c);
	config_free(plain);
	buf_release(&want);
	buf_release(&have);
	buf_release(&lines);
}

static void test_help(void **state)
{
	struct buf text = BUF_INIT(65536);
	char name[SETTING_NAME_MAX];

	(void)state;
	config_help(&text);
	assert_true(buf_ok(&text));
	for (size_t i = 0; i < settings_count; i++) {
		setting_flag(&settings[i], name);
		assert_non_null(strstr(text.p, name));
		setting_variable(&settings[i], name);
		assert_non_null(strstr(text.p, name));
	}
	for (struct str rest = buf_str(&text), line; rest.n;) {
		str_cut(rest, '\n', &line, &rest);
		assert_true(line.n <= 100);
	}
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_switches, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_arguments, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_blame, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_differences, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_long_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_partial, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_file_names_data, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_example, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_help, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
