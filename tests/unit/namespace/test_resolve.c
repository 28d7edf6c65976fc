/* Where names lead: listener, host, ?ns=, prefix, root; groups; the writable member. */
#include "fixture.h"

static void make_all(struct fixture *f)
{
	assert_ok(create(f, "team", NAMESPACE_HOSTED, "listener=https|port=5001|host=team.example", err));
	assert_ok(create(f, "team/cache", NAMESPACE_PROXY, "upstream=quay.io", err));
	assert_ok(create(f, "docker.io", NAMESPACE_PROXY, "upstream=docker.io|listener=http|port=5002", err));
	assert_ok(create(f, "ghcr.io", NAMESPACE_PROXY, "upstream=https://ghcr.io|allow=grafana/** pause", err));
	assert_ok(create(
	    f, "all", NAMESPACE_GROUP, "members=team / docker.io ghcr.io|writable=team|port=5003|listener=https", err));
	assert_ok(create(f, "off", NAMESPACE_HOSTED, "online=false", err));
}

struct row {
	uint16_t port;
	const char *host, *ns, *asked;
	enum rc rc;
	const char *name, *full, *rest;
	bool by_ns, is_bound;
};

static void check_row(struct fixture *f, const struct row *r)
{
	struct approach from = {.port = r->port, .host = str_of(r->host), .ns = str_of(r->ns)};
	struct place p;
	struct err err = {.rc = OK};
	enum rc rc = namespace_resolve(f->set, &from, str_of(r->asked), &f->arena, &p, &err);

	if (rc != r->rc)
		fail_msg("%s: %s", r->asked, rc_name(rc));
	if (rc) {
		assert_true(err.text[0] != '\0');
		return;
	}
	assert_str(p.ns->name, r->name);
	assert_str(p.full, r->full);
	assert_str(p.rest, r->rest);
	assert_true(p.rest.p + p.rest.n == p.full.p + p.full.n);
	assert_int_equal(p.by_ns, r->by_ns);
	assert_int_equal(p.is_bound, r->is_bound);
}

