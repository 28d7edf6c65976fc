/*
 * fuzz_json: a document. What is accepted can be written, and what is written reads as the same again: so the strict
 * scan and the tree behind it have understood the same thing.
 */
#include <cove/base/json.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void walk(const struct json *v)
{
	struct str s = json_string(v);
	uint64_t number;
	bool yes;
	size_t n = 0;

	for (size_t i = 0, step; i < s.n; i += step) {
		step = str_utf8_step(str_from(s, i));
		check(step > 0);
	}
	check(!json_u64(v, &number) || number < (uint64_t)1 << 53);
	json_bool(v, &yes);
	for (const struct json *e = json_first(v); e; e = json_next(e)) {
		n++;
		if (json_is_object(v))
			check(json_member(v, json_name(e).p) == e); /* no name twice */
		walk(e);
	}
	check(json_count(v) == n && (n == 0 || json_is_array(v) || json_is_object(v)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = BUF_INIT(16 << 20), second = BUF_INIT(16 << 20);
	struct json *v = NULL;
	struct err err;

	if (size > 4096 || json_parse((struct str){(const char *)data, size}, &v, &err))
		return 0;
	walk(v);
	json_write(&first, v);
	json_free(v);
	check(buf_ok(&first) && !json_parse(buf_str(&first), &v, &err));
	json_write(&second, v);
	json_free(v);
	check(str_eq(buf_str(&first), buf_str(&second)));
	buf_release(&first);
	buf_release(&second);
	return 0;
}
