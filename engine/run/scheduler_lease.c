#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/run/heard.h"
#include "engine/run/scheduler_parts.h"

void lease_look_at(struct scheduler *s, struct site *site)
{
	if (!list_node_is_linked(&site->pump_node))
		list_push_back(&s->dirty_sites, &site->pump_node);
}

void leases_init(struct scheduler *s)
{
	list_init(&s->dirty_sites);
	hungry_init(s);
	list_init(&s->settled);
	mailbox_credits_init(&s->unrecorded, HUB_UNRECORDED_MAX);
	mailbox_credits_init(&s->site_reports, HUB_SITES_MAX);
}

void leases_deinit(struct scheduler *s)
{
	while (s->free_flows != NULL) {
		struct fair_flow *flow = s->free_flows;
		s->free_flows = (struct fair_flow *)(void *)flow->node.next;
		free(flow);
	}
}

/* ---- the queue of a site ---- */

static struct fair_flow *take_flow(struct scheduler *s)
{
	struct fair_flow *flow = s->free_flows;
	if (flow == NULL)
		return calloc(1, sizeof *flow);
	s->free_flows = (struct fair_flow *)(void *)flow->node.next;
	memset(flow, 0, sizeof *flow);
	return flow;
}

static void give_flow(struct scheduler *s, struct fair_flow *flow)
{
	if (flow == NULL)
		return;
	flow->node.next = (struct list_node *)(void *)s->free_flows;
	s->free_flows = flow;
}

void lease_queue(struct scheduler *s, struct site *site, struct attempt *attempt)
{
	const struct envelope *envelope = attempt->message->envelope;
	enum fair_class class = attempt->transactional ? FAIR_TRANSACTIONAL : FAIR_BULK;
	const struct job *job = domain_job(s, envelope->job);
	struct fair_flow *flow = fair_queue_find(&site->queue, class, job);
	if (flow == NULL)
		flow = take_flow(s);
	if (flow == NULL) {
		outcome_settle(s, attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_OTHER, "4.3.0",
			"out of memory here");
		return;
	}
	jobs_arrived(s, attempt->message);
	attempt_move(attempt, ATTEMPT_QUEUED);
	attempt->site = site;
	s->queued_count++;
	jobs_queued(site, attempt);
	fair_queue_push(&site->queue, class, job, flow, &attempt->fair,
		fair_cost(attempt->rcpts_count, envelope->message_bytes));
	outcome_set_time(s, attempt, attempt->expires_ns);
	/* A body is worth its memory only if its turn comes soon. */
	uint32_t soon = LEASE_AHEAD * site->throttle.sessions_now;
	if (site->queue.count > soon ||
		throttle_state_at(&site->throttle, scheduler_now(s)) != THROTTLE_OPEN) {
		struct body_budget *budget = &s->hub->bodies;
		if (atomic_load_explicit(&budget->used_bytes, memory_order_relaxed) > budget->max_bytes / 2)
			intake_release_body(s, attempt->message);
	}
	lease_look_at(s, site);
}

void lease_unqueue(struct scheduler *s, struct attempt *attempt)
{
	CHECK(attempt->state == ATTEMPT_QUEUED);
	struct fair_flow *empty;
	jobs_unqueued(attempt->site, attempt);
	fair_queue_remove(&attempt->site->queue, &attempt->fair, &empty);
	give_flow(s, empty);
	s->queued_count--;
	outcome_clear_time(s, attempt);
}

/* ---- slots ---- */

static uint32_t least_loaded_worker(const struct scheduler *s)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < s->hub->workers_count; i++)
		if (s->worker_slots[i] < s->worker_slots[best])
			best = i;
	return best;
}

/* The lease that takes the next attempt: one with a session that has nothing to do, else a new slot, else
 * one whose sessions can have another bound ahead. *out_slots: granted with it. NULL: none. */
static struct lease *choose_lease(struct scheduler *s, struct site *site, uint32_t *out_slots)
{
	bool is_urgent = fair_queue_is_next(&site->queue, FAIR_TRANSACTIONAL);
	uint32_t ahead_max = is_urgent ? LEASE_AHEAD_URGENT : LEASE_AHEAD;
	struct lease *ahead = NULL;
	*out_slots = 0;
	for (uint32_t i = 0; i < s->hub->workers_count; i++) {
		struct lease *lease = &site->leases[i];
		uint32_t slots = lease->slots - lease->called_back;
		if (lease->outstanding < slots)
			return lease;
		if (lease->outstanding < ahead_max * slots &&
			(ahead == NULL || lease->outstanding < ahead->outstanding))
			ahead = lease;
	}
	/* While a site still grows, mail waits for the next session and is not bound to a busy one; who is in
	 * a hurry takes whichever is free first. */
	bool grows = !is_urgent && site->throttle.is_starting &&
		     site->throttle.sessions_now < site->throttle.sessions_max;
	if (site->slots >= site->throttle.sessions_now)
		return grows ? NULL : ahead;
	struct site_share *full = rules_full_share(site);
	if (full == NULL && hungry_may_take(s, site)) {
		*out_slots = 1;
		return &site->leases[least_loaded_worker(s)];
	}
	hungry_wait(s, site, full);
	return ahead;
}

