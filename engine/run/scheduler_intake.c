#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/scheduler_parts.h"
#include "engine/run/scheduler_split.h"
#include "engine/run/scheduler_warn.h"

/* A file that cannot be read for reasons of the system is tried again after this. */
#define READ_LATER_NS (5 * SECOND_NS)

static void read_later_due(struct timer *timer)
{
	struct scheduler *s = CONTAINER_OF(timer, struct scheduler, read_later_timer);
	control_list_leaves(s, &s->read_later);
	list_splice_back(&s->to_read, &s->read_later);
}

void intake_init(struct scheduler *s)
{
	list_init(&s->to_read);
	list_init(&s->read_later);
	list_init(&s->in_work);
	list_init(&s->to_depart);
	list_init(&s->to_reject);
	mailbox_credits_init(&s->departures, HUB_FILES_MAX);
	mailbox_credits_init(&s->rejections, HUB_FILES_MAX);
	list_init(&s->bodies);
}

/* ---- leaving, rejected ---- */

void intake_leave(struct scheduler *s, struct message *message, enum post_kind kind)
{
	message->state = MESSAGE_LEAVING;
	s->leaving_count++;
	if (list_node_is_linked(&message->again_node))
		list_remove(&message->again_node);
	intake_release_body(s, message);
	if (mailbox_credits_take(&s->departures, 1)) {
		hub_post(s->hub->files, kind, message, 0, 0);
		return;
	}
	message->depart_as = kind;
	list_push_back(&s->to_depart, &message->depart_node);
}

void intake_reject(struct scheduler *s, struct message *message)
{
	hub_count(&s->hub->counters.files_bad, 1);
	message->state = MESSAGE_LEAVING; /* whatever happens to its file meanwhile */
	const struct recovered_file *recovered =
		recovery_find(s->recovery, message->name, &message->identity);
	message->recovered = recovered != NULL;
	if (recovered != NULL && recovered->rejected) {
		intake_leave(s, message, POST_MOVE_BAD); /* it was told in an earlier run */
		return;
	}
	s->rejecting_count++;
	if (mailbox_credits_take(&s->rejections, 1))
		hub_post(s->hub->recorder, POST_REJECTED, message, 0, 0);
	else
		list_push_back(&s->to_reject, &message->depart_node);
}

/* ---- found, read ---- */

/* The lifetime counts from when the file was made, so that a restart does not lengthen it. A time in
 * the future (a clock that was set) counts as now. */
static int64_t accepted_at(const struct scheduler *s, const struct message *message)
{
	int64_t made_us = message->identity.birth_ns / 1000;
	if (made_us == 0)
		made_us = message->identity.modified_ns / 1000;
	int64_t age_us = message->found_wall_us - made_us;
	return (int64_t)scheduler_now(s) - (age_us > 0 ? age_us * 1000 : 0);
}

void intake_found(struct scheduler *s, struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	s->files_idle = false;
	s->messages_count++;
	s->credits_owed++;
	hub_count(&s->hub->counters.files_found, 1);
	message->found_wall_us = clock_wall_us();
	message->accepted_ns = accepted_at(s, message);
	message->state = MESSAGE_FOUND;
	if (message->read_result == RESULT_OK) {
		s->jobs_unopened += message->is_job;
		list_push_back(&s->to_read, &message->node);
		return;
	}
	list_push_back(&s->in_work, &message->node);
	intake_reject(s, message); /* the files thread has seen that it is no mail */
}

uint32_t intake_worker_with_fewest_reads(const struct scheduler *s)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < s->hub->workers_count; i++)
		if (s->reads[i] < s->reads[best])
			best = i;
	return best;
}

/* The files thread may find as many more as have been taken, while there is memory for them. */
static void give_credits(struct scheduler *s)
{
	uint32_t files = s->messages_count < s->config->messages_max ? s->credits_owed : 0;
	if (files == 0 && s->gone_owed == 0)
		return;
	hub_post(s->hub->files, POST_CREDIT, NULL, files, s->gone_owed);
	s->credits_owed -= files;
	s->gone_owed = 0;
}

