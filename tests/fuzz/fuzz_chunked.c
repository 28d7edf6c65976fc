/*
 * fuzz_chunked: a chunked body. The first byte is the size of the pieces in which the others come; the pieces make no
 * difference to the data, to the end or to the verdict.
 */
#include <cove/http/chunked.h>
#include <cove/base/buf.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

struct outcome {
	struct buf data;
	size_t used;
	bool done;
	enum rc rc;
};

static void decode(struct str in, size_t step, struct outcome *out)
{
	struct chunked c = CHUNKED_INIT;

	*out = (struct outcome){.data = BUF_INIT(in.n)}; /* what comes out is never more than what goes in */
	while (out->used < in.n && !chunked_done(&c) && !out->rc) {
		struct str piece = str_first(str_from(in, out->used), step), data;
		size_t consumed = 0;

		out->rc = chunked_feed(&c, piece, &consumed, &data, NULL);
		if (out->rc)
			break;
		check(consumed > 0 && consumed <= piece.n);
		check(data.n == 0 || (data.p >= piece.p && data.p + data.n == piece.p + consumed));
		buf_add(&out->data, data);
		out->used += consumed;
	}
	out->done = chunked_done(&c);
	check(buf_ok(&out->data));
	check(out->rc == OK || out->rc == E_HTTP_BAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {(const char *)data + 1, size - 1};
	struct outcome whole, pieces;

	if (size == 0)
		return 0;
	decode(in, SIZE_MAX, &whole);
	decode(in, (size_t)data[0] + 1, &pieces);
	check(whole.rc == pieces.rc && whole.done == pieces.done);
	check(str_eq(buf_str(&whole.data), buf_str(&pieces.data)));
	if (!whole.rc)
		check(whole.used == pieces.used && (whole.done || whole.used == in.n));
	buf_release(&whole.data);
	buf_release(&pieces.data);
	return 0;
}