static void grant(struct scheduler *s, struct lease *lease, uint32_t slots)
{
	s->hungry.served += lease->site->slots == 0;
	lease->slots += slots;
	lease->site->slots += slots;
	s->slots += slots;
	s->worker_slots[lease->worker] += slots;
	rules_granted(lease->site, slots);
	slot_hold(s, lease);
}

void lease_slots_returned(struct scheduler *s, struct lease *lease, uint32_t count, uint64_t answers)
{
	CHECK_OBJ(lease, LEASE_MAGIC);
	CHECK(lease->slots >= count);
	CHECK(lease->unanswered >= answers);
	lease->unanswered -= (uint32_t)answers;
	lease_look_at(s, lease->site);
	if (count == 0)
		return;
	lease->slots -= count;
	lease->site->slots -= count;
	s->hungry.served -= lease->site->slots == 0;
	s->slots -= count;
	s->worker_slots[lease->worker] -= count;
	rules_returned(s, lease->site, count);
	uint32_t asked = lease->called_back < count ? lease->called_back : count;
	lease->called_back -= asked;
	s->slots_called_back -= asked;
	if (lease->slots == 0)
		slots_gone(lease);
}

/* ---- pumping ---- */

/* Its route has run out (MX-24), or its domain is another site's by now. */
static bool wants_route(const struct scheduler *s, const struct attempt *attempt, const struct site *site)
{
	return scheduler_now(s) >= attempt->route_until_ns || attempt->domain->provider != site->provider;
}

static void lease_out(struct scheduler *s, struct lease *lease, struct attempt *attempt, uint32_t slots)
{
	if (slots > 0)
		grant(s, lease, slots);
	lease->outstanding++;
	attempt->lease = lease;
	attempt_move(attempt, ATTEMPT_LEASED);
	struct message *message = attempt->message;
	jobs_leased(s, message);
	if (message->body != NULL) {
		attempt->body = body_ref(message->body);
		/* Moved to the end: the next ones of the same message may follow at once. */
		list_remove(&message->body_node);
		list_push_back(&s->bodies, &message->body_node);
	}
	if (message->attempts_to_lease == 0)
		intake_release_body(s, message);
	hub_post(s->hub->workers[lease->worker], POST_WORK, attempt, slots, 0);
}

static struct attempt *pop(struct scheduler *s, struct site *site)
{
	struct fair_flow *empty;
	struct fair_item *item = fair_queue_pop(&site->queue, &empty);
	give_flow(s, empty);
	s->queued_count--;
	struct attempt *attempt = CONTAINER_OF(item, struct attempt, fair);
	jobs_unqueued(site, attempt);
	outcome_clear_time(s, attempt);
	return attempt;
}

/* Too many slots after a slow-down: the excess is asked back. */
static void shrink(struct scheduler *s, struct site *site)
{
	uint32_t called_back = 0;
	for (uint32_t i = 0; i < s->hub->workers_count; i++)
		called_back += site->leases[i].called_back;
	for (uint32_t i = 0; i < s->hub->workers_count; i++) {
		struct lease *lease = &site->leases[i];
		while (site->slots - called_back > site->throttle.sessions_now &&
			lease->called_back < lease->slots) {
			slot_call_back(s, lease);
			called_back++;
		}
	}
}

static void site_woke(struct timer *timer);

struct work_now {
	struct scheduler *s;
	bool found;
};

static void pump(struct scheduler *s, struct site *site)
{
	enum throttle_state state = throttle_state_at(&site->throttle, scheduler_now(s));
	site_tell(s, site, state);
	shrink(s, site);
	sources_note(s, site, state);
	if (state != THROTTLE_OPEN) {
		/* Among several what waits at the others may go from here then. */
		bool is_awaited = site->queue.count > 0 || jobs_site_is_awaited(site) ||
				  s->config->sources_count > 1;
		if (is_awaited && !timer_is_running(&site->wake))
			timer_start(&s->loop.timers, &site->wake, site->throttle.blocked_until_ns, site_woke);
		return;
	}
	while (site->queue.count > 0) {
		uint32_t slots;
		if (mailbox_credits_left(&s->unrecorded) == 0) {
			lease_look_at(s, site);
			return;
		}
		if (!rules_may_send(s, site))
			return;
		struct lease *lease = choose_lease(s, site, &slots);
		if (lease == NULL)
			return;
		struct attempt *attempt = pop(s, site);
		if (wants_route(s, attempt, site)) {
			if (hold_pass(s, attempt))
				domain_route(s, attempt);
			continue;
		}
		if (!attempt_begin_work(attempt)) {
			outcome_settle(s, attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_OTHER, "4.3.0",
				"out of memory here");
			continue;
		}
		CHECK(mailbox_credits_take(&s->unrecorded, 1));
		rules_sent(s, site);
		lease_out(s, lease, attempt, slots);
	}
}

