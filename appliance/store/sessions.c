/* sessions: which upload sessions are open, and the running hashes of those that are not. */
#include "layout.h"
#include <errno.h>
#include <unistd.h>

static struct upload *find_open(struct store *st, const char *id)
{
	struct upload *u = st->open;

	while (u && memcmp(u->id, id, UPLOAD_ID_SIZE) != 0)
		u = u->next;
	return u;
}

static struct parked *find_parked(struct store *st, const char *id)
{
	for (size_t i = 0; i < PARKED_MAX; i++)
		if (memcmp(st->parked[i].id, id, UPLOAD_ID_SIZE) == 0)
			return &st->parked[i];
	return NULL;
}

static void park(struct store *st, const char *id, uint64_t offset, const struct hasher *hasher)
{
	struct parked *slot = find_parked(st, id);

	if (!slot) {
		slot = &st->parked[0];
		for (size_t i = 1; i < PARKED_MAX; i++)
			if (st->parked[i].used < slot->used)
				slot = &st->parked[i];
	}
	memcpy(slot->id, id, UPLOAD_ID_SIZE);
	slot->offset = offset;
	slot->hasher = *hasher;
	slot->used = ++st->parked_clock;
}

static void forget(struct store *st, const char *id)
{
	struct parked *slot = find_parked(st, id);

	if (slot)
		*slot = (struct parked){0};
}

enum rc session_enter(struct store *st, struct upload *u, uint64_t *hashed_bytes, struct err *err)
{
	struct parked *slot;
	bool busy;

	pthread_mutex_lock(&st->sessions_mutex);
	busy = find_open(st, u->id);
	if (!busy) {
		u->next = st->open;
		st->open = u;
		slot = find_parked(st, u->id);
		if (slot) {
			u->hasher = slot->hasher;
			u->hashed = true;
			*hashed_bytes = slot->offset;
		}
		forget(st, u->id);
	}
	pthread_mutex_unlock(&st->sessions_mutex);
	return busy ? fail_rc(err, E_UPLOAD_BUSY) : OK;
}

void session_leave(struct store *st, struct upload *u, bool keep_hash)
{
	struct upload **at;

	pthread_mutex_lock(&st->sessions_mutex);
	for (at = &st->open; *at != u; at = &(*at)->next)
		;
	*at = u->next;
	if (keep_hash && u->hashed)
		park(st, u->id, u->offset, &u->hasher);
	pthread_mutex_unlock(&st->sessions_mutex);
}

void session_park(struct store *st, const char *id, uint64_t offset, const struct hasher *hasher)
{
	pthread_mutex_lock(&st->sessions_mutex);
	park(st, id, offset, hasher);
	pthread_mutex_unlock(&st->sessions_mutex);
}

enum rc session_remove(struct store *st, const struct volume *v, const char *name, struct err *err)
{
	enum rc rc = OK;

	/* Under the mutex: who enters after this finds no file, who entered before is busy. */
	pthread_mutex_lock(&st->sessions_mutex);
	if (find_open(st, name))
		rc = fail_rc(err, E_UPLOAD_BUSY);
	else if (unlinkat(v->uploads, name, 0) == 0)
		forget(st, name);
	else if (errno == ENOENT)
		rc = fail_rc(err, E_UPLOAD_UNKNOWN);
	else
		rc = fail_errno(err, E_IO, "cannot remove the upload %s", name);
	pthread_mutex_unlock(&st->sessions_mutex);
	return rc;
}
