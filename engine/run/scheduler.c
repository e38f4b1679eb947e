#include "engine/run/scheduler.h"
#include <stdlib.h>
#include "engine/base/nanoseconds.h"
#include "engine/run/revival.h"
#include "engine/run/scheduler_back.h"
#include "engine/run/scheduler_parts.h"
#include "engine/run/scheduler_warn.h"
#include "engine/run/scheduler_split.h"
#include "engine/run/site_rules_set.h"

/* ---- the end of a run ----
 *
 *   RUNNING ─▶ DRAINING: workers finish ─▶ RECORDING: outcomes durable, finished files unlinked
 *           ─▶ FLUSHING: the last records ─▶ OVER: STOP to everybody */

static void post_workers(struct scheduler *s, enum post_kind kind, uint32_t number)
{
	for (uint32_t i = 0; i < s->hub->workers_count; i++)
		hub_post(s->hub->workers[i], kind, NULL, number, 0);
}

static void drain_due(struct timer *timer)
{
	struct scheduler *s = CONTAINER_OF(timer, struct scheduler, drain_timer);
	if (s->phase == PHASE_DRAINING)
		post_workers(s, POST_WORKER_DRAIN, 1);
}

static void stop_everybody(struct scheduler *s)
{
	s->phase = PHASE_OVER;
	s->end.pending = hub_read(&s->hub->counters.rcpts_pending);
	s->end.mail_waits = s->end.pending > 0 || !list_is_empty(&s->to_split) || s->files_open > 0 ||
		!list_is_empty(&s->to_read) || !list_is_empty(&s->read_later);
	warmups_end(s);
	post_workers(s, POST_STOP, 0);
	hub_post(s->hub->resolver, POST_STOP, NULL, 0, 0);
	hub_post(s->hub->verifier, POST_STOP, NULL, 0, 0);
	hub_post(s->hub->files, POST_STOP, NULL, 0, 0);
	if (s->hub->keeper != NULL)
		hub_post(s->hub->keeper, POST_STOP, NULL, 0, 0);
	if (s->hub->jobs != NULL)
		hub_post(s->hub->jobs, POST_STOP, NULL, 0, 0);
	hub_post(s->hub->recorder, POST_STOP, NULL, 0, 0);
	hub_post(s->hub->main, POST_STOP, NULL, 0, 0);
	loop_stop(&s->loop);
}

static void drain(struct scheduler *s, bool at_once)
{
	if (s->phase == PHASE_RUNNING) {
		s->phase = PHASE_DRAINING;
		log_write(&s->log, LOG_STOPPING, LOG_NO_FIELDS);
		uint64_t wait_ns = (uint64_t)s->config->options->drain_ms * MS_NS;
		if (!at_once)
			loop_timer_start(&s->loop, &s->drain_timer, wait_ns, drain_due);
		post_workers(s, POST_WORKER_DRAIN, at_once);
		if (s->splitting != NULL)
			hub_post(s->hub->files, POST_SPLIT_STOP, NULL, 0, 0);
	} else if (s->phase == PHASE_DRAINING && at_once) {
		post_workers(s, POST_WORKER_DRAIN, 1);
	} else if (at_once && s->phase != PHASE_OVER) {
		stop_everybody(s); /* only the books are open: the journal has what it has */
	}
}

/* With a journal that cannot be written nothing more becomes durable: what is in flight stays in memory
 * and its files stay, to be sent again by the next run (DESIGN 2). While it only runs out of space, what
 * is in flight still becomes durable. */
static void record_failed(struct scheduler *s, bool is_dead)
{
	s->end.record_failed = true;
	s->record_dead |= is_dead;
	drain(s, false);
}

static bool all_recorded(const struct scheduler *s)
{
	return s->unrecorded.taken == 0 && list_is_empty(&s->settled) && s->leaving_count == 0 &&
		s->rejecting_count == 0 && s->parking_count == 0 && s->splitting == NULL;
}

/* Who used the resolver is to be told how far it could be trusted (DNS-01); without a network the self-test
 * takes as long as a look-up may, and nobody waits that long for what he does not need. */
static bool self_test_is_awaited(const struct scheduler *s) { return s->was_asked && !s->resolver_ready; }

static bool nothing_to_do_now(struct scheduler *s)
{
	if (!s->files_idle || !s->jobs_begun || !park_is_idle(s) || self_test_is_awaited(s))
		return false;
	if (!list_is_empty(&s->to_read) || !list_is_empty(&s->to_split) || s->routing_count > 0 ||
		!all_recorded(s) || warn_is_near(s))
		return false;
	for (uint32_t i = 0; i < s->hub->workers_count; i++)
		if (s->reads[i] > 0)
			return false;
	return !jobs_have_work_now(s) && !leases_have_work_now(s);
}

