/*
 * pattern: whether a pattern of grants can match the name of any repository. The grammar of names (distribution spec,
 * <name>: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, parts divided by single slashes) is an automaton, the pattern is one,
 * and both are walked at once.
 */
#include "private.h"

/* Where in a name: behind a slash or at its start, behind a letter or digit, behind the separators. */
enum place { BEGIN, LETTER, DOT, ONE_LINE, TWO_LINES, DASH, PLACES };
enum kind { IS_LETTER, IS_DOT, IS_LINE, IS_DASH, IS_SLASH, KINDS };

#define TO(place) ((place) + 1) /* 0: such a name goes on for nobody */
static const uint8_t after[PLACES][KINDS] = {
    [BEGIN] = {[IS_LETTER] = TO(LETTER)},
    [LETTER] = {TO(LETTER), TO(DOT), TO(ONE_LINE), TO(DASH), TO(BEGIN)},
    [DOT] = {[IS_LETTER] = TO(LETTER)},
    [ONE_LINE] = {[IS_LETTER] = TO(LETTER), [IS_LINE] = TO(TWO_LINES)},
    [TWO_LINES] = {[IS_LETTER] = TO(LETTER)},
    [DASH] = {[IS_LETTER] = TO(LETTER), [IS_DASH] = TO(DASH)},
};

static enum kind kind_of(char c)
{
	return c == '.' ? IS_DOT : c == '_' ? IS_LINE : c == '-' ? IS_DASH : c == '/' ? IS_SLASH : IS_LETTER;
}

/* The places that one more character leads to: any but a slash, any, or that one. */
static unsigned step(unsigned places, bool (*fits)(enum kind, enum kind), enum kind wanted)
{
	unsigned next = 0;

	for (int p = 0; p < PLACES; p++)
		for (int k = 0; k < KINDS; k++)
			if (places & 1u << p && fits((enum kind)k, wanted) && after[p][k])
				next |= 1u << (after[p][k] - 1);
	return next;
}

static bool same(enum kind k, enum kind wanted)
{
	return k == wanted;
}

static bool no_slash(enum kind k, enum kind wanted)
{
	(void)wanted;
	return k != IS_SLASH;
}

static bool any(enum kind k, enum kind wanted)
{
	(void)k;
	(void)wanted;
	return true;
}

/* All that any number of such characters leads to. */
static unsigned steps(unsigned places, bool (*fits)(enum kind, enum kind))
{
	unsigned before;

	do {
		before = places;
		places |= step(places, fits, IS_LETTER);
	} while (places != before);
	return places;
}

bool pattern_fits_any(struct str pattern)
{
	unsigned places = 1u << BEGIN;

	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];
		bool twice = c == '*' && i + 1 < pattern.n && pattern.p[i + 1] == '*';

		places = c == '*'   ? steps(places, twice ? any : no_slash)
			 : c == '?' ? step(places, no_slash, IS_LETTER)
				    : step(places, same, kind_of(c));
		i += twice;
	}
	return places & 1u << LETTER;
}
