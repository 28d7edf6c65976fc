/* slots: where connections live. Chunks are added as needed and kept to the end (see inside.h). */
#include "inside.h"

static bool add_chunk(struct net *n)
{
	if (n->chunk_count == n->chunk_max)
		return false;
	struct conn *chunk = calloc(SLOTS_PER_CHUNK, sizeof(*chunk));
	if (!chunk)
		return false;
	for (uint32_t i = SLOTS_PER_CHUNK; i-- > 0;) {
		chunk[i].net = n;
		chunk[i].slot = n->chunk_count * SLOTS_PER_CHUNK + i;
		chunk[i].fd = -1;
		chunk[i].next = n->free_slots;
		n->free_slots = &chunk[i];
	}
	n->chunks[n->chunk_count++] = chunk;
	return true;
}

struct conn *slots_take(struct net *n)
{
	if (!n->free_slots && !add_chunk(n))
		return NULL;
	struct conn *c = n->free_slots;

	n->free_slots = c->next;
	c->next = NULL;
	c->serial++;
	return c;
}

void slots_give(struct conn *c)
{
	struct net *n = c->net;

	c->next = n->free_slots;
	n->free_slots = c;
	if (n->room[POOL_CONNECTIONS].open == 0)
		pthread_cond_broadcast(&n->empty);
}

struct conn *slots_at(struct net *n, uint32_t slot)
{
	return &n->chunks[slot / SLOTS_PER_CHUNK][slot % SLOTS_PER_CHUNK];
}
