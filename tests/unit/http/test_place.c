/* place: where names lead by listener, Host and ?ns=, what the client is told, and who may ask in plain. */
#include "../auth/fixture.h"
#include "serve.h"

static enum rc where(struct exchange *x)
{
	return reply_bytes(x, 200, "text/plain",
	    arena_printf(x->arena, "%.*s -> %.*s %s://%.*s", STR_ARG(x->asked), STR_ARG(x->name.s), x->scheme,
		STR_ARG(x->host)));
}

/* Of a name in the query, as a token request has it. */
static enum rc resolve(struct exchange *x)
{
	struct str asked;
	struct place place;

	if (!query_get(x, "name", &asked) || exchange_resolve(x, asked, &place))
		return reply_bytes(x, 200, "text/plain", STR("nowhere"));
	return reply_bytes(x, 200, "text/plain", place.full);
}

static const struct route routes[] = {
    {.id = "where", .method = METHOD_GET, .pattern = "/v2/<name>/where", .flags = ROUTE_PLAIN, .then = where},
    {.id = "api", .method = METHOD_GET, .pattern = "/v2/<name>/api", .then = where},
    {.id = "pull",
	.method = METHOD_GET,
	.pattern = "/v2/<name>/p",
	.needs = ACCESS_PULL,
	.flags = ROUTE_PLAIN,
	.then = where},
    {.id = "push",
	.method = METHOD_POST,
	.pattern = "/v2/<name>/p",
	.needs = ACCESS_PUSH,
	.flags = ROUTE_PLAIN,
	.then = where},
    {.id = "resolve", .method = METHOD_GET, .pattern = "/resolve", .flags = ROUTE_PLAIN, .then = resolve},
    {.id = "any", .method = METHOD_GET, .pattern = "/any", .then = where},
    ROUTES_END,
};
static const struct route *const tables[] = {routes, NULL};

static bool is_own_host(const struct site *site, struct str host)
{
	(void)site;
	return str_starts(host, STR("box.local")) || str_starts(host, STR("team.local"));
}

enum listener { MAIN, PLAIN, BEHIND, SECURE, LISTENERS };

