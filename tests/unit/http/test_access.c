/* access: credentials and grants against rows of every need; the challenge byte by byte (docs/clients.md, Tokens). */
#include "../auth/fixture.h"
#include "serve.h"
#include <cove/base/codec.h>

#define PASSWORD "long enough"

static enum rc who(struct exchange *x)
{
	return reply_bytes(x, 200, "text/plain", arena_str(x->arena, str_of(x->who.name[0] ? x->who.name : "nobody")));
}

/* As the token endpoint does. */
static enum rc login(struct exchange *x)
{
	TRY(exchange_identify(x));
	return who(x);
}

/* As a mount does: the right on another repository. */
static enum rc mount(struct exchange *x)
{
	struct repo_name from = {STR("other")};
	bool may, has_right;

	TRY(exchange_may(x, from, MAY_PULL, &may));
	TRY(exchange_identity_may(x, from, MAY_PULL, &has_right));
	if (!may && has_right)
		return exchange_challenge(x, STR("repository:team/app:pull,push repository:other:pull"));
	return reply_bytes(x, may ? 201 : 202, "text/plain", STR(""));
}

#define ROW(m, p, n, h)                                                                                                \
	{                                                                                                              \
		.id = p, .method = m, .pattern = p, .needs = n, .flags = ROUTE_PLAIN, .then = h                        \
	}
static const struct route routes[] = {
    ROW(METHOD_GET, "/any", ACCESS_ANY, who),
    ROW(METHOD_GET, "/login", ACCESS_LOGIN, login),
    ROW(METHOD_GET, "/v2/", ACCESS_TOKEN, who),
    ROW(METHOD_GET, "/v2/_catalog", ACCESS_CATALOG, who),
    ROW(METHOD_GET, "/v2/<name>/r", ACCESS_PULL, who),
    ROW(METHOD_POST, "/v2/<name>/r", ACCESS_PUSH, who),
    ROW(METHOD_DELETE, "/v2/<name>/r", ACCESS_DELETE, who),
    ROW(METHOD_POST, "/v2/<name>/mount", ACCESS_PUSH, mount),
    ROUTES_END,
};
static const struct route *const tables[] = {routes, NULL};

static bool is_own_host(const struct site *site, struct str host)
{
	(void)site;
	return str_eq(host, STR("Box.local"));
}

/* Credentials, in the words of the rows below. */
enum kind {
	NONE,
	BASIC, /* "user:password" */
	TOKEN, /* "user scopes": of ann or bob, or anonymous */
	RAW,   /* the field's value, or two lines */
};

#define REALM "Bearer realm=\"https://Box.local/token\",service=\"cove test\""
#define ASK(scope) REALM ",scope=\"" scope "\""
#define MORE(scope) ASK(scope) ",error=\"insufficient_scope\""
#define INVALID ",error=\"invalid_token\""

