/*
 * flow: a file that is still growing, for many readers: a blob that is being fetched from an upstream into the store.
 * One writer reports how many bytes the file has; any number of replies (reply_flow()) follow it and are woken as bytes
 * arrive. References are counted. Until the end the digest is not verified: if the flow fails, its replies close the
 * connection without a clean end.
 */
#pragma once
#include <cove/net/net.h>

struct flow;

#define FLOW_SIZE_UNKNOWN UINT64_MAX /* the size is known only at the end */

/* fd is open for reading on the growing file. The flow owns it and closes it with the last reference. */
struct flow *flow_new(int fd, uint64_t size);
struct flow *flow_ref(struct flow *f);
void flow_unref(struct flow *f);

/* ---- the writer; any thread ---- */
/* Reports how many bytes of the file can be read now: never fewer than before, at most size. */
void flow_grow(struct flow *f, uint64_t have);
/* Reports the end: the content is complete and verified (ok), or the fetch failed. */
void flow_end(struct flow *f, bool ok);

/* ---- readers ---- */
enum flow_state { FLOW_RUNS, FLOW_COMPLETE, FLOW_FAILED };
uint64_t flow_size(struct flow *f);
int flow_fd(const struct flow *f);
/* Tells how many bytes are available. If these are not more than `seen` and the flow still runs, the connection is
 * woken at the next change. */
enum flow_state flow_look(struct flow *f, uint64_t seen, struct conn_ref who, uint64_t *have);
