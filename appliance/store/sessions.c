/* sessions: see sessions.h. */
#include "layout.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct upload *find_open(struct sessions *t, const char *id)
{
	struct upload *u = t->open;

	while (u && memcmp(u->id, id, UPLOAD_ID_SIZE) != 0)
		u = u->next;
	return u;
}

static struct session *find(struct sessions *t, const char *id)
{
	for (size_t i = 0; i < t->count; i++)
		if (memcmp(t->items[i].name, id, UPLOAD_ID_SIZE) == 0)
			return &t->items[i];
	return NULL;
}

static struct session *add(struct sessions *t, const struct session *s)
{
	if (t->count == t->room) {
		struct session *more = xcalloc(t->room ? 2 * t->room : 16, sizeof(*more));

		if (t->count)
			memcpy(more, t->items, t->count * sizeof(*more));
		t->room = t->room ? 2 * t->room : 16;
		free(t->items);
		t->items = more;
	}
	t->items[t->count] = *s;
	return &t->items[t->count++];
}

static struct parked *find_parked(struct sessions *t, const char *id)
{
	for (size_t i = 0; i < PARKED_MAX; i++)
		if (memcmp(t->parked[i].id, id, UPLOAD_ID_SIZE) == 0)
			return &t->parked[i];
	return NULL;
}

static void park(struct sessions *t, const char *id, uint64_t offset, const struct hasher *hasher)
{
	struct parked *slot = find_parked(t, id);

	if (!slot) {
		slot = &t->parked[0];
		for (size_t i = 1; i < PARKED_MAX; i++)
			if (t->parked[i].used < slot->used)
				slot = &t->parked[i];
	}
	memcpy(slot->id, id, UPLOAD_ID_SIZE);
	slot->offset = offset;
	slot->hasher = *hasher;
	slot->used = ++t->clock;
}

static void unpark(struct sessions *t, const char *id)
{
	struct parked *slot = find_parked(t, id);

	if (slot)
		*slot = (struct parked){0};
}

static void forget(struct sessions *t, const char *id)
{
	struct session *s = find(t, id);

	unpark(t, id);
	if (s)
		*s = t->items[--t->count];
}

void session_add(struct store *st, const struct session *s, const struct hasher *hasher)
{
	struct sessions *t = &st->sessions;

	pthread_mutex_lock(&t->mutex);
	add(t, s)->used = ++t->clock;
	park(t, s->name, 0, hasher);
	pthread_mutex_unlock(&t->mutex);
}

void session_know(struct store *st, const struct session *s, bool *full)
{
	struct sessions *t = &st->sessions;
	bool is_known;

	pthread_mutex_lock(&t->mutex);
	is_known = find(t, s->name) || find_open(t, s->name);
	*full = !is_known && t->count >= SESSIONS_MAX;
	if (!is_known && !*full)
		add(t, s);
	pthread_mutex_unlock(&t->mutex);
}

enum rc session_enter(struct store *st, struct upload *u, uint64_t *hashed_bytes, struct err *err)
{
	struct sessions *t = &st->sessions;
	struct parked *slot;
	bool busy;

	pthread_mutex_lock(&t->mutex);
	busy = find_open(t, u->id);
	if (!busy) {
		u->next = t->open;
		t->open = u;
		slot = find_parked(t, u->id);
		if (slot) {
			u->hasher = slot->hasher;
			u->hashed = true;
			*hashed_bytes = slot->offset;
		}
		unpark(t, u->id);
	}
	pthread_mutex_unlock(&t->mutex);
	return busy ? fail_rc(err, E_UPLOAD_BUSY) : OK;
}

/* The session's row as u knows it. Under the mutex. */
static struct session *update(struct sessions *t, const struct upload *u, uint64_t bytes)
{
	struct session *s = find(t, u->id);

	if (!s) {
		struct session fresh = {.volume = u->volume.id};

		memcpy(fresh.name, u->name, sizeof(fresh.name));
		s = add(t, &fresh);
	}
	s->user = u->user;
	s->namespace = u->namespace;
	s->bytes = bytes;
	s->used = ++t->clock;
	return s;
}

void session_leave(struct store *st, struct upload *u, bool stays)
{
	struct sessions *t = &st->sessions;
	struct upload **at;

	pthread_mutex_lock(&t->mutex);
	for (at = &t->open; *at != u; at = &(*at)->next)
		;
	*at = u->next;
	if (stays)
		update(t, u, u->offset);
	else
		forget(t, u->id);
	if (stays && u->hashed)
		park(t, u->id, u->offset, &u->hasher);
	pthread_mutex_unlock(&t->mutex);
}

