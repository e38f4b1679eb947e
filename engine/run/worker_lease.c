#include <stdio.h>
#include <stdlib.h>
#include "engine/run/delivery.h"
#include "engine/run/worker_state.h"

/* Who sends what: the attempts of a lease wait in its fifo; a session that has nothing to do takes the
 * first that it can serve; when none can serve the first, one is opened while there are slots. */

void lease_touch(struct worker *w, struct lease *lease)
{
	if (!list_node_is_linked(&lease->pump_node))
		list_push_back(&w->dirty_leases, &lease->pump_node);
}

void lease_grant(struct worker *w, struct lease *lease, uint32_t slots)
{
	CHECK_OBJ(lease, LEASE_MAGIC);
	lease->worker_slots += slots;
	lease_touch(w, lease);
}

/* Between transactional mail and bulk: no bulk stands before that. */
static void insert_between(struct lease *lease, struct attempt *attempt)
{
	LIST_FOR_EACH (node, &lease->fifo) {
		if (CONTAINER_OF(node, struct attempt, node)->transactional)
			continue;
		list_insert_before(node, &attempt->node);
		return;
	}
	list_push_back(&lease->fifo, &attempt->node);
}

static void put(struct worker *w, struct attempt *attempt, bool first)
{
	struct lease *lease = attempt->lease;
	CHECK_OBJ(lease, LEASE_MAGIC);
	/* Without a slot, or while draining, it is given back at the end of the turn. */
	if (first && attempt->transactional)
		list_push_front(&lease->fifo, &attempt->node);
	else if (first || attempt->transactional)
		insert_between(lease, attempt);
	else
		list_push_back(&lease->fifo, &attempt->node);
	lease->fifo_count++;
	lease->urgent_count += attempt->transactional;
	lease_touch(w, lease);
}

void lease_add(struct worker *w, struct attempt *attempt) { put(w, attempt, false); }

void lease_add_first(struct worker *w, struct attempt *attempt) { put(w, attempt, true); }

/* It may be gone when its turn would come. */
static void stop_waiting(struct lease *lease)
{
	if (list_node_is_linked(&lease->held_node))
		list_remove(&lease->held_node);
}

static void take_out(struct lease *lease, struct attempt *attempt)
{
	list_remove(&attempt->node);
	CHECK(lease->fifo_count > 0);
	lease->fifo_count--;
	lease->urgent_count -= attempt->transactional;
	if (lease->fifo_count == 0)
		stop_waiting(lease);
}

/* The reply that says most: a 421, else another refusal. NULL: no host said anything. */
static const struct attempt_rcpt *telling_reply(const struct attempt *attempt)
{
	const struct attempt_rcpt *best = NULL;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		if (rcpt->code == 421)
			return rcpt;
		if (best == NULL && (rcpt->code / 100 == 4 || rcpt->code / 100 == 5))
			best = rcpt;
	}
	const struct attempt_rcpt *trouble = &attempt->work->trouble;
	return best == NULL && trouble->code != 0 ? trouble : best;
}

void lease_say_why(struct attempt *attempt)
{
	const struct heard *heard = &attempt->work->heard;
	if (!heard->slow_down && !heard->back_off && !heard->suspend && heard->blocks == 0)
		return;
	char *why = malloc(LEASE_WHY_MAX);
	if (why == NULL)
		return;
	const struct attempt_rcpt *reply = telling_reply(attempt);
	struct text words = buf_text(&attempt->work->reason);
	if (reply != NULL)
		words = attempt_reply_text(attempt, reply);
	words = text_cut_utf8(words, LEASE_WHY_MAX - 8);
	if (reply != NULL)
		snprintf(why, LEASE_WHY_MAX, "%u %.*s", reply->code, TEXT_ARG(words));
	else
		snprintf(why, LEASE_WHY_MAX, "%.*s", TEXT_ARG(words));
	free(atomic_exchange(&attempt->lease->why, why));
}

/* Hosts that could not be reached have decided nothing: the next worker passes over them (MX-18). */
static void give_back(struct worker *w, struct attempt *attempt)
{
	lease_say_why(attempt);
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		attempt->rcpts[i] = (struct attempt_rcpt){ .rcpt = attempt->rcpts[i].rcpt };
	CHECK(w->attempts_count > 0);
	w->attempts_count--;
	hub_post(w->hub->scheduler, POST_RETURNED, attempt, 0, heard_pack(attempt->work->heard));
}

