/* request: what clients send to the token endpoint (docs/clients.md, Requests for tokens), and the answers they get. */
#include "auth/fixture.h"
#include "../../../appliance/token/request.h"
#include <cove/base/json.h>

#define SERVICE STR("box.local")

struct parsed {
	struct arena a;
	struct token_request r;
	char scope[400];
};

static enum rc parse(struct parsed *p, const char *form, bool is_post)
{
	struct err err = {.rc = OK};
	enum rc rc;
	struct buf b = BUF_INIT(1 << 16);

	arena_init(&p->a, 65536);
	rc = token_request_parse(&p->a, str_of(form), is_post, &p->r, &err);
	assert_int_equal(err.rc, rc);
	scope_text(&p->r.wanted, &b);
	snprintf(p->scope, sizeof(p->scope), "%.*s", STR_ARG(buf_str(&b)));
	buf_release(&b);
	return rc;
}

static void done(struct parsed *p)
{
	token_request_wipe(&p->r);
	arena_release(&p->a);
}

/* Rule 1: repeated, space-separated, or both; in GET and POST alike. */
static void scopes(void **state)
{
	static const struct {
		const char *form, *scope;
	} rows[] = {
	    {"", ""},
	    {"scope=", ""},
	    {"account=ann&client_id=docker&offline_token=true&service=box", ""},
	    {"account=ann&scope=repository%3Aa%3Apull&service=box", "repository:a:pull"},
	    {"scope=repository:a:push,pull&service=box", "repository:a:pull,push"},
	    {"scope=repository%3Aa%3Apush%2Cpull&scope=repository%3Ab%3Apull",
		"repository:a:pull,push repository:b:pull"},
	    {"scope=repository%3Aa%3Apull+repository%3Aa%3Apull%2Cpush", "repository:a:pull,push"},
	    {"scope=repository%3Aa%3Apull%20repository%3Ab%3A%2A", "repository:a:pull repository:b:pull,push,delete"},
	    {"scope=registry%3Acatalog%3A%2A", "registry:catalog:*"},
	    {"scope=repository%3Aa%3Apull&scope=nonsense&scope=&x=y", "repository:a:pull"},
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int is_post = 0; is_post < 2; is_post++) {
			assert_int_equal(parse(&p, rows[i].form, is_post), OK);
			assert_string_equal(p.scope, rows[i].scope);
			done(&p);
		}
	}
}

static void fields_of_get(void **state)
{
	static const char *const rows[] = {
	    "account=ann&client_id=docker&offline_token=true&service=box.local",
	    "grant_type=password&username=ann&password=x",
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(&p, rows[i], false), OK);
		assert_int_equal(p.r.grant, GRANT_OTHER);
		assert_int_equal(p.r.user.n, 0);
		assert_int_equal(p.r.password.n, 0); /* a query is no place for one */
		done(&p);
	}
}

static void fields_of_post(void **state)
{
	static const struct {
		const char *form;
		enum grant_type grant;
		const char *user, *password;
	} rows[] = {
	    {"grant_type=password&service=box&client_id=containerd-client&username=ann&password=p%26+%C3%A9",
		GRANT_PASSWORD, "ann", "p& \xc3\xa9"},
	    {"password=secret&access_type=offline&grant_type=password&username=ann", GRANT_PASSWORD, "ann", "secret"},
	    {"password=first&grant_type=password&username=ann&password=second", GRANT_PASSWORD, "ann", "second"},
	    {"grant_type=refresh_token&refresh_token=cove_r_abc&scope=&client_id=docker", GRANT_REFRESH, "", ""},
	    {"grant_type=password&access_type=online&offline_token=true", GRANT_PASSWORD, "", ""},
	    {"grant_type=client_credentials", GRANT_OTHER, "", ""},
	    {"grant_type=Password", GRANT_OTHER, "", ""},
	    {"username=ann&password=secret", GRANT_OTHER, "ann", "secret"},
	    {"", GRANT_OTHER, "", ""},
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(&p, rows[i].form, true), OK);
		assert_int_equal(p.r.grant, rows[i].grant);
		assert_true(str_eq(p.r.user, str_of(rows[i].user)));
		assert_true(str_eq(p.r.password, str_of(rows[i].password)));
		done(&p);
	}
}