static const struct {
	enum listener listener;
	const char *request, *fields; /* after the Host's name */
	int status;
	const char *head, *content; /* globs; %P is the listener's port */
} rows[] = {
    {MAIN, "GET /v2/app/where", "box.local:5000", 200, "**", "app -> app https://box.local:5000"},
    {MAIN, "GET /v2/app/where", "evil.example", 200, "**", "app -> app https://primary:5000"},
    {MAIN, "GET /v2/team/app/where", "box.local", 200, "**", "team/app -> team/app https://box.local"},
    {MAIN, "GET /v2/hub/nginx/where", "box.local", 200, "**", "hub/nginx -> hub/library/nginx https://box.local"},
    {MAIN, "GET /v2/team/where", "box.local", 400, "**", "**NAME_INVALID**"},
    {MAIN, "GET /v2/off/app/where", "box.local", 503, "**", "**switched off**"},
    /* a host of its own, with any port, in any case */
    {MAIN, "GET /v2/app/where", "Team.local:5000", 200, "**", "app -> team/app https://primary:5000"},
    {MAIN, "GET /v2/app/where?ns=docker.io", "team.local:5000", 200, "**OCI-Namespace: docker.io\r\n**",
	"app -> hub/library/app https://team.local:5000"},
    {MAIN, "GET /v2/app/where?ns=quay.io", "team.local:5000", 404, "**", "**NAME_UNKNOWN**does not mirror quay.io**"},
    /* ?ns= */
    {MAIN, "GET /v2/library/nginx/where?ns=docker.io", "box.local", 200, "**OCI-Namespace: docker.io\r\n**",
	"library/nginx -> hub/library/nginx **"},
    {MAIN, "GET /v2/library/nginx/where?ns=index.docker.io", "box.local", 200, "**OCI-Namespace: index.docker.io\r\n**",
	"**"},
    {MAIN, "GET /v2/a/b/where?ns=box.local%3a5000", "box.local", 200, "**", "a/b -> a/b **"},
    {MAIN, "GET /v2/a/b/where?ns=quay.io", "box.local", 404, "**", "**NAME_UNKNOWN**does not mirror quay.io**"},
    {MAIN, "GET /v2/a/b/where?ns=%0d%0aX:%20y", "box.local", 404, "**", "**NAME_UNKNOWN**"},
    {MAIN, "GET /v2/a/b/where?ns=", "box.local", 200, "**", "a/b -> a/b **"},
    /* the name to ask a token for is the client's own; ?ns= goes with the realm */
    {MAIN, "GET /v2/hub/nginx/p", "box.local", 401,
	"**realm=\"https://box.local/token\"**scope=\"repository:hub/nginx:pull\"**", "**\"Name\":\"hub/nginx\"**"},
    {MAIN, "GET /v2/library/nginx/p?ns=docker.io", "box.local", 401,
	"**realm=\"https://box.local/token?ns=docker.io\"**scope=\"repository:library/nginx:pull\"**", "**"},
    {MAIN, "POST /v2/app/p?mount=x&from=base", "team.local", 401,
	"**realm=\"https://team.local/token\"**scope=\"repository:app:pull,push repository:base:pull\"**", "**"},
    {MAIN, "POST /v2/app/p?mount=x&from=team", "box.local", 401, "**scope=\"repository:app:pull,push\"**", "**"},
    /* rights are those of full names */
    {MAIN, "GET /v2/public/p", "team.local", 200, "**", "public -> team/public **"},
    {MAIN, "GET /v2/public/p", "box.local", 401, "**", "**"},
    {PLAIN, "GET /v2/public/p", "any", 401, "**realm=\"http://any/token\"**scope=\"repository:public:pull\"**", "**"},
    /* plain HTTP: only on a listener that was made for it */
    {MAIN, "GET /v2/app/api", "box.local", 400, "**", "**https**"},
    {SECURE, "GET /v2/app/api", "box.local", 400, "**", "**https**"},
    {PLAIN, "GET /v2/nginx/api", "mirror.example:80", 200, "**", "nginx -> hub/library/nginx http://mirror.example:80"},
    {PLAIN, "GET /v2/nginx/api", "mirror.example\r\nX-Forwarded-Proto: https", 200, "**",
	"nginx -> hub/library/nginx https://mirror.example"},
    {MAIN, "GET /v2/app/where", "box.local\r\nX-Forwarded-Proto: http", 200, "**", "app -> app https://box.local"},
    /* what a proxy in front says; of several the outermost */
    {PLAIN, "GET /v2/a/api", "in:8080\r\nX-Forwarded-Host: out.example:8443", 200, "**", "** http://out.example:8443"},
    {PLAIN, "GET /v2/a/api", "in\r\nX-Forwarded-Host: out.example , in\r\nX-Forwarded-Proto: HTTPS,http", 200, "**",
	"** https://out.example"},
    {PLAIN, "GET /v2/a/api", "box.local:8080\r\nX-Forwarded-Host: out.example", 200, "**", "** http://out.example"},
    {PLAIN, "GET /v2/a/api", "in\r\nX-Forwarded-Proto: http, https", 200, "**", "** http://in"},
    {PLAIN, "GET /v2/a/api", "in\r\nX-Forwarded-Proto:", 200, "**", "** http://in"},
    {PLAIN, "GET /v2/a/api", "in\r\nX-Forwarded-Host: a b\r\nX-Forwarded-Proto: https", 200, "**", "** https://in"},
    {PLAIN, "GET /v2/a/api", "in\r\nX-Forwarded-Host: a\"x", 200, "**", "** http://in"},
    {PLAIN, "GET /v2/a/api", "in\r\nForwarded: for=192.0.2.1;Host=\"out.example:8443\";proto=https, for=x;host=in", 200,
	"**", "** https://out.example:8443"},
    {PLAIN, "GET /v2/a/api", "in\r\nforwarded: for=\"[2001:db8::1]\"; proto=HTTPS\r\nX-Forwarded-Host: out", 200, "**",
	"** https://out"},
    {PLAIN, "GET /v2/a/api",
	"in\r\nForwarded: proto=http;host=one\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: two", 200, "**",
	"** http://one"},
    {PLAIN, "GET /v2/a/api", "in\r\nForwarded: for=_x, proto=https", 200, "**", "** http://in"},
    {PLAIN, "GET /v2/a/api", "in\r\nForwarded: host=\"\";proto=\"", 200, "**", "** http://in"},
    {MAIN, "GET /v2/app/where", "box.local\r\nX-Forwarded-Host: evil.example", 200, "**", "** https://box.local"},
    {SECURE, "GET /v2/app/where", "x\r\nForwarded: host=evil.example", 200, "**", "** https://primary:%P"},
    {MAIN, "GET /v2/app/where", "box.local\r\nX-Forwarded-Host: team.local", 200, "**", "app -> app **"},
    /* told once, for a proxy that says nothing */
    {BEHIND, "GET /v2/a/where", "out.example", 200, "**", "a -> a https://out.example"},
    {BEHIND, "GET /v2/a/where", "out.example\r\nX-Forwarded-Proto: http", 200, "**", "a -> a https://out.example"},
    {BEHIND, "GET /v2/a/where", "in:8080\r\nX-Forwarded-Host: team.local", 200, "**", "a -> a https://team.local"},
    {PLAIN, "GET /any", "x", 200, "**", "**"},
    {PLAIN, "GET /nothing", "x", 404, "**", "**"},
    {SECURE, "GET /v2/app/where", "evil.example", 200, "**", "app -> team/app https://primary:%P"},
    /* as the token endpoint does */
    {MAIN, "GET /resolve?name=app", "box.local", 200, "**", "app"},
    {MAIN, "GET /resolve?name=hub/nginx", "box.local", 200, "**", "hub/library/nginx"},
    {MAIN, "GET /resolve?name=app", "team.local", 200, "**", "team/app"},
    {PLAIN, "GET /resolve?name=nginx", "x", 200, "**", "hub/library/nginx"},
    {MAIN, "GET /resolve?name=Not%20A%20Name", "box.local", 200, "**", "nowhere"},
    {MAIN, "GET /resolve?name=off/x", "box.local", 200, "**", "nowhere"},
};

