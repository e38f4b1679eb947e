#include <stdlib.h>
#include <string.h>
#include "engine/io/clock.h"
#include "engine/run/message.h"
#include "engine/run/revival.h"
#include "engine/run/scheduler_back.h"
#include "engine/run/scheduler_parts.h"

/* Recipients of jobs, each a message of its own with one attempt: made by the jobs thread, merged by a
 * worker, then on the way of every message. What waits for long leaves into the queue like any other, and
 * comes back by its name there. */

enum {
	/* Readings at one worker: a file that comes meanwhile finds a place at once. */
	READS_MAX = HUB_READS_MAX / 2,
};

struct message *jobs_message_of(struct list_node *node)
{
	return CONTAINER_OF(node, struct job_rcpt, node)->message;
}

static void remember(struct scheduler *s, struct message *message)
{
	struct job_run *job = message->rcpt->job;
	list_push_back(&job->rcpts, &message->rcpt->node);
	message->found_wall_us = clock_wall_us();
	message->withdrawn |= job->verdict == ATTEMPT_WITHDRAWN;
	(void)s;
}

/* ---- a fresh one ---- */

static void take_fresh(struct scheduler *s, struct message *message)
{
	s->messages_count++;
	message->rcpt->ahead = (uint8_t)message->rcpt->domain->ahead;
	remember(s, message);
	message->accepted_ns = (int64_t)scheduler_now(s);
	message->state = MESSAGE_FOUND;
	if (message->read_result == RESULT_OK) {
		list_push_back(&s->job_reads, &message->node);
		return;
	}
	list_push_back(&s->in_work, &message->node);
	jobs_rcpt_read(s, message);
}

/* Of a line that nobody can read there is no more than this. */
static struct envelope *bare_envelope(const struct message *message)
{
	static const struct envelope_rcpt rcpt = { .address = { .text = TEXT_INIT("") } };
	const struct envelope draft = {
		.rcpts_count = 1,
		.rcpts = &rcpt,
		.class = message->rcpt->job->class,
	};
	return envelope_create(&draft);
}

static void back_to_job(struct scheduler *s, struct message *message)
{
	struct job_rcpt *rcpt = message->rcpt;
	struct job_domain *domain = rcpt->domain;
	jobs_arrived(s, message);
	hub_post(s->hub->jobs, POST_JOB_BACK, domain, rcpt->ordinal, 0);
	domain->is_over = false;
	domain->came_back = true;
	jobs_domain_ready(domain);
	message->rcpts_open = 0;
	jobs_rcpt_over(s, message);
}

static void reject(struct scheduler *s, struct message *message)
{
	if (message->envelope == NULL)
		message->envelope = bare_envelope(message);
	struct attempt *attempt = message->envelope != NULL ? attempt_create(message, 1) : NULL;
	struct domain *domain = NULL;
	if (attempt != NULL)
		domain = domain_take(s, message->rcpt->domain->name.len > 0
						? message->rcpt->domain->name
						: TEXT(""));
	if (domain == NULL) {
		if (attempt != NULL)
			attempt_destroy(attempt);
		back_to_job(s, message);
		return;
	}
	attempt->domain = domain;
	attempt->number = 0; /* none was made */
	message->state = MESSAGE_DELIVERING;
	message->rcpts_open = 1;
	if (message_is_judged(message))
		jobs_settle(s, attempt);
	else
		outcome_settle(
			s, attempt, ATTEMPT_REJECTED, BOUNCE_CLASS_INPUT, "5.6.0", message->reason);
}

void jobs_rcpt_read(struct scheduler *s, struct message *message)
{
	enum result r = message->read_result;
	if (r == RESULT_OK) {
		message->state = MESSAGE_DELIVERING;
		intake_split(s, message);
	} else if (r == RESULT_INVALID || r == RESULT_TOO_LONG || message_is_judged(message)) {
		reject(s, message); /* or what the job has come to: nothing waits longer than it */
	} else {
		s->job_unread += message->rcpt->line == NULL;
		intake_read_later(s, message);
	}
}

