#include <stdio.h>
#include "engine/run/control_entry.h"
#include "engine/run/control_task.h"
#include "engine/run/revival.h"
#include "engine/run/scheduler_parts.h"

/* Mail in memory as a tool is told of it: where it is, and what it waits for. */

static struct text rcpt_of(const void *context, uint32_t index)
{
	const struct attempt *attempt = context;
	return attempt->message->envelope->rcpts[attempt->rcpts[index].rcpt].address.text;
}

/* Returns when it ends, 0 if nobody knows. */
static uint64_t tell_queued(struct scheduler *s, const struct attempt *attempt, char *why)
{
	const struct site *site = attempt->site;
	const struct throttle *throttle = &site->throttle;
	const char *provider = site->provider->key;
	const struct site_rule *paced_by = rules_paced_by(s, site);
	const struct site_share *full = rules_full_share(site);
	switch (throttle_state_at(throttle, scheduler_now(s))) {
	case THROTTLE_OPEN:
		if (paced_by != NULL)
			(void)snprintf(why, CONTROL_WHY_MAX,
				"waits for its turn: the rate of the rule for %s", paced_by->key);
		else if (full != NULL && site->slots == 0)
			(void)snprintf(why, CONTROL_WHY_MAX,
				"waits for its turn: all %u sessions of the rule for %s are in use",
				full->slots, full->rule->key);
		else
			(void)snprintf(why, CONTROL_WHY_MAX,
				"waits for its turn: %u of %u sessions to %s are in use", site->slots,
				throttle->sessions_now, provider);
		return 0;
	case THROTTLE_PAUSED:
		(void)snprintf(why, CONTROL_WHY_MAX, "%s wants less mail: a short pause", provider);
		break;
	case THROTTLE_BACK_OFF:
		(void)snprintf(why, CONTROL_WHY_MAX, "no host of %s could be reached", provider);
		break;
	case THROTTLE_SUSPENDED:
		(void)snprintf(why, CONTROL_WHY_MAX, "%s refuses us: suspended", provider);
		break;
	}
	return throttle->blocked_until_ns;
}

static uint64_t tell_waiting(const struct attempt *attempt, const char *hold, char *why)
{
	if (hold != NULL)
		(void)snprintf(why, CONTROL_WHY_MAX, "held by the operator: %s", hold);
	else if (attempt->waits_for_room)
		(void)snprintf(why, CONTROL_WHY_MAX,
			"waits for tomorrow: what the warm-up of our addresses allows is used up");
	else if (attempt->waits == 0)
		(void)snprintf(why, CONTROL_WHY_MAX, "not tried yet: waits for its time, or for its turn");
	else
		(void)snprintf(why, CONTROL_WHY_MAX, "deferred: tried again in its time");
	return hold == NULL ? attempt->due_ns : 0;
}

/* Fills state, why and next_us. */
static void tell_state(struct scheduler *s, const struct attempt *attempt, const char *hold,
	char *why, struct control_entry *entry)
{
	uint64_t next_ns = 0;
	switch ((enum attempt_state)attempt->state) {
	case ATTEMPT_ROUTING:
		entry->state = "routing";
		(void)snprintf(why, CONTROL_WHY_MAX, "the hosts of the domain are being looked up");
		break;
	case ATTEMPT_QUEUED:
		entry->state = "queued";
		next_ns = tell_queued(s, attempt, why);
		break;
	case ATTEMPT_LEASED:
		entry->state = "sending";
		(void)snprintf(
			why, CONTROL_WHY_MAX, "it is being sent, or is the next of a session");
		break;
	case ATTEMPT_RECORDING:
		entry->state = "recording";
		(void)snprintf(why, CONTROL_WHY_MAX, "its outcome is being written");
		break;
	case ATTEMPT_WAITING:
		entry->state = hold != NULL ? "held" : "waiting";
		next_ns = tell_waiting(attempt, hold, why);
		break;
	}
	entry->next_us = next_ns != 0 ? outcome_wall_of(s, next_ns) : 0;
	entry->why = text_of(why);
}

