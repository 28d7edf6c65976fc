/*
 * request: what a token request asks for, read from a query or a form, and the JSON that answers it. Pure but for the
 * database behind token_answer(); knows no exchange. Strings are in the arena.
 */
#pragma once
#include <cove/auth/access_token.h>

#define TOKEN_FORM_MAX 16384         /* bytes of a POST body: as much as a head may have */
#define TOKEN_ANSWER_MAX (48 * 1024) /* go-containerregistry reads at most 64 KiB */

enum grant_type { GRANT_OTHER, GRANT_PASSWORD, GRANT_REFRESH };

struct token_request {
	enum grant_type grant;     /* POST only */
	struct str user, password; /* POST only */
	struct access_set wanted;  /* whose full names the caller looks up */
};

/* E_HTTP_BAD: a field that cannot be decoded, more than ACCESS_MAX repositories. Unknown fields are ignored; so is
 * `service`: there is one here, and a token counts here only. End with token_request_wipe(), also after a failure: it
 * wipes the password from the arena. */
CHECKED enum rc token_request_parse(
    struct arena *a, struct str form, bool is_post, struct token_request *out, struct err *err);
void token_request_wipe(struct token_request *r);

/* Appends the answer for `who`. The token has full names, `scope` of the answer the client's, both what is granted of
 * `wanted`. There is no refresh token, also where one is wanted: what a client keeps then is of no use to others
 * (docs/clients.md, Tokens 17). E_HTTP_BAD as access_token_issue(). */
CHECKED enum rc token_answer(struct token_signer *ts, const struct identity *who, struct token_request *r, bool is_post,
    struct str service, struct buf *out, struct err *err);
