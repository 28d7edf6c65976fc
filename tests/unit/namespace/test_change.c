/* Creating, changing, removing, declaring; and what is refused. */
#include "fixture.h"
#include <cove/audit/audit.h>
#include <cove/namespace/proxy.h>

static const char *shown(const struct namespace *ns, const char *attribute)
{
	static char line[512];
	struct buf out = BUF_INIT(4096);

	namespace_attribute_text(ns, attribute_find(str_of(attribute)), &out);
	snprintf(line, sizeof(line), "%.*s", STR_ARG(buf_str(&out)));
	buf_release(&out);
	return line;
}

static void test_root(void **state)
{
	struct fixture *f = *state;
	const struct namespace *root = find(f, "");

	assert_int_equal(namespace_count(f->set), 1);
	assert_ptr_equal(root, namespace_find(f->set, STR("/")));
	assert_int_equal(root->kind, NAMESPACE_HOSTED);
	assert_true(root->online);
	assert_ok(change(f, "/", "redeploy=refused|redeploy_except=latest", err));
	assert_int_equal(find(f, "/")->redeploy, REDEPLOY_REFUSED);
	assert_rc(E_USAGE, "root", namespace_remove(f->n, STR("/"), false, err));
	assert_rc(E_USAGE, "name", create(f, "", NAMESPACE_HOSTED, "", err));
	assert_rc(E_USAGE, "name", create(f, "/", NAMESPACE_HOSTED, "", err));
}

/* Every attribute of every kind: the default is what its text says, and texts come back as they are shown. */
static void test_defaults_and_texts(void **state)
{
	static const struct {
		const char *name, *given, *shown;
	} rows[] = {
	    {"fresh", "90m", "90m"},
	    {"fresh", "0", "0"},
	    {"fresh", "never", "never"},
	    {"negative", "600s", "10m"},
	    {"patience", "1500ms", "1500ms"},
	    {"cache_limit", "2048MiB", "2GiB"},
	    {"allow", " a/**,b  c", "a/** b c"},
	    {"upstream", "http://Registry.example:5000/mirror/", "http://Registry.example:5000/mirror"},
	    {"upstream", "ghcr.io", "https://ghcr.io"},
	    {"upstream", "https://ghcr.io/v2/", "https://ghcr.io"},
	    {"upstream", "https://harbor.example/v2/proj", "https://harbor.example/proj"},
	    {"upstream", "docker.io/grafana", "https://registry-1.docker.io/grafana"},
	    {"upstream", "v2", "https://v2"},
	    {"upstream", "index.docker.io", "https://registry-1.docker.io"},
	    {"upstream", "https://[2001:db8::1]:5000", "https://[2001:db8::1]:5000"},
	    {"library", "true", "true"},
	    {"online", "false", "false"},
	    {"host", "mirror.example", "mirror.example"},
	};
	struct fixture *f = *state;
	const struct attribute_type *types;
	size_t count;

	assert_ok(create(f, "h", NAMESPACE_HOSTED, "", err));
	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://registry.example", err));
	assert_ok(create(f, "g", NAMESPACE_GROUP, "", err));
	types = namespace_attributes(&count);
	take(f);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 1; k < namespace_count(f->set); k++) {
			const struct namespace *ns = namespace_at(f->set, k);

			if (types[i].kinds & 1u << ns->kind && types[i].fallback[0])
				assert_string_equal(shown(ns, types[i].name), types[i].fallback);
		}
	assert_string_equal(shown(find(f, "p"), "upstream_names"), "registry.example");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct attribute a = {str_of(rows[i].name), str_of(rows[i].given)};

		assert_ok(namespace_change(f->n, STR("p"), &a, 1, err));
		assert_string_equal(shown(find(f, "p"), rows[i].name), rows[i].shown);
	}
	assert_ok(change(f, "p", "fresh=", err));
	assert_string_equal(shown(find(f, "p"), "fresh"), "1h");
}