void intake_turn_end(struct scheduler *s)
{
	while (s->phase == PHASE_RUNNING && !list_is_empty(&s->to_read)) {
		if (jobs_take_first(s))
			continue;
		uint32_t worker = intake_worker_with_fewest_reads(s);
		if (s->reads[worker] >= HUB_READS_MAX)
			break;
		struct message *message =
			CONTAINER_OF(list_first(&s->to_read), struct message, node);
		control_message_leaves(s, message);
		list_remove(&message->node);
		message->state = MESSAGE_READING;
		list_push_back(&s->in_work, &message->node);
		s->reads[worker]++;
		hub_post(s->hub->workers[worker], POST_READ, message, 0, 0);
	}
	while (!list_is_empty(&s->to_depart) && mailbox_credits_take(&s->departures, 1)) {
		struct list_node *node = list_pop_front(&s->to_depart);
		struct message *message = CONTAINER_OF(node, struct message, depart_node);
		hub_post(s->hub->files, message->depart_as, message, 0, 0);
	}
	while (!list_is_empty(&s->to_reject) && mailbox_credits_take(&s->rejections, 1)) {
		struct list_node *node = list_pop_front(&s->to_reject);
		struct message *message = CONTAINER_OF(node, struct message, depart_node);
		hub_post(s->hub->recorder, POST_REJECTED, message, 0, 0);
	}
	split_next(s);
	give_credits(s);
}

/* ---- bodies ---- */

void intake_release_body(struct scheduler *s, struct message *message)
{
	(void)s;
	if (list_node_is_linked(&message->body_node))
		list_remove(&message->body_node);
	body_unref(message->body);
	message->body = NULL;
}

void intake_keep_body(struct scheduler *s, struct message *message)
{
	if (message->body != NULL)
		list_push_back(&s->bodies, &message->body_node);
	/* It may be the one that those who wait for room are waiting for. */
	if (body_budget_is_wanted(&s->hub->bodies))
		intake_drop_bodies(s);
}

void intake_drop_bodies(struct scheduler *s)
{
	struct body_budget *budget = &s->hub->bodies;
	while (!list_is_empty(&s->bodies) &&
		(body_budget_is_wanted(budget) ||
			atomic_load_explicit(&budget->used_bytes, memory_order_relaxed) >
				budget->max_bytes / 2)) {
		struct list_node *node = list_first(&s->bodies);
		intake_release_body(s, CONTAINER_OF(node, struct message, body_node));
	}
}

/* ---- split into attempts ---- */

static int compare_domains(const void *a, const void *b, void *context)
{
	const struct envelope *envelope = context;
	const struct envelope_rcpt *rcpt_a = &envelope->rcpts[*(const uint32_t *)a];
	const struct envelope_rcpt *rcpt_b = &envelope->rcpts[*(const uint32_t *)b];
	int order = text_compare(envelope_domain(&rcpt_a->address), envelope_domain(&rcpt_b->address));
	if (order != 0)
		return order;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/* Starts one attempt: at once, or at its not-before time. */
static void start(struct scheduler *s, struct attempt *attempt)
{
	int64_t not_before_s = attempt->message->envelope->not_before_unix_s;
	int64_t begins_ns = not_before_s != 0 ? outcome_instant_of(s, not_before_s) : 0;
	if (message_is_judged(attempt->message)) { /* with its job */
		jobs_settle(s, attempt);
		return;
	}
	if (begins_ns <= (int64_t)scheduler_now(s)) {
		if (scheduler_now(s) >= attempt->expires_ns)
			/* A timer would come too late where the route is known and a session is free. */
			outcome_settle(s, attempt, ATTEMPT_EXPIRED, BOUNCE_CLASS_OTHER, "4.4.7",
				"its lifetime ended untried");
		else
			(void)outcome_set_out(s, attempt);
		return;
	}
	/* What expires before its time comes is not kept for that. */
	outcome_wait(s, attempt,
		(uint64_t)begins_ns < attempt->expires_ns ? (uint64_t)begins_ns
							  : attempt->expires_ns);
}

/* MX-25: the recipients of one domain share an attempt, up to --max-rcpts. Returns how many of
 * `indices` it took. */
static uint32_t split_one(struct scheduler *s, struct message *message, const uint32_t *indices,
	uint32_t count)
{
	const struct envelope *envelope = message->envelope;
	struct text domain = envelope_domain(&envelope->rcpts[indices[0]].address);
	uint32_t n = 1, max = (uint32_t)s->config->options->rcpts;
	while (n < count && n < max &&
		text_equal(domain, envelope_domain(&envelope->rcpts[indices[n]].address)))
		n++;
	struct attempt *attempt = attempt_create(message, n);
	struct domain *of = attempt != NULL ? domain_take(s, domain) : NULL;
	if (of == NULL) {
		if (attempt != NULL)
			attempt_destroy(attempt);
		return 0;
	}
	attempt->domain = of;
	attempt->source = jobs_source_of(message);
	attempt->transactional = envelope->class == ENVELOPE_CLASS_TRANSACTIONAL;
	attempt->expires_ns = outcome_expires_at(s, envelope->class, message->accepted_ns,
		envelope->not_before_unix_s, envelope->expiry_unix_s);
	for (uint32_t i = 0; i < n; i++)
		attempt->rcpts[i].rcpt = indices[i];
	warn_begin(s, attempt);
	return n;
}

/* For reasons of the system, not of the file: it stays where it is. */
void intake_read_later(struct scheduler *s, struct message *message)
{
	message->state = MESSAGE_FOUND;
	control_message_leaves(s, message);
	list_remove(&message->node);
	list_push_back(&s->read_later, &message->node);
	if (timer_is_running(&s->read_later_timer))
		return; /* one line tells of all that wait for it */
	log_write(&s->log, LOG_SPOOL_FILE_UNREADABLE,
		LOG_FIELDS(log_cstr("file", message->name), log_cstr("why", message->reason)));
	loop_timer_start(&s->loop, &s->read_later_timer, READ_LATER_NS, read_later_due);
}

/* Without memory the message goes back to be read later; nothing was said to anybody about it. */
static void out_of_memory(struct scheduler *s, struct message *message)
{
	LIST_FOR_EACH_SAFE (node, &message->attempts) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		domain_give(s, attempt->domain);
		attempt_destroy(attempt);
	}
	intake_release_body(s, message);
	envelope_unref(message->envelope);
	message->envelope = NULL;
	message->read_result = RESULT_MEMORY;
	snprintf(message->reason, sizeof message->reason, "out of memory here");
	intake_read_later(s, message);
}

