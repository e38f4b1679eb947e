#include "engine/run/scheduler_away.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/scheduler_parts.h"

/* What is put away comes again after this, or up to twice this. */
#define AWAY_NS (60 * SECOND_NS)

enum {
	/* Of each site's line so many stay in memory: more than it sends until others are read. */
	LINE_KEPT = 2048,
	/* Messages looked at in a turn when room is wanted. */
	ROOM_LOOKS = 128,
	/* Segments of the journal from which on it is looked for what keeps them: some 64 MB. */
	SEGMENTS_KEPT = 4,
	/* What has begun so lately will mostly be done by itself. */
	YOUNG_MINUTES = 5,
};

/* Those that were on their way come again soon; those that wait have their own time. */
static void send_away(struct scheduler *s, struct message *message)
{
	uint64_t now_ns = scheduler_now(s), due_ns = now_ns + AWAY_NS + random_below(&s->random, AWAY_NS);
	CHECK(outcome_hold(s, message));
	LIST_FOR_EACH (node, &message->attempts) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		if (attempt->due_ns > now_ns)
			continue;
		attempt->due_ns = due_ns < attempt->expires_ns ? due_ns : attempt->expires_ns;
		attempt->is_away = attempt->waits == 0;
		s->away_count += attempt->is_away;
	}
	park_now(s, message);
}

/* ---- to make room ----
 *
 * Mail that stands behind a slow receiver would fill memory, and keep mail to everybody else from being seen.
 * What is far from its turn waits on disk for a while instead. */

static bool is_far_from_its_turn(const struct message *message)
{
	if (message->state != MESSAGE_DELIVERING || list_is_empty(&message->attempts) ||
		list_node_is_linked(&message->again_node))
		return false;
	LIST_FOR_EACH (node, &message->attempts) {
		const struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		if (attempt->state != ATTEMPT_QUEUED || attempt->transactional ||
			attempt->site->queue.count <= LINE_KEPT)
			return false;
	}
	return true;
}

void away_turn_end(struct scheduler *s)
{
	if (s->hub->queue == NULL || s->phase != PHASE_RUNNING || s->credits_owed == 0 ||
		s->messages_count < s->config->messages_max / 4 * 3)
		return;
	/* Those that came last have the longest way to go. */
	struct list_node *node = list_last(&s->in_work);
	for (int i = 0; i < ROOM_LOOKS && node != NULL; i++) {
		struct message *message = CONTAINER_OF(node, struct message, node);
		node = list_before(&s->in_work, node);
		if (is_far_from_its_turn(message))
			send_away(s, message);
	}
}

/* ---- to let go of the journal ----
 *
 * A file of which some recipients are done, and others stand for days in the line of a site that is blocked
 * or slow, keeps the journal from its first outcome on; in the queue it does not. */

static bool has_records(const struct message *message)
{
	return message->rcpt == NULL && !message->is_job && (message->recovered || message->has_finals);
}

static bool may_leave(const struct message *message)
{
	if (message->state != MESSAGE_DELIVERING || list_is_empty(&message->attempts) ||
		list_node_is_linked(&message->again_node))
		return false;
	LIST_FOR_EACH (node, &message->attempts) {
		const struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		if (attempt->is_warning ||
			(attempt->state != ATTEMPT_QUEUED && attempt->state != ATTEMPT_WAITING))
			return false;
	}
	return true;
}

void away_look_at(struct scheduler *s, struct message *message)
{
	if (s->hub->queue == NULL || s->record_dead || s->phase != PHASE_RUNNING ||
		hub_read(&s->hub->counters.segments) < SEGMENTS_KEPT || !has_records(message))
		return;
	int64_t age_us = clock_wall_us() - message->found_wall_us;
	if (age_us * 1000 >= (int64_t)(YOUNG_MINUTES * s->config->watch_minute_ns) && may_leave(message))
		send_away(s, message);
}
