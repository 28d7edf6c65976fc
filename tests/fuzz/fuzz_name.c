/* Names, tags and references: the first byte chooses the grammar. What is accepted must keep the promises that the rest
 * of the program builds on: bounded, no byte that a path or a log line would mind, the same again from its own text. */
#include <cove/store/name.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check_bytes(struct str s, struct str allowed)
{
	for (size_t i = 0; i < s.n; i++)
		need(ascii_is_alnum(s.p[i]) || str_has(allowed, s.p[i]));
}

static void check_repository(struct str text)
{
	struct repo_name name;

	if (repo_name_parse(text, &name, NULL))
		return;
	need(str_eq(name.s, text) && text.n > 0 && text.n <= REPO_NAME_MAX);
	check_bytes(text, STR("._-/"));
	for (size_t i = 0; i < text.n; i++)
		need(ascii_is_lower(text.p[i]) || !ascii_is_alpha(text.p[i]));
	for (size_t i = 0; i + 1 < text.n; i++)
		need(!(text.p[i] == '/' && !ascii_is_alnum(text.p[i + 1])) &&
		     !(text.p[i] == '.' && text.p[i + 1] == '.'));
	need(ascii_is_alnum(text.p[0]) && ascii_is_alnum(text.p[text.n - 1]));
}

static void check_tag(struct str text)
{
	struct tag tag;

	if (tag_parse(text, &tag, NULL))
		return;
	need(str_eq(tag.s, text) && text.n > 0 && text.n <= TAG_MAX && text.p[0] != '.' && text.p[0] != '-');
	check_bytes(text, STR("._-"));
}

static void check_reference(struct str text)
{
	char again[DIGEST_TEXT_MAX];
	struct reference ref;

	if (reference_parse(text, &ref, NULL))
		return;
	if (!ref.is_digest) {
		need(str_eq(ref.tag.s, text));
		return;
	}
	digest_text(again, &ref.digest);
	need(str_eq(str_of(again), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(struct str) = {check_repository, check_tag, check_reference};
	struct str text;

	if (size == 0)
		return 0;
	text = (struct str){(const char *)data + 1, size - 1};
	checks[data[0] % 3](text);
	return 0;
}