static void move_to_flushing(struct scheduler *s)
{
	if (s->record_dead) {
		stop_everybody(s);
		return;
	}
	/* What was deferred last waits for its next attempt only now. */
	if (all_recorded(s) && !s->all_parked) {
		s->all_parked = true;
		park_all(s);
	}
	if (all_recorded(s)) {
		s->phase = PHASE_FLUSHING;
		hub_post(s->hub->recorder, POST_RECORDER_FLUSH, NULL, 0, 0);
	}
}

static void move_on(struct scheduler *s)
{
	switch (s->phase) {
	case PHASE_RUNNING:
		if (s->config->options->once && nothing_to_do_now(s))
			drain(s, false);
		break;
	case PHASE_DRAINING:
		if (s->workers_drained < s->hub->workers_count)
			break;
		loop_timer_stop(&s->loop, &s->drain_timer);
		if (s->record_dead) {
			stop_everybody(s);
			break;
		}
		s->phase = PHASE_RECORDING;
		move_to_flushing(s);
		break;
	case PHASE_RECORDING:
		move_to_flushing(s);
		break;
	case PHASE_FLUSHING:
		if (s->record_dead)
			stop_everybody(s);
		break;
	case PHASE_OVER:
		break;
	}
}

/* accepted = delivered + bounced + expired + withdrawn + suppressed + rejected + pending, at every batch
 * border (DESIGN 5). */
static void check_sums(const struct scheduler *s)
{
	struct hub_counters *c = &s->hub->counters;
	hub_count(&c->sums_checked, 1);
	CHECK(hub_read(&c->rcpts_accepted) == hub_done_count(c) + hub_read(&c->rcpts_pending));
}

static void turn_end(struct loop *loop)
{
	struct scheduler *s = loop->owner;
	intake_turn_end(s);
	jobs_turn_end(s);
	domains_turn_end(s);
	leases_turn_end(s);
	outcomes_turn_end(s);
	sources_turn_end(s);
	park_turn_end(s);
	control_turn_end(s);
	watch_turn_end(s);
	check_sums(s);
	move_on(s);
}

/* ---- messages ---- */

static void hear_of_work(struct scheduler *s, const struct mailbox_message *message)
{
	switch (message->kind) {
	case POST_READ_DONE:
		intake_read_done(s, message->object, message->number);
		break;
	case POST_SESSION_UP:
		lease_session_up(s, message->object);
		break;
	case POST_HEARD:
		lease_heard(s, message->object, message->a);
		break;
	case POST_RETURNED:
		lease_returned(s, message->object, message->a);
		break;
	case POST_SLOTS:
		lease_slots_returned(s, message->object, message->number, message->a);
		break;
	case POST_BODIES_WANTED:
		atomic_store(&s->hub->bodies_wanted, false); /* first: who waits from now on says so again */
		intake_drop_bodies(s);
		break;
	case POST_PARKED:
		park_done(s, message->object, (enum result)message->number);
		break;
	case POST_REVIVED:
		park_revived(s, message->object);
		break;
	case POST_KEEPER_IDLE:
		s->keeper_idle = true;
		s->revivals_told = message->a;
		break;
	case POST_WORKER_DRAINED:
		s->workers_drained++;
		break;
	case POST_RECORDED:
		if (message->number != 0)
			s->files_idle = false; /* it is told again behind that mail */
		outcome_recorded(s, message->object);
		break;
	case POST_SPLIT_OVER:
		split_over(s, message->object);
		break;
	case POST_REJECT_RECORDED:
		intake_reject_recorded(s, message->object);
		break;
	case POST_MESSAGE_OVER:
		intake_message_over(s, message->object);
		break;
	case POST_REPORT_DONE:
		mailbox_credits_give(&s->site_reports, message->number);
		break;
	case POST_RECORDER_FLUSHED:
		stop_everybody(s);
		break;
	case POST_RECORD_FAILED:
		record_failed(s, message->number != 0);
		break;
	default:
		UNREACHABLE("a message that is not for the scheduler");
	}
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct scheduler *s = loop->owner;
	switch (message->kind) {
	case POST_FILE_FOUND:
		intake_found(s, message->object);
		break;
	case POST_FILE_GONE:
		intake_gone(s, message->object);
		break;
	case POST_FILES_IDLE:
		s->files_idle = true;
		s->files_open = message->number;
		break;
	case POST_JOBS_BEGUN:
		s->jobs_begun = true;
		break;
	case POST_JOB_OPENED:
		jobs_opened(s, message->object, message->number != 0);
		break;
	case POST_JOB_RCPT:
		jobs_rcpt(s, message->object);
		break;
	case POST_JOB_END:
		jobs_ended(s, message->object, message->number, message->a != 0);
		break;
	case POST_JOB_OVER:
		jobs_over(s, message->object);
		break;
	case POST_ROUTE_FOUND:
		domain_route_found(s, message->object);
		break;
	case POST_RESOLVER_READY:
		s->resolver_ready = true;
		break;
	case POST_CONTROL:
		control_step(s, message->object);
		break;
	case POST_CONTROL_CANCEL:
		control_cancel(s, message->object);
		break;
	case POST_SITE_RULES:
		rules_replace(s, message->object);
		break;
	case POST_WARMUP_WRITTEN:
		warmups_written(s, (enum result)message->number);
		break;
	case POST_DRAIN:
		drain(s, message->number != 0);
		break;
	default:
		hear_of_work(s, message);
	}
}

