#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/revival.h"
#include "engine/run/scheduler_away.h"
#include "engine/run/scheduler_back.h"
#include "engine/run/scheduler_parts.h"
#include "engine/run/scheduler_warn.h"

/* Messages that wait for long leave memory, and come back when an attempt of theirs is due (keeper.h). While
 * the keeper has a message it is PARKING: nothing of it moves. */

/* A queue that could not be written is tried again after this. */
#define AGAIN_NS (5 * SECOND_NS)
/* Where many recipients of a file come back one after the other it stays in memory for so long after each:
 * to read it, and to write what of it is in the queue, costs by all of them. */
#define STAY_NS (2 * SECOND_NS)

enum {
	/* A file with more recipients in the queue than this is worth to stay for a moment. */
	STAYS_FOR = 64,
};

/* ---- into the queue ---- */

static bool may_park(struct scheduler *s, struct message *message, uint64_t beyond_ns)
{
	if (s->hub->queue == NULL || s->record_dead || message->state != MESSAGE_DELIVERING ||
		list_node_is_linked(&message->again_node) ||
		message->attempts_waiting < message->attempts_count)
		return false;
	LIST_FOR_EACH (node, &message->attempts) {
		const struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		bool is_warned_soon = beyond_ns > 0 && warn_is_before(s, attempt, beyond_ns);
		if (attempt->due_ns >= beyond_ns && !is_warned_soon)
			continue;
		list_remove(node); /* the next look finds it first */
		list_push_front(&message->attempts, node);
		return false;
	}
	return true;
}

static void post_park(struct scheduler *s, struct message *message)
{
	s->parks_posted++;
	hub_post(s->hub->keeper, POST_PARK, message, 0, 0);
}

void park_now(struct scheduler *s, struct message *message)
{
	LIST_FOR_EACH (node, &message->attempts)
		outcome_clear_time(s, CONTAINER_OF(node, struct attempt, message_node));
	message->state = MESSAGE_PARKING;
	intake_release_body(s, message);
	s->parking_count++;
	s->parks_wanted++;
	if (list_is_empty(&s->to_park) && mailbox_credits_take(&s->parks, 1))
		post_park(s, message);
	else
		list_push_back(&s->to_park, &message->park_node);
}

static void again_due(struct timer *timer);

static void park_again_after(struct scheduler *s, struct message *message, uint64_t wait_ns)
{
	list_push_back(&s->park_again, &message->again_node);
	if (!timer_is_running(&s->park_again_timer))
		loop_timer_start(&s->loop, &s->park_again_timer, wait_ns, again_due);
}

void park_consider(struct scheduler *s, struct message *message)
{
	bool is_over = list_is_empty(&message->attempts) && message->rcpts_parked == 0;
	/* Who has no file leaves the queue by being parked with nothing. */
	bool is_in_queue_alone = message->was_gone || (message->rcpt != NULL && message->in_queue);
	if (is_over && !is_in_queue_alone) {
		if (message->state == MESSAGE_DELIVERING)
			intake_message_done(s, message);
		return;
	}
	uint64_t beyond_ns = scheduler_now(s) + (uint64_t)s->config->options->park_ms * MS_NS;
	if (message->rcpt != NULL && jobs_is_tight(s))
		beyond_ns = 0;
	if (!may_park(s, message, beyond_ns))
		return;
	if (message->stays)
		park_again_after(s, message, STAY_NS);
	else
		park_now(s, message);
	message->stays = false;
}

/* ---- out of memory, once it is in there ---- */

static void again_due(struct timer *timer)
{
	struct scheduler *s = CONTAINER_OF(timer, struct scheduler, park_again_timer);
	struct list list;
	struct list_node *node;
	list_init(&list);
	list_splice_back(&list, &s->park_again);
	while ((node = list_pop_front(&list)) != NULL)
		park_consider(s, CONTAINER_OF(node, struct message, again_node));
}

static void attach(struct scheduler *s, struct message *message, struct revival *revival);

