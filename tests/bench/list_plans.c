/*
 * list_plans DIRECTORY REPOSITORY DIGEST: asks the lists of a data directory (of a server that does not run) for one
 * entry each, and prints each statement that this took with its query plan: SEARCH walks an index, SCAN reads a whole
 * table.
 */
#include <cove/base/arena.h>
#include <cove/auth/rights.h>
#include <cove/store/store.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static void must(enum rc rc, const struct err *err)
{
	if (rc) {
		fprintf(stderr, "list_plans: %s\n", err->text);
		exit(1);
	}
}

static enum rc ignore_entry(void *ctx, struct str entry, struct err *err)
{
	(void)ctx;
	(void)entry;
	(void)err;
	return OK;
}

static enum rc ignore_referrer(void *ctx, const struct referrer *r, struct err *err)
{
	(void)ctx;
	(void)r;
	(void)err;
	return OK;
}

static void print_plan(void *ctx, const char *sql, struct str line)
{
	const char **last = ctx;

	if (*last != sql)
		printf("%s\n", sql);
	*last = sql;
	printf("    %.*s\n", STR_ARG(line));
}

static void ask_store(struct store *st, struct repo_name repo, const struct digest *d)
{
	struct reference ref = {.is_digest = true, .digest = *d}, tag = {.tag = {STR("none")}};
	struct manifest_reference child = {.digest = *d, .kind = REF_MANIFEST};
	struct manifest_content index = {
	    .references = &child, .reference_count = 1, .media_type = STR("t"), .bytes = STR("{}")};
	struct digest subject = {.algorithm = DIGEST_SHA512};
	struct repo_name name;
	struct manifest_info info;
	struct repository found;
	int64_t after = 0;
	size_t count;
	struct arena arena;
	struct str bytes;
	struct err err;
	bool more;

	arena_init(&arena, MANIFEST_MAX);
	must(tag_list(st, repo, STR_NONE, 1, ignore_entry, NULL, &more, &err), &err);
	must(repository_seek(st, STR_NONE, &more, &found, &err), &err);
	must(repository_by_id(st, 1, &more, &found, &err), &err);
	must(referrer_list(st, repo, d, STR_NONE, 0, 1, ignore_referrer, NULL, &more, &err), &err);
	must(referrer_list(st, repo, d, STR("x"), 0, 1, ignore_referrer, NULL, &more, &err), &err);
	must(subject_complete(st, repo, &subject, &err), &err);
	must(blob_repositories(st, d, &after, &arena, &name, 1, &count, &err), &err);
	/* what each entry of a large index costs; the child lies about its size, so nothing is written */
	if (manifest_put(st, NULL, repo, &subject, &index, NULL, 0, NULL, &err) != E_MANIFEST_BLOB_UNKNOWN)
		must(E_INTERNAL, &err);
	must(manifest_find(st, repo, &ref, &info, &err), &err);
	must(manifest_read(st, &info, &arena, &bytes, &err), &err);
	if (manifest_find(st, repo, &tag, &info, &err) != E_MANIFEST_UNKNOWN)
		must(E_INTERNAL, &err);
	arena_release(&arena);
}

int main(int argc, char **argv)
{
	struct rights *rights;
	struct identity nobody;
	const char *last = NULL;
	struct db_conn *conn;
	struct repo_name repo;
	struct store *st;
	struct auth *auth;
	struct digest d;
	struct err err;
	struct db *db;
	unsigned actions;
	int dir;

	if (argc != 4)
		return 2;
	crypto_start();
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(repo_name_parse(str_of(argv[2]), &repo, &err), &err);
	must(digest_parse(str_of(argv[3]), &d, &err), &err);
	must(db_open(dir, "cove.db", &db, &err), &err);
	must(store_open(dir, db, &st, &err), &err);
	must(auth_open(db, &auth, &err), &err);
	ask_store(st, repo, &d);
	must(auth_anonymous(auth, &nobody, &err), &err);
	nobody.key_id = 1; /* so that its grants are asked for as well */
	must(auth_actions(auth, &nobody, repo.s, &actions, &err), &err);
	must(rights_take(auth, &nobody, &rights, &err), &err);
	rights_free(rights);
	must(db_here(db, &conn, &err), &err);
	db_each_plan(conn, print_plan, &last);
	auth_close(auth);
	store_close(st);
	db_close(db);
	return 0;
}