static struct serve server;
static uint16_t ports[LISTENERS];
static struct site site = {.is_own_host = is_own_host, .route_tables = tables};
static struct fixture *fixture;

static void ask(enum listener listener, const char *request, const char *fields, struct buf *all)
{
	struct buf text = BUF_INIT(1u << 16);
	struct serve at = server;
	int fd;

	at.port = ports[listener];
	fd = client_open(&at);
	buf_addf(&text, "%s HTTP/1.1\r\nHost: %s\r\n\r\n", request, fields);
	assert_true(client_send(fd, buf_str(&text)));
	shutdown(fd, SHUT_WR);
	client_read_all(fd, all);
	close(fd);
	buf_release(&text);
}

static void check(size_t i)
{
	struct buf all = BUF_INIT(1u << 20), want = BUF_INIT(4096);
	struct str head, content, a, b;
	char status[16];
	const char *split;

	ask(rows[i].listener, rows[i].request, rows[i].fields, &all);
	snprintf(status, sizeof status, "HTTP/1.1 %d ", rows[i].status);
	split = memmem(all.p, all.n, "\r\n\r\n", 4);
	assert_non_null(split);
	head = str_first(buf_str(&all), (size_t)(split - all.p) + 2);
	content = str_from(buf_str(&all), head.n + 2);
	if (str_cut(str_of(rows[i].content), '%', &a, &b))
		buf_addf(&want, "%.*s%u", STR_ARG(a), ports[rows[i].listener]);
	else
		buf_addz(&want, rows[i].content);
	if (!str_starts(head, str_of(status)) || !str_glob(str_of(rows[i].head), head) ||
	    !str_glob(buf_str(&want), content))
		fail_msg("row %zu: %s (%s): got\n%s\nwant %d, %s, %s", i, rows[i].request, rows[i].fields, all.p,
		    rows[i].status, rows[i].head, want.p);
	buf_release(&all);
	buf_release(&want);
}

static void names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(i);
}

static size_t parse(const char *text, struct attribute list[static 8])
{
	struct str rest = str_of(text), item;
	size_t n = 0;

	while (rest.n) {
		str_cut(rest, ' ', &item, &rest);
		str_cut(item, '=', &list[n].name, &list[n].value);
		n++;
	}
	return n;
}

static void set(const char *name, enum namespace_kind kind, const char *text)
{
	struct attribute list[8];

	assert_ok(namespace_create(site.namespaces, str_of(name), kind, list, parse(text, list), err));
}

static void change(const char *name, const char *text)
{
	struct attribute list[8];

	assert_ok(namespace_change(site.namespaces, str_of(name), list, parse(text, list), err));
}

/* A connection outlives its listener: names must not lead elsewhere then. */
static void a_listener_without_namespace(void **state)
{
	struct buf all = BUF_INIT(1u << 20);

	(void)state;
	assert_ok(namespace_change(site.namespaces, STR("team"),
	    (struct attribute[]){{STR("listener"), STR("")}, {STR("port"), STR("")}}, 2, err));
	ask(SECURE, "GET /v2/app/where", "box.local", &all);
	assert_true(str_starts(buf_str(&all), STR("HTTP/1.1 503 ")));
	assert_non_null(memmem(all.p, all.n, "Connection: close", 17));
	buf_release(&all);
}

static int set_up(void **state)
{
	char text[200];

	fixture_setup(state);
	clock_pin(-1, -1);
	fixture = *state;
	fixture_grant(fixture, ANONYMOUS, "team/public", MAY_PULL);
	site.auth = fixture->auth;
	site.service = STR("cove test");
	site.primary_name = STR("primary:5000");
	assert_ok(namespaces_open(fixture->db, &(struct secret){.n = 32}, &site.namespaces, err));
	assert_ok(token_signer_open(fixture->dirfd, fixture->auth, &site.signer, err));
	serve_start(&server, &site);
	ports[MAIN] = server.port;
	for (enum listener l = PLAIN; l < LISTENERS; l++)
		assert_ok(net_listen(server.net, "127.0.0.1", 0, LISTENER_TAG_NAMESPACE, &ports[l], err));
	snprintf(text, sizeof text, "host=team.local listener=https port=%u", ports[SECURE]);
	set("team", NAMESPACE_HOSTED, text);
	snprintf(text, sizeof text, "upstream=docker.io listener=http port=%u", ports[PLAIN]);
	set("hub", NAMESPACE_PROXY, text);
	snprintf(text, sizeof text, "listener=http port=%u behind_tls=true", ports[BEHIND]);
	change("", text);
	set("off", NAMESPACE_HOSTED, "online=false");
	return 0;
}

static int tear_down(void **state)
{
	serve_stop(&server);
	token_signer_close(site.signer);
	namespaces_close(site.namespaces);
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(a_listener_without_namespace),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