/* The disk may be full: all goes on in memory. */
static void parking_failed(struct scheduler *s, struct message *message)
{
	message->state = MESSAGE_DELIVERING;
	LIST_FOR_EACH (node, &message->attempts) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		if (attempt->is_away) { /* it stands in its line again */
			attempt->due_ns = scheduler_now(s);
			s->away_count--;
		}
		attempt->is_away = false;
		outcome_set_time(s, attempt, attempt->due_ns);
	}
	park_again_after(s, message, AGAIN_NS);
	if (message->withdrawn)
		outcome_withdraw(s, message);
	struct list_node *node;
	while ((node = list_pop_front(&message->revivals)) != NULL)
		attach(s, message, CONTAINER_OF(node, struct revival, node));
}

static void drop_attempts(struct scheduler *s, struct message *message)
{
	LIST_FOR_EACH_SAFE (node, &message->attempts) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		domain_give(s, attempt->domain);
		attempt_destroy(attempt);
	}
}

/* What the journal of an earlier run says of the file is in the queue now, and is counted out once:
 * the message comes back as another one. Of a file that was in the queue already it is needed until it is
 * unlinked (keeper_create()). */
static void settle_records(struct scheduler *s, struct message *message)
{
	if (message->recovered && !message->in_queue)
		recovery_forget(s->recovery, text_of(message->name), &message->identity);
	else if (message->park_left > 0)
		message->recovered = false;
	message->in_queue = true;
}

void park_done(struct scheduler *s, struct message *message, enum result result)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	CHECK(message->state == MESSAGE_PARKING && s->parking_count > 0);
	s->parking_count--;
	mailbox_credits_give(&s->parks, 1);
	if (result != RESULT_OK) {
		parking_failed(s, message);
		return;
	}
	drop_attempts(s, message);
	message->taken_count = 0;
	message->rcpts_open = 0;
	message->rcpts_parked = message->park_left;
	settle_records(s, message);
	message->state = MESSAGE_DELIVERING;
	if (!list_is_empty(&message->revivals))
		park_attach(s, message);
	else if (message->park_left > 0 || message->was_gone)
		intake_evict(s, message);
	else
		intake_message_done(s, message);
}

/* ---- back from the queue ---- */

static uint64_t monotonic_of(const struct scheduler *s, uint64_t queue_us)
{
	return queue_clock_instant_ns(&s->hub->clock, queue_us);
}

static const struct source *source_named(const struct scheduler *s, struct text text)
{
	for (uint32_t i = 0; i < s->config->sources_count && text.len > 0; i++)
		if (text_equal(text_of(s->config->sources[i].text), text))
			return &s->config->sources[i];
	return NULL;
}

/* The key is to be worked into the queue with what comes of the attempt. */
static bool note_taken(struct message *message, const struct queue_key *key)
{
	if (message->taken_count == message->taken_size) {
		uint32_t size = message->taken_size > 0 ? 2 * message->taken_size : 4;
		struct queue_key *taken = realloc(message->taken, size * sizeof *taken);
		if (taken == NULL)
			return false;
		message->taken = taken;
		message->taken_size = size;
	}
	message->taken[message->taken_count++] = *key;
	return true;
}

static struct attempt *make_attempt(
	struct scheduler *s, struct message *message, const struct revival *revival)
{
	const struct queue_attempt *from = &revival->attempt;
	struct attempt *attempt = attempt_create(message, from->rcpts_count);
	if (attempt == NULL)
		return NULL;
	attempt->domain = domain_take(s, from->domain);
	char *last = attempt->domain != NULL && from->last.len > 0 ? malloc(from->last.len + 1) : NULL;
	if (attempt->domain == NULL || (from->last.len > 0 && last == NULL) ||
		!note_taken(message, &from->key)) {
		free(last);
		if (attempt->domain != NULL)
			domain_give(s, attempt->domain);
		attempt_destroy(attempt);
		return NULL;
	}
	if (last != NULL) {
		memcpy(last, from->last.data, from->last.len);
		last[from->last.len] = '\0';
		attempt->last = last;
	}
	attempt->transactional = from->transactional;
	attempt->expires_ns = monotonic_of(s, from->expires_us);
	attempt->number = from->number;
	attempt->waits = from->waits;
	attempt->is_dropped = from->is_dropped;
	attempt->is_warned = from->is_warned;
	attempt->source = source_named(s, from->source);
	return attempt;
}