/* His line could not be read for reasons of the system: nothing is known of him but his number. */
void jobs_read_again(struct scheduler *s, struct message *message)
{
	message->read_result = RESULT_OK;
	if (message->in_queue) {
		list_push_back(&s->job_fetches, &message->node);
		return;
	}
	s->job_unread--;
	list_push_back(&s->in_work, &message->node);
	back_to_job(s, message);
}

/* ---- with the job, or back to it ---- */

static bool is_dropped(const struct job_rcpt *rcpt)
{
	return rcpt->is_dropped || (rcpt->domain != NULL && rcpt->domain->is_dropped);
}

bool message_is_judged(const struct message *message)
{
	const struct job_rcpt *rcpt = message->rcpt;
	return rcpt != NULL && !message->in_queue &&
	       (rcpt->job->verdict != ATTEMPT_OPEN || is_dropped(rcpt));
}

void jobs_settle(struct scheduler *s, struct attempt *attempt)
{
	if (is_dropped(attempt->message->rcpt))
		control_settle_dropped(s, attempt);
	else if (attempt->message->rcpt->job->verdict == ATTEMPT_WITHDRAWN)
		outcome_settle(s, attempt, ATTEMPT_WITHDRAWN, BOUNCE_CLASS_NONE, "",
			"the directory of the job was removed or replaced");
	else
		outcome_settle(s, attempt, ATTEMPT_EXPIRED, BOUNCE_CLASS_OTHER, "4.4.7",
			"the job ended before his turn: by its own expiry, or since nobody of it had an "
			"answer for a lifetime");
}

const struct source *jobs_source_of(const struct message *message)
{
	const struct job_domain *domain = message->rcpt != NULL ? message->rcpt->domain : NULL;
	return domain != NULL ? domain->source : NULL;
}

bool jobs_give_back(struct scheduler *s, struct attempt *attempt)
{
	struct message *message = attempt->message;
	bool is_alone = message->attempts_count == 1; /* else there is a warning (scheduler_warn.h) */
	if (message->rcpt == NULL || !message->rcpt->is_coming || message->rcpt->domain == NULL ||
		!is_alone || message->withdrawn)
		return false;
	attempt->warn_ns = 0; /* a warning would stand in the way; he comes again */
	outcome_wait(s, attempt, attempt->expires_ns);
	list_push_back(&s->job_backs, &message->again_node);
	return true;
}

bool jobs_hold_back(struct scheduler *s, struct site *site, struct attempt *attempt)
{
	const struct job_rcpt *rcpt = attempt->message->rcpt;
	return rcpt != NULL && rcpt->is_coming && jobs_site_has_enough(s, site, rcpt->job) &&
	       jobs_give_back(s, attempt);
}

static struct attempt *attempt_of(const struct message *message)
{
	return CONTAINER_OF(list_first(&message->attempts), struct attempt, message_node);
}

void jobs_put_back(struct scheduler *s, struct message *message)
{
	struct attempt *attempt = attempt_of(message);
	if (attempt->state == ATTEMPT_QUEUED)
		sources_put_back(s, attempt);
	outcome_discard(s, attempt);
	back_to_job(s, message);
}

/* ---- memory ---- */

static void is_ahead_no_more(struct scheduler *s, struct job_rcpt *rcpt)
{
	if (rcpt->ahead == JOB_AHEAD_NOT)
		return;
	bool was_full = s->job_ahead[rcpt->ahead]-- == s->job_ahead_max;
	rcpt->ahead = JOB_AHEAD_NOT;
	if (was_full)
		loop_turn_again(&s->loop); /* others may wait to go ahead */
}

