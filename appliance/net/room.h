/*
 * room: when all connections or all TLS sessions are taken, who gives way to a new one, so that no client shuts the
 * others out. All with net->mutex held.
 *
 * Clients are networks (base/network.h). As long as none of them has more than its share, the longest opening
 * connection gives way, then the longest idle one, whoever has it. A network with more than that, a crowd, makes room
 * first: by a transfer, too, when the new one is of a network that has less; exchanges end for nobody else. So who
 * wants to shut others out needs as many networks as there are shares.
 */
#pragma once
#include <cove/base/network.h>
#include <stddef.h>

struct net;
struct conn;

enum pool { POOL_CONNECTIONS, POOL_TLS, POOL_COUNT };

/* In the order in which they give way. */
enum standing {
	STANDING_OPENING, /* no whole request has come yet */
	STANDING_IDLE,    /* between two requests, or answered while its body still comes */
	STANDING_BUSY,    /* an exchange is under way */
	STANDING_COUNT
};

struct room_list {
	struct conn *first, *last; /* the longest there first */
};

/* The connections of one network, or of all of them. */
struct crowd {
	struct network network;
	unsigned members; /* with those on their way out: it is freed with the last */
	struct room_list of[POOL_COUNT]
			   [STANDING_COUNT]; /* [POOL_TLS] those with a TLS session, [POOL_CONNECTIONS] others */
	struct {
		unsigned count;            /* without those on their way out */
		struct crowd *prev, *next; /* with the same count */
	} in[POOL_COUNT];
};

struct pool_room {
	unsigned max, open;
	unsigned leaving;        /* of `open`: told to end */
	unsigned largest;        /* the most that one network has */
	struct crowd **by_count; /* [max + 1]: lists of those with that count */
};

/* Of a connection; [0] in the lists of its network, [1] in those of all. */
struct seat {
	struct crowd *crowd;
	struct conn *prev[2], *next[2];
	int64_t since_ms;
	enum standing standing;
	bool in[POOL_COUNT]; /* counted there, on its way out or not */
	bool listed, leaving;
};

void room_init(struct net *n);
void room_free(struct net *n);
/* A place for one more of that network (c in POOL_TLS has entered POOL_CONNECTIONS before), if need be by sending
 * somebody away: then *sent is true. False: none. */
bool room_make(struct net *n, enum pool pool, const struct network *network, bool *sent);
/* After room_make(). False: no memory. */
bool room_enter(struct conn *c, enum pool pool, const struct network *network);
/* What it does has changed. */
void room_stand(struct conn *c, enum standing standing);
/* It has ended: out of both pools. */
void room_leave(struct conn *c);
