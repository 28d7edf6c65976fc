/*
 * fuzz_head: a request head. The end is found alike however the bytes come; what parses consists of slices of the
 * input, holds no character that could end a line, and says in one way only how long the body is.
 */
#include <cove/http/head.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The answer for the bytes in pieces of `step`. */
static enum rc complete(struct str bytes, size_t step, size_t *length)
{
	struct head_scan scan = {0};
	size_t n = 0;

	for (;;) {
		enum rc rc;

		n = bytes.n - n < step ? bytes.n : n + step;
		rc = head_complete(str_first(bytes, n), &scan, length, NULL);
		check(scan.at <= n && scan.line_start <= scan.at);
		check(rc || *length <= n);
		if (rc || *length || n == bytes.n)
			return rc;
		check(n < HEAD_MAX_BYTES); /* a full buffer gets an answer */
	}
}

static void check_slice(struct str whole, struct str part)
{
	if (part.n == 0)
		return;
	check(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
	for (size_t i = 0; i < part.n; i++)
		check((unsigned char)part.p[i] >= ' ' ? part.p[i] != 0x7f : part.p[i] == '\t');
}

static void check_head(struct str bytes, const struct head *h)
{
	struct str value;

	check(h->minor == 0 || h->minor == 1);
	check(!(h->chunked && h->has_length) && h->length <= INT64_MAX && (h->has_length || h->length == 0));
	check(h->path.n > 0 && (h->path.p[0] == '/' || str_eq(h->path, STR("*"))));
	check(h->host.n == 0 ? h->minor == 0 : host_is_valid(h->host));
	check(!h->query.p || !str_has(h->path, '?'));
	check_slice(bytes, h->method_text);
	check_slice(bytes, h->target);
	check_slice(bytes, h->host);
	check_slice(bytes, h->query);
	if (!str_eq(h->path, STR("/"))) /* a constant after http://host */
		check_slice(bytes, h->path);
	check(h->field_count <= HEAD_FIELDS_MAX);
	for (size_t i = 0; i < h->field_count; i++) {
		check(str_is_token(h->fields[i].name));
		check_slice(bytes, h->fields[i].name);
		check_slice(bytes, h->fields[i].value);
		check(head_field(h, h->fields[i].name, &value));
	}
	check(h->chunked || !head_field(h, STR("transfer-encoding"), &value));
	check(h->has_length || !head_field(h, STR("content-length"), &value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = {(const char *)data, size};
	size_t length, length_in_pieces;
	enum rc rc = complete(bytes, SIZE_MAX, &length);
	static const size_t steps[] = {1, 2, 7, 100};
	struct head head;

	/* Those who come to a whole head in pieces must not see other caps, nor another end. */
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		check(complete(bytes, steps[i], &length_in_pieces) == rc);
		check(rc || length_in_pieces == length);
	}
	if (!head_parse(bytes, &head, NULL)) /* any bytes: it checks everything itself */
		check(!rc && length == size);
	if (!rc && length && !head_parse(str_first(bytes, length), &head, NULL))
		check_head(str_first(bytes, length), &head);
	return 0;
}