bool jobs_waits_ahead(struct scheduler *s, struct job_rcpt *rcpt)
{
	if (rcpt->ahead != JOB_AHEAD_NOT)
		return true;
	if (s->job_ahead[JOB_AHEAD_UNSERVED] >= s->job_ahead_max)
		return false;
	rcpt->ahead = JOB_AHEAD_UNSERVED;
	s->job_ahead[JOB_AHEAD_UNSERVED]++;
	return true;
}

void jobs_leased(struct scheduler *s, const struct message *message)
{
	if (message->rcpt != NULL)
		is_ahead_no_more(s, message->rcpt);
}

void jobs_arrived(struct scheduler *s, struct message *message)
{
	struct job_rcpt *rcpt = message->rcpt;
	if (rcpt == NULL || !rcpt->is_coming)
		return;
	rcpt->is_coming = false;
	jobs_domain_less(s, rcpt->domain, 1);
}

/* ---- done ---- */

void jobs_rcpt_final(struct scheduler *s, struct message *message, enum event_kind kind)
{
	if (message->rcpt->job == NULL)
		return;
	message->rcpt->job->left--;
	if (job_kind_is_answer(kind))
		message->rcpt->job->lives_from_ns = (int64_t)scheduler_now(s);
	hub_post(s->hub->jobs, POST_JOB_RCPT_DONE, message->rcpt->job, message->rcpt->ordinal,
		job_done_pack(kind, message->first_seq));
}

/* Not one that comes from the queue: the memory of these is everybody's. */
static bool is_of_line(const struct job_rcpt *rcpt) { return rcpt->domain != NULL; }

void jobs_rcpt_over(struct scheduler *s, struct message *message)
{
	struct job_run *job = message->rcpt->job;
	if (job != NULL) {
		CHECK(job->alive > 0);
		job->alive--;
		s->job_alive -= is_of_line(message->rcpt);
		is_ahead_no_more(s, message->rcpt);
		s->wants_look |= job->verdict == ATTEMPT_WITHDRAWN && message->rcpts_parked > 0;
		job->queue_leftovers -= message->rcpt->is_done;
	}
	s->messages_count--;
	intake_release_body(s, message);
	if (list_node_is_linked(&message->again_node))
		list_remove(&message->again_node);
	control_message_leaves(s, message);
	list_remove(&message->node);
	message_destroy(message);
	loop_turn_again(&s->loop); /* there may be room for another, or the job be over */
}

/* ---- from the queue ---- */

static struct job_run *job_of(struct scheduler *s, const struct message *message, size_t name_len)
{
	struct text name = text_cut(text_of(message->name), name_len);
	LIST_FOR_EACH(node, &s->job_runs)
	{
		struct job_run *job = CONTAINER_OF(node, struct job_run, run_node);
		if (text_equal(text_of(job->name), name) &&
			file_identity_equal(&job->identity, &message->identity))
			return job;
	}
	return NULL;
}

/* `job` NULL: there is none any more. */
static void adopt(struct scheduler *s, struct revival *revival, struct job_run *job)
{
	struct message *message = revival->message;
	struct job_rcpt *rcpt = calloc(1, sizeof *rcpt);
	if (rcpt == NULL || !job_rcpt_of_name(message->name, rcpt)) {
		free(rcpt);
		s->messages_count--;
		message_destroy(message);
		back_give(s, revival);
		return;
	}
	rcpt->message = message;
	rcpt->job = job;
	message->rcpt = rcpt;
	if (job == NULL) {
		park_withdrawn(s, message, revival);
		return;
	}
	/* Being sent when it was dropped, and the sender was killed before it could be told. */
	revival->attempt.is_dropped |= jobs_has_dropped(job, revival->attempt.domain);
	remember(s, message);
	job->alive++;
	message->state = MESSAGE_FOUND;
	list_push_back(&message->revivals, &revival->node);
	list_push_back(&s->job_fetches, &message->node);
}

void jobs_revived(struct scheduler *s, struct revival *revival)
{
	struct message *message = revival->message;
	struct job_run *job = job_of(s, message, strcspn(message->name, "/"));
	if (job != NULL)
		adopt(s, revival, job);
	else
		list_push_back(&s->job_revivals, &revival->node);
}