static void test_docker_hub(void **state)
{
	struct fixture *f = *state;
	const struct namespace *ns;

	assert_ok(create(f, "hub", NAMESPACE_PROXY, "upstream=https://registry-1.docker.io/", err));
	ns = find(f, "hub");
	assert_true(ns->library);
	assert_str(ns->upstream_names, "docker.io registry-1.docker.io index.docker.io");
	assert_ok(change(f, "hub", "library=false|upstream_names=none", err));
	ns = find(f, "hub");
	assert_false(ns->library);
	assert_false(upstream_names_have(ns, STR("docker.io")));
	assert_false(upstream_names_have(ns, STR("none")));
	assert_ok(create(f, "other", NAMESPACE_PROXY, "upstream=https://ghcr.io", err));
	assert_false(find(f, "other")->library);
	/* a part of it */
	assert_ok(create(f, "part", NAMESPACE_PROXY, "upstream=docker.io/grafana", err));
	assert_false(find(f, "part")->library);
	assert_str(find(f, "part")->upstream_names, "none");
	assert_str(namespace_upstream_path(find(f, "part")), "grafana");
}

static void test_refused_values(void **state)
{
	static const struct {
		enum namespace_kind kind;
		const char *attributes, *part;
	} rows[] = {
	    {NAMESPACE_HOSTED, "colour=red", "no attribute colour"},
	    {NAMESPACE_HOSTED, "upstream=https://ghcr.io", "no attribute upstream"},
	    {NAMESPACE_HOSTED, "password=x", "no attribute password"},
	    {NAMESPACE_HOSTED, "quota=12", "quota"},
	    {NAMESPACE_HOSTED, "quota=99999999TiB", "quota"},
	    {NAMESPACE_HOSTED, "redeploy=never", "allowed refused read-only"},
	    {NAMESPACE_HOSTED, "online=yes", "write true or false"},
	    {NAMESPACE_HOSTED, "port=5001", "listener=https"},
	    {NAMESPACE_HOSTED, "listener=https", "port=5001"},
	    {NAMESPACE_HOSTED, "listener=https|port=65536", "port"},
	    {NAMESPACE_HOSTED, "host=https://box", "host name"},
	    {NAMESPACE_HOSTED, "host=box:5000", "host name"},
	    {NAMESPACE_HOSTED, "blob_store=ssd", "the blob store ssd does not exist"},
	    {NAMESPACE_PROXY, "", "needs an upstream"},
	    {NAMESPACE_PROXY, "upstream=ftp://x", "not the address"},
	    {NAMESPACE_PROXY, "upstream=https://", "not the address"},
	    {NAMESPACE_PROXY, "upstream=https://me:secret@x", "not the address"},
	    {NAMESPACE_PROXY, "upstream=https://x?y=1", "not the address"},
	    {NAMESPACE_PROXY, "upstream=https://x/#y", "not the address"},
	    {NAMESPACE_PROXY, "upstream=https://x:0", "not the address"},
	    {NAMESPACE_PROXY, "upstream=https://x|ca=nothing", "PEM"},
	    {NAMESPACE_PROXY, "upstream=https://x|fresh=1y", "fresh"},
	    {NAMESPACE_PROXY, "upstream=https://x|negative=never", "negative"},
	    {NAMESPACE_PROXY, "upstream=https://x|username=me:secret", "cove namespace password new"},
	    {NAMESPACE_PROXY, "upstream=https://x|quota=", "no attribute quota"},
	    {NAMESPACE_PROXY, "upstream=https://x|fresh=9999w", "at most"},
	    {NAMESPACE_PROXY, "upstream=https://x|patience=2h", "patience"},
	    {NAMESPACE_GROUP, "members=nobody", "the namespace nobody does not exist"},
	    {NAMESPACE_GROUP, "writable=/", "not one of its members"},
	    {NAMESPACE_GROUP, "members=new", "member of itself"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_rc(E_USAGE, rows[i].part, create(f, "new", rows[i].kind, rows[i].attributes, err));
	take(f);
	assert_int_equal(namespace_count(f->set), 1);
}

static void test_refused_names(void **state)
{
	static const char *const names[] = {
	    "A", "a//b", "/a", "a/", "-a", "a-", "a..b", "a b", "a:b", "a_/b", "\xc3\xa4"};
	struct fixture *f = *state;
	char name[NAMESPACE_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_rc(E_USAGE, "name", create(f, names[i], NAMESPACE_HOSTED, "", err));
	memset(name, 'a', sizeof(name));
	name[NAMESPACE_NAME_MAX + 1] = '\0';
	assert_rc(E_USAGE, "name", create(f, name, NAMESPACE_HOSTED, "", err));
	name[NAMESPACE_NAME_MAX] = '\0';
	assert_ok(create(f, name, NAMESPACE_HOSTED, "", err));
	assert_rc(E_EXISTS, "already", create(f, name, NAMESPACE_HOSTED, "", err));
	assert_rc(E_NOT_FOUND, "nobody", change(f, "nobody", "online=true", err));
	assert_rc(E_NOT_FOUND, "nobody", namespace_remove(f->n, STR("nobody"), true, err));
}

static void test_between(void **state)
{
	struct fixture *f = *state;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=ghcr.io|listener=https|port=5001|host=p.example", err));
	assert_rc(E_USAGE, "inside p", create(f, "p/x", NAMESPACE_HOSTED, "", err));
	assert_ok(create(f, "a/b", NAMESPACE_HOSTED, "", err));
	assert_rc(E_USAGE, "inside a", create(f, "a", NAMESPACE_GROUP, "", err));
	assert_ok(create(f, "a", NAMESPACE_HOSTED, "", err));
	assert_rc(E_USAGE, "both have port 5001", create(f, "x", NAMESPACE_HOSTED, "listener=http|port=5001", err));
	assert_rc(E_USAGE, "both have host", create(f, "x", NAMESPACE_HOSTED, "host=P.example", err));
	assert_rc(E_USAGE, "ghcr.io", create(f, "x", NAMESPACE_PROXY, "upstream=https://ghcr.io/", err));
	assert_ok(create(f, "x", NAMESPACE_PROXY, "upstream=https://ghcr.io|upstream_names=none", err));
	assert_ok(create(f, "g1", NAMESPACE_GROUP, "members=a", err));
	assert_ok(create(f, "g2", NAMESPACE_GROUP, "members=g1", err));
	assert_rc(E_USAGE, "member of itself", change(f, "g1", "members=a g2", err));
	/* switched off or not: it may be switched on */
	assert_ok(change(f, "g1", "online=false", err));
	assert_ok(change(f, "g2", "online=false", err));
	assert_rc(E_USAGE, "member of itself", change(f, "g1", "members=a g2", err));
	assert_ok(change(f, "g1", "online=true", err));
	assert_rc(E_USAGE, "is a proxy", change(f, "g1", "members=x a|writable=x", err));
	assert_ok(change(f, "g1", "members=x a|writable=a", err));
	assert_rc(E_USAGE, "is a member of the group g1", namespace_remove(f->n, STR("a"), false, err));
	assert_ok(namespace_remove(f->n, STR("g2"), false, err));
}

/* A snapshot stays as it was; a change by another opener of the same database is seen. */
static void test_snapshots(void **state)
{
	struct fixture *f = *state;
	struct namespace_set *old, *same, *fresh;
	struct namespaces *other;
	struct secret key = {.n = 32};

	assert_ok(namespaces_take(f->n, &old, err));
	assert_ok(namespaces_take(f->n, &same, err));
	assert_ptr_equal(old, same);
	namespace_set_unref(same);
	assert_ok(namespaces_open(f->db, &key, &other, err));
	assert_ok(namespace_create(other, STR("x"), NAMESPACE_HOSTED, NULL, 0, err));
	namespaces_close(other);
	assert_ok(namespaces_take(f->n, &fresh, err));
	assert_int_equal(namespace_count(old), 1);
	assert_int_equal(namespace_count(fresh), 2);
	assert_true(namespace_set_generation(fresh) > namespace_set_generation(old));
	namespace_set_unref(old);
	namespace_set_unref(fresh);
	assert_rc(E_USAGE, "attribute", change(f, "x", "a=b", err));
	assert_int_equal(namespace_count(take(f)), 2);
}

static void test_password(void **state)
{
	struct fixture *f = *state;
	struct secret clear, back;
	const struct namespace *ns;

	assert_true(secret_set(&clear, STR("open sesame")));
	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=ghcr.io|username=me", err));
	assert_ok(namespace_password(f->n, find(f, "p"), &back, err));
	assert_int_equal(back.n, 0);
	assert_ok(namespace_set_password(f->n, STR("p"), &clear, err));
	ns = find(f, "p");
	assert_true(ns->password.n > 0);
	assert_false(str_eq(ns->password, STR("open sesame")));
	assert_ok(namespace_password(f->n, ns, &back, err));
	assert_true(str_eq(secret_str(&back), STR("open sesame")));
	assert_rc(E_USAGE, "proxy", namespace_set_password(f->n, STR("/"), &clear, err));
	assert_rc(E_NOT_FOUND, "proxy", namespace_set_password(f->n, STR("x"), &clear, err));
	clear.n = 0;
	assert_ok(namespace_set_password(f->n, STR("p"), &clear, err));
	assert_int_equal(find(f, "p")->password.n, 0);
}

/* ---- repositories that come and go ---- */

static void make_content(struct fixture *f)
{
	run(f, "INSERT INTO repositories (id, name, created_at) VALUES"
	       " (1, 'app', 0), (2, 'team/a', 0), (3, 'team/b', 0), (4, 'teams/a', 0), (5, 'team-x/a', 0)");
	run(f, "INSERT INTO blobs (id, digest, size, created_at) VALUES"
	       " (1, zeroblob(32), 100, 0), (2, zeroblob(64), 1000, 0)");
	run(f, "INSERT INTO blob_links (repository, blob) VALUES (1, 1), (2, 1), (3, 1), (3, 2)");
	run(f, "INSERT INTO manifests (repository, digest, media_type, size, pushed_at, bytes) VALUES"
	       " (1, zeroblob(32), 'x', 7, 0, x''), (2, zeroblob(32), 'x', 10, 0, x'')");
}

#define USED(name) number(f, "SELECT used_bytes FROM namespaces WHERE name = '" name "'")

static void test_hosted_takes_over(void **state)
{
	struct fixture *f = *state;

	make_content(f);
	assert_int_equal(USED(""), 1117);
	assert_ok(create(f, "team", NAMESPACE_HOSTED, "", err));
	assert_int_equal(USED("team"), 1110);
	assert_int_equal(USED(""), 107);
	assert_int_equal(number(f, "SELECT count(*) FROM repositories WHERE namespace <> 1"), 2);
	assert_int_equal(number(f, "SELECT sum(links) FROM namespace_blobs WHERE namespace = 1"), 1);
	assert_int_equal(number(f, "SELECT sum(links) FROM namespace_blobs WHERE namespace <> 1"), 3);
	/* and a link that goes counts where it now is */
	run(f, "DELETE FROM blob_links WHERE repository = 3 AND blob = 2");
	assert_int_equal(USED("team"), 110);
	/* deeper ones are told apart */
	assert_ok(create(f, "team/a/b", NAMESPACE_HOSTED, "", err));
	assert_int_equal(USED("team"), 110);
	/* back again */
	assert_ok(namespace_remove(f->n, STR("team"), false, err));
	assert_int_equal(USED(""), 117);
	assert_int_equal(number(f, "SELECT count(*) FROM repositories WHERE namespace = 1"), 5);
	assert_int_equal(number(f, "SELECT count(*) FROM namespace_blobs"), 1);
	assert_int_equal(number(f, "SELECT links FROM namespace_blobs"), 3);
}

static void test_others_do_not(void **state)
{
	struct fixture *f = *state;

	make_content(f);
	assert_rc(E_USAGE, "2 repositories", create(f, "team", NAMESPACE_PROXY, "upstream=ghcr.io", err));
	assert_rc(E_USAGE, "2 repositories", create(f, "team", NAMESPACE_GROUP, "", err));
	assert_rc(E_USAGE, "hide it", create(f, "app", NAMESPACE_HOSTED, "", err));
	assert_int_equal(namespace_count(take(f)), 1);
}

static void test_purge(void **state)
{
	struct fixture *f = *state;

	make_content(f);
	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=ghcr.io", err));
	run(f,
	    "INSERT INTO repositories (id, name, created_at, namespace) SELECT 9, 'p/x', 0, id FROM namespaces WHERE "
	    "name = 'p'");
	run(f, "INSERT INTO blob_links (repository, blob) VALUES (9, 1)");
	assert_int_equal(USED("p"), 100);
	assert_rc(E_USAGE, "1 repositories", namespace_remove(f->n, STR("p"), false, err));
	/* what may not be removed loses nothing */
	assert_ok(create(f, "g", NAMESPACE_GROUP, "members=p", err));
	assert_rc(E_USAGE, "p", namespace_remove(f->n, STR("p"), true, err));
	assert_int_equal(USED("p"), 100);
	assert_ok(namespace_remove(f->n, STR("g"), true, err));
	assert_ok(namespace_remove(f->n, STR("p"), true, err));
	assert_ok(create(f, "team", NAMESPACE_HOSTED, "", err));
	assert_ok(namespace_remove(f->n, STR("team"), true, err));
	assert_int_equal(number(f, "SELECT count(*) FROM repositories"), 3);
	assert_int_equal(number(f, "SELECT count(*) FROM manifests"), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM blob_links"), 1);
	assert_int_equal(USED(""), 107);
}

static void test_purge_in_steps(void **state)
{
	struct fixture *f = *state;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=ghcr.io", err));
	run(f,
	    "INSERT INTO repositories (id, name, created_at, namespace) SELECT 9, 'p/x', 0, id FROM namespaces WHERE "
	    "name = 'p'");
	run(f,
	    "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 2599) "
	    "INSERT INTO blobs (id, digest, size, created_at) SELECT i, CAST(printf('%032d', i) AS BLOB), 1, 0 FROM n");
	run(f, "INSERT INTO blob_links (repository, blob) SELECT 9, id FROM blobs WHERE id >= 100");
	assert_int_equal(USED("p"), 2500);
	assert_ok(namespace_remove(f->n, STR("p"), true, err));
	assert_int_equal(number(f, "SELECT count(*) FROM unlinked_blobs WHERE blob >= 100"), 2500);
}

/* ---- cove.yaml ---- */

static enum rc declare(struct fixture *f, const struct declaration *list, size_t count, struct err *err)
{
	return namespaces_declare(f->n, list, count, false, err);
}

static void test_declare(void **state)
{
	static const struct attribute ghcr = {STR("upstream"), STR("ghcr.io")}, members = {STR("members"), STR("p h")},
				      quota = {STR("quota"), STR("1GiB")};
	static const struct declaration list[] = {{STR("g"), NAMESPACE_GROUP, &members, 1},
	    {STR("h"), NAMESPACE_HOSTED, &quota, 1}, {STR("p"), NAMESPACE_PROXY, &ghcr, 1}};
	struct fixture *f = *state;
	struct declaration root = {STR("/"), NAMESPACE_HOSTED, &quota, 1};

	assert_ok(create(f, "h", NAMESPACE_HOSTED, "redeploy=refused", err));
	assert_ok(declare(f, list, 3, err));
	assert_ok(declare(f, list, 3, err));
	assert_true(find(f, "h")->declared);
	assert_int_equal(find(f, "h")->redeploy, REDEPLOY_ALLOWED);
	assert_int_equal(find(f, "h")->quota_bytes, 1 << 30);
	assert_rc(E_USAGE, "cove.yaml", change(f, "h", "quota=", err));
	assert_rc(E_USAGE, "cove.yaml", namespace_remove(f->n, STR("p"), false, err));
	/* all or nothing */
	assert_rc(E_USAGE, "the namespace p does not exist", declare(f, list, 1, err));
	assert_int_equal(namespace_count(take(f)), 4);
	/* what holds something stays */
	run(f, "INSERT INTO repositories (name, created_at, namespace) SELECT 'p/x', 0, id FROM namespaces WHERE name "
	       "= 'p'");
	assert_ok(declare(f, &root, 1, err));
	assert_int_equal(namespace_count(take(f)), 2);
	assert_false(find(f, "p")->declared);
	assert_true(find(f, "/")->declared);
	assert_ok(declare(f, NULL, 0, err));
	assert_false(find(f, "/")->declared);
	assert_rc(E_USAGE, "exists with kind proxy",
	    declare(f, &(struct declaration){STR("p"), NAMESPACE_HOSTED, NULL, 0}, 1, err));
}

/* What a request or a change costs does not grow with the content. Only a new snapshot reads all namespaces. */
static void see_plan(void *ctx, const char *sql, struct str line)
{
	bool of_this_test = strstr(sql, "VALUES (1") || (strstr(sql, "count(*)") && !strstr(sql, "WHERE"));
	bool of_a_snapshot = strstr(sql, "FROM namespaces ORDER BY name") || strstr(sql, "namespace_generation SET");

	(void)ctx;
	if (memmem(line.p, line.n, "SCAN", 4) && !of_this_test && !of_a_snapshot && !strstr(sql, "declared = 1"))
		fail_msg("%s: %.*s", sql, STR_ARG(line));
}

/* What hand-made groups are made of stays, through all levels, as if made by hand. */
static void test_declared_members_of_others(void **state)
{
	static const struct attribute members = {STR("members"), STR("b /")};
	static const struct declaration list[] = {{STR("a"), NAMESPACE_GROUP, &members, 1},
	    {STR("b"), NAMESPACE_HOSTED, NULL, 0}, {STR("c"), NAMESPACE_HOSTED, NULL, 0},
	    {STR("d"), NAMESPACE_HOSTED, NULL, 0}};
	struct fixture *f = *state;

	assert_ok(declare(f, list, 4, err));
	assert_ok(create(f, "mine", NAMESPACE_GROUP, "members=c a", err));
	assert_ok(namespaces_declare(f->n, NULL, 0, true, err));
	assert_int_equal(namespace_count(take(f)), 6);
	assert_ok(declare(f, NULL, 0, err));
	assert_int_equal(namespace_count(take(f)), 5);
	assert_null(namespace_find(f->set, STR("d")));
	assert_false(find(f, "a")->declared || find(f, "b")->declared || find(f, "c")->declared);
	assert_ok(change(f, "mine", "members=", err));
	assert_ok(namespace_remove(f->n, STR("a"), false, err));
	assert_ok(namespace_remove(f->n, STR("b"), false, err));
	/* a rehearsal says what would fail */
	assert_rc(E_USAGE, "exists with kind group",
	    namespaces_declare(f->n, &(struct declaration){STR("mine"), NAMESPACE_HOSTED, NULL, 0}, 1, true, err));
}

static void test_queries_walk_indexes(void **state)
{
	struct fixture *f = *state;
	struct db_conn *c;

	test_purge(state);
	assert_ok(declare(f, NULL, 0, err));
	assert_ok(db_here(f->db, &c, err));
	db_each_plan(c, see_plan, NULL);
}

static enum rc put_row(void *ctx, const struct audit_entry *e, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s %.*s [%.*s]\n", STR_ARG(e->action), STR_ARG(e->object), STR_ARG(e->detail));
	return OK;
}

/* Each change by hand leaves a row, without secrets; none that was refused. */
static void test_audited(void **state)
{
	struct fixture *f = *state;
	struct buf rows = BUF_INIT(4096);
	struct secret password;

	assert_ok(create(f, "p", NAMESPACE_PROXY, "upstream=https://registry.example", err));
	assert_ok(change(f, "/", "online=false|immutable_tags=v*", err));
	assert_true(secret_set(&password, STR("top secret")));
	assert_ok(namespace_set_password(f->n, STR("p"), &password, err));
	assert_ok(namespace_remove(f->n, STR("p"), false, err));
	assert_int_not_equal(namespace_remove(f->n, STR("p"), false, NULL), OK);
	assert_int_not_equal(change(f, "/", "online=maybe", NULL), OK);
	assert_ok(audit_list(f->db, &(struct audit_filter){0}, put_row, &rows, err));
	assert_string_equal(rows.p, "namespace.remove p []\nnamespace.password p []\n"
				    "namespace.change / [online=false immutable_tags=v*]\n"
				    "namespace.create p [upstream=https://registry.example]\n");
	buf_release(&rows);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    fixture_test(test_root),
	    fixture_test(test_audited),
	    fixture_test(test_defaults_and_texts),
	    fixture_test(test_docker_hub),
	    fixture_test(test_refused_values),
	    fixture_test(test_refused_names),
	    fixture_test(test_between),
	    fixture_test(test_snapshots),
	    fixture_test(test_password),
	    fixture_test(test_hosted_takes_over),
	    fixture_test(test_others_do_not),
	    fixture_test(test_purge),
	    fixture_test(test_purge_in_steps),
	    fixture_test(test_declare),
	    fixture_test(test_declared_members_of_others),
	    fixture_test(test_queries_walk_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
