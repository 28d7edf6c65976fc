/*
 * flow: bytes of a file that is still growing, for many readers: an upstream blob on its way into the store. One writer
 * says how much is there; any number of replies (reply_flow()) follow it and are woken as bytes arrive. Counted
 * references. Until the end the digest is unproven: a flow that fails ends its replies by closing the connection, never
 * cleanly.
 */
#pragma once
#include <cove/net/net.h>

struct flow;

#define FLOW_SIZE_UNKNOWN UINT64_MAX /* until its end */

/* fd is the flow's from now on, closed with the last reference; opened for reading on the file that grows. */
struct flow *flow_new(int fd, uint64_t size);
struct flow *flow_ref(struct flow *f);
void flow_unref(struct flow *f);

/* ---- the writer; any thread ---- */
/* So many bytes of the file can be read now. Never less than before, at most size. */
void flow_grow(struct flow *f, uint64_t have);
/* The end: all is there and proven (or not: ok false). */
void flow_end(struct flow *f, bool ok);

/* ---- readers ---- */
enum flow_state { FLOW_RUNS, FLOW_COMPLETE, FLOW_FAILED };
uint64_t flow_size(struct flow *f);
int flow_fd(const struct flow *f);
/* How much is there. When there is not more than `seen`, and it still runs, the connection is woken at the next news.
 */
enum flow_state flow_look(struct flow *f, uint64_t seen, struct conn_ref who, uint64_t *have);