static uint32_t open_indices(const struct message *message, const struct recovered_file *recovered,
	uint32_t *out_indices)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < message->envelope->rcpts_count; i++)
		if (recovered == NULL || !recovered_is_done(recovered, i))
			out_indices[count++] = i;
	return count;
}

void intake_split(struct scheduler *s, struct message *message)
{
	const struct envelope *envelope = message->envelope;
	const struct recovered_file *recovered =
		recovery_find(s->recovery, message->name, &message->identity);
	message->recovered = recovered != NULL;
	uint32_t one[1], *indices = one;
	if (envelope->rcpts_count > 1)
		indices = malloc(envelope->rcpts_count * sizeof *indices);
	if (indices == NULL) {
		out_of_memory(s, message);
		return;
	}
	uint32_t count = open_indices(message, recovered, indices);
	if (count > 1)
		qsort_r(indices, count, sizeof *indices, compare_domains, message->envelope);
	uint32_t done = 0, n;
	while (done < count && (n = split_one(s, message, indices + done, count - done)) > 0)
		done += n;
	if (indices != one)
		free(indices);
	if (done < count) {
		out_of_memory(s, message);
		return;
	}
	message->rcpts_open = count;
	if (message->rcpt == NULL) { /* else they were counted with their job */
		hub_count(&s->hub->counters.rcpts_accepted, count);
		hub_count(&s->hub->counters.rcpts_pending, count);
	}
	if (count == 0) { /* an earlier run did it all and fell before the unlink */
		intake_message_done(s, message);
		return;
	}
	intake_keep_body(s, message);
	LIST_FOR_EACH_SAFE (node, &message->attempts)
		start(s, CONTAINER_OF(node, struct attempt, message_node));
	park_consider(s, message);
}

/* ---- what a read can come to ---- */

void intake_message_done(struct scheduler *s, struct message *message)
{
	CHECK(message->rcpts_open == 0);
	CHECK(list_is_empty(&message->attempts));
	if (message->rcpt != NULL)
		jobs_rcpt_over(s, message);
	else
		intake_leave(s, message, message->was_gone ? POST_EVICT : POST_UNLINK);
}

void intake_evict(struct scheduler *s, struct message *message)
{
	CHECK(list_is_empty(&message->attempts));
	if (message->rcpt != NULL)
		jobs_rcpt_over(s, message);
	else
		intake_leave(s, message, POST_EVICT);
}

