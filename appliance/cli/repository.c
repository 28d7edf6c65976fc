/* cove repository: what is here, and one with all that it holds away. */
#include "commands.h"
#include <cove/base/json.h>
#include <stdio.h>

static enum rc print_one(void *ctx, struct str name, int64_t tags, int64_t manifests, struct err *err)
{
	struct buf *json = ctx;

	(void)err;
	if (!json) {
		printf("%-60.*s %8lld %9lld\n", STR_ARG(name), (long long)tags, (long long)manifests);
		return OK;
	}
	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_str(json, "name", name);
	json_put_member_u64(json, "tags", (uint64_t)tags);
	json_put_member_u64(json, "manifests", (uint64_t)manifests);
	buf_addz(json, "}");
	return OK;
}

static enum rc list(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf json = BUF_INIT(64u * 1024 * 1024);
	bool as_json = cli_has(options, "--json");
	enum rc rc;

	(void)w;
	buf_addz(&json, "[");
	if (!as_json)
		printf("%-60s %8s %9s\n", "NAME", "TAGS", "MANIFESTS");
	rc = repositories_each(d->namespaces, print_one, as_json ? &json : NULL, err);
	if (!rc && as_json && !buf_ok(&json))
		rc = fail(err, E_BUSY, "the list is too long for --json: run the command without it");
	if (!rc && as_json)
		printf("%.*s]\n", STR_ARG(buf_str(&json)));
	buf_release(&json);
	return rc;
}

static enum rc remove_one(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(repository_remove(d->namespaces, str_of(w->items[0]), err));
	printf("Removed the repository %s with its tags, its manifests and the blobs that no other repository uses.\n",
	    w->items[0]);
	return OK;
}

int cmd_repository(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"list", 0, 0, list, "list [--json]"},
	    {"remove", 1, 1, remove_one, "remove NAME"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {{.name = "--json"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "repository");
}