/* The decoded password does not stay in the arena. */
static void wiped(void **state)
{
	struct parsed p;
	struct str was;

	(void)state;
	assert_int_equal(parse(&p, "password=s%65cret&username=ann", true), OK);
	was = p.r.password;
	token_request_wipe(&p.r);
	assert_int_equal(p.r.password.n, 0);
	for (size_t i = 0; i < was.n; i++)
		assert_int_equal(was.p[i], 0);
	done(&p);
}

static void refused(void **state)
{
	static const char *const rows[] = {"scope=%", "scope=%zz", "scope=%00", "%=x"};
	struct buf many = BUF_INIT(1 << 16);
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(&p, rows[i], false), E_HTTP_BAD);
		done(&p);
		assert_int_equal(parse(&p, rows[i], true), E_HTTP_BAD);
		done(&p);
	}
	for (int i = 0; i < ACCESS_MAX; i++)
		buf_addf(&many, "scope=repository:r%d:pull&", i);
	arena_init(&p.a, 65536);
	assert_ok(token_request_parse(&p.a, buf_str(&many), false, &p.r, err));
	assert_int_equal(p.r.wanted.count, ACCESS_MAX);
	done(&p);
	buf_addz(&many, "scope=repository:r1:push&scope=repository:one/more:pull");
	arena_init(&p.a, 65536);
	assert_rc(E_HTTP_BAD, token_request_parse(&p.a, buf_str(&many), false, &p.r, err));
	done(&p);
	buf_release(&many);
	arena_init(&p.a, 10);
	assert_int_equal(token_request_parse(&p.a, STR("scope=repository:a:pull"), false, &p.r, NULL), E_BUSY);
	done(&p);
}

/* ---- answers ---- */

struct answered {
	struct buf text;
	struct json *json;
};

/* "hub/x" is "hub/library/x", "nowhere" leads nowhere, all else is what it is. */
static void lead(struct token_request *r)
{
	for (size_t i = 0; i < r->wanted.count; i++) {
		struct access *one = &r->wanted.items[i];

		if (str_eq(one->name, STR("hub/x")))
			one->full = STR("hub/library/x");
		else if (str_eq(one->name, STR("nowhere")))
			one->full = STR_NONE;
	}
}

static void answer(
    struct token_signer *ts, const struct identity *who, const char *form, bool is_post, struct answered *out)
{
	struct parsed p;

	assert_int_equal(parse(&p, form, is_post), OK);
	lead(&p.r);
	buf_init(&out->text, TOKEN_ANSWER_MAX);
	assert_ok(token_answer(ts, who, &p.r, is_post, SERVICE, &out->text, err));
	done(&p);
	assert_ok(json_parse(buf_str(&out->text), &out->json, err));
}

static void answered_release(struct answered *r)
{
	json_free(r->json);
	buf_release(&r->text);
}

static struct str member(const struct answered *r, const char *name)
{
	return json_string(json_member(r->json, name));
}

/* What the answer's token allows. */
static void token_allows(struct token_signer *ts, const struct answered *r, const char *scope)
{
	struct str allowed;
	struct identity who;
	struct arena a;

	arena_init(&a, 65536);
	assert_ok(access_token_check(ts, member(r, "token"), SERVICE, &a, &who, &allowed, err));
	assert_true(str_eq(allowed, str_of(scope)));
	arena_release(&a);
}

static struct token_signer *setup_ann(struct fixture *f, struct identity *who)
{
	struct token_signer *ts = NULL;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL);
	assert_int_equal(fixture_login(f, "ann", "long enough", who), OK);
	assert_ok(token_signer_open(f->dirfd, f->auth, &ts, err));
	return ts;
}

/* Rules 2 and 5, and docker login. */
static void answers_get(void **state)
{
	struct fixture *f = *state;
	struct identity ann;
	struct token_signer *ts = setup_ann(f, &ann);
	struct answered r;
	uint64_t life = 0;

	answer(ts, &ann, "account=ann&client_id=docker&offline_token=true&service=box.local", false, &r);
	assert_true(member(&r, "token").n > 0);
	assert_true(str_eq(member(&r, "token"), member(&r, "access_token")));
	assert_true(json_u64(json_member(r.json, "expires_in"), &life));
	assert_int_equal(life, 300);
	assert_null(json_member(r.json, "issued_at"));
	assert_null(json_member(r.json, "scope"));
	token_allows(ts, &r, "");
	assert_null(json_member(r.json, "refresh_token"));
	answered_release(&r);

	answer(ts, &ann, "scope=repository:a:pull,push", false, &r); /* no service; fewer rights than asked */
	assert_null(json_member(r.json, "refresh_token"));
	token_allows(ts, &r, "repository:a:pull");
	answered_release(&r);
	token_signer_close(ts);
}