/* ---- the thread ---- */

enum result scheduler_create(struct hub *hub, struct recovery *recovery,
	struct scheduler **out_scheduler, struct fail *fail)
{
	struct scheduler *s = calloc(1, sizeof *s);
	if (s == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the scheduler");
	s->magic = SCHEDULER_MAGIC;
	s->hub = hub;
	s->config = hub->config;
	s->recovery = recovery;
	s->log = run_config_logger(hub->config, "scheduler");
	s->reads = calloc(hub->workers_count, sizeof *s->reads);
	s->worker_slots = calloc(hub->workers_count, sizeof *s->worker_slots);
	random_init(&s->random);
	intake_init(s);
	splits_init(s);
	leases_init(s);
	outcomes_init(s);
	park_init(s);
	list_init(&s->tasks);
	jobs_init(s);
	if (!watch_init(s) || s->reads == NULL || s->worker_slots == NULL ||
		domains_init(s) != RESULT_OK || rules_init(s) != RESULT_OK) {
		scheduler_destroy(s);
		return fail_set(fail, RESULT_MEMORY, "out of memory for the scheduler");
	}
	enum result r = sources_init(s, fail);
	if (r == RESULT_OK)
		*out_scheduler = s;
	else
		scheduler_destroy(s);
	return r;
}

void *scheduler_run(void *scheduler)
{
	static const struct loop_handlers handlers = { .message = hear, .turn_end = turn_end };
	const struct ring_options options = { .submissions = 64, .without_buffers = true };
	struct scheduler *s = scheduler;
	check_install_signal_stack();
	if (loop_init(&s->loop, &options, s->hub->scheduler, &handlers, s, &s->fail) != RESULT_OK)
		return s;
	s->loop.nap_ns = LOOP_NAP_NS;
	watch_start(s);
	warmups_start(s);
	loop_run(&s->loop);
	loop_deinit(&s->loop);
	return NULL;
}

const struct fail *scheduler_fail(const struct scheduler *scheduler) { return &scheduler->fail; }

struct scheduler_end scheduler_end_of(const struct scheduler *scheduler) { return scheduler->end; }

static void drop_revival(struct revival *revival)
{
	if (revival->is_first)
		message_destroy(revival->message);
	revival_destroy(revival);
}

/* Files that were found when the thread had ended already. */
static void take_late_files(struct scheduler *s)
{
	struct mailbox_message message;
	while (mailbox_take(s->hub->scheduler, &message))
		if (message.kind == POST_FILE_FOUND)
			intake_found(s, message.object);
		else if (message.kind == POST_REVIVED)
			drop_revival(message.object);
		else if (message.kind == POST_SITE_RULES)
			site_rules_set_destroy(message.object);
		else if (message.kind == POST_JOB_RCPT || message.kind == POST_JOB_OPENED)
			jobs_drop(s, message.object);
}

void scheduler_destroy(struct scheduler *s)
{
	if (s == NULL)
		return;
	CHECK_OBJ(s, SCHEDULER_MAGIC);
	take_late_files(s);
	jobs_deinit(s);
	intake_deinit(s);
	back_deinit(s);
	domains_deinit(s);
	leases_deinit(s);
	watch_deinit(s);
	rules_deinit(s);
	sources_deinit(s);
	free(s->reads);
	free(s->worker_slots);
	s->magic = 0;
	free(s);
}
