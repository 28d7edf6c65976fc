/*
 * fetch_manifest: a tag that is kept is looked at with HEAD (which Docker Hub does not count), and fetched when it
 * points elsewhere; anything else is fetched at once. Exact bytes, proven by digest, kept with the children that are
 * not here (nobody asked for them): per platform only what is pulled.
 */
#include "private.h"
#include <cove/store/cached.h>
#include <cove/base/clock.h>
#include <cove/manifest/manifest.h>
#include <stdio.h>

#define ARENA_BYTES (6u * 1024 * 1024)
#define ACCEPT                                                                                                         \
	"application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "                        \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                                                  \
	"application/vnd.docker.distribution.manifest.v2+json"

static enum rc on_head(struct job *j, const struct client_head *head, struct err *err);
static enum rc on_body(struct job *j, const void *p, size_t n, struct err *err);
static void on_done(struct job *j, enum rc rc, const struct err *err);

static void ask(struct job *j, enum client_method method, const char *reference)
{
	j->ask.head = on_head;
	j->ask.body = on_body;
	j->ask.done = on_done;
	j->ask.body_max = MANIFEST_MAX;
	buf_reset(&j->bytes);
	ask_start(j, method, ask_path(j, "manifests/%s", reference), ACCEPT);
}

static void ask_digest(struct job *j, const struct digest *d)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, d);
	ask(j, CLIENT_GET, text);
}

void manifest_begin(struct job *j, const void *ctx)
{
	const struct manifest_question *q = ctx;

	j->by_digest = q->reference->is_digest;
	if (j->by_digest) {
		j->digest = q->reference->digest;
		ask_digest(j, &j->digest);
		return;
	}
	snprintf(j->tag, sizeof(j->tag), "%.*s", STR_ARG(q->reference->tag.s));
	j->has_known = q->known;
	if (q->known)
		j->known = *q->known;
	ask(j, q->known ? CLIENT_HEAD : CLIENT_GET, j->tag);
}

static enum rc on_head(struct job *j, const struct client_head *head, struct err *err)
{
	struct str value;

	(void)err;
	j->has_told = client_field(head, "Docker-Content-Digest", &value) && digest_parse(value, &j->told, NULL) == OK;
	j->media_type[0] = '\0';
	if (client_field(head, "Content-Type", &value))
		snprintf(j->media_type, sizeof(j->media_type), "%.*s", STR_ARG(value));
	return OK;
}

static enum rc on_body(struct job *j, const void *p, size_t n, struct err *err)
{
	if (j->status != 200)
		return OK;
	buf_add(&j->bytes, (struct str){p, n});
	return buf_ok(&j->bytes) ? OK : fail_rc(err, E_BUSY);
}

static enum rc prove(struct job *j, struct digest *d, struct err *err)
{
	const struct digest *want = j->by_digest ? &j->digest : j->has_told ? &j->told : NULL;
	char text[DIGEST_TEXT_MAX], said[DIGEST_TEXT_MAX];

	digest_of(d, want ? want->algorithm : DIGEST_SHA256, buf_str(&j->bytes));
	if (!want || digest_eq(d, want))
		return OK;
	digest_text(text, d);
	digest_text(said, want);
	return fail(
	    err, E_UPSTREAM_ANSWER, "%.*s sent %s instead of the manifest %s", STR_ARG(j->ns->upstream), text, said);
}

static enum rc keep(struct job *j, struct arena *a, struct err *err)
{
	struct manifest_content content;
	struct tag tag = {str_of(j->tag)};
	struct repo_name repo = {str_of(j->full)};
	struct space space = job_space(j);
	struct digest d;

	TRY(prove(j, &d, err));
	if (manifest_parse(a, buf_str(&j->bytes), str_of(j->media_type), MANIFEST_FETCHED, &content, err))
		return fail(err, E_UPSTREAM_ANSWER, "%.*s sent a manifest that cannot be cached: %s",
		    STR_ARG(j->ns->upstream), arena_str(a, str_of(err->text)).p);
	content.sparse = content.wrong_descriptors = true;
	if (manifest_put(j->u->store, &space, repo, &d, &content, &tag, j->by_digest ? 0 : 1, NULL, err))
		return cannot_keep(j, "a manifest", err);
	return OK;
}

static enum rc note_checked(struct job *j, struct err *err)
{
	struct tag tag = {str_of(j->tag)};
	struct repo_name repo = {str_of(j->full)};

	return j->by_digest ? OK : tag_set_checked(j->u->store, repo, tag, clock_wall_s(), err);
}

static void work_keep(struct job *j)
{
	struct arena a;
	struct err err;
	enum rc rc;

	arena_init(&a, ARENA_BYTES);
	rc = keep(j, &a, &err);
	if (!rc)
		rc = note_checked(j, &err);
	arena_release(&a);
	job_finish(j, rc, &err);
}

static void work_checked(struct job *j)
{
	struct err err;
	enum rc rc = note_checked(j, &err);

	job_finish(j, rc, &err);
}

/* HEAD has been answered with 200. */
static void compare(struct job *j)
{
	if (j->has_told && digest_eq(&j->told, &j->known))
		job_hand_over(j, work_checked);
	else
		ask(j, CLIENT_GET, j->tag);
}

static void on_done(struct job *j, enum rc rc, const struct err *failure)
{
	struct err err = {.rc = OK};

	if (rc)
		err = *failure;
	else if (j->ask.method == CLIENT_HEAD && (j->status == 405 || j->status == 400))
		return ask(j, CLIENT_GET, j->tag); /* it does not know HEAD */
	else
		rc = status_judge(j, E_MANIFEST_UNKNOWN, &err);
	if (rc)
		job_finish(j, rc, &err);
	else if (j->ask.method == CLIENT_HEAD)
		compare(j);
	else
		job_hand_over(j, work_keep);
}