static uint64_t sum(const struct sessions *t, int64_t namespace)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < t->count && namespace; i++)
		if (t->items[i].namespace == namespace)
			bytes += t->items[i].bytes;
	return bytes;
}

enum rc session_grow(struct store *st, struct upload *u, uint64_t bytes, struct err *err)
{
	struct sessions *t = &st->sessions;
	uint64_t unfinished, before;
	struct session *s;
	bool fits;

	if (!u->quota_bytes)
		return OK;
	pthread_mutex_lock(&t->mutex);
	s = find(t, u->id);
	before = s ? s->bytes : 0;
	s = update(t, u, bytes);
	unfinished = sum(t, u->namespace) - bytes + (bytes > u->known_bytes ? bytes - u->known_bytes : 0);
	fits = u->namespace_bytes + unfinished <= u->quota_bytes;
	if (!fits)
		s->bytes = before;
	pthread_mutex_unlock(&t->mutex);
	return fits ? OK : fail_quota(err, u->namespace_bytes + unfinished, u->quota_bytes);
}

uint64_t session_bytes(struct store *st, int64_t namespace)
{
	struct sessions *t = &st->sessions;
	uint64_t bytes;

	pthread_mutex_lock(&t->mutex);
	bytes = sum(t, namespace);
	pthread_mutex_unlock(&t->mutex);
	return bytes;
}

/* Users whose numbers end alike count as one. */
#define TALLIES 1024

static size_t tally_of(int64_t user)
{
	return (size_t)user % TALLIES;
}

/* Whose sessions give way where all users together have too many: of who has most that nobody writes to. */
static size_t largest_tally(const struct sessions *t)
{
	int tallies[TALLIES] = {0};
	size_t largest = 0;

	for (size_t i = 0; i < t->count; i++)
		tallies[tally_of(t->items[i].user)]++;
	for (const struct upload *u = t->open; u; u = u->next)
		tallies[tally_of(u->user)]--;
	for (size_t i = 1; i < TALLIES; i++)
		if (tallies[i] > tallies[largest])
			largest = i;
	return largest;
}

/* The one that gives way to another of that user; false: none need to. *any: one that may was found. */
static bool find_victim(struct sessions *t, int64_t user, struct session *out, bool *any)
{
	const struct session *oldest = NULL;
	size_t of_user = 0, largest = 0;
	bool own;

	for (size_t i = 0; i < t->count; i++)
		of_user += user && t->items[i].user == user;
	*any = false;
	own = of_user >= SESSIONS_OF_USER;
	if (!own && t->count < SESSIONS_MAX)
		return false;
	if (!own)
		largest = largest_tally(t);
	for (size_t i = 0; i < t->count; i++) {
		const struct session *s = &t->items[i];

		if ((own ? s->user == user : tally_of(s->user) == largest) && (!oldest || s->used < oldest->used) &&
		    !find_open(t, s->name))
			oldest = s;
	}
	*any = oldest;
	if (oldest)
		*out = *oldest;
	return true;
}

enum rc session_make_room(struct store *st, int64_t user, struct err *err)
{
	struct sessions *t = &st->sessions;

	for (int tries = 0; tries < 4; tries++) {
		struct session victim;
		struct volume v;
		bool must, any;

		pthread_mutex_lock(&t->mutex);
		must = find_victim(t, user, &victim, &any);
		pthread_mutex_unlock(&t->mutex);
		if (!must)
			return OK;
		if (!any)
			break;
		if (volume_by_id(st, victim.volume, &v, NULL) ||
		    session_remove(st, &v, victim.name, NULL) == E_UPLOAD_UNKNOWN) {
			pthread_mutex_lock(&t->mutex);
			forget(t, victim.name); /* its disk is missing, or it has just ended */
			pthread_mutex_unlock(&t->mutex);
		}
		volume_close(&v);
	}
	return fail(err, E_BUSY, "too many uploads are in progress: try again when some have finished");
}

enum rc session_remove(struct store *st, const struct volume *v, const char *name, struct err *err)
{
	struct sessions *t = &st->sessions;
	enum rc rc = OK;

	/* Under the mutex: who enters after this finds no file, who entered before is busy. */
	pthread_mutex_lock(&t->mutex);
	if (find_open(t, name))
		rc = fail_rc(err, E_UPLOAD_BUSY);
	else if (unlinkat(v->uploads, name, 0) == 0)
		forget(t, name);
	else if (errno == ENOENT)
		rc = fail_rc(err, E_UPLOAD_UNKNOWN);
	else
		rc = fail_errno(err, E_IO, "cannot remove the upload %s", name);
	pthread_mutex_unlock(&t->mutex);
	return rc;
}
