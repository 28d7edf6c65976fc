/*
 * glob: the pattern is an automaton whose state i means "what comes from item i on is still to be matched". All
 * reachable states go on at once, one bit each, so a byte costs as much as the pattern has words, whatever is in it: no
 * pattern makes it slow.
 */
#include <cove/base/str.h>

#define WORDS (STR_GLOB_MAX / 64 + 1)

/* Items are bytes, `?` and stars; a run of stars is one item. */
struct glob {
	size_t items, words;
	uint64_t one[WORDS];               /* where any byte but a slash fits */
	uint64_t part[WORDS];              /* a star: stays with any byte but a slash, or is passed over */
	uint64_t rest[WORDS];              /* two: stays with any byte */
	size_t kinds;                      /* of bytes in the pattern, and none */
	uint16_t kind_of[256];             /* 0: not in the pattern */
	uint64_t at[UINT8_MAX + 2][WORDS]; /* of each kind: where that byte fits; set up for those that there are */
};

static void set(uint64_t *words, size_t i)
{
	words[i / 64] |= UINT64_C(1) << (i % 64);
}

static void add_byte(struct glob *g, unsigned char c)
{
	if (!g->kind_of[c]) {
		g->kind_of[c] = (uint16_t)g->kinds;
		memset(g->at[g->kinds++], 0, g->words * sizeof(**g->at));
	}
	set(g->at[g->kind_of[c]], g->items);
}

static void compile(struct glob *g, struct str pattern)
{
	g->words = pattern.n / 64 + 1;
	g->items = 0;
	g->kinds = 1;
	memset(g->kind_of, 0, sizeof(g->kind_of));
	memset(g->at[0], 0, sizeof(g->at[0]));
	memset(g->one, 0, sizeof(g->one));
	memset(g->part, 0, sizeof(g->part));
	memset(g->rest, 0, sizeof(g->rest));
	for (size_t i = 0, stars; i < pattern.n; i += stars ? stars : 1, g->items++) {
		for (stars = 0; i + stars < pattern.n && pattern.p[i + stars] == '*';)
			stars++;
		if (stars)
			set(stars > 1 ? g->rest : g->part, g->items);
		else if (pattern.p[i] == '?')
			set(g->one, g->items);
		else
			add_byte(g, (unsigned char)pattern.p[i]);
	}
}

/* A state at a star is also the one behind it; two stars never follow each other. */
static uint64_t pass_stars(const struct glob *g, size_t w, uint64_t states, uint64_t *carry)
{
	uint64_t stars = states & (g->part[w] | g->rest[w]);

	states |= stars << 1 | *carry;
	*carry = stars >> 63;
	return states;
}

/* False: no state is left. */
static bool step(const struct glob *g, uint64_t states[WORDS], char c)
{
	const uint64_t *fits = g->at[g->kind_of[(unsigned char)c]];
	uint64_t moved_on = 0, passed = 0, any = 0, all = c == '/' ? 0 : UINT64_MAX;

	for (size_t w = 0; w < g->words; w++) {
		uint64_t moves = states[w] & (fits[w] | (g->one[w] & all));
		uint64_t stays = states[w] & (g->rest[w] | (g->part[w] & all));

		states[w] = pass_stars(g, w, moves << 1 | moved_on | stays, &passed);
		moved_on = moves >> 63;
		any |= states[w];
	}
	return any;
}

bool str_glob(struct str pattern, struct str s)
{
	uint64_t states[WORDS] = {0}, carry = 0;
	struct glob g;

	if (pattern.n > STR_GLOB_MAX)
		return false;
	compile(&g, pattern);
	states[0] = pass_stars(&g, 0, 1, &carry);
	for (size_t i = 0; i < s.n; i++)
		if (!step(&g, states, s.p[i]))
			return false;
	return states[g.items / 64] >> (g.items % 64) & 1;
}
