#include "engine/io/clock.h"
#include "engine/run/record_event.h"
#include "engine/run/scheduler_parts.h"
#include "engine/run/scheduler_warn.h"

/* ---- times ---- */

static void times_due(struct timer *timer);

static void restart_timer(struct scheduler *s)
{
	struct timer_queue_node *first = timer_queue_first(&s->times);
	if (first == NULL)
		loop_timer_stop(&s->loop, &s->times_timer);
	else
		timer_start(&s->loop.timers, &s->times_timer, first->key, times_due);
}

void outcomes_init(struct scheduler *s)
{
	timer_queue_init(&s->times);
}

int64_t outcome_instant_of(const struct scheduler *s, int64_t unix_s)
{
	const int64_t far_us = 100ll * 365 * 24 * 3600 * 1000000;
	int64_t left_us = unix_s * 1000000 - clock_wall_us();
	if (left_us > far_us)
		left_us = far_us;
	if (left_us < -far_us)
		left_us = -far_us;
	return (int64_t)scheduler_now(s) + left_us * 1000;
}

int64_t outcome_wall_of(const struct scheduler *s, uint64_t monotonic_ns)
{
	return clock_wall_us() + ((int64_t)monotonic_ns - (int64_t)scheduler_now(s)) / 1000;
}

int64_t outcome_lives_from(const struct scheduler *s, int64_t accepted_ns, int64_t not_before_unix_s)
{
	if (not_before_unix_s == 0)
		return accepted_ns;
	int64_t not_before_ns = outcome_instant_of(s, not_before_unix_s);
	return not_before_ns > accepted_ns ? not_before_ns : accepted_ns;
}

uint64_t outcome_expires_at(const struct scheduler *s, enum envelope_class class, int64_t accepted_ns,
	int64_t not_before_unix_s, int64_t expiry_unix_s)
{
	bool transactional = class == ENVELOPE_CLASS_TRANSACTIONAL;
	const struct retry_schedule *retry =
		&s->config->retry[transactional ? RETRY_TRANSACTIONAL : RETRY_BULK];
	int64_t ends_ns = outcome_lives_from(s, accepted_ns, not_before_unix_s) +
			  (int64_t)(retry->lifetime_ms * 1000000);
	if (expiry_unix_s != 0 && outcome_instant_of(s, expiry_unix_s) < ends_ns)
		ends_ns = outcome_instant_of(s, expiry_unix_s);
	return ends_ns > 0 ? (uint64_t)ends_ns : 1;
}

void outcome_set_time(struct scheduler *s, struct attempt *attempt, uint64_t due_ns)
{
	timer_queue_insert(&s->times, &attempt->time, warn_time(s, attempt, due_ns));
	if (timer_queue_first(&s->times) == &attempt->time)
		restart_timer(s);
}

void outcome_clear_time(struct scheduler *s, struct attempt *attempt)
{
	(void)s; /* the timer may fire for nothing: cheaper than to move it each time */
	timer_queue_remove(&s->times, &attempt->time);
}

/* ---- fates that need no worker ---- */

void outcome_record(struct scheduler *s, struct attempt *attempt)
{
	attempt_move(attempt, ATTEMPT_RECORDING);
	if (mailbox_credits_take(&s->unrecorded, 1))
		hub_post(s->hub->recorder, POST_OUTCOME, attempt, 0, 0);
	else
		list_push_back(&s->settled, &attempt->node);
}

void outcome_settle(struct scheduler *s, struct attempt *attempt, enum attempt_fate fate,
	enum bounce_class bounce_class, const char *status, const char *reason)
{
	/* Without memory for the reason the fate is told without it. */
	if (attempt_begin_work(attempt))
		attempt_add_reason(attempt, "", NULL, reason);
	attempt_settle(attempt, fate, bounce_class, status);
	jobs_arrived(s, attempt->message);
	outcome_record(s, attempt);
}

void outcomes_turn_end(struct scheduler *s)
{
	while (!list_is_empty(&s->settled) && mailbox_credits_take(&s->unrecorded, 1)) {
		struct list_node *node = list_pop_front(&s->settled);
		hub_post(s->hub->recorder, POST_OUTCOME, CONTAINER_OF(node, struct attempt, node), 0, 0);
	}
}