static void site_woke(struct timer *timer)
{
	struct site *site = CONTAINER_OF(timer, struct site, wake);
	lease_look_at(site->scheduler, site);
}

void leases_turn_end(struct scheduler *s)
{
	if (s->phase != PHASE_RUNNING)
		return;
	hungry_turn_begins(s);
	struct list now;
	list_init(&now);
	list_splice_back(&now, &s->dirty_sites);
	struct list_node *node;
	while ((node = list_pop_front(&now)) != NULL) {
		struct site *site = CONTAINER_OF(node, struct site, pump_node);
		pump(s, site);
		jobs_feed(s, site);
		sources_leave(s, site);
		slots_note_idle(s, site);
		provider_collect(s, site->provider);
	}
	hungry_turn_ends(s);
	/* A site that became dirty while others were pumped has its turn at once. */
	if (!list_is_empty(&s->dirty_sites) && mailbox_credits_left(&s->unrecorded) > 0)
		loop_turn_again(&s->loop);
}

static void look_for_work(struct hash_node *node, void *context)
{
	struct work_now *work = context;
	const struct provider *provider = CONTAINER_OF(node, struct provider, node);
	for (uint32_t i = 0; i < work->s->config->sources_count; i++) {
		const struct site *site = provider->sites[i];
		if (site == NULL || site->queue.count == 0)
			continue;
		enum throttle_state state = throttle_state_at(&site->throttle, scheduler_now(work->s));
		work->found |= state == THROTTLE_OPEN || state == THROTTLE_PAUSED || site->round != 0;
	}
	work->found = work->found || jobs_provider_has_work(work->s, provider);
}

bool leases_have_work_now(struct scheduler *s)
{
	struct work_now work = { .s = s };
	if (s->queued_count > 0 || !list_is_empty(&s->job_runs))
		hash_map_for_each(&s->providers, look_for_work, &work);
	return work.found;
}

/* ---- what workers hear ---- */

void lease_session_up(struct scheduler *s, struct lease *lease)
{
	CHECK_OBJ(lease, LEASE_MAGIC);
	throttle_on_session_up(&lease->site->throttle);
	lease_look_at(s, lease->site);
}

static void hear(struct scheduler *s, struct lease *lease, uint64_t packed_heard)
{
	struct site *site = lease->site;
	struct heard heard = heard_unpack(packed_heard);
	uint64_t now_ns = scheduler_now(s);
	if (heard.latency_ms != 0)
		throttle_on_latency(&site->throttle, heard.latency_ms, now_ns);
	for (uint32_t i = 0; i < heard.good; i++)
		throttle_on_good(&site->throttle);
	for (uint32_t i = 0; i < heard.blocks; i++)
		throttle_on_block_reply(&site->throttle, now_ns, random_u64(&s->random));
	if (heard.suspend)
		throttle_on_suspend(&site->throttle, now_ns, random_u64(&s->random));
	else if (heard.back_off)
		throttle_on_back_off(&site->throttle, now_ns, random_u64(&s->random));
	else if (heard.slow_down)
		throttle_on_slow_down(&site->throttle, now_ns, random_u64(&s->random));
	if (heard.suspend || heard.back_off || heard.slow_down || heard.blocks > 0)
		site_take_why(lease);
	lease_look_at(s, site);
}

void lease_heard(struct scheduler *s, struct lease *lease, uint64_t packed_heard)
{
	CHECK_OBJ(lease, LEASE_MAGIC);
	CHECK(lease->outstanding > 0);
	lease->outstanding--;
	hear(s, lease, packed_heard);
}

void lease_returned(struct scheduler *s, struct attempt *attempt, uint64_t packed_heard)
{
	struct lease *lease = attempt->lease;
	CHECK_OBJ(lease, LEASE_MAGIC);
	CHECK(lease->outstanding > 0);
	lease->outstanding--;
	attempt->lease = NULL;
	mailbox_credits_give(&s->unrecorded, 1);
	body_unref(attempt->body);
	attempt->body = NULL;
	attempt_end_work(attempt);
	rules_unsent(s, lease->site);
	hear(s, lease, packed_heard);
	if (attempt->message->withdrawn)
		outcome_settle(s, attempt, ATTEMPT_WITHDRAWN, BOUNCE_CLASS_NONE, "", "the file was removed");
	else if (hold_pass(s, attempt))
		domain_route(s, attempt);
	else
		park_consider(s, attempt->message);
}
