#include "engine/base/nanoseconds.h"
#include "engine/run/scheduler_parts.h"

/* Who waits for a session while the total is used up, and from whom one is asked back:
 *
 *   hungry    sites that have none. What idles anywhere is for them, and what works when its lease has held
 *             it for long enough.
 *   growing   sites that have some, all busy, and much mail. What idles is for them when nobody is hungry.
 *             While somebody is they have every fourth of it, until half of all are second and further ones
 *             of their sites: to thousands of small sites that have their turn these are few, to a large one
 *             they are all. What works is not for them: to ask it back gains a site nothing that it would get
 *             back itself. */

/* When the total of sessions is used up, a lease keeps its slots at least this long before one is asked
 * back for another site: a session made for a single message would cost more than it gives. */
#define HOLD_NS (2000 * MS_NS)
#define HUNGRY_LOOK_NS (250 * MS_NS)

enum {
	/* Of the slots that idle while sites are hungry every so many is for one that grows. */
	GROWS_EVERY = 4,
	/* One that has fewer messages than this, and has not sent as many, is done before another session is
	 * up. */
	GROWS_WITH_MESSAGES = 32,
};

void hungry_init(struct scheduler *s)
{
	list_init(&s->hungry.sites);
	list_init(&s->hungry.growing);
	list_init(&s->hungry.holders);
	list_init(&s->hungry.idle);
}

/* ---- slots that are held ---- */

void slot_hold(struct scheduler *s, struct lease *lease)
{
	if (list_node_is_linked(&lease->holder_node))
		list_remove(&lease->holder_node);
	list_push_back(&s->hungry.holders, &lease->holder_node);
	lease->granted_ns = scheduler_now(s);
}

void slots_gone(struct lease *lease)
{
	list_remove(&lease->holder_node);
	if (list_node_is_linked(&lease->idle_node))
		list_remove(&lease->idle_node);
}

void slot_call_back(struct scheduler *s, struct lease *lease)
{
	lease->called_back++;
	lease->unanswered++;
	s->slots_called_back++;
	hub_post(s->hub->workers[lease->worker], POST_CALL_BACK, lease, 0, 0);
}

/* Who has recipients of a job on their way will have something to do. */
static bool has_idle(const struct lease *lease)
{
	return lease->outstanding + lease->called_back < lease->slots &&
	       lease->site->queue.count == 0 && jobs_site_is_idle(lease->site);
}

void slots_note_idle(struct scheduler *s, struct site *site)
{
	for (uint32_t i = 0; i < s->hub->workers_count; i++) {
		struct lease *lease = &site->leases[i];
		bool is_idle = has_idle(lease), was_idle = list_node_is_linked(&lease->idle_node);
		if (is_idle && !was_idle)
			list_push_back(&s->hungry.idle, &lease->idle_node);
		else if (was_idle && !is_idle)
			list_remove(&lease->idle_node);
	}
}

static bool is_of(const struct lease *lease, const struct site_share *share)
{
	return share == NULL || rules_holds_for(share, lease->site);
}

/* A lease with an idle slot (of this share); NULL: no one. */
static struct lease *idle_lease(struct scheduler *s, const struct site_share *share)
{
	LIST_FOR_EACH_SAFE(node, &s->hungry.idle)
	{
		struct lease *lease = CONTAINER_OF(node, struct lease, idle_node);
		if (!has_idle(lease)) /* any more, since it was looked at */
			list_remove(node);
		else if (is_of(lease, share))
			return lease;
	}
	return NULL;
}

/* The lease that has held its slots longest, if that is long enough; NULL: no one. */
static struct lease *overdue_lease(struct scheduler *s, const struct site_share *share)
{
	LIST_FOR_EACH(node, &s->hungry.holders)
	{
		struct lease *lease = CONTAINER_OF(node, struct lease, holder_node);
		if (scheduler_now(s) - lease->granted_ns < HOLD_NS)
			break;
		if (lease->called_back < lease->slots && is_of(lease, share))
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
		struct lease *lease = idle_lease(s, share);
		s->hungry.idle_given += lease != NULL;
		if (lease == NULL)
			lease = overdue_lease(s, share);
		if (lease == NULL)
			break;
		slot_call_back(s, lease);
		slot_hold(s, lease);
	}
}

static bool has_much(const struct site *site)
{
	return site->throttle.window_len >= GROWS_WITH_MESSAGES ||
	       site->queue.count >= GROWS_WITH_MESSAGES;
}