void intake_reject_recorded(struct scheduler *s, struct message *message)
{
	mailbox_credits_give(&s->rejections, 1);
	s->rejecting_count--;
	intake_leave(s, message, POST_MOVE_BAD);
}

/* It was mail before: what is not now is another file, or gone. */
static void read_of_queue_done(struct scheduler *s, struct message *message)
{
	if (message->withdrawn || message->read_result == RESULT_NOT_FOUND ||
		message->read_result == RESULT_CHANGED || message->read_result == RESULT_INVALID ||
		message->read_result == RESULT_TOO_LONG) {
		park_unreadable(s, message);
	} else if (message->read_result == RESULT_OK) {
		message->state = MESSAGE_DELIVERING;
		park_read_done(s, message);
	} else {
		park_read_later(s, message);
	}
}

void intake_read_done(struct scheduler *s, struct message *message, uint32_t worker)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	CHECK(s->reads[worker] > 0);
	s->reads[worker]--;
	if (message->in_queue) {
		read_of_queue_done(s, message);
		return;
	}
	if (message->rcpt != NULL) {
		jobs_rcpt_read(s, message);
		return;
	}
	if (message->withdrawn || message->read_result == RESULT_NOT_FOUND ||
		message->read_result == RESULT_CHANGED) {
		/* Nobody has been told of it, and the name may be new mail by now. */
		message->withdrawn = true;
		intake_leave(s, message, POST_UNLINK);
		return;
	}
	if (message->read_result == RESULT_OK) {
		message->state = MESSAGE_DELIVERING;
		intake_split(s, message);
	} else if (message->read_result == RESULT_INVALID) {
		intake_reject(s, message);
	} else if (message->read_result == RESULT_UNAVAILABLE || message->read_result == RESULT_TOO_LONG) {
		split_wait(s, message); /* a batch may be larger than any message */
	} else {
		intake_read_later(s, message);
	}
}

/* ---- the file went away ---- */

void intake_gone(struct scheduler *s, struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	s->gone_owed++;
	if (message->withdrawn || message->state == MESSAGE_LEAVING)
		return;
	message->withdrawn = true;
	switch (message->state) {
	case MESSAGE_FOUND:
		control_message_leaves(s, message);
		list_remove(&message->node);
		list_push_back(&s->in_work, &message->node);
		s->jobs_unopened -= message->is_job;
		if (message->in_queue)
			park_unreadable(s, message);
		else
			intake_leave(s, message, POST_UNLINK);
		break;
	case MESSAGE_READING: /* seen when the read is done */
	case MESSAGE_PARKING: /* seen by the files thread when it is to forget it */
		break;
	case MESSAGE_DELIVERING:
		if (message->is_job)
			jobs_withdraw(s, message->job);
		else
			outcome_withdraw(s, message);
		break;
	case MESSAGE_LEAVING:
		UNREACHABLE("handled above");
	}
}

void intake_message_over(struct scheduler *s, struct message *message)
{
	CHECK(s->leaving_count > 0 && s->messages_count > 0);
	mailbox_credits_give(&s->departures, 1);
	s->leaving_count--;
	s->messages_count--;
	control_message_leaves(s, message);
	list_remove(&message->node);
	if (message->job != NULL)
		hub_post(s->hub->jobs, POST_JOB_CLOSE, message->job, message->stuck, 0);
	message_destroy(message);
}

/* ---- the end ---- */

static void destroy_messages(struct scheduler *s, struct list *messages)
{
	struct list_node *node;
	while ((node = list_pop_front(messages)) != NULL) {
		struct message *message = CONTAINER_OF(node, struct message, node);
		LIST_FOR_EACH_SAFE (attempt_node, &message->attempts)
			outcome_discard(s, CONTAINER_OF(attempt_node, struct attempt, message_node));
		intake_release_body(s, message);
		if (list_node_is_linked(&message->depart_node))
			list_remove(&message->depart_node);
		park_discard(message);
		message_destroy(message);
	}
}

void intake_deinit(struct scheduler *s)
{
	destroy_messages(s, &s->to_read);
	destroy_messages(s, &s->read_later);
	destroy_messages(s, &s->to_split);
	destroy_messages(s, &s->in_work);
}
