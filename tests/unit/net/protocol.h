/*
 * protocol: a small line protocol to run over the net under test.
 *
 *   echo TEXT     answers TEXT
 *   give N        answers N bytes of the pattern
 *   take N        reads N bytes of the pattern, answers "taken N" or "bad"
 *   hold LANE MS  enters the lane and works for MS, answers "held" or "full"
 *   wait          parks until the test wakes it, answers "woken"
 *   work          PACE_NONE from here on
 *   idle          PACE_IDLE from here on
 *   peer          answers the peer's address and whether it speaks TLS
 *   listener      answers the tag of the listener
 *   anything else closes
 */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* before cmocka, which has a macro fail() */
#include <cove/base/clock.h>
#include <cove/net/net.h>
#include <cove/base/random.h>
#include <cove/crypto/secret.h>
#include <cmocka.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#define UNUSED __attribute__((unused))

enum mode { MODE_LINE, MODE_GIVE, MODE_TAKE, MODE_HOLD, MODE_WAIT, MODE_ANSWER, MODE_BYE };

struct rig_state {
	bool seen_before;
	enum mode mode;
	char line[128];
	size_t n, sent;
	uint64_t left, at, bad;
	enum lane lane;
	unsigned ms;
	bool is_woken;
};

struct rig {
	struct net *net;
	struct tls_identity *identity;
	struct protocol protocol;
	uint16_t port;
	char chain_pem[2048], key_pem[1024];
	_Atomic unsigned begun, ended, timed_out, at_once, most_at_once;
	_Atomic bool answer_timeout;
	pthread_mutex_t waiting_mutex;
	struct conn_ref waiting;
	_Atomic bool is_waiting, is_ready;
};

static inline unsigned char pattern(uint64_t at)
{
	return (unsigned char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static void rig_answer(struct rig_state *s, const char *text)
{
	s->n = (size_t)snprintf(s->line, sizeof(s->line), "%s\n", text);
	s->sent = 0;
	s->mode = MODE_ANSWER;
}

static uint64_t rig_number(struct str s)
{
	uint64_t n = 0;

	str_u64(s, &n);
	return n;
}

static void rig_command(struct conn *c, struct rig_state *s)
{
	struct str verb, rest, first, second;

	str_cut((struct str){s->line, s->n}, ' ', &verb, &rest);
	str_cut(rest, ' ', &first, &second);
	s->at = s->bad = 0;
	s->left = rig_number(rest);
	if (str_eq(verb, STR("echo"))) {
		char text[128];
		snprintf(text, sizeof(text), "%.*s", STR_ARG(rest));
		rig_answer(s, text);
	} else if (str_eq(verb, STR("give"))) {
		s->mode = MODE_GIVE;
		conn_pace(c, PACE_BODY);
	} else if (str_eq(verb, STR("take"))) {
		s->mode = MODE_TAKE;
		conn_pace(c, PACE_BODY);
	} else if (str_eq(verb, STR("hold"))) {
		s->lane = (enum lane)rig_number(first);
		s->ms = (unsigned)rig_number(second);
		s->mode = MODE_HOLD;
		conn_pace(c, PACE_NONE);
	} else if (str_eq(verb, STR("wait"))) {
		s->mode = MODE_WAIT;
		s->is_woken = false;
		conn_pace(c, PACE_NONE);
	} else if (str_eq(verb, STR("work"))) {
		conn_pace(c, PACE_NONE);
		rig_answer(s, "working");
	} else if (str_eq(verb, STR("idle"))) {
		conn_pace(c, PACE_IDLE);
		rig_answer(s, "idle");
	} else if (str_eq(verb, STR("peer"))) {
		char text[128];
		snprintf(text, sizeof(text), "%.*s %d", STR_ARG(conn_peer(c)), conn_is_tls(c));
		rig_answer(s, text);
	} else if (str_eq(verb, STR("listener"))) {
		char text[16];
		snprintf(text, sizeof(text), "%u", conn_listener(c));
		rig_answer(s, text);
	} else {
		s->mode = MODE_BYE;
	}
}

static enum want rig_want(enum io io)
{
	return io == IO_WANT_READ ? WANT_READ : io == IO_WANT_WRITE ? WANT_WRITE : WANT_CLOSE;
}

static enum want rig_line(struct conn *c, struct rig *rig, struct rig_state *s)
{
	size_t moved;

	for (;;) {
		if (s->n == sizeof(s->line))
			return WANT_CLOSE;
		enum io io = conn_read(c, s->line + s->n, 1, &moved);
		if (io == IO_END && conn_timed_out(c)) {
			atomic_fetch_add(&rig->timed_out, 1);
			if (!rig->answer_timeout)
				return WANT_CLOSE;
			conn_write(c, "late\n", 5, &moved);
			return WANT_CLOSE;
		}
		if (io != IO_OK)
			return rig_want(io);
		if (s->line[s->n] == '\n') {
			rig_command(c, s);
			return WANT_AGAIN;
		}
		s->n++;
	}
}

static enum want rig_send(struct conn *c, struct rig_state *s)
{
	size_t moved;

	while (s->sent < s->n) {
		enum io io = conn_write(c, s->line + s->sent, s->n - s->sent, &moved);
		if (io != IO_OK)
			return rig_want(io);
		s->sent += moved;
	}
	s->mode = MODE_LINE;
	s->n = 0;
	return WANT_AGAIN;
}
