/* target: see target.h. */
#include "target.h"

static enum rc check_rules(struct exchange *x, const struct namespace *ns, enum rc refusal)
{
	if (ns->kind == NAMESPACE_HOSTED && ns->redeploy == REDEPLOY_READ_ONLY)
		return fail(&x->err, refusal,
		    "the namespace %.*s is read-only: ask the owner of this registry to change redeploy",
		    STR_ARG(ns->name.n ? ns->name : STR("/")));
	return OK;
}

static void fill(const struct place *place, struct target *out)
{
	const struct namespace *ns = place->ns;

	*out = (struct target){
	    .name = {place->full},
	    .sparse = ns->sparse_manifests,
	    .wrong_descriptors = ns->wrong_descriptors,
	    .space =
		{
		    .blob_store = ns->blob_store,
		    .quota_bytes = ns->quota_bytes,
		    .redeploy_refused = ns->redeploy == REDEPLOY_REFUSED,
		    .redeploy_except = ns->redeploy_except,
		    .immutable_tags = ns->immutable_tags,
		},
	};
}

enum rc target_of(struct exchange *x, struct target *out)
{
	struct place place;

	TRY(namespace_writable(&x->place, x->arena, &place, &x->err));
	TRY(check_rules(x, place.ns, E_DENIED));
	fill(&place, out);
	out->space.user = x->who.user_id;
	return OK;
}

enum rc target_of_delete(struct exchange *x, struct target *out)
{
	if (x->place.ns->kind == NAMESPACE_GROUP)
		return fail(&x->err, E_UNSUPPORTED, "\"%.*s\" is a group: delete the content in the member that has it",
		    STR_ARG(x->place.ns->name));
	TRY(check_rules(x, x->place.ns, E_UNSUPPORTED));
	fill(&x->place, out);
	return OK;
}
