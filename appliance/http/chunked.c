/*
 * chunked: a state per position in the grammar of RFC 9112 §7.1. Each byte of framing is one step; bytes of data are
 * passed on in pieces as they lie in the input.
 *
 *   SIZE -> BLANK -> EXTENSION -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *     last chunk:                 SIZE_LF -> TRAILER -> NAME -> VALUE -> VALUE_LF -> TRAILER -> LAST_LF -> DONE
 */
#include <cove/http/chunked.h>

enum state { SIZE, BLANK, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, NAME, VALUE, VALUE_LF, LAST_LF, DONE };

static bool is_text(char c)
{
	return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

static bool go(struct chunked *c, enum state state)
{
	c->state = (int)state;
	return true;
}

static bool count(struct chunked *c, size_t max)
{
	return ++c->count <= max;
}

/* The blank before ';' is bad style that must be read (RFC 9112 §7.1.1); without a ';' it is an error. */
static bool step_size(struct chunked *c, char byte)
{
	uint64_t digit;

	if (c->state == SIZE && str_hex_u64((struct str){&byte, 1}, &digit)) {
		c->left = c->left << 4 | digit;
		return count(c, CHUNKED_DIGITS_MAX) && c->left <= INT64_MAX;
	}
	if (c->state == SIZE && c->count == 0)
		return false;
	if (c->state == SIZE && byte == '\r')
		return go(c, SIZE_LF);
	if (c->state == SIZE)
		c->count = 0;
	if (byte == ';')
		return go(c, EXTENSION);
	return (byte == ' ' || byte == '\t') && count(c, CHUNKED_EXTENSION_MAX_BYTES) && go(c, BLANK);
}

static bool step_extension(struct chunked *c, char byte)
{
	if (byte == '\r')
		return go(c, SIZE_LF);
	return is_text(byte) && count(c, CHUNKED_EXTENSION_MAX_BYTES);
}

static bool step_size_lf(struct chunked *c, char byte)
{
	c->count = 0;
	return byte == '\n' && go(c, c->left ? DATA : TRAILER);
}

/* Trailer fields obey the grammar of fields, so that nothing hides in them. */
static bool step_trailer(struct chunked *c, char byte)
{
	if (c->state == TRAILER && byte == '\r')
		return go(c, LAST_LF);
	if (!count(c, CHUNKED_TRAILER_MAX_BYTES))
		return false;
	switch (c->state) {
	case TRAILER:
		return ascii_is_tchar(byte) && go(c, NAME);
	case NAME:
		return byte == ':' ? go(c, VALUE) : ascii_is_tchar(byte);
	case VALUE:
		return byte == '\r' ? go(c, VALUE_LF) : is_text(byte);
	default:
		return byte == '\n' && go(c, TRAILER);
	}
}

/* One byte of framing; false when it may not stand there. */
static bool step(struct chunked *c, char byte)
{
	switch (c->state) {
	case SIZE:
	case BLANK:
		return step_size(c, byte);
	case EXTENSION:
		return step_extension(c, byte);
	case SIZE_LF:
		return step_size_lf(c, byte);
	case DATA_CR:
		return byte == '\r' && go(c, DATA_LF);
	case DATA_LF:
		return byte == '\n' && go(c, SIZE);
	case LAST_LF:
		return byte == '\n' && go(c, DONE);
	default:
		return step_trailer(c, byte);
	}
}

enum rc chunked_feed(struct chunked *c, struct str in, size_t *consumed, struct str *data, struct err *err)
{
	size_t at = 0;

	*data = STR_NONE;
	while (at < in.n && c->state != DATA && c->state != DONE)
		if (!step(c, in.p[at++]))
			return fail(
			    err, E_HTTP_BAD, "the request is not valid HTTP/1.1: its chunked body is malformed");
	if (c->state == DATA) {
		*data = str_first(str_from(in, at), c->left > SIZE_MAX ? SIZE_MAX : (size_t)c->left);
		c->left -= data->n;
		at += data->n;
		if (c->left == 0)
			go(c, DATA_CR);
	}
	*consumed = at;
	return OK;
}

bool chunked_done(const struct chunked *c)
{
	return c->state == DONE;
}
