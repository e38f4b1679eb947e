#include "engine/run/keeper.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/loop.h"
#include "engine/run/attempt.h"
#include "engine/run/config.h"
#include "engine/run/control_queue.h"
#include "engine/run/control_task.h"
#include "engine/run/domain.h"
#include "engine/run/forgotten.h"
#include "engine/run/hub.h"
#include "engine/run/keeper_state.h"
#include "engine/run/revival.h"
#include "engine/run/warmup_file.h"
#include "store/queue.h"

enum {
	/* What could not be written is tried again after this. */
	AGAIN_MS = 1000,
	FORGETS_PER_TURN = 1024,
};

/* ---- parking ---- */

static bool fill_rcpts(struct keeper *k, const struct attempt *attempt, struct queue_attempt *out)
{
	struct queue_rcpt *rcpts =
		arena_alloc_array(&k->arena, attempt->rcpts_count, sizeof *rcpts);
	if (rcpts == NULL)
		return false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		uint32_t rcpt = attempt->rcpts[i].rcpt;
		rcpts[i] = (struct queue_rcpt){ rcpt,
			attempt->message->envelope->rcpts[rcpt].address.text };
	}
	out->rcpts = rcpts;
	out->rcpts_count = attempt->rcpts_count;
	return true;
}

/* No key may be before those that have had their time: nobody looks there again. */
static uint64_t due_of(const struct keeper *k, const struct attempt *attempt)
{
	bool is_warned_first = attempt->warn_ns != 0 && attempt->warn_ns < attempt->due_ns;
	uint64_t due_us = queue_clock_us(
		&k->hub->clock, is_warned_first ? attempt->warn_ns : attempt->due_ns);
	return due_us > k->taken.due_us ? due_us : k->taken.due_us + 1;
}

static bool fill_attempt(struct keeper *k, const struct attempt *attempt, struct queue_attempt *out)
{
	*out = (struct queue_attempt){
		.key.due_us = due_of(k, attempt),
		.next_us = queue_clock_us(&k->hub->clock, attempt->due_ns),
		.expires_us = queue_clock_us(&k->hub->clock, attempt->expires_ns),
		.is_warned = attempt->is_warned,
		.is_away = attempt->is_away,
		.number = attempt->number,
		.waits = attempt->waits,
		.transactional = attempt->transactional,
		.is_held = attempt->is_held,
		.is_dropped = attempt->is_dropped,
		.domain = text_of_bytes(attempt->domain->name, attempt->domain->name_len),
		.source = attempt->source != NULL ? text_of(attempt->source->text) : TEXT_EMPTY,
		.last = attempt->last != NULL ? text_of(attempt->last) : TEXT_EMPTY,
	};
	return fill_rcpts(k, attempt, out);
}

static bool fill_attempts(
	struct keeper *k, const struct message *message, struct queue_parking *parking)
{
	size_t count = 0;
	LIST_FOR_EACH(node, &message->attempts)
	count++;
	if (count == 0)
		return true;
	parking->attempts = arena_alloc_array(&k->arena, count, sizeof *parking->attempts);
	if (parking->attempts == NULL)
		return false;
	LIST_FOR_EACH(node, &message->attempts)
	if (!fill_attempt(k, CONTAINER_OF(node, struct attempt, message_node),
		    &parking->attempts[parking->attempts_count++]))
		return false;
	return true;
}

static enum result put(struct keeper *k, struct message *message, struct fail *fail)
{
	const struct envelope *envelope = message->envelope;
	int64_t accepted_ns = message->accepted_ns > 0 ? message->accepted_ns : 0;
	struct queue_parking parking = {
		.file = {
			.file = record_file_of(message->name, &message->identity),
			.accepted_us = queue_clock_us(&k->hub->clock, (uint64_t)accepted_ns),
			.from = envelope != NULL ? envelope->sender.text : TEXT_EMPTY,
			.id = envelope != NULL ? envelope->id : TEXT_EMPTY,
			.job = envelope != NULL ? envelope->job : TEXT_EMPTY,
			.class = envelope != NULL ? (uint8_t)envelope->class : 0,
		},
		.taken = message->taken,
		.taken_count = message->taken_count,
	};
	arena_reset(&k->arena);
	if (!fill_attempts(k, message, &parking))
		return fail_set(fail, RESULT_MEMORY, "no memory to park a message");
	return queue_park(k->hub->queue, &parking, &message->park_left, fail);
}

/* ---- leaving ---- */

static void forget_later(struct keeper *k, const struct message *message)
{
	struct forgotten *forgotten = forgotten_create(message->name, &message->identity);
	if (forgotten != NULL) /* else the next start finds it out of the journal, which is kept for it */
		list_push_back(&k->to_forget, &forgotten->node);
}

static void hear_forgotten(struct keeper *k, struct forgotten *forgotten)
{
	for (; forgotten != NULL; forgotten = forgotten->next)
		list_push_back(&k->to_forget, &forgotten->node);
	keeper_try_again(k);
}