void lease_return(struct worker *w, struct attempt *attempt)
{
	bool any_decided = false, any_deferred = false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		any_decided |= attempt->rcpts[i].fate != ATTEMPT_OPEN;
		any_deferred |= attempt->rcpts[i].fate == ATTEMPT_DEFERRED;
	}
	uint16_t code = attempt->work->trouble.code;
	bool host_spoke = code / 100 == 4 || code / 100 == 5;
	if (!any_decided && !host_spoke) {
		give_back(w, attempt);
		return;
	}
	attempt_add_reason(attempt, "", NULL, "interrupted here");
	if (host_spoke) {
		outcome_of_broken_pass(w, attempt);
		return;
	}
	/* A recipient that a host deferred waits, and those beside it wait with it. */
	attempt->given_back = !any_deferred;
	attempt_settle(attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_NONE, "4.3.2");
	worker_finish(w, attempt);
}

/* The scheduler may let go of the lease when the last of them has come back: it is not looked at after. */
static void return_all(struct worker *w, struct lease *lease)
{
	struct list all;
	list_init(&all);
	list_splice_back(&all, &lease->fifo);
	lease->fifo_count = lease->urgent_count = 0;
	stop_waiting(lease);
	struct list_node *node;
	while ((node = list_pop_front(&all)) != NULL)
		lease_return(w, CONTAINER_OF(node, struct attempt, node));
}

/* ---- slots ---- */

static void give_slots(struct worker *w, struct lease *lease, uint32_t count)
{
	uint32_t answers = lease->answers_owed;
	lease->answers_owed = 0;
	lease->worker_slots -= count;
	lease->worker_called_back -= lease->worker_called_back < count ? lease->worker_called_back : count;
	/* What waits here is outstanding, or slots are: until the last message the lease stays. */
	if (count > 0 || answers > 0) {
		if (lease->worker_slots == 0)
			return_all(w, lease);
		hub_post(w->hub->scheduler, POST_SLOTS, lease, count, answers);
	} else if (lease->worker_slots == 0) {
		return_all(w, lease);
	}
}

void lease_call_back(struct worker *w, struct lease *lease)
{
	CHECK_OBJ(lease, LEASE_MAGIC);
	if (lease->worker_called_back < lease->worker_slots)
		lease->worker_called_back++;
	/* Answered at the end of the turn, when nothing here looks at the lease any more: only then may the
	 * scheduler let go of its site. */
	lease->answers_owed++;
	lease_touch(w, lease);
}

void lease_session_over(struct worker *w, struct lease *lease)
{
	CHECK(lease->sessions_count > 0);
	lease->sessions_count--;
	lease_touch(w, lease);
}

/* Slots that no session uses: called back, or not needed for anything that waits. */
static void settle_slots(struct worker *w, struct lease *lease)
{
	uint32_t free_slots = lease->worker_slots - lease->sessions_count;
	uint32_t called = lease->worker_called_back < free_slots ? lease->worker_called_back : free_slots;
	uint32_t keep = free_slots - called;
	uint32_t wanted = lease->fifo_count + lease->bodies_awaited;
	if (keep > wanted)
		keep = wanted;
	give_slots(w, lease, free_slots - keep);
}

/* ---- idle sessions ---- */

void lease_session_idle(struct worker *w, struct delivery *d)
{
	if (d->is_idle)
		return;
	d->is_idle = true;
	d->begun_in_row = 0;
	d->turn_is_over = false;
	w->idle_sessions++;
	list_push_back(&d->lease->idle, &d->idle_node);
	lease_touch(w, d->lease);
}

void lease_session_busy(struct worker *w, struct delivery *d)
{
	if (!d->is_idle)
		return;
	d->is_idle = false;
	w->idle_sessions--;
	list_remove(&d->idle_node);
}

static struct delivery *idle_session_for(struct lease *lease, struct attempt *attempt)
{
	/* The one used last is the most likely to be still open at the other end. */
	for (struct list_node *node = list_last(&lease->idle); node != NULL;
		node = node->prev == &lease->idle.head ? NULL : node->prev) {
		struct delivery *d = CONTAINER_OF(node, struct delivery, idle_node);
		if (delivery_serves(d, attempt))
			return d;
	}
	return NULL;
}

