#include "bench/sink_greylist.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A million recipients of a test at half load, 32 MB of untouched memory. */
	GREYLIST_SLOTS = 1 << 21,
	GREYLIST_USED_MAX = GREYLIST_SLOTS / 2,
};

struct greylist_slot {
	uint64_t key; /* 0: free */
	uint64_t first_ns;
};

struct sink_greylist {
	pthread_mutex_t lock;
	uint32_t used;
	struct greylist_slot *slots;
};

struct sink_greylist *sink_greylist_create(void)
{
	struct sink_greylist *greylist = calloc(1, sizeof *greylist);
	if (greylist == NULL)
		return NULL;
	greylist->slots = calloc(GREYLIST_SLOTS, sizeof *greylist->slots);
	if (greylist->slots == NULL) {
		free(greylist);
		return NULL;
	}
	CHECK(pthread_mutex_init(&greylist->lock, NULL) == 0);
	return greylist;
}

void sink_greylist_destroy(struct sink_greylist *greylist)
{
	if (greylist == NULL)
		return;
	pthread_mutex_destroy(&greylist->lock);
	free(greylist->slots);
	free(greylist);
}

/* The slot of the key, or the free one where it belongs. */
static struct greylist_slot *find_slot(struct sink_greylist *greylist, uint64_t key)
{
	uint32_t at = (uint32_t)key & (GREYLIST_SLOTS - 1);
	while (greylist->slots[at].key != 0 && greylist->slots[at].key != key)
		at = (at + 1) & (GREYLIST_SLOTS - 1);
	return &greylist->slots[at];
}

bool sink_greylist_passes(
	struct sink_greylist *greylist, uint64_t key, uint64_t now_ns, uint64_t wait_ns)
{
	key += key == 0;
	CHECK(pthread_mutex_lock(&greylist->lock) == 0);
	if (greylist->used >= GREYLIST_USED_MAX) {
		memset(greylist->slots, 0, sizeof *greylist->slots * GREYLIST_SLOTS);
		greylist->used = 0;
	}
	struct greylist_slot *slot = find_slot(greylist, key);
	bool passes = false;
	if (slot->key == 0) {
		*slot = (struct greylist_slot){ key, now_ns };
		greylist->used++;
	} else {
		passes = now_ns - slot->first_ns >= wait_ns;
	}
	CHECK(pthread_mutex_unlock(&greylist->lock) == 0);
	return passes;
}
