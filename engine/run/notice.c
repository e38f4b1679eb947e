#include "engine/run/notice.h"
#include <stdio.h>
#include "engine/base/nanoseconds.h"

/* When it is tried again to tell of a lifetime that is over. */
#define EXPIRE_AGAIN_NS (5 * 60 * SECOND_NS)
/* The same where there are too many: each look is an event line for every one that waits. */
#define EXPIRE_LATER_NS (60 * 60 * SECOND_NS)

/* ---- who is told ---- */

static bool is_in_option(const struct run_config *config, const struct envelope *envelope,
	const struct envelope_rcpt *rcpt)
{
	switch ((enum bounce_option)config->options->bounce) {
	case BOUNCE_SINGLE:
		return text_is_empty(envelope->job) || envelope_notify_given(rcpt->notify);
	case BOUNCE_DSN: return true;
	case BOUNCE_EVENT: return false;
	}
	UNREACHABLE("a fourth way to tell of failures");
}

bool notice_is_wanted(const struct run_config *config, const struct envelope *envelope,
	const struct envelope_rcpt *rcpt, enum notification_action action)
{
	return notification_is_wanted(envelope, rcpt, action) && is_in_option(config, envelope, rcpt);
}

static bool host_lacks_dsn(const struct attempt *attempt, const struct attempt_rcpt *rcpt)
{
	return attempt->work != NULL && attempt->work->facts[rcpt->facts].lacks_dsn;
}

bool notice_is_due(const struct run_config *config, const struct attempt *attempt,
	const struct attempt_rcpt *rcpt, enum notification_action *out_action)
{
	const struct envelope *envelope = attempt->message->envelope;
	const struct envelope_rcpt *address = &envelope->rcpts[rcpt->rcpt];
	*out_action = NOTIFICATION_DELAYED;
	if (attempt->is_warning)
		return rcpt->has_notice;
	if (rcpt->fate == ATTEMPT_BOUNCED || rcpt->fate == ATTEMPT_EXPIRED)
		*out_action = NOTIFICATION_FAILED;
	else if (rcpt->fate == ATTEMPT_DELIVERED && host_lacks_dsn(attempt, rcpt))
		*out_action = NOTIFICATION_RELAYED;
	else
		return false;
	return notice_is_wanted(config, envelope, address, *out_action);
}

uint32_t notice_mark(const struct run_config *config, struct attempt *attempt)
{
	uint32_t count = 0;
	enum notification_action action;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		rcpt->has_notice = notice_is_due(config, attempt, rcpt, &action);
		count += rcpt->has_notice;
	}
	return count;
}

bool notice_must_wait(const struct hub *hub, const struct attempt *attempt)
{
	return attempt->message->rcpt != NULL && hub_read(&hub->counters.notices) >= NOTICES_MAX;
}

/* What was delivered stays so: only the failures are told again. */
void notice_defer(struct attempt *attempt, uint64_t now_ns, enum result result)
{
	char why[120];
	bool is_over = false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		if (!rcpt->has_notice || rcpt->fate == ATTEMPT_DELIVERED)
			continue;
		is_over |= rcpt->fate == ATTEMPT_EXPIRED;
		rcpt->fate = ATTEMPT_DEFERRED;
	}
	if (is_over)
		attempt->expires_ns =
			now_ns + (result == RESULT_LIMIT ? EXPIRE_LATER_NS : EXPIRE_AGAIN_NS);
	snprintf(why, sizeof why, "its sender could not be told that it failed (%s)",
		result_text(result));
	if (attempt_begin_work(attempt))
		attempt_add_reason(attempt, "", NULL, why);
}
