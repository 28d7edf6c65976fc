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
	enum grant_type grant; /* POST only */
	struct str user;       /* POST only */
	struct secret password;
	struct str id_token; /* in place of the password: the token of an issuer */
	struct str refresh_token;
	struct str client;        /* client_id: what the client calls itself */
	bool offline;             /* a refresh token is wanted */
	struct access_set wanted; /* whose full names the caller looks up */
};

/* E_HTTP_BAD: a field that cannot be decoded, a password that cannot be one, more than ACCESS_MAX repositories. Unknown
 * fields are ignored; so is `service`: there is one here, and a token counts here only.
 * The password's plain text is wiped from the arena. End with token_request_wipe(), also after a failure. */
CHECKED enum rc token_request_parse(
    struct arena *a, struct str form, bool is_post, struct token_request *out, struct err *err);
void token_request_wipe(struct token_request *r);

/* Appends the answer for `who`. The token has full names, `scope` of the answer the client's, both what is granted of
 * `wanted`. A login is made when one is wanted and `who` is somebody; a request with a refresh token gets the same one
 * back. E_HTTP_BAD as access_token_issue(). */
CHECKED enum rc token_answer(struct token_signer *ts, struct auth *auth, const struct identity *who,
    struct token_request *r, bool is_post, struct str service, struct buf *out, struct err *err);
