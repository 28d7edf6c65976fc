/* steps: what the verbs of protocol.h do. */
#pragma once
#include "net/protocol.h"

static enum want rig_give(struct conn *c, struct rig_state *s)
{
	unsigned char *p = conn_scratch(c);
	size_t turn = 0, moved;

	if (conn_lane_enter(c, LANE_BULK) == LANE_WAIT)
		return WANT_WAKE;
	while (s->left && turn < TURN_BYTES) {
		size_t n = s->left < SCRATCH_BYTES ? (size_t)s->left : SCRATCH_BYTES;
		for (size_t i = 0; i < n; i++)
			p[i] = pattern(s->at + i);
		enum io io = conn_write(c, p, n, &moved);
		if (io != IO_OK)
			return rig_want(io);
		s->at += moved;
		s->left -= moved;
		turn += moved;
	}
	if (s->left)
		return WANT_AGAIN;
	s->mode = MODE_LINE;
	s->n = 0;
	conn_pace(c, PACE_IDLE);
	return WANT_READ;
}

static enum want rig_take(struct conn *c, struct rig_state *s)
{
	unsigned char *p = conn_scratch(c);
	size_t turn = 0, moved;
	char text[64];

	if (conn_lane_enter(c, LANE_BULK) == LANE_WAIT)
		return WANT_WAKE;
	while (s->left && turn < TURN_BYTES) {
		enum io io = conn_read(c, p, s->left < SCRATCH_BYTES ? (size_t)s->left : SCRATCH_BYTES, &moved);
		if (io != IO_OK)
			return rig_want(io);
		for (size_t i = 0; i < moved; i++)
			s->bad += p[i] != pattern(s->at + i);
		s->at += moved;
		s->left -= moved;
		turn += moved;
	}
	if (s->left)
		return WANT_AGAIN;
	snprintf(text, sizeof(text), s->bad ? "bad" : "taken %llu", (unsigned long long)s->at);
	rig_answer(s, text);
	return WANT_AGAIN;
}

static enum want rig_hold(struct conn *c, struct rig *rig, struct rig_state *s)
{
	switch (conn_lane_enter(c, s->lane)) {
	case LANE_WAIT:
		return WANT_WAKE;
	case LANE_FULL:
		rig_answer(s, "full");
		return WANT_AGAIN;
	case LANE_IN:
		break;
	}
	unsigned now = atomic_fetch_add(&rig->at_once, 1) + 1, most = rig->most_at_once;
	while (now > most && !atomic_compare_exchange_weak(&rig->most_at_once, &most, now))
		;
	usleep(s->ms * 1000);
	atomic_fetch_sub(&rig->at_once, 1);
	rig_answer(s, "held");
	return WANT_AGAIN;
}

static enum want rig_wait(struct conn *c, struct rig *rig, struct rig_state *s)
{
	if (atomic_exchange(&rig->is_ready, false)) {
		rig_answer(s, "woken");
		return WANT_AGAIN;
	}
	pthread_mutex_lock(&rig->waiting_mutex);
	rig->waiting = conn_ref(c);
	rig->is_waiting = true;
	pthread_mutex_unlock(&rig->waiting_mutex);
	return WANT_WAKE;
}

static enum want rig_step(struct conn *c, void *state, void *ctx)
{
	struct rig_state *s = state;
	struct rig *rig = ctx;

	if (!s->seen_before) {
		s->seen_before = true;
		atomic_fetch_add(&rig->begun, 1);
	}
	switch (s->mode) {
	case MODE_LINE:
		return rig_line(c, rig, s);
	case MODE_GIVE:
		return rig_give(c, s);
	case MODE_TAKE:
		return rig_take(c, s);
	case MODE_HOLD:
		return rig_hold(c, rig, s);
	case MODE_WAIT:
		return rig_wait(c, rig, s);
	case MODE_ANSWER:
		return rig_send(c, s);
	case MODE_BYE:
		break;
	}
	return WANT_CLOSE;
}

static void rig_close(struct conn *c, void *state, void *ctx)
{
	struct rig_state *s = state;
	struct rig *rig = ctx;

	(void)c;
	assert_true(s->seen_before);
	atomic_fetch_add(&rig->ended, 1);
}