/* Which recipients of the envelope. Those that an earlier run was done with, and fell before it could say
 * so to the queue, are left out. */
static void fill_rcpts(struct scheduler *s, struct attempt *attempt, const struct revival *revival)
{
	const struct message *message = attempt->message;
	const struct recovered_file *recovered =
		recovery_find(s->recovery, message->name, &message->identity);
	uint32_t count = 0, at = 0;
	for (uint32_t i = 0; i < revival->attempt.rcpts_count; i++) {
		uint32_t rcpt = revival->attempt.rcpts[i].rcpt;
		if (message->rcpt != NULL && message->rcpt->is_done)
			continue;
		if (recovered != NULL && recovered_is_done(recovered, rcpt))
			continue;
		if (message->stub_rcpts != NULL && park_stub_index(message, rcpt, &at))
			rcpt = at;
		if (rcpt < message->envelope->rcpts_count)
			attempt->rcpts[count++].rcpt = rcpt;
	}
	attempt->rcpts_count = count;
}

static void count_back(
	struct scheduler *s, struct message *message, uint32_t rcpts_count, uint32_t open)
{
	uint32_t done = rcpts_count - open;
	message->rcpts_open += open;
	message->rcpts_parked -= rcpts_count < message->rcpts_parked ? rcpts_count : message->rcpts_parked;
	hub_uncount(&s->hub->counters.waiting, 1);
	hub_uncount(&s->hub->counters.rcpts_accepted, done);
	hub_uncount(&s->hub->counters.rcpts_pending, done);
}

static void withdraw(struct scheduler *s, struct attempt *attempt)
{
	outcome_settle(s, attempt, ATTEMPT_WITHDRAWN, BOUNCE_CLASS_NONE, "",
		"the file was removed or replaced");
}

static void attach(struct scheduler *s, struct message *message, struct revival *revival)
{
	if (!back_is_of_stub(message, revival)) {
		back_give(s, revival); /* for the message that comes after this one */
		return;
	}
	revival->is_changed |= !back_is_of_envelope(message, revival);
	struct attempt *attempt = revival->is_changed && !message->was_gone
					  ? NULL
					  : make_attempt(s, message, revival);
	if (attempt == NULL) {
		back_give(s, revival);
		return;
	}
	uint32_t rcpts_count = attempt->rcpts_count;
	if (revival->attempt.is_away && s->away_count > 0) /* else it is of an earlier run */
		s->away_count--;
	fill_rcpts(s, attempt, revival);
	if (message->stub_rcpts == NULL && attempt->rcpts_count > 0)
		park_allow_late(s, attempt, revival);
	count_back(s, message, rcpts_count, attempt->rcpts_count);
	message->stays = message->rcpts_parked > STAYS_FOR;
	uint64_t wait_until_ns = warn_waits_until(s, message, &revival->attempt);
	revival_destroy(revival);
	if (attempt->rcpts_count == 0) {
		domain_give(s, attempt->domain);
		attempt_destroy(attempt);
	} else if (message->withdrawn || message->was_gone) {
		withdraw(s, attempt);
	} else if (scheduler_now(s) >= attempt->expires_ns) {
		outcome_expire(s, attempt);
	} else {
		warn_go_on(s, attempt, wait_until_ns);
	}
}

/* What came while the message could not be used. */
void park_attach(struct scheduler *s, struct message *message)
{
	struct list_node *node;
	while ((node = list_pop_front(&message->revivals)) != NULL)
		attach(s, message, CONTAINER_OF(node, struct revival, node));
	/* All may be held. Nothing may be left to do; or nothing could be attached for want of memory, and
	 * comes again. */
	if (!list_is_empty(&message->attempts) || message->taken_count > 0)
		park_consider(s, message);
	else
		intake_evict(s, message);
}

