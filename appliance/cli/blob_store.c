/* cove blob-store: the directories that blobs may lie in beside the data directory. */
#include "commands.h"
#include <cove/store/blob_store.h>
#include <cove/base/json.h>
#include <stdio.h>

#define JSON_MAX_BYTES (16u << 20)
#define MIB (1024 * 1024)

static enum rc add(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(blob_store_add(d->db, str_of(w->items[0]), str_of(w->items[1]), err));
	printf("To use it in a namespace: cove namespace change NAME blob_store=%s\n", w->items[0]);
	return OK;
}

static enum rc remove_one(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(blob_store_remove(d->db, str_of(w->items[0]), err));
	return OK;
}

static enum rc print_one(void *ctx, const struct blob_store *b, struct err *err)
{
	char left[24] = "-";

	(void)ctx;
	(void)err;
	if (!b->failure.n)
		snprintf(left, sizeof(left), "%llu", (unsigned long long)(b->free_bytes / MIB));
	printf("%-20.*s %-9llu %-9llu %-9s %.*s%s%.*s\n", STR_ARG(b->name), (unsigned long long)b->blobs,
	    (unsigned long long)(b->bytes / MIB), left, STR_ARG(b->path), b->failure.n ? "  " : "",
	    STR_ARG(b->failure));
	return OK;
}

static enum rc put_one(void *ctx, const struct blob_store *b, struct err *err)
{
	struct buf *json = ctx;

	(void)err;
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_str(json, "name", b->name);
	json_put_member_str(json, "path", b->path);
	json_put_member_u64(json, "blobs", b->blobs);
	json_put_member_u64(json, "bytes", b->bytes);
	json_put_member_u64(json, "free_bytes", b->free_bytes);
	json_put_member_str(json, "failure", b->failure);
	buf_addz(json, "}");
	return OK;
}

static enum rc list(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf json = BUF_INIT(JSON_MAX_BYTES);
	bool as_json = cli_has(options, "--json");
	enum rc rc;

	(void)w;
	buf_addz(&json, "[");
	if (!as_json)
		printf("%-20s %-9s %-9s %-9s PATH\n", "NAME", "BLOBS", "MIB", "FREE MIB");
	rc = blob_store_list(d->db, as_json ? put_one : print_one, &json, err);
	if (!rc && as_json)
		printf("%.*s]\n", STR_ARG(buf_str(&json)));
	buf_release(&json);
	return rc;
}

int cmd_blob_store(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"add", 2, 2, add, "add NAME PATH"},
	    {"list", 0, 0, list, "list [--json]"},
	    {"remove", 1, 1, remove_one, "remove NAME"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {{.name = "--json"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "blob-store");
}