/* Who has no job is withdrawn when all jobs are open that there are. */
static void look_for_jobs(struct scheduler *s)
{
	LIST_FOR_EACH_SAFE(node, &s->job_revivals)
	{
		struct revival *revival = CONTAINER_OF(node, struct revival, node);
		const struct message *message = revival->message;
		struct job_run *job = job_of(s, message, strcspn(message->name, "/"));
		if (job == NULL && (!s->files_idle || s->jobs_unopened > 0))
			continue;
		list_remove(node);
		adopt(s, revival, job);
	}
}

static void take_fetched(struct scheduler *s, struct message *message)
{
	s->job_fetching--;
	control_message_leaves(s, message);
	list_remove(&message->node);
	if (message->rcpt->is_done) { /* a crash came between this and his leaving the queue */
		list_push_back(&s->in_work, &message->node);
		message->state = MESSAGE_DELIVERING;
		park_attach(s, message);
	} else if (message->withdrawn || message->read_result == RESULT_INVALID) {
		jobs_unreadable(s, message);
	} else if (message->read_result != RESULT_OK) {
		list_push_back(&s->in_work, &message->node);
		park_read_later(s, message);
	} else {
		list_push_back(&s->job_reads, &message->node);
	}
}

void jobs_unreadable(struct scheduler *s, struct message *message)
{
	struct list_node *node = list_pop_front(&message->revivals);
	CHECK(node != NULL);
	control_message_leaves(s, message);
	if (list_node_is_linked(&message->node))
		list_remove(&message->node);
	envelope_unref(message->envelope);
	message->envelope = NULL;
	park_withdrawn(s, message, CONTAINER_OF(node, struct revival, node));
}

void jobs_rcpt(struct scheduler *s, struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	if (message->in_queue)
		take_fetched(s, message);
	else
		take_fresh(s, message);
}

/* ---- turns ---- */

static void fetch(struct scheduler *s)
{
	while (s->job_fetching < HUB_JOB_FETCHES_MAX && !list_is_empty(&s->job_fetches)) {
		struct list_node *node = list_pop_front(&s->job_fetches);
		struct message *message = CONTAINER_OF(node, struct message, node);
		list_push_back(&s->in_work, node);
		s->job_fetching++;
		hub_post(s->hub->jobs, POST_JOB_READ, message, 0, 0);
	}
}

static void read_lines(struct scheduler *s)
{
	while (!list_is_empty(&s->job_reads)) {
		uint32_t worker = intake_worker_with_fewest_reads(s);
		if (s->reads[worker] >= READS_MAX)
			return;
		struct list_node *node = list_pop_front(&s->job_reads);
		struct message *message = CONTAINER_OF(node, struct message, node);
		message->state = MESSAGE_READING;
		list_push_back(&s->in_work, node);
		s->reads[worker]++;
		hub_post(s->hub->workers[worker], POST_READ, message, 0, 0);
	}
}

void jobs_rcpts_turn_end(struct scheduler *s)
{
	struct list_node *node;
	while ((node = list_pop_front(&s->job_backs)) != NULL) {
		struct message *message = CONTAINER_OF(node, struct message, again_node);
		/* It may have been settled meanwhile. */
		if (attempt_of(message)->state == ATTEMPT_WAITING)
			jobs_put_back(s, message);
	}
	if (s->phase != PHASE_RUNNING)
		return;
	if (!list_is_empty(&s->job_revivals))
		look_for_jobs(s);
	fetch(s);
	read_lines(s);
}

/* On its way when the thread had ended. */
void jobs_drop(struct scheduler *s, struct message *message)
{
	if (message->is_job && list_node_is_linked(&message->node))
		return; /* known already */
	if (list_node_is_linked(&message->node))
		list_remove(&message->node);
	list_push_back(&s->in_work, &message->node);
}