/* The journal may forget it only now. What could not be removed would be withdrawn by the next start, were it
 * not for the journal: that is kept until it is made good. */
static void tell_unlinked(struct keeper *k, enum result result)
{
	struct list_node *node;
	while ((node = list_pop_front(&k->unlinked)) != NULL) {
		struct message *message = CONTAINER_OF(node, struct message, park_node);
		if (result != RESULT_OK)
			forget_later(k, message);
		hub_post(k->hub->recorder, POST_UNLINKED, message, result != RESULT_OK, 0);
	}
	if (result != RESULT_OK) {
		list_splice_back(&k->to_forget, &k->forgetting);
		return;
	}
	while ((node = list_pop_front(&k->forgetting)) != NULL) {
		free(CONTAINER_OF(node, struct forgotten, node));
		k->forgotten_count++;
	}
	if (k->forgotten_count == 0 || !list_is_empty(&k->to_forget))
		return;
	hub_post(k->hub->recorder, POST_FORGOTTEN, NULL, 0, k->forgotten_count);
	k->forgotten_count = 0;
}

void keeper_drop_forgotten(struct keeper *k)
{
	struct list_node *node;
	list_splice_back(&k->to_forget, &k->forgetting);
	while ((node = list_pop_front(&k->to_forget)) != NULL)
		free(CONTAINER_OF(node, struct forgotten, node));
}

static void again_due(struct timer *timer)
{
	struct keeper *k = CONTAINER_OF(timer, struct keeper, again_timer);
	struct fail fail = { 0 };
	struct list_node *node;
	if (k->recall_lost)
		keeper_look_anew(k);
	k->recall_lost = false;
	for (int i = 0; i < FORGETS_PER_TURN && (node = list_pop_front(&k->to_forget)) != NULL; i++) {
		struct forgotten *forgotten = CONTAINER_OF(node, struct forgotten, node);
		const struct record_file file =
			record_file_of(forgotten->name, &forgotten->identity);
		list_push_back(&k->forgetting, node);
		k->changed = true;
		enum result r = queue_remove(k->hub->queue, &file, &fail);
		if (r != RESULT_OK) {
			keeper_answer_all(k, r, &fail);
			return;
		}
	}
	if (!list_is_empty(&k->to_forget))
		keeper_try_again(k);
}

void keeper_try_again(struct keeper *k)
{
	if (!timer_is_running(&k->again_timer))
		loop_timer_start(&k->loop, &k->again_timer, AGAIN_MS * MS_NS, again_due);
}

/* Nothing of it can be read or written any more in this run: no new transaction is begun, what is in flight
 * becomes durable in the journal, and the end is an orderly one. */
static void tell_dead(struct keeper *k, const struct fail *fail)
{
	if (k->is_dead || !queue_is_dead(k->hub->queue))
		return;
	k->is_dead = true;
	log_write(&k->log, LOG_QUEUE_FAILED, LOG_FIELDS(log_fail("why", fail)));
	hub_post(k->hub->scheduler, POST_RECORD_FAILED, NULL, 0, 0);
}

static void fail_all(struct keeper *k, const struct fail *fail)
{
	queue_abort(k->hub->queue);
	tell_dead(k, fail);
	if (!k->failing && !k->is_dead)
		log_write(&k->log, LOG_QUEUE_NOT_WRITTEN, LOG_FIELDS(log_fail("why", fail)));
	k->failing = true;
	k->recall_lost |= k->recalling;
	keeper_try_again(k);
}

void keeper_answer_all(struct keeper *k, enum result result, const struct fail *fail)
{
	if (result != RESULT_OK) {
		fail_all(k, fail);
	} else if (k->failing) {
		k->failing = false;
		log_write(&k->log, LOG_QUEUE_WRITTEN, LOG_NO_FIELDS);
	}
	k->recalling = false;
	struct list_node *node;
	while ((node = list_pop_front(&k->parked)) != NULL)
		hub_post(k->hub->scheduler, POST_PARKED,
			CONTAINER_OF(node, struct message, park_node), (uint32_t)result, 0);
	tell_unlinked(k, result);
}

/* What fails takes back all that was put since the last commit. */
static void park(struct keeper *k, struct message *message)
{
	struct fail fail = { 0 };
	enum result r = put(k, message, &fail);
	list_push_back(&k->parked, &message->park_node);
	if (r != RESULT_OK)
		keeper_answer_all(k, r, &fail);
}

static void forget(struct keeper *k, struct message *message)
{
	struct fail fail = { 0 };
	const struct record_file file = record_file_of(message->name, &message->identity);
	enum result r = queue_remove(k->hub->queue, &file, &fail);
	list_push_back(&k->unlinked, &message->park_node);
	k->changed = true;
	if (r != RESULT_OK)
		keeper_answer_all(k, r, &fail);
}

