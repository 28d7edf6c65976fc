/* listener: what the other files of net/ know of listeners. */
#pragma once
#include <cove/base/err.h>

struct net;

#define LISTENERS_MAX 128u

/* Its number is in epoll's events. One that is given up while a thread accepts is closed by that thread. */
struct listener {
	int fd; /* -1: free */
	uint16_t port;
	unsigned tag;
	enum { LISTENER_ARMED, LISTENER_ACCEPTS, LISTENER_RESTS } state;
	bool given_up;
};

void listener_accept(struct net *n, unsigned index);
void listener_wake_resting(struct net *n);
/* The crew is about to start. */
CHECKED enum rc listeners_watch(struct net *n, struct err *err);
/* The kernel stops queueing. */
void listeners_shut(struct net *n);
void listeners_close(struct net *n);
