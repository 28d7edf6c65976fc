/* lane: the queues of lane.c, under the lanes' mutex. */
#pragma once
#include <cove/net/net.h>

enum lane_place { PLACE_NONE, PLACE_QUEUED, PLACE_IN };

struct lane_queue {
	unsigned limit, in, queued;
	bool is_fair;        /* by network; else first come, first served */
	int64_t wait_max_ms; /* 0: none, LANE_QUEUE_MAX is the bound */
	int64_t mean_ms;     /* that a place is held */
	struct conn *first, *last;
	struct lane_queue *places; /* whose limit, in and mean_ms count: this one's, but for LANE_KNOWN */
	struct lane_queue *other;  /* NULL, or the queue with which it shares them: each has every second turn */
	bool others_turn;          /* of whose places they are */
};

void lanes_init(struct net *n, unsigned threads);