static enum result commit(struct keeper *k, struct fail *fail)
{
	if (list_is_empty(&k->parked) && !k->changed)
		return RESULT_OK;
	k->changed = false;
	queue_note_time(k->hub->queue, keeper_now_us(k));
	enum result r = queue_commit(k->hub->queue, fail);
	keeper_answer_all(k, r, fail);
	keeper_pump(k); /* one that was parked may be due before all others */
	return r;
}

/* ---- requests of tools ---- */

static void keep_rule(struct keeper *k, struct control_task *task)
{
	struct text name;
	enum control_act act = task->request.act;
	if (act != CONTROL_HOLD && act != CONTROL_RELEASE)
		return;
	enum hold_kind kind = control_request_rule(&task->request, &name);
	if (act == CONTROL_HOLD && holds_add(&k->holds, kind, name, NULL) != RESULT_OK)
		return; /* a list will lack the word */
	if (act == CONTROL_RELEASE)
		(void)holds_remove(&k->holds, kind, name);
}

/* A slice of it, durable when it is told. What was parked before is there for it. */
static void control(struct keeper *k, struct control_task *task)
{
	CHECK_OBJ(task, CONTROL_TASK_MAGIC);
	bool is_ready = commit(k, &task->fail) == RESULT_OK;
	if (!is_ready && control_act_tells(task->request.act)) {
		fail_clear(&task->fail); /* what could not be parked is in memory again */
		is_ready = true;
	}
	struct control_queue on = {
		.queue = k->hub->queue,
		.reader = k->reader,
		.arena = &k->arena,
		.taken = k->taken,
		.holds = &k->holds,
		.now_us = keeper_now_us(k),
		.ahead_us = (int64_t)keeper_now_us(k) - clock_wall_us(),
	};
	bool changed = false;
	keep_rule(k, task);
	if (is_ready)
		control_queue_step(&on, task, &changed);
	k->changed |= changed;
	if (task->fail.result != RESULT_OK && changed)
		keeper_answer_all(k, task->fail.result, &task->fail);
	else if (changed)
		(void)commit(k, &task->fail);
	task->is_phase_over |= task->fail.result != RESULT_OK;
	task->handed_count = k->handed_count;
	hub_post(k->hub->main, POST_CONTROL_SLICE, task, 0, 0);
}

/* ---- warm-up ---- */

static void write_warmup(struct keeper *k, struct warmup_text *text)
{
	struct fail fail = { 0 };
	enum result r = warmup_file_write(k->hub->config->options->spool, text, &fail);
	if (r != RESULT_OK && !k->warmup_failing)
		log_write(&k->log, LOG_WARMUP_NOT_WRITTEN, LOG_FIELDS(log_fail("why", &fail)));
	k->warmup_failing = r != RESULT_OK;
	warmup_text_destroy(text);
	hub_post(k->hub->scheduler, POST_WARMUP_WRITTEN, NULL, (uint32_t)r, 0);
}

/* ---- the thread ---- */

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct keeper *k = loop->owner;
	struct fail fail = { 0 };
	switch (message->kind) {
	case POST_BEGIN: k->begun = true; break;
	case POST_PARK: park(k, message->object); break;
	case POST_FORGET: forget(k, message->object); break;
	case POST_FORGET_LATE: hear_forgotten(k, message->object); break;
	case POST_DUE_TAKEN:
		k->outstanding -= message->number;
		keeper_pump(k);
		break;
	case POST_DUE_BACK: keeper_take_back(k, message->object); break;
	case POST_PARKED_GONE: keeper_hear_gone(k, message->object); break;
	case POST_CONTROL: control(k, message->object); break;
	case POST_LOOK:
		(void)commit(k, &fail); /* what was parked before is looked for as well */
		keeper_look_anew(k);
		break;
	case POST_WARMUP: write_warmup(k, message->object); break;
	case POST_STOP: loop_stop(loop); break;
	default: UNREACHABLE("a message that is not for the keeper");
	}
}

static void turn_end(struct loop *loop)
{
	struct keeper *k = loop->owner;
	struct fail fail = { 0 };
	bool looks = k->begun && !k->looked;
	if (looks)
		keeper_look_for_files(k);
	(void)commit(k, &fail);
	/* Only now is it known what of the queue is due. */
	if (looks && k->looked)
		keeper_pump(k);
}

void *keeper_run(void *keeper)
{
	static const struct loop_handlers handlers = { .message = hear, .turn_end = turn_end };
	const struct ring_options options = { .submissions = 16, .without_buffers = true };
	struct keeper *k = keeper;
	check_install_signal_stack();
	if (loop_init(&k->loop, &options, k->hub->keeper, &handlers, k, &k->fail) != RESULT_OK)
		return k;
	loop_run(&k->loop);
	loop_timer_stop(&k->loop, &k->due_timer);
	loop_timer_stop(&k->loop, &k->back_timer);
	loop_timer_stop(&k->loop, &k->again_timer);
	loop_deinit(&k->loop);
	return NULL;
}

const struct fail *keeper_fail(const struct keeper *keeper) { return &keeper->fail; }