static const struct {
	const char *request;
	enum kind kind;
	const char *credential;
	int status;
	const char *challenge; /* of a 401 */
	const char *content;   /* a glob */
} rows[] = {
    {"GET /any", NONE, "", 200, NULL, "nobody"},
    {"GET /any", RAW, "Nonsense", 200, NULL, "nobody"},

    {"GET /login", NONE, "", 200, NULL, "anonymous"},
    {"GET /login", BASIC, "ann:" PASSWORD, 200, NULL, "ann"},
    {"GET /login", BASIC, "ann:wrong", 401, "Basic realm=\"cove test\"", "**UNAUTHORIZED**wrong user name**"},
    {"GET /login", BASIC, "nobody:wrong", 401, "Basic realm=\"cove test\"", "**UNAUTHORIZED**wrong user name**"},
    {"GET /login", RAW, "Basic !!", 401, "Basic realm=\"cove test\"", "**"},
    {"GET /login", RAW, "Basic YWJj", 401, "Basic realm=\"cove test\"", "**"}, /* no colon */
    {"GET /login", TOKEN, "ann ", 401, "Basic realm=\"cove test\"", "**"},

    {"GET /v2/", NONE, "", 401, REALM, "**UNAUTHORIZED**authentication required**"},
    {"GET /v2/", TOKEN, "ann ", 200, NULL, "ann"},
    {"GET /v2/", TOKEN, "anonymous ", 200, NULL, "anonymous"},
    {"GET /v2/", BASIC, "ann:" PASSWORD, 200, NULL, "ann"},
    {"GET /v2/", BASIC, "ann:wrong", 401, REALM, "**"},
    {"GET /v2/", RAW, "Bearer a.b.c", 401, REALM INVALID, "**UNAUTHORIZED**"},
    {"GET /v2/", RAW, "Bearer", 401, REALM INVALID, "**"},
    {"GET /v2/", RAW, "bearer ", 401, REALM INVALID, "**"},
    {"GET /v2/", RAW, "Basic Og==", 401, REALM, "**UNAUTHORIZED**authentication required**"}, /* neither */
    {"GET /login", RAW, "Basic Og==", 200, NULL, "anonymous"},
    {"GET /v2/public/app/r", RAW, "Basic Og==", 200, NULL, "anonymous"},
    {"GET /v2/", RAW, "Negotiate abc", 401, REALM, "**"},
    {"GET /v2/", RAW, "Basic YTpi\r\nAuthorization: Basic YTpi", 400, NULL, "**more than one**"},

    {"GET /v2/_catalog", NONE, "", 401, ASK("registry:catalog:*"),
	"**\"detail\":[{\"Type\":\"registry\",\"Class\":\"\",\"Name\":\"catalog\",\"Action\":\"*\"}]**"},
    {"GET /v2/_catalog", TOKEN, "bob ", 200, NULL, "bob"},

    {"GET /v2/team/app/r", NONE, "", 401, ASK("repository:team/app:pull"),
	"**\"detail\":[{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"team/app\",\"Action\":\"pull\"}]**"},
    {"GET /v2/public/app/r", NONE, "", 200, NULL, "anonymous"},
    {"GET /v2/public/app/r", TOKEN, "anonymous repository:public/app:pull", 200, NULL, "anonymous"},
    {"GET /v2/team/app/r", TOKEN, "anonymous repository:team/app:pull", 401, MORE("repository:team/app:pull"),
	"**DENIED**"},
    {"GET /v2/team/app/r", TOKEN, "ann repository:team/app:pull", 200, NULL, "ann"},
    {"GET /v2/team/app/r", TOKEN, "ann repository:team/ap:pull", 401, MORE("repository:team/app:pull"), "**DENIED**"},
    {"GET /v2/team/app/r", TOKEN, "ann ", 401, MORE("repository:team/app:pull"), "**DENIED**"},
    {"GET /v2/team/app/r", TOKEN, "bob repository:team/app:pull", 401, MORE("repository:team/app:pull"), "**DENIED**"},
    {"GET /v2/team/app/r", BASIC, "ann:" PASSWORD, 200, NULL, "ann"},
    {"GET /v2/team/app/r", BASIC, "bob:" PASSWORD, 403, NULL, "**DENIED**"},

    {"POST /v2/team/app/r", NONE, "", 401, ASK("repository:team/app:pull,push"),
	"**\"Name\":\"team/app\",\"Action\":\"pull\"},{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"team/"
	"app\",\"Action\":\"push\"}]**"},
    {"POST /v2/team/app/r?mount=x&from=base%2fimage", NONE, "", 401,
	ASK("repository:team/app:pull,push repository:base/image:pull"), "**"},
    {"POST /v2/team/app/r?from=%22evil", NONE, "", 401, ASK("repository:team/app:pull,push"), "**"},
    {"POST /v2/team/app/r", TOKEN, "ann repository:team/app:pull", 401, MORE("repository:team/app:pull,push"), "**"},
    {"POST /v2/team/app/r", TOKEN, "ann repository:team/app:pull,push", 200, NULL, "ann"},
    {"POST /v2/other/r", TOKEN, "ann repository:other:pull,push", 401, MORE("repository:other:pull,push"), "**"},
    {"POST /v2/other/r", BASIC, "ann:" PASSWORD, 403, NULL, "**ann has no right to push on other**"},
    {"DELETE /v2/team/app/r", NONE, "", 401, ASK("repository:team/app:delete"), "**"},
    {"DELETE /v2/team/app/r", TOKEN, "ann repository:team/app:*", 401, MORE("repository:team/app:delete"), "**"},
    {"DELETE /v2/del/r", TOKEN, "ann repository:del:*", 200, NULL, "ann"},

    {"POST /v2/team/app/mount", TOKEN, "ann repository:team/app:pull,push repository:other:pull", 201, NULL, ""},
    {"POST /v2/team/app/mount", TOKEN, "ann repository:team/app:pull,push", 401,
	MORE("repository:team/app:pull,push repository:other:pull"), "**"},
    {"POST /v2/team/app/mount", TOKEN, "bob repository:team/app:pull,push", 401, MORE("repository:team/app:pull,push"),
	"**"},
    {"POST /v2/team/app/mount", BASIC, "ann:" PASSWORD, 201, NULL, ""},
};

static struct serve server;
static struct site site = {.is_own_host = is_own_host, .route_tables = tables};
static struct fixture *fixture;

static void token_for(const char *text, struct buf *out)
{
	struct access_set wanted = {.count = 0};
	struct identity id;
	struct str user, scopes;

	str_cut(str_of(text), ' ', &user, &scopes);
	if (str_eq(user, STR("anonymous")))
		assert_ok(auth_anonymous(fixture->auth, &id, err));
	else
		assert_int_equal(fixture_login(fixture, str_eq(user, STR("ann")) ? "ann" : "bob", PASSWORD, &id), OK);
	scope_parse(scopes, &wanted);
	assert_ok(access_token_issue(site.signer, &id, site.service, &wanted, out, err));
}

