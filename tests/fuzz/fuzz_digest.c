/* Any bytes as a digest: what is accepted is written back byte for byte. */
#include <cove/crypto/digest.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	enum digest_algorithm algorithm;
	struct digest d, again;
	char out[DIGEST_TEXT_MAX];
	struct err err;

	if (digest_algorithm_parse(text, &algorithm, &err) == OK &&
	    !str_eq(text, str_of(digest_algorithm_name(algorithm))))
		abort();
	if (digest_parse(text, &d, &err) != OK)
		return 0;
	digest_text(out, &d);
	if (!str_eq(text, str_of(out)) || digest_parse(str_of(out), &again, NULL) != OK || !digest_eq(&d, &again))
		abort();
	return 0;
}