static void test_places(void **state)
{
	static const struct row rows[] = {
	    {5000, "", "", "app", OK, "", "app", "app", false, false},
	    {5000, "", "", "teams/app", OK, "", "teams/app", "teams/app", false, false},
	    {5000, "", "", "team/app", OK, "team", "team/app", "app", false, false},
	    {5000, "", "", "team/a/b/c", OK, "team", "team/a/b/c", "a/b/c", false, false},
	    {5000, "", "", "team/cache/x/y", OK, "team/cache", "team/cache/x/y", "x/y", false, false},
	    {5000, "", "", "team", E_NAME_INVALID, NULL, NULL, NULL, false, false},
	    {5000, "", "", "team/cache", E_NAME_INVALID, NULL, NULL, NULL, false, false},
	    {5000, "", "", "docker.io/nginx", OK, "docker.io", "docker.io/library/nginx", "library/nginx", false,
		false},
	    {5000, "", "", "docker.io/library/nginx", OK, "docker.io", "docker.io/library/nginx", "library/nginx",
		false, false},
	    {5000, "", "", "ghcr.io/pause", OK, "ghcr.io", "ghcr.io/pause", "pause", false, false},
	    {5000, "", "", "off/x", E_NAMESPACE_OFFLINE, NULL, NULL, NULL, false, false},
	    /* the listener */
	    {5001, "", "", "app", OK, "team", "team/app", "app", false, true},
	    {5001, "", "", "docker.io/nginx", OK, "team", "team/docker.io/nginx", "docker.io/nginx", false, true},
	    {5001, "", "", "cache/x", OK, "team/cache", "team/cache/x", "x", false, true},
	    {5002, "team.example", "", "nginx", OK, "docker.io", "docker.io/library/nginx", "library/nginx", false,
		true},
	    {5003, "", "", "nginx", OK, "all", "all/nginx", "nginx", false, true},
	    /* then the host */
	    {5000, "team.example", "", "app", OK, "team", "team/app", "app", false, true},
	    {5000, "TEAM.example", "", "app", OK, "team", "team/app", "app", false, true},
	    {5000, "team.example.org", "", "app", OK, "", "app", "app", false, false},
	    /* ?ns= before all of them: another registry's image is never given in place of that one's */
	    {5002, "", "quay.io", "a/b", OK, "team/cache", "team/cache/a/b", "a/b", true, false},
	    {5002, "", "docker.io", "a/b", OK, "docker.io", "docker.io/a/b", "a/b", true, false},
	    {5001, "", "docker.io", "nginx", OK, "docker.io", "docker.io/library/nginx", "library/nginx", true, false},
	    {5003, "team.example", "ghcr.io", "pause", OK, "ghcr.io", "ghcr.io/pause", "pause", true, false},
	    {5002, "", "example.org", "a/b", E_NAME_UNKNOWN, NULL, NULL, NULL, false, false},
	    {5001, "team.example", "example.org", "a/b", E_NAME_UNKNOWN, NULL, NULL, NULL, false, false},
	    /* with the prefix as well, where it is a registry's name */
	    {5000, "", "docker.io", "docker.io/library/nginx", OK, "docker.io", "docker.io/library/nginx",
		"library/nginx", true, false},
	    {5002, "", "docker.io", "docker.io/nginx", OK, "docker.io", "docker.io/library/nginx", "library/nginx",
		true, false},
	    {5000, "", "quay.io", "team/cache/x", OK, "team/cache", "team/cache/team/cache/x", "team/cache/x", true,
		false},
	    {5000, "", "ghcr.io", "docker.io/x", OK, "ghcr.io", "ghcr.io/docker.io/x", "docker.io/x", true, false},
	    {5000, "", "docker.io", "library/nginx", OK, "docker.io", "docker.io/library/nginx", "library/nginx", true,
		false},
	    {5000, "", "docker.io", "nginx", OK, "docker.io", "docker.io/library/nginx", "library/nginx", true, false},
	    {5000, "", "registry-1.docker.io", "a/b", OK, "docker.io", "docker.io/a/b", "a/b", true, false},
	    {5000, "", "index.docker.io", "team/app", OK, "docker.io", "docker.io/team/app", "team/app", true, false},
	    {5000, "", "GHCR.io", "x/y", OK, "ghcr.io", "ghcr.io/x/y", "x/y", true, false},
	    {5000, "", "quay.io", "x", OK, "team/cache", "team/cache/x", "x", true, false},
	    {5000, "", "example.org", "x/y", E_NAME_UNKNOWN, NULL, NULL, NULL, false, false},
	    {5000, "", "none", "x/y", E_NAME_UNKNOWN, NULL, NULL, NULL, false, false},
	};
	struct fixture *f = *state;

	make_all(f);
	take(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_row(f, &rows[i]);
}

static void test_own_ns_is_ignored(void **state)
{
	struct fixture *f = *state;
	struct approach from = {.port = 5000, .ns = STR("box:5000"), .ns_is_own = true};
	struct place p;

	make_all(f);
	take(f);
	assert_ok(namespace_resolve(f->set, &from, STR("x"), &f->arena, &p, err));
	assert_str(p.full, "x");
	assert_false(p.by_ns);
	from.port = 5001;
	assert_ok(namespace_resolve(f->set, &from, STR("x"), &f->arena, &p, err));
	assert_str(p.full, "team/x");
}

static void test_length(void **state)
{
	struct fixture *f = *state;
	struct approach from = {.port = 5001};
	char name[256];
	struct place p;

	make_all(f);
	take(f);
	memset(name, 'a', sizeof(name));
	assert_ok(namespace_resolve(f->set, &from, (struct str){name, 250}, &f->arena, &p, err));
	assert_int_equal(p.full.n, 255);
	assert_rc(
	    E_NAME_INVALID, "team", namespace_resolve(f->set, &from, (struct str){name, 251}, &f->arena, &p, err));
}

static void test_bound(void **state)
{
	struct fixture *f = *state;

	make_all(f);
	assert_ok(change(f, "/", "listener=http|port=5009", err));
	take(f);
	assert_str(namespace_bound(f->set, &(struct approach){.port = 5003})->name, "all");
	assert_str(namespace_bound(f->set, &(struct approach){.host = STR("team.example")})->name, "team");
	assert_null(namespace_bound(f->set, &(struct approach){.port = 5000}));
	/* a listener of the root changes nothing of names */
	assert_null(namespace_bound(f->set, &(struct approach){.port = 5009}));
	check_row(f, &(struct row){5009, "", "", "team/app", OK, "team", "team/app", "app", false, false});
	check_row(f, &(struct row){5009, "", "ghcr.io", "pause", OK, "ghcr.io", "ghcr.io/pause", "pause", true, false});
}

/* The leaves of a name in one line. */
static const char *leaves(struct fixture *f, const char *asked)
{
	static char line[1024];
	struct place p, list[LEAVES_MAX];
	struct approach from = {.port = 5000};
	size_t count, n = 0;

	line[0] = '\0';
	assert_ok(namespace_resolve(f->set, &from, str_of(asked), &f->arena, &p, err));
	assert_ok(namespace_leaves(&p, &f->arena, list, &count, err));
	for (size_t i = 0; i < count; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%.*s%s", i ? " " : "", STR_ARG(list[i].full),
		    list[i].is_off ? "(off)" : "");
	return line;
}

static void test_leaves(void **state)
{
	struct fixture *f = *state;

	make_all(f);
	assert_ok(create(f, "outer", NAMESPACE_GROUP, "members=docker.io all team", err));
	take(f);
	assert_string_equal(leaves(f, "team/app"), "team/app");
	assert_string_equal(leaves(f, "all/nginx"), "team/nginx nginx docker.io/library/nginx");
	assert_string_equal(
	    leaves(f, "all/grafana/x"), "team/grafana/x grafana/x docker.io/grafana/x ghcr.io/grafana/x");
	assert_string_equal(leaves(f, "all/pause"), "team/pause pause docker.io/library/pause ghcr.io/pause");
	/* each once, in the order of the first mention, through all levels */
	assert_string_equal(leaves(f, "outer/a/b"), "docker.io/a/b team/a/b a/b");
	/* a name that in the member is another namespace's */
	assert_string_equal(leaves(f, "all/cache/x"), "cache/x docker.io/cache/x");
	assert_string_equal(leaves(f, "all/team/x"), "team/team/x docker.io/team/x");
	assert_string_equal(leaves(f, "all/team"), "team/team docker.io/library/team");
	/* a proxy alone, and what it does not allow */
	assert_string_equal(leaves(f, "ghcr.io/a/b"), "");
	assert_ok(change(f, "docker.io", "online=false", err));
	take(f);
	assert_string_equal(leaves(f, "all/nginx"), "team/nginx nginx");
	/* what is ours stays known when it is off, itself or by a group on the only way to it */
	assert_ok(change(f, "team", "online=false", err));
	assert_ok(change(f, "docker.io", "online=true", err));
	take(f);
	assert_string_equal(leaves(f, "all/nginx"), "team/nginx(off) nginx docker.io/library/nginx");
	assert_ok(change(f, "team", "online=true", err));
	assert_ok(change(f, "all", "online=false", err));
	take(f);
	assert_string_equal(leaves(f, "outer/a/b"), "docker.io/a/b team/a/b a/b(off)");
}

static void test_too_long_for_a_member(void **state)
{
	struct fixture *f = *state;
	struct place p, list[LEAVES_MAX];
	struct approach from = {.port = 5003};
	char name[256];
	size_t count;

	make_all(f);
	take(f);
	memset(name, 'a', sizeof(name));
	memcpy(name, "x/", 2);
	assert_ok(namespace_resolve(f->set, &from, (struct str){name, 250}, &f->arena, &p, err));
	assert_ok(namespace_leaves(&p, &f->arena, list, &count, err));
	assert_int_equal(count, 2);
	assert_str(list[0].ns->name, "team");
	assert_str(list[1].ns->name, "");
}

static void test_writable(void **state)
{
	struct fixture *f = *state;
	struct approach from = {.port = 5000};
	struct place p, to;

	make_all(f);
	assert_ok(create(f, "readers", NAMESPACE_GROUP, "members=team", err));
	take(f);
	assert_ok(namespace_resolve(f->set, &from, STR("all/app"), &f->arena, &p, err));
	assert_ok(namespace_writable(&p, &f->arena, &to, err));
	assert_str(to.full, "team/app");
	assert_str(to.ns->name, "team");
	assert_ok(namespace_resolve(f->set, &from, STR("team/app"), &f->arena, &p, err));
	assert_ok(namespace_writable(&p, &f->arena, &to, err));
	assert_str(to.full, "team/app");
	assert_ok(namespace_resolve(f->set, &from, STR("docker.io/app"), &f->arena, &p, err));
	assert_rc(E_DENIED, "docker.io", namespace_writable(&p, &f->arena, &to, err));
	assert_ok(namespace_resolve(f->set, &from, STR("readers/app"), &f->arena, &p, err));
	assert_rc(E_DENIED, "no writable member", namespace_writable(&p, &f->arena, &to, err));
	assert_ok(namespace_resolve(f->set, &from, STR("all/cache/x"), &f->arena, &p, err));
	assert_rc(E_DENIED, "does not fit", namespace_writable(&p, &f->arena, &to, err));
	assert_ok(change(f, "team", "online=false", err));
	take(f);
	assert_ok(namespace_resolve(f->set, &from, STR("all/app"), &f->arena, &p, err));
	assert_rc(E_DENIED, "switched off", namespace_writable(&p, &f->arena, &to, err));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    fixture_test(test_places),
	    fixture_test(test_own_ns_is_ignored),
	    fixture_test(test_length),
	    fixture_test(test_bound),
	    fixture_test(test_leaves),
	    fixture_test(test_too_long_for_a_member),
	    fixture_test(test_writable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
