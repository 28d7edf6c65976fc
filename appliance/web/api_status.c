/* /status and /blob-stores: the registry and its disks. */
#include "api.h"
#include <cove/store/blob_store.h>
#include <cove/base/clock.h>

enum rc api_status(struct exchange *x)
{
	struct buf *b = api_begin(x);
	uint64_t used, sum = 0;
	int64_t users;

	TRY(user_count(x->site->auth, &users, &x->err));
	TRY(exchange_namespaces(x));
	for (size_t i = 0; i < namespace_count(x->namespaces); i++) {
		TRY(namespace_used_bytes(x->site->namespaces, namespace_at(x->namespaces, i), &used, &x->err));
		sum += used;
	}
	json_put_member_str(b, "version", STR(COVE_VERSION));
	json_put_member_str(b, "address", x->site->primary_name);
	put_i64(b, "started_at", x->site->started_at);
	put_i64(b, "uptime_s", clock_wall_s() - x->site->started_at);
	put_i64(b, "users", users);
	json_put_member_u64(b, "namespaces", namespace_count(x->namespaces));
	json_put_member_u64(b, "used_bytes", sum);
	json_put_member_str(b, "ca_fingerprint", x->site->ca_fingerprint);
	return api_end(x, 200);
}

static enum rc each_store(void *ctx, const struct blob_store *s, struct err *err)
{
	struct buf *b = ctx;

	(void)err;
	json_put_comma(b);
	buf_addc(b, '{');
	json_put_member_str(b, "name", s->name);
	json_put_member_str(b, "path", s->path);
	json_put_member_u64(b, "blobs", s->blobs);
	json_put_member_u64(b, "bytes", s->bytes);
	json_put_member_u64(b, "free_bytes", s->free_bytes);
	json_put_member_str(b, "failure", s->failure);
	buf_addc(b, '}');
	return OK;
}

static enum rc reply_stores(struct exchange *x, int status)
{
	struct buf *b = api_begin(x);

	put_list(b, "blob_stores");
	TRY(blob_store_list(x->site->db, each_store, b, &x->err));
	buf_addc(b, ']');
	return api_end(x, status);
}

enum rc api_blob_store_list(struct exchange *x)
{
	return reply_stores(x, 200);
}

enum rc api_blob_store_create(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];

	TRY(api_body(x, &schema_blob_store_new, values));
	TRY(blob_store_add(x->site->db, json_string(values[0]), json_string(values[1]), &x->err));
	return reply_stores(x, 201);
}

enum rc api_blob_store_remove(struct exchange *x)
{
	TRY(blob_store_remove(x->site->db, x->object, &x->err));
	return reply_empty(x, 204);
}
