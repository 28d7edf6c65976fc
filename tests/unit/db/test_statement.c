/* statement: binding, stepping, columns, failures as codes. */
#include "fixture.h"

static void values_come_back_as_they_went_in(void **state)
{
	static const struct {
		const char *name;
		struct str text, blob;
		int64_t n;
	} rows[] = {
	    {"plain", STR("text"), STR("\0\1\2"), 1},
	    {"empty", STR(""), STR(""), INT64_MIN},
	    {"none", {NULL, 0}, {NULL, 0}, INT64_MAX},
	    {"a NUL inside", STR("a\0b"), STR("\xff"), -1},
	};
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	struct db_stmt *s;
	bool row;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(db_begin(c, &p->err), OK);
		assert_int_equal(db_prepare(c, "INSERT INTO a (n, t, b) VALUES (:n, :t, :b)", &s, &p->err), OK);
		db_bind_i64(s, ":n", rows[i].n);
		db_bind_text(s, ":t", rows[i].text);
		db_bind_blob(s, ":b", rows[i].blob);
		int64_t changes = 0;
		assert_int_equal(db_run(s, &changes, &p->err), OK);
		assert_int_equal(changes, 1);
		int64_t id = db_last_id(c);
		assert_int_equal(db_commit(c, &p->err), OK);

		assert_int_equal(db_prepare(c, "SELECT n, t, b, NULL FROM a WHERE id = :id", &s, &p->err), OK);
		db_bind_i64(s, ":id", id);
		assert_int_equal(db_step(s, &row, &p->err), OK);
		assert_true(row);
		assert_true(db_i64(s, 0) == rows[i].n);
		assert_true(str_eq(db_text(s, 1), rows[i].text));
		assert_true(str_eq(db_blob(s, 2), rows[i].blob));
		assert_false(db_is_null(s, 1));
		assert_true(db_is_null(s, 3));
		assert_int_equal(db_text(s, 3).n, 0);
		assert_int_equal(db_step(s, &row, &p->err), OK);
		assert_false(row);
	}
}

static void a_statement_starts_without_bindings(void **state)
{
	static const char sql[] = "SELECT :x IS NULL";
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	struct db_stmt *first, *second;
	bool row;

	assert_int_equal(db_prepare(c, sql, &first, &p->err), OK);
	db_bind_i64(first, ":x", 1);
	assert_int_equal(db_step(first, &row, &p->err), OK);
	assert_int_equal(db_i64(first, 0), 0);
	assert_int_equal(db_prepare(c, sql, &second, &p->err), OK);
	assert_ptr_equal(first, second);
	assert_int_equal(db_step(second, &row, &p->err), OK);
	assert_int_equal(db_i64(second, 0), 1);
	db_bind_null(second, ":x");
	db_done(second);
	db_done(second); /* a no-op */
}

static void failures_have_codes(void **state)
{
	static const struct {
		const char *sql;
		enum rc want;
	} rows[] = {
	    {"INSERT INTO a (n) VALUES (1)", E_EXISTS},
	    {"INSERT INTO a (id) VALUES (1)", E_EXISTS},
	    {"INSERT INTO children VALUES (99)", E_INTERNAL}, /* foreign keys are on */
	    {"INSERT INTO a (n) VALUES ('text')", E_INTERNAL},
	};
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	struct db_stmt *s;

	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(insert(c, 1, &p->err), OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(db_prepare(c, rows[i].sql, &s, &p->err), OK);
		assert_int_equal(db_run(s, NULL, &p->err), rows[i].want);
		assert_int_equal(p->err.rc, rows[i].want);
		assert_int_equal(db_run(s, NULL, NULL), rows[i].want); /* reset: it can run again */
	}
	assert_int_equal(db_prepare(c, "SELECT nothing FROM nowhere", &s, &p->err), E_INTERNAL);
	assert_int_equal(db_commit(c, &p->err), OK);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 1);
}

static void a_value_that_is_too_large_fails_at_the_step(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	struct db_stmt *s;
	char byte = 0;
	bool row;

	assert_int_equal(db_prepare(c, "SELECT :b", &s, &p->err), OK);
	db_bind_blob(s, ":b", (struct str){&byte, (size_t)2 << 30});
	assert_int_not_equal(db_step(s, &row, &p->err), OK);
	assert_false(row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(values_come_back_as_they_went_in, place_set_up, place_tear_down),
	    cmocka_unit_test_setup_teardown(a_statement_starts_without_bindings, place_set_up, place_tear_down),
	    cmocka_unit_test_setup_teardown(failures_have_codes, place_set_up, place_tear_down),
	    cmocka_unit_test_setup_teardown(a_value_that_is_too_large_fails_at_the_step, place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
