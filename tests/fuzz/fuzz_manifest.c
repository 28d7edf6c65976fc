/* Any bytes as a manifest: a code with a sentence, or content that lies within its bounds. */
#include <cove/manifest/manifest.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct manifest_content m;
	struct err err = {.rc = OK};
	struct str bytes = {(const char *)data, size};

	arena_init(&a, 1 << 20);
	enum rc rc = manifest_parse(&a, bytes, STR_NONE, MANIFEST_PUSHED, &m, &err);
	if (rc && (err.rc != rc || !err.text[0]))
		abort();
	if (!rc && (m.bytes.p != bytes.p || !m.media_type.n))
		abort();
	arena_release(&a);
	return 0;
}
