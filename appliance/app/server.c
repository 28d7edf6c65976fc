/* server: what a start and a reload have in common. */
#include "server.h"
#include <cove/base/log.h>
#include <stdatomic.h>
#include <unistd.h>

#define NAMES_TEXT_BYTES (512u * 1024)

void server_set_names(struct server *s, const struct trust_names *names)
{
	struct names_snapshot *now = atomic_load(&s->names), *fresh;

	if (now && trust_names_eq(&now->names, names))
		return;
	fresh = xcalloc(1, sizeof(*fresh));
	fresh->names = *names;
	fresh->older = now;
	atomic_store(&s->names, fresh);
}

enum rc server_declare(struct server *s, const char *event, struct err *err)
{
	enum rc rc = app_declare(s->config, s->data.namespaces, false, err);
	bool last_ones = rc == E_USAGE || rc == E_DISK_FULL || rc == E_IO;

	if (last_ones)
		log_error(event, "namespaces=unchanged reason=%s", log_quote(str_of(err->text)));
	else if (!rc && access(s->config->file, F_OK) == 0)
		log_info(event, "namespaces=%s", log_quote(str_of(s->config->file)));
	return last_ones ? OK : rc;
}

enum rc server_renew_names(struct server *s, bool *changed, struct err *err)
{
	struct buf fresh = BUF_INIT(NAMES_TEXT_BYTES);
	enum rc rc;

	buf_addz(&fresh, s->config->names);
	rc = namespace_hosts(s->data.namespaces, &fresh, err);
	*changed = !rc && !str_eq(buf_str(&fresh), buf_str(&s->names_text));
	if (*changed) {
		buf_release(&s->names_text);
		s->names_text = fresh;
	} else {
		buf_release(&fresh);
	}
	return rc;
}
