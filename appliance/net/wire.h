/*
 * wire: ciphertext between the TLS library and the socket, in fewer and larger system calls than one per record. The
 * buffers belong to the thread; what is left at the end of a turn goes to the connection, bounded by AHEAD_BYTES and
 * GATHER_BYTES.
 */
#pragma once
#include "inside.h"
#include <sys/types.h>

/* The raw socket calls: count bytes, retry EINTR. 0: the peer's end (recv); -1: would block; -2: failed. */
ssize_t wire_recv_raw(struct conn *c, void *p, size_t n);
ssize_t wire_send_raw(struct conn *c, const void *p, size_t n);

/* A turn's first and last: takes over what the last turn left, hands over what this one leaves. False: the socket does
 * not take all there is to send, or c->broken. */
bool wire_begin(struct conn *c);
bool wire_end(struct conn *c);
/* As wire_recv_raw and wire_send_raw, through the buffers. */
ssize_t wire_recv(struct conn *c, void *p, size_t n);
ssize_t wire_send(struct conn *c, const void *p, size_t n);
/* Makes room for one more record. False: the socket takes no more now (or c->broken). */
bool wire_room(struct conn *c);
bool wire_has_input(const struct conn *c);
void wire_release(struct conn *c);