void park_read_done(struct scheduler *s, struct message *message)
{
	intake_keep_body(s, message);
	park_attach(s, message);
}

/* ---- a revival arrives ---- */

static void take_first(struct scheduler *s, struct message *message, struct revival *revival)
{
	s->messages_count++;
	s->credits_owed++;
	message->found_wall_us = clock_wall_us();
	message->accepted_ns = (int64_t)monotonic_of(s, revival->file.accepted_us);
	message->in_queue = true;
	message->rcpts_parked = revival->file.rcpts_left;
	if (job_name_is_rcpt(message->name)) {
		jobs_revived(s, revival);
		return;
	}
	message->recovered = recovery_find(s->recovery, message->name, &message->identity) != NULL;
	if (revival->is_withdrawn) {
		park_withdrawn(s, message, revival);
		return;
	}
	message->state = MESSAGE_FOUND;
	list_push_back(&message->revivals, &revival->node);
	list_push_back(&s->to_read, &message->node);
}

void park_revived(struct scheduler *s, struct revival *revival)
{
	struct message *message = revival->message;
	CHECK_OBJ(message, MESSAGE_MAGIC);
	s->files_idle = false; /* until it has been looked at */
	control_mark_revival(s, revival);
	back_arrived(s, revival);
	if (revival->is_first) {
		take_first(s, message, revival);
		return;
	}
	switch (message->state) {
	case MESSAGE_FOUND:
	case MESSAGE_READING:
	case MESSAGE_PARKING:
		list_push_back(&message->revivals, &revival->node);
		break;
	case MESSAGE_DELIVERING:
		list_push_back(&message->revivals, &revival->node);
		park_attach(s, message);
		break;
	case MESSAGE_LEAVING:
		back_give(s, revival);
		break;
	}
}

void park_turn_end(struct scheduler *s)
{
	away_turn_end(s);
	while (!list_is_empty(&s->to_park) && mailbox_credits_take(&s->parks, 1)) {
		struct list_node *node = list_pop_front(&s->to_park);
		post_park(s, CONTAINER_OF(node, struct message, park_node));
	}
	back_turn_end(s);
}

/* ---- begin and end ---- */

void park_init(struct scheduler *s)
{
	list_init(&s->park_again);
	list_init(&s->to_park);
	back_init(s);
	mailbox_credits_init(&s->parks, HUB_PARKS_MAX);
	if (s->hub->queue == NULL)
		return;
	uint64_t rcpts = queue_rcpts_count(s->hub->queue);
	hub_count(&s->hub->counters.rcpts_accepted, rcpts);
	hub_count(&s->hub->counters.rcpts_pending, rcpts);
	hub_count(&s->hub->counters.waiting, queue_count(s->hub->queue));
}

bool park_is_idle(const struct scheduler *s)
{
	return s->hub->queue == NULL ||
		(s->keeper_idle && s->revived_count >= s->revivals_told && s->away_count == 0);
}

/* What has been tried before keeps its place in time over a restart. What was never tried is read anew. */
void park_all(struct scheduler *s)
{
	if (s->hub->queue == NULL)
		return;
	LIST_FOR_EACH_SAFE (node, &s->in_work) {
		struct message *message = CONTAINER_OF(node, struct message, node);
		if (message->state != MESSAGE_DELIVERING)
			continue;
		if (list_node_is_linked(&message->again_node))
			list_remove(&message->again_node);
		bool was_tried = message->in_queue;
		LIST_FOR_EACH (attempt_node, &message->attempts)
			was_tried |= CONTAINER_OF(attempt_node, struct attempt, message_node)->waits > 0;
		if (was_tried && outcome_hold(s, message) && may_park(s, message, 0))
			park_now(s, message);
	}
}

void park_discard(struct message *message)
{
	struct list_node *node;
	while ((node = list_pop_front(&message->revivals)) != NULL)
		revival_destroy(CONTAINER_OF(node, struct revival, node));
	if (list_node_is_linked(&message->again_node))
		list_remove(&message->again_node);
	if (list_node_is_linked(&message->park_node))
		list_remove(&message->park_node);
}