/* How many more of so many sessions it could use. */
static uint32_t lack_of(struct scheduler *s, const struct site *site, uint32_t sessions)
{
	if (site->slots >= sessions || !has_much(site) || rules_full_share(site) != NULL ||
		throttle_state_at(&site->throttle, scheduler_now(s)) != THROTTLE_OPEN)
		return 0;
	uint32_t lack = sessions - site->slots;
	return lack < site->queue.count ? lack : (uint32_t)site->queue.count;
}

/* While each session that comes up allows another one the slots for these are asked back in time. */
static uint32_t sessions_soon(const struct throttle *throttle)
{
	if (!throttle->is_starting)
		return throttle->sessions_now;
	return throttle->sessions_now < throttle->sessions_max / 2 ? 2 * throttle->sessions_now
								   : throttle->sessions_max;
}

/* `coming`: so many are there for them or on their way. */
static void feed_growing(struct scheduler *s, uint64_t coming)
{
	LIST_FOR_EACH_SAFE(node, &s->hungry.growing)
	{
		struct site *site = CONTAINER_OF(node, struct site, hungry_node);
		uint64_t lack = lack_of(s, site, sessions_soon(&site->throttle));
		if (lack == 0)
			hungry_leave(site);
		for (; lack > coming; lack--) {
			struct lease *lease = idle_lease(s, NULL);
			if (lease == NULL)
				return;
			slot_call_back(s, lease);
		}
		coming -= lack;
	}
}

static uint64_t free_slots(const struct scheduler *s)
{
	return (uint64_t)s->config->options->sessions - s->slots;
}

/* While others are hungry. */
static bool may_grow(const struct scheduler *s)
{
	return s->hungry.idle_given >= GROWS_EVERY &&
	       s->slots - s->hungry.served < (uint64_t)s->config->options->sessions / 2;
}

void hungry_turn_begins(struct scheduler *s)
{
	uint64_t free_count = free_slots(s);
	struct list_node *first = list_first(&s->hungry.growing);
	if (first != NULL && free_count > 0 && may_grow(s))
		lease_look_at(s, CONTAINER_OF(first, struct site, hungry_node));
	hungry_offer(s, &s->hungry.sites, free_count);
}

void hungry_turn_ends(struct scheduler *s)
{
	hungry_feed(s, &s->hungry.sites, NULL, s->slots_called_back);
	if (list_is_empty(&s->hungry.sites)) {
		s->hungry.idle_given = 0;
		feed_growing(s, s->slots_called_back + free_slots(s));
		hungry_offer(s, &s->hungry.growing, free_slots(s));
	}
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

bool hungry_for_first(const struct site *site)
{
	const struct scheduler *s = site->scheduler;
	return site->hungry_in != NULL && site->hungry_in != &s->hungry.growing;
}

static void join(struct site *site, struct list *list)
{
	if (site->hungry_in == list)
		return;
	hungry_leave(site);
	site->hungry_in = list;
	list_push_back(list, &site->hungry_node);
}

void hungry_wait(struct scheduler *s, struct site *site, struct site_share *full)
{
	if (site->slots == 0)
		join(site, full != NULL ? rules_hungry(s, full) : &s->hungry.sites);
	else if (full == NULL)
		join(site, &s->hungry.growing);
}

bool hungry_may_take(struct scheduler *s, struct site *site)
{
	if (s->slots >= (uint64_t)s->config->options->sessions)
		return false;
	if (!list_is_empty(&s->hungry.sites) && !hungry_for_first(site)) {
		if (site->slots == 0 || !has_much(site) || !may_grow(s))
			return false;
		s->hungry.idle_given -= GROWS_EVERY;
	}
	hungry_leave(site);
	return true;
}

void hungry_offer(struct scheduler *s, struct list *hungry, uint64_t free_count)
{
	LIST_FOR_EACH_SAFE (node, hungry) {
		struct site *site = CONTAINER_OF(node, struct site, hungry_node);
		bool wants =
			site->queue.count > 0 &&
			throttle_state_at(&site->throttle, scheduler_now(s)) == THROTTLE_OPEN &&
			(hungry_for_first(site) ||
				lack_of(s, site, site->throttle.sessions_now) > 0);
		if (!wants)
			hungry_leave(site);
		else if (free_count-- > 0)
			lease_look_at(s, site);
		else
			break;
	}
}