struct attempt *lease_take_for(struct worker *w, struct delivery *d)
{
	struct lease *lease = d->lease;
	if (w->draining || lease->worker_called_back > 0)
		return NULL;
	size_t looked = 0;
	bool may_go_on = inflight_may_go_on(w, d);
	if (!may_go_on && lease->fifo_count > lease->urgent_count)
		inflight_turn_over(w, d);
	if (!may_go_on && lease->urgent_count == 0)
		return NULL;
	LIST_FOR_EACH (node, &lease->fifo) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		if ((may_go_on || attempt->transactional) && delivery_serves(d, attempt)) {
			take_out(lease, attempt);
			/* It may have come with a slot for a session that had to wait for its turn: the
			 * scheduler waits to hear of that session. */
			if (lease->worker_slots > lease->sessions_count)
				lease_touch(w, lease);
			return attempt;
		}
		if (++looked == WORKER_MATCH_MAX)
			break;
	}
	return NULL;
}

/* ---- pumping ---- */

enum match { MATCH_DONE, MATCH_WAITS, MATCH_NO_ROOM };

/* Makes room by ending a session that idles; not more of them than there is mail for. */
static void close_one_idle(struct lease *lease)
{
	struct list_node *node = list_first(&lease->idle);
	if (node != NULL && lease->quitting_sessions < lease->fifo_count)
		delivery_quit(CONTAINER_OF(node, struct delivery, idle_node));
}

/* Finds a session for the attempt, or opens one. */
static enum match match(struct worker *w, struct lease *lease, struct attempt *attempt)
{
	struct walk_target target;
	if (!walk_target(w, attempt, &target)) {
		take_out(lease, attempt);
		outcome_of_pass(w, attempt);
		return MATCH_DONE;
	}
	struct delivery *idle = idle_session_for(lease, attempt);
	if (idle != NULL) {
		take_out(lease, attempt);
		delivery_take(idle, attempt);
		return MATCH_DONE;
	}
	if (lease->sessions_count >= lease->worker_slots - lease->worker_called_back) {
		/* None of those that idle leads where this one goes: make room. */
		close_one_idle(lease);
		return MATCH_NO_ROOM;
	}
	if (target.is_fallback && lease->fallback_sessions >= WORKER_FALLBACK_SESSIONS_MAX)
		return MATCH_WAITS;
	take_out(lease, attempt);
	if (delivery_open(w, lease, attempt, &target))
		return MATCH_DONE;
	list_push_front(&lease->fifo, &attempt->node);
	lease->fifo_count++;
	lease->urgent_count += attempt->transactional;
	return MATCH_NO_ROOM;
}

/* A session that is called back, or for which there is no slot any more, ends when it idles. */
static void end_called_back(struct lease *lease)
{
	while (!list_is_empty(&lease->idle) &&
		lease->sessions_count - lease->quitting_sessions + lease->worker_called_back >
			lease->worker_slots)
		delivery_quit(CONTAINER_OF(list_first(&lease->idle), struct delivery, idle_node));
}

/* At most `bulk` sessions begin with bulk mail. */
static void pump(struct worker *w, struct lease *lease, uint32_t bulk)
{
	struct list skipped;
	size_t skipped_count = 0;
	list_init(&skipped);
	if (w->draining)
		lease_drain(w, lease);
	while (!list_is_empty(&lease->fifo) && skipped_count < WORKER_MATCH_MAX) {
		struct attempt *attempt = CONTAINER_OF(list_first(&lease->fifo), struct attempt, node);
		bool is_bulk = !attempt->transactional;
		bool is_held = is_bulk && bulk == 0;
		if (is_held)
			inflight_hold(w, lease);
		if (is_held && lease->urgent_count == 0)
			break;
		uint32_t active = inflight_active(w);
		enum match found = is_held ? MATCH_WAITS : match(w, lease, attempt);
		bulk -= is_bulk && inflight_active(w) > active;
		if (found == MATCH_NO_ROOM)
			break;
		if (found == MATCH_DONE)
			continue;
		list_remove(&attempt->node);
		list_push_back(&skipped, &attempt->node);
		skipped_count++;
	}
	list_splice_back(&skipped, &lease->fifo);
	list_splice_back(&lease->fifo, &skipped);
	end_called_back(lease);
	settle_slots(w, lease);
}

void leases_pump(struct worker *w)
{
	struct list now;
	list_init(&now);
	list_splice_back(&now, &w->dirty_leases);
	struct list_node *node;
	while ((node = list_pop_front(&now)) != NULL)
		pump(w, CONTAINER_OF(node, struct lease, pump_node), inflight_left(w));
	struct lease *held;
	while ((held = inflight_next(w)) != NULL)
		pump(w, held, 1);
}

void lease_drain(struct worker *w, struct lease *lease)
{
	return_all(w, lease);
	while (!list_is_empty(&lease->idle))
		delivery_quit(CONTAINER_OF(list_first(&lease->idle), struct delivery, idle_node));
}