bool outcome_take_out(struct scheduler *s, struct attempt *attempt)
{
	switch ((enum attempt_state)attempt->state) {
	case ATTEMPT_ROUTING:
		list_remove(&attempt->node);
		s->routing_count--;
		outcome_clear_time(s, attempt);
		return true;
	case ATTEMPT_QUEUED:
		lease_unqueue(s, attempt);
		return true;
	case ATTEMPT_WAITING:
		hub_uncount(&s->hub->counters.waiting, 1);
		outcome_clear_time(s, attempt);
		return true;
	case ATTEMPT_LEASED:
	case ATTEMPT_RECORDING:
		return false;
	}
	UNREACHABLE("every state is listed");
}

void outcome_expire(struct scheduler *s, struct attempt *attempt)
{
	char why[ATTEMPT_LAST_MAX + 64];
	snprintf(why, sizeof why, "its lifetime ended%s%s", attempt->last != NULL ? "; last: " : " untried",
		attempt->last != NULL ? attempt->last : "");
	outcome_settle(s, attempt, ATTEMPT_EXPIRED, BOUNCE_CLASS_OTHER, "4.4.7", why);
}

/* Nothing waits past its lifetime, in no list (DESIGN 5). */
static void expire(struct scheduler *s, struct attempt *attempt)
{
	CHECK(outcome_take_out(s, attempt));
	outcome_expire(s, attempt);
}

bool outcome_set_out(struct scheduler *s, struct attempt *attempt)
{
	if (!hold_pass(s, attempt))
		return !attempt->is_held;
	if (suppress_pass(s, attempt))
		domain_route(s, attempt);
	return true;
}

static void come_due(struct scheduler *s, struct attempt *attempt)
{
	if (scheduler_now(s) >= attempt->expires_ns) {
		expire(s, attempt);
		return;
	}
	if (warn_pass(s, attempt))
		return;
	CHECK(attempt->state == ATTEMPT_WAITING); /* what is on its way has no other time */
	struct message *message = attempt->message;
	CHECK(outcome_take_out(s, attempt));
	if (!outcome_set_out(s, attempt))
		park_consider(s, message);
}

static void times_due(struct timer *timer)
{
	struct scheduler *s = CONTAINER_OF(timer, struct scheduler, times_timer);
	struct timer_queue_node *node;
	if (s->phase != PHASE_RUNNING)
		return;
	while ((node = timer_queue_first(&s->times)) != NULL && node->key <= scheduler_now(s))
		come_due(s, CONTAINER_OF(node, struct attempt, time));
	restart_timer(s);
}

void outcome_withdraw(struct scheduler *s, struct message *message)
{
	LIST_FOR_EACH_SAFE (node, &message->attempts) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		if (outcome_take_out(s, attempt))
			outcome_settle(s, attempt, ATTEMPT_WITHDRAWN, BOUNCE_CLASS_NONE, "",
				"the file was removed or replaced");
	}
}

void outcome_discard(struct scheduler *s, struct attempt *attempt)
{
	if (!outcome_take_out(s, attempt) && list_node_is_linked(&attempt->node))
		list_remove(&attempt->node);
	domain_give(s, attempt->domain);
	attempt_destroy(attempt);
}

/* ---- what the recorder made durable ---- */

static void count_final(struct scheduler *s, const struct attempt *attempt, enum attempt_fate fate)
{
	struct message *message = attempt->message;
	struct hub_counters *counters = &s->hub->counters;
	switch (fate) {
	case ATTEMPT_DELIVERED:
		hub_count(&counters->delivered, 1);
		break;
	case ATTEMPT_BOUNCED:
		hub_count(&counters->bounced, 1);
		break;
	case ATTEMPT_EXPIRED:
		hub_count(&counters->expired, 1);
		break;
	case ATTEMPT_WITHDRAWN:
		/* What stands there now was not sent by us, and is not ours to unlink. */
		message->withdrawn |= !attempt->is_dropped;
		s->drops_recorded += attempt->is_dropped;
		hub_count(&counters->withdrawn, 1);
		break;
	case ATTEMPT_SUPPRESSED:
		hub_count(&counters->suppressed, 1);
		break;
	case ATTEMPT_REJECTED:
		hub_count(&counters->rejected, 1);
		break;
	case ATTEMPT_OPEN:
	case ATTEMPT_DEFERRED:
		UNREACHABLE("not a final fate");
	}
	hub_uncount(&counters->rcpts_pending, 1);
	CHECK(message->rcpts_open > 0);
	message->rcpts_open--;
	message->has_finals = true;
	if (message->rcpt != NULL)
		jobs_rcpt_final(s, message, record_event_kind(fate));
	else if (message->envelope != NULL)
		domain_job_count(s, message->envelope->job, record_event_kind(fate));
}

