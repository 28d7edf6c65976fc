/* Any bytes as a token request: within bounds, and what we write for a scope is read back as the same. */
#include "../../appliance/token/request.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct access_set *set)
{
	struct buf text = BUF_INIT(1 << 16), again = BUF_INIT(1 << 16);
	struct access_set read = {.count = 0};

	if (set->count > ACCESS_MAX)
		abort();
	scope_text(set, &text);
	scope_parse(buf_str(&text), &read);
	scope_text(&read, &again);
	if (!buf_ok(&text) || read.count != set->count || !str_eq(buf_str(&text), buf_str(&again)))
		abort();
	buf_release(&text);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = {(const char *)data, size};
	struct access_set set = {.count = 0};
	struct token_request r;
	struct arena a;

	scope_parse(bytes, &set);
	round_trip(&set);

	arena_init(&a, 1 << 16);
	for (int is_post = 0; is_post < 2; is_post++) {
		struct err err = {.rc = OK};
		enum rc rc = token_request_parse(&a, bytes, is_post, &r, &err);

		if (rc && (err.rc != rc || !err.text[0]))
			abort();
		round_trip(&r.wanted);
		token_request_wipe(&r);
	}
	arena_release(&a);
	return 0;
}