static void put_credential(struct buf *b, enum kind kind, const char *credential)
{
	if (kind == NONE)
		return;
	buf_addz(b, "Authorization: ");
	if (kind == BASIC) {
		buf_addz(b, "Basic ");
		base64_encode(b, credential, strlen(credential));
	} else if (kind == TOKEN) {
		buf_addz(b, "Bearer ");
		token_for(credential, b);
	} else {
		buf_addz(b, credential);
	}
	buf_addz(b, "\r\n");
}

/* The value of the one WWW-Authenticate field, or nothing. */
static struct str challenge_of(struct str head)
{
	struct str line, found = STR_NONE;

	while (head.n) {
		str_cut(head, '\n', &line, &head);
		if (!str_starts(line, STR("WWW-Authenticate: ")))
			continue;
		assert_int_equal(found.n, 0);
		found =
		    str_first(str_from(line, strlen("WWW-Authenticate: ")), line.n - strlen("WWW-Authenticate: \r"));
	}
	return found;
}

static void check(size_t i)
{
	struct buf request = BUF_INIT(1u << 16), all = BUF_INIT(1u << 20);
	char status[16];
	const char *split;
	struct str head, challenge, content;
	int fd = client_open(&server);

	buf_addf(&request, "%s HTTP/1.1\r\nHost: Box.local\r\n", rows[i].request);
	put_credential(&request, rows[i].kind, rows[i].credential);
	buf_addz(&request, "\r\n");
	assert_true(client_send(fd, buf_str(&request)));
	shutdown(fd, SHUT_WR);
	client_read_all(fd, &all);
	close(fd);

	snprintf(status, sizeof status, "HTTP/1.1 %d ", rows[i].status);
	split = memmem(all.p, all.n, "\r\n\r\n", 4);
	assert_non_null(split);
	head = str_first(buf_str(&all), (size_t)(split - all.p) + 2);
	content = str_from(buf_str(&all), head.n + 2);
	challenge = challenge_of(head);
	if (!str_starts(head, str_of(status)) || !str_eq(challenge, str_of(rows[i].challenge)) ||
	    !str_glob(str_of(rows[i].content), content))
		fail_msg("%s (%s): got\n%s\nwant %d, %s", rows[i].request, rows[i].credential, all.p, rows[i].status,
		    rows[i].challenge ? rows[i].challenge : "no challenge");
	buf_release(&request);
	buf_release(&all);
}

static void decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(i);
}

/* A right that is taken away counts at once, whatever the token in hand says. */
static void tokens_do_not_outlive_rights(void **state)
{
	struct buf request = BUF_INIT(1u << 16), all = BUF_INIT(1u << 20);
	int fd = client_open(&server);

	(void)state;
	buf_addz(&request, "GET /v2/team/app/r HTTP/1.1\r\nHost: Box.local\r\n");
	put_credential(&request, TOKEN, "ann repository:team/app:pull");
	buf_addz(&request, "\r\n");
	assert_ok(grant_set(fixture->auth, STR("ann"), STR("team/**"), 0, err));
	assert_ok(grant_set(fixture->auth, STR("ann"), STR("other"), 0, err));
	assert_true(client_send(fd, buf_str(&request)));
	shutdown(fd, SHUT_WR);
	client_read_all(fd, &all);
	assert_true(str_starts(buf_str(&all), STR("HTTP/1.1 403 ")));
	buf_release(&request);
	buf_release(&all);
	close(fd);
}

static int set_up(void **state)
{

	fixture_setup(state);
	clock_pin(-1, -1);
	fixture = *state;
	fixture_user(fixture, "ann", PASSWORD);
	fixture_user(fixture, "bob", PASSWORD);
	fixture_grant(fixture, "ann", "team/**", MAY_PULL | MAY_PUSH);
	fixture_grant(fixture, "ann", "other", MAY_PULL);
	fixture_grant(fixture, "ann", "del", MAY_DELETE);
	fixture_grant(fixture, ANONYMOUS, "public/**", MAY_PULL);
	site.auth = fixture->auth;
	site.service = STR("cove test");
	site.primary_name = STR("primary:5000");
	assert_ok(namespaces_open(fixture->db, &(struct secret){.n = 32}, &site.namespaces, err));
	assert_ok(token_signer_open(fixture->dirfd, fixture->auth, &site.signer, err));
	serve_start(&server, &site);
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
	    cmocka_unit_test(decisions),
	    cmocka_unit_test(tokens_do_not_outlive_rights),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
