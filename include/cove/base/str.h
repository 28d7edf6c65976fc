/*
 * str: a pointer and a length, passed by value. It never owns its bytes and need not end in NUL. The bytes must outlive
 * it; a header that returns one says how long it is valid. All tests are ASCII only, no locale. Threads: pure
 * functions. Errors: parsers return false and leave the result untouched.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p; /* may be NULL only when n is 0 */
	size_t n;      /* bytes */
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* for printf's "%.*s" */
#define STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

static inline struct str str_of(const char *c)
{
	return c ? (struct str){c, strlen(c)} : STR_NONE;
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal without regard to ASCII case: field names, schemes, host names. */
bool str_eqi(struct str a, struct str b);

/* Bytewise order, shorter first on a tie; the order in which the distribution spec lists tags. */
int str_cmp(struct str a, struct str b);

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* s from byte `from` on; empty when from is past the end. */
struct str str_from(struct str s, size_t from);

/* The first n bytes of s, or all of it. */
struct str str_first(struct str s, size_t n);

/* Cuts s at the first (last) `sep`: returns true, *head gets what is before it, *tail what is after. Returns false, and
 * gives head = s, tail = empty, when there is none. head and tail may alias &s. */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);
bool str_cut_last(struct str s, char sep, struct str *head, struct str *tail);

/* Without leading and trailing SP and HTAB (OWS of RFC 9110 §5.6.3). */
struct str str_trim(struct str s);

bool str_has(struct str s, char c);

/* Strict decimal: digits only, no sign, no blanks, no overflow, not empty. */
bool str_u64(struct str s, uint64_t *out);

/* Strict hexadecimal, 1 to 16 digits of either case. */
bool str_hex_u64(struct str s, uint64_t *out);

/* Bytes of the well-formed UTF-8 character at the start of s (1 to 4); 0 when there is none. */
size_t str_utf8_step(struct str s);

/* Like str_utf8_step, but only for characters that are safe to print on a terminal: no control characters (C0, C1), no
 * line or paragraph separators, no characters that change the direction of text. */
size_t str_printable_step(struct str s);
/* Copies s into out[max + 1], cut at a character, with '?' for every unsafe byte. Returns out. */
const char *str_print(char *out, size_t max, struct str s);

/* A token of RFC 9110 §5.6.2 (methods, field names, schemes), and one byte of a token. */
bool str_is_token(struct str s);
bool ascii_is_tchar(char c);

/* glob.c: with `*` (any run without '/'), `**` (any run) and `?` (one byte, not '/'); the cost is one step for each
 * byte of s and each 64 bytes of the pattern. A pattern of more than STR_GLOB_MAX bytes matches nothing. */
#define STR_GLOB_MAX 512
bool str_glob(struct str pattern, struct str s);

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool ascii_is_alpha(char c)
{
	return ascii_is_lower(c) || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char ascii_upper(char c)
{
	return ascii_is_lower(c) ? (char)(c - 32) : c;
}