void tell_attempt(struct scheduler *s, struct control_task *task, const struct attempt *attempt)
{
	char why[CONTROL_WHY_MAX];
	const struct message *message = attempt->message;
	const struct envelope *envelope = message->envelope;
	struct text domain = text_of_bytes(attempt->domain->name, attempt->domain->name_len);
	struct control_entry entry = {
		.file = text_of(message->name),
		.id = envelope->id,
		.job = envelope->job,
		.from = envelope->sender.text,
		.domain = domain,
		.transactional = attempt->transactional,
		.rcpts_count = attempt->rcpts_count,
		.attempt = attempt->number,
		.expires_us = outcome_wall_of(s, attempt->expires_ns),
		.last = text_of(attempt->last),
		.rcpt = rcpt_of,
		.context = attempt,
	};
	const char *hold = s->hub->holds != NULL ? holds_match(s->hub->holds, domain, envelope->job,
							   message_file(message))
						 : NULL;
	tell_state(s, attempt, hold, why, &entry);
	control_task_put(task, &entry);
}

/* ---- not read ---- */

static bool waits_to_be_split(const struct scheduler *s, const struct message *message)
{
	return message->state == MESSAGE_FOUND && message->envelope == NULL && !message->in_queue &&
	       (message->read_result == RESULT_UNAVAILABLE ||
		       message->read_result == RESULT_TOO_LONG) &&
	       s->splitting != message;
}

/* False: it is read in a moment. */
static bool tell_why_unread(const struct scheduler *s, const struct message *message, char *why)
{
	enum result r = message->read_result;
	if (s->splitting == message)
		(void)snprintf(why, CONTROL_WHY_MAX, "a batch file: being made into mail");
	else if (waits_to_be_split(s, message))
		(void)snprintf(why, CONTROL_WHY_MAX,
			"a batch file: made into mail when those before it are");
	else if (r != RESULT_OK && message->state == MESSAGE_FOUND)
		(void)snprintf(why, CONTROL_WHY_MAX, "cannot be read now, tried again soon: %s",
			message->reason);
	else if (message->in_queue)
		(void)snprintf(why, CONTROL_WHY_MAX, "its time has come: it is being read");
	else
		return false;
	return true;
}

/* What came from the queue is known all the same. */
static void tell_revivals(const struct scheduler *s, struct control_task *task,
	const struct message *message, const char *words)
{
	uint64_t now_ns = scheduler_now(s);
	int64_t ahead_us = (int64_t)queue_clock_us(&s->hub->clock, now_ns) - outcome_wall_of(s, now_ns);
	LIST_FOR_EACH(node, &message->revivals)
	{
		char why[CONTROL_WHY_MAX];
		struct control_entry entry;
		const struct revival *revival = CONTAINER_OF(node, struct revival, node);
		const struct queue_attempt *attempt = &revival->attempt;
		if (!control_request_means(&task->request, attempt->domain, revival->file.job,
			    text_of(message->name)))
			continue;
		control_entry_of_queue(&revival->file, attempt, NULL, ahead_us, why, &entry);
		entry.is_parked = false;
		entry.why = text_of(words);
		control_task_put(task, &entry);
	}
}

void tell_unread(struct scheduler *s, struct control_task *task, const struct message *message)
{
	char why[CONTROL_WHY_MAX];
	if (!tell_why_unread(s, message, why))
		return;
	if (message->in_queue) {
		tell_revivals(s, task, message, why);
		return;
	}
	if (!control_request_means(&task->request, TEXT_EMPTY, TEXT_EMPTY, text_of(message->name)))
		return;
	const struct control_entry entry = {
		.file = text_of(message->name),
		.state = "new",
		.attempt = 1,
		.why = text_of(why),
	};
	control_task_put(task, &entry);
}
