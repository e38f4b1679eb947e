#include "engine/base/nanoseconds.h"
#include "engine/run/scheduler_parts.h"

/* Who waits for a session while the total is used up, and from whom one is asked back. */

/* When the total of sessions is used up, a lease keeps its slots at least this long before one is asked
 * back for another site: a session made for a single message would cost more than it gives. */
#define HOLD_NS (2000 * MS_NS)
#define HUNGRY_LOOK_NS (250 * MS_NS)

void hungry_init(struct scheduler *s)
{
	list_init(&s->hungry.sites);
	list_init(&s->hungry.holders);
}

/* ---- slots that are held ---- */

void slot_hold(struct scheduler *s, struct lease *lease)
{
	if (list_node_is_linked(&lease->holder_node))
		list_remove(&lease->holder_node);
	list_push_back(&s->hungry.holders, &lease->holder_node);
	lease->granted_ns = scheduler_now(s);
}

void slots_gone(struct lease *lease) { list_remove(&lease->holder_node); }

void slot_call_back(struct scheduler *s, struct lease *lease)
{
	lease->called_back++;
	lease->unanswered++;
	s->slots_called_back++;
	hub_post(s->hub->workers[lease->worker], POST_CALL_BACK, lease, 0, 0);
}

/* A lease with an idle or an overdue slot (of this share), for a site that has none; NULL: no one. */
static struct lease *spare_lease(struct scheduler *s, const struct site_share *share)
{
	LIST_FOR_EACH (node, &s->hungry.holders) {
		struct lease *lease = CONTAINER_OF(node, struct lease, holder_node);
		if (lease->called_back >= lease->slots ||
			(share != NULL && !rules_holds_for(share, lease->site)))
			continue;
		bool idle = lease->outstanding < lease->slots - lease->called_back &&
			lease->site->queue.count == 0;
		if (idle || scheduler_now(s) - lease->granted_ns >= HOLD_NS)
			return lease;
	}
	return NULL;
}

static void hungry_due(struct timer *timer);

/* From whoever has held its own longest. */
void hungry_feed(struct scheduler *s, const struct list *hungry, const struct site_share *share,
	uint64_t called_back)
{
	size_t wanted = 0;
	LIST_FOR_EACH (node, hungry) {
		if (wanted++ < called_back)
			continue;
		struct lease *lease = spare_lease(s, share);
		if (lease == NULL)
			break;
		slot_call_back(s, lease);
		slot_hold(s, lease);
	}
}

void hungry_turn_begins(struct scheduler *s)
{
	hungry_offer(s, &s->hungry.sites, (uint64_t)s->config->options->sessions - s->slots);
}

void hungry_turn_ends(struct scheduler *s)
{
	hungry_feed(s, &s->hungry.sites, NULL, s->slots_called_back);
	bool any = !list_is_empty(&s->hungry.sites) || !list_is_empty(&s->site_rules.hungry);
	if (any && !timer_is_running(&s->hungry.timer))
		loop_timer_start(&s->loop, &s->hungry.timer, HUNGRY_LOOK_NS, hungry_due);
}

static void hungry_due(struct timer *timer)
{
	struct scheduler *s = CONTAINER_OF(timer, struct scheduler, hungry.timer);
	rules_feed(s);
	hungry_turn_ends(s);
}

void slots_take_back(struct scheduler *s, const struct site_share *share, uint32_t count)
{
	LIST_FOR_EACH (node, &s->hungry.holders) {
		struct lease *lease = CONTAINER_OF(node, struct lease, holder_node);
		if (!rules_holds_for(share, lease->site))
			continue;
		for (; count > 0 && lease->called_back < lease->slots; count--)
			slot_call_back(s, lease);
	}
}

void hungry_leave(struct site *site)
{
	if (list_node_is_linked(&site->hungry_node))
		list_remove(&site->hungry_node);
	site->hungry_in = NULL;
}

void hungry_join(struct site *site, struct list *list)
{
	if (site->hungry_in == list)
		return;
	hungry_leave(site);
	site->hungry_in = list;
	list_push_back(list, &site->hungry_node);
}

void hungry_offer(struct scheduler *s, struct list *hungry, uint64_t free_count)
{
	LIST_FOR_EACH_SAFE (node, hungry) {
		struct site *site = CONTAINER_OF(node, struct site, hungry_node);
		bool wants = site->queue.count > 0 &&
			throttle_state_at(&site->throttle, scheduler_now(s)) == THROTTLE_OPEN;
		if (!wants)
			hungry_leave(site);
		else if (free_count-- > 0)
			lease_look_at(s, site);
		else
			break;
	}
}