/* Takes the recipients with a final fate out; returns how many are left. */
static uint32_t keep_deferred(struct scheduler *s, struct attempt *attempt, bool *out_counts)
{
	uint32_t kept = 0;
	*out_counts = false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		if (rcpt->fate != ATTEMPT_DEFERRED) {
			count_final(s, attempt, rcpt->fate);
			continue;
		}
		*out_counts |= rcpt->counts_as_attempt;
		attempt->rcpts[kept++] = (struct attempt_rcpt){ .rcpt = rcpt->rcpt };
	}
	attempt->rcpts_count = kept;
	return kept;
}

void outcome_wait(struct scheduler *s, struct attempt *attempt, uint64_t due_ns)
{
	jobs_arrived(s, attempt->message);
	warmups_release(s, attempt);
	attempt->waits_for_room = false;
	attempt_move(attempt, ATTEMPT_WAITING);
	attempt->due_ns = due_ns;
	hub_count(&s->hub->counters.waiting, 1);
	outcome_set_time(s, attempt, due_ns);
}

bool outcome_hold(struct scheduler *s, struct message *message)
{
	LIST_FOR_EACH_SAFE (node, &message->attempts) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		uint64_t due_ns = attempt->state == ATTEMPT_WAITING ? attempt->due_ns : scheduler_now(s);
		if (!outcome_take_out(s, attempt))
			return false;
		route_unref(attempt->route);
		attempt->route = NULL;
		outcome_wait(s, attempt, due_ns);
	}
	return true;
}

/* SMTP-36: the wait grows with every pass that ended without an outcome; the number of the attempt only
 * with those that count as one (CONFORMANCE 0.4: no connection was no attempt). */
static void wait_for_retry(struct scheduler *s, struct attempt *attempt, bool counts)
{
	hub_count(&s->hub->counters.deferrals, attempt->rcpts_count);
	uint64_t due_ns = scheduler_now(s);
	if (!attempt->given_back) { /* else nobody deferred it but we ourselves: it goes on at once */
		attempt->waits++;
		if (counts)
			attempt->number++;
		const struct retry_schedule *retry =
			&s->config->retry[attempt->transactional ? RETRY_TRANSACTIONAL : RETRY_BULK];
		due_ns = retry_due_ns(
			retry, attempt->expires_ns, due_ns, attempt->waits, random_u64(&s->random));
	}
	attempt->given_back = false;
	outcome_wait(s, attempt, due_ns);
}

/* STS-36: before the mail fails for good the policy is fetched anew, if it is not the newest. */
static bool has_failed_policy(const struct attempt *attempt)
{
	if (attempt->route == NULL || !attempt->route->sts.enforced)
		return false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (attempt->rcpts[i].fate == ATTEMPT_DEFERRED &&
			attempt->rcpts[i].bounce_class == BOUNCE_CLASS_TLS)
			return true;
	return false;
}

void outcome_recorded(struct scheduler *s, struct attempt *attempt)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	CHECK(attempt->state == ATTEMPT_LEASED || attempt->state == ATTEMPT_RECORDING);
	if (attempt->is_warning) {
		warn_recorded(s, attempt);
		return;
	}
	mailbox_credits_give(&s->unrecorded, 1);
	struct message *message = attempt->message;
	if (attempt->warmup != NULL)
		warmups_settle(s, attempt);
	attempt->domain->is_doubted |= has_failed_policy(attempt);
	route_unref(attempt->route);
	attempt->route = NULL;
	body_unref(attempt->body);
	attempt->body = NULL;
	attempt->lease = NULL;
	attempt->is_noticed = false;
	bool counts;
	attempt_keep_last(attempt);
	attempt_end_work(attempt);
	if (keep_deferred(s, attempt, &counts) > 0) {
		wait_for_retry(s, attempt, counts);
		if (message->withdrawn && outcome_take_out(s, attempt))
			outcome_settle(s, attempt, ATTEMPT_WITHDRAWN, BOUNCE_CLASS_NONE, "",
				"the file was removed or replaced");
		else if (attempt->is_dropped && outcome_take_out(s, attempt))
			control_settle_dropped(s, attempt);
		else
			park_consider(s, message);
		return;
	}
	domain_give(s, attempt->domain);
	attempt_destroy(attempt);
	park_consider(s, message);
}
