/*
 * fuzz_config: a cove.yaml. Whatever is taken prints as YAML that is taken again with the same result; what is refused
 * says where.
 */
#include <cove/base/buf.h>
#include "../../appliance/config/config_internal.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct config *plain(void)
{
	struct config *c;

	check(config_load_partial(0, NULL, &(int){0}, &c, NULL) == OK);
	return c;
}

static bool is_ascii(const struct config *c)
{
	for (size_t i = 0; i < settings_count; i++)
		for (const char *p = ((const struct loaded *)c)->texts[i]; *p; p++)
			if (*p & 0x80)
				return false;
	return true;
}

/* Not of characters that YAML wants escaped where JSON does not (line separators and the like): they are for eyes only.
 */
static void print_again(const struct config *c)
{
	struct buf first = BUF_INIT(1 << 20);
	struct config *again = plain();
	struct config_rows declared = {0};
	struct err err;

	config_print(c, &first);
	if (buf_ok(&first)) {
		check(file_apply((struct loaded *)again, &declared, buf_str(&first), "again", &err) == OK);
		for (size_t i = 0; i < settings_count; i++)
			check(strcmp(((struct loaded *)again)->texts[i], ((const struct loaded *)c)->texts[i]) == 0);
	}
	config_rows_free(&declared);
	buf_release(&first);
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = plain();
	struct config_rows declared = {0};
	struct err err = {.text = ""};

	if (file_apply((struct loaded *)c, &declared, (struct str){(const char *)data, size}, "file", &err) != OK)
		check(strncmp(err.text, "file:", 5) == 0);
	else if (is_ascii(c))
		print_again(c);
	config_rows_free(&declared);
	config_free(c);
	return 0;
}
