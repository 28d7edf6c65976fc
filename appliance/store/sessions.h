/*
 * sessions: the upload sessions that are there, open or not: what each takes, for whom, and the running hashes. Known
 * from their files after a restart, but for whose they are, which the next request that uses one tells.
 */
#pragma once
#include <cove/store/blob_store.h>
#include <cove/crypto/digest.h>
#include <cove/store/store.h>
#include <pthread.h>

#define UPLOAD_ID_SIZE 36
#define UPLOAD_NAME_MAX (UPLOAD_ID_SIZE + 1 + 32 + 1)

/* A user who begins one more loses the one that was not used for the longest time. When there are SESSIONS_MAX of all
 * users, who has most of them loses one. Nobody loses one that a request is writing to. */
#define SESSIONS_OF_USER 1000
#define SESSIONS_MAX 4000

struct session {
	char name[UPLOAD_NAME_MAX]; /* of the file; it begins with the id */
	int64_t volume;
	int64_t user, namespace; /* 0: not known */
	uint64_t bytes;
	uint64_t used; /* the table's clock when it was used last */
};

/* The running hash of a session between two requests. */
struct parked {
	char id[UPLOAD_ID_SIZE + 1]; /* empty: free */
	uint64_t offset;
	uint64_t used;
	struct hasher hasher;
};

/* Beyond so many the file is read again at the commit: a bound on memory, at some 90 KiB. */
#define PARKED_MAX 256

struct sessions {
	pthread_mutex_t mutex; /* guards all below; nothing is locked inside */
	struct upload *open;
	struct session *items;
	size_t count, room;
	struct parked parked[PARKED_MAX];
	uint64_t clock;
};

struct store;
struct volume;

/* A new one, with the hasher that its bytes go through. */
void session_add(struct store *st, const struct session *s, const struct hasher *hasher);
/* A file that was found. *full: as many are known as may be. */
void session_know(struct store *st, const struct session *s, bool *full);
/* Enters u as open and takes the running hash, if one is parked, into it. E_UPLOAD_BUSY. */
CHECKED enum rc session_enter(struct store *st, struct upload *u, uint64_t *hashed_bytes, struct err *err);
/* Takes u out. It stays as a session, its hash parked; or its file has gone. */
void session_leave(struct store *st, struct upload *u, bool stays);
/* So large will u be; E_QUOTA when that is more than its namespace has room for, all unfinished ones counted, of u what
 * is more than known_bytes. */
CHECKED enum rc session_grow(struct store *st, struct upload *u, uint64_t bytes, struct err *err);
/* What unfinished uploads of the namespace take. */
uint64_t session_bytes(struct store *st, int64_t namespace);
/* Makes room for one more of that user, by removing another. E_BUSY. */
CHECKED enum rc session_make_room(struct store *st, int64_t user, struct err *err);
/* Removes the file of a session that is not open. E_UPLOAD_BUSY, E_UPLOAD_UNKNOWN. */
CHECKED enum rc session_remove(struct store *st, const struct volume *v, const char *name, struct err *err);
