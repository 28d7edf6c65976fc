/* event: each event of content as a row of the audit log. */
#include <cove/store/event.h>
#include <cove/audit/audit.h>

_Static_assert(REPO_NAME_MAX + 1 + TAG_MAX <= AUDIT_TEXT_MAX, "a row holds the names of repository and tag");

#define DETAIL_SIZE (2 * DIGEST_TEXT_MAX + sizeof("from  to "))

static const struct {
	const char *action;
	bool has_tag, has_from, has_to;
} kinds[] = {
    [EVENT_TAG_ADD] = {"tag.add", true, false, true},
    [EVENT_TAG_MOVE] = {"tag.move", true, true, true},
    [EVENT_TAG_DELETE] = {"tag.delete", true, true, false},
    [EVENT_MANIFEST_DELETE] = {"manifest.delete", false, true, false},
    [EVENT_BLOB_DELETE] = {"blob.delete", false, true, false},
    [EVENT_REPOSITORY_REMOVE] = {"repository.remove", false, false, false},
};

/* One digest alone, or "from A to B". */
static void write_detail(char out[static DETAIL_SIZE], const struct event *e)
{
	char from[DIGEST_TEXT_MAX] = "", to[DIGEST_TEXT_MAX] = "";
	bool has_both = kinds[e->kind].has_from && kinds[e->kind].has_to;

	if (kinds[e->kind].has_from)
		digest_text(from, &e->from);
	if (kinds[e->kind].has_to)
		digest_text(to, &e->to);
	snprintf(out, DETAIL_SIZE, "%s%s%s%s", has_both ? "from " : "", from, has_both ? " to " : "", to);
}

enum rc event_record(struct db_conn *c, const struct event *e, struct err *err)
{
	char object[REPO_NAME_MAX + 1 + TAG_MAX + 1], detail[DETAIL_SIZE];

	/* clients that pull cause it, as often as they like: their rows would push those of changes out of the log */
	if (e->pulled_through)
		return OK;
	snprintf(object, sizeof(object), "%.*s%s%.*s", STR_ARG(e->repository.s), kinds[e->kind].has_tag ? ":" : "",
	    STR_ARG(e->tag.s));
	write_detail(detail, e);
	return audit_add(c, kinds[e->kind].action, str_of(object), str_of(detail), err);
}