static void answers_post(void **state)
{
	struct fixture *f = *state;
	struct identity ann;
	struct token_signer *ts = setup_ann(f, &ann);
	struct answered r;

	answer(ts, &ann, "grant_type=password&scope=repository:b:pull,push+repository:a:*", true, &r);
	assert_true(str_eq(member(&r, "scope"), STR("repository:b:pull repository:a:pull")));
	assert_true(str_eq(member(&r, "token"), member(&r, "access_token")));
	assert_true(str_eq(member(&r, "token_type"), STR("Bearer")));
	assert_null(json_member(r.json, "refresh_token"));
	assert_null(json_member(r.json, "issued_at"));
	answered_release(&r);

	answer(ts, &ann, "grant_type=password&access_type=offline", true, &r);
	assert_true(str_eq(member(&r, "scope"), STR("")));
	assert_null(json_member(r.json, "refresh_token"));
	answered_release(&r);
	token_signer_close(ts);
}

static void answers_anonymous(void **state)
{
	struct fixture *f = *state;
	struct identity ann, nobody;
	struct token_signer *ts = setup_ann(f, &ann);
	struct answered r;

	fixture_grant(f, ANONYMOUS, "public/**", MAY_PULL);
	assert_ok(auth_anonymous(f->auth, &nobody, err));
	answer(ts, &nobody, "offline_token=true&scope=repository:public/a:pull&scope=repository:a:pull", false, &r);
	assert_null(json_member(r.json, "refresh_token"));
	token_allows(ts, &r, "repository:public/a:pull");
	answered_release(&r);
	token_signer_close(ts);
}

/* A token counts here only, whatever the client takes this registry for. */
static void answers_for_this_service(void **state)
{
	struct fixture *f = *state;
	struct identity ann;
	struct token_signer *ts = setup_ann(f, &ann);
	struct answered r;

	answer(ts, &ann, "service=other.box&scope=repository:a:pull", false, &r);
	token_allows(ts, &r, "repository:a:pull");
	answered_release(&r);
	token_signer_close(ts);
}

/* The token has full names, the answer the client's. */
static void answers_names_as_asked(void **state)
{
	struct fixture *f = *state;
	struct identity ann;
	struct token_signer *ts = setup_ann(f, &ann);
	struct answered r;

	answer(ts, &ann,
	    "grant_type=password&scope=repository:hub/x:pull,push repository:nowhere:pull "
	    "repository:hub/library/x:pull",
	    true, &r);
	token_allows(ts, &r, "repository:hub/library/x:pull repository:hub/library/x:pull");
	assert_true(str_eq(member(&r, "scope"), STR("repository:hub/x:pull repository:hub/library/x:pull")));
	answered_release(&r);
	token_signer_close(ts);
}

/* go-containerregistry reads 64 KiB of it. */
static void answers_within_bounds(void **state)
{
	struct fixture *f = *state;
	struct identity ann;
	struct token_signer *ts = setup_ann(f, &ann);
	struct answered r;
	struct buf form = BUF_INIT(1 << 16);
	struct arena a;
	struct token_request request;

	for (int i = 0; i < 300; i++)
		buf_addf(&form, "scope=repository:r%d:pull,push&", i);
	arena_init(&a, 1 << 16);
	assert_ok(token_request_parse(&a, buf_str(&form), true, &request, err));
	lead(&request);
	buf_init(&r.text, TOKEN_ANSWER_MAX);
	assert_ok(token_answer(ts, &ann, &request, true, SERVICE, &r.text, err));
	assert_ok(json_parse(buf_str(&r.text), &r.json, err));
	assert_true(str_starts(member(&r, "scope"), STR("repository:r0:pull repository:r1:pull ")));
	assert_true(str_ends(member(&r, "scope"), STR(" repository:r299:pull"))); /* nothing is left out */
	answered_release(&r);
	buf_release(&form);
	arena_release(&a);
	token_signer_close(ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scopes),
	    cmocka_unit_test(fields_of_get),
	    cmocka_unit_test(fields_of_post),
	    cmocka_unit_test(wiped),
	    cmocka_unit_test(refused),
	    fixture_test(answers_get),
	    fixture_test(answers_post),
	    fixture_test(answers_anonymous),
	    fixture_test(answers_for_this_service),
	    fixture_test(answers_names_as_asked),
	    fixture_test(answers_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
