#include "engine/run/scheduler_warn.h"
#include <ctype.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/run/notice.h"
#include "engine/run/scheduler_parts.h"

/* Attempts of one message come out of the queue one by one, all for this: they are told of together. */
#define TOGETHER_NS (100 * MS_NS)
/* Without memory it is tried again after this. */
#define AGAIN_NS (60 * SECOND_NS)

static uint64_t warn_after_ns(const struct scheduler *s)
{
	return (uint64_t)s->config->options->warn_ms * MS_NS;
}

/* ---- who is told of ---- */

static bool is_wanted(const struct scheduler *s, const struct message *message, uint32_t rcpt)
{
	const struct envelope *envelope = message->envelope;
	return notice_is_wanted(s->config, envelope, &envelope->rcpts[rcpt], NOTIFICATION_DELAYED);
}

/* By an earlier run, which fell before the queue had it. */
static bool was_warned(const struct scheduler *s, const struct message *message, uint32_t rcpt)
{
	char name[FILE_NAME_BYTES_MAX + 1];
	(void)snprintf(name, sizeof name, "%.*s", TEXT_ARG(message_file(message)));
	const struct recovered_file *file = recovery_find(s->recovery, name, &message->identity);
	return file != NULL && recovered_is_warned(file, message_rcpt(message, rcpt));
}

static uint32_t count_wanted(
	const struct scheduler *s, const struct attempt *attempt, uint32_t *out_warned)
{
	uint32_t count = 0;
	*out_warned = 0;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		uint32_t rcpt = attempt->rcpts[i].rcpt;
		if (!is_wanted(s, attempt->message, rcpt))
			continue;
		count++;
		*out_warned += was_warned(s, attempt->message, rcpt);
	}
	return count;
}

void warn_begin(struct scheduler *s, struct attempt *attempt)
{
	const struct message *message = attempt->message;
	attempt->warn_ns = 0;
	if (s->config->options->warn_ms == 0 || attempt->is_warned)
		return;
	uint32_t warned, wanted = count_wanted(s, attempt, &warned);
	attempt->is_warned = wanted > 0 && warned == wanted;
	if (warned == wanted)
		return;
	int64_t from_ns =
		outcome_lives_from(s, message->accepted_ns, message->envelope->not_before_unix_s);
	int64_t warn_ns = from_ns + (int64_t)warn_after_ns(s);
	attempt->warn_ns = warn_ns > 0 ? (uint64_t)warn_ns : 1;
}

/* ---- when ---- */

static void wait_for_others(struct scheduler *s, struct attempt *attempt)
{
	uint64_t soon_ns = scheduler_now(s) + TOGETHER_NS;
	if (attempt->warn_ns != 0 && attempt->warn_ns < soon_ns)
		attempt->warn_ns = soon_ns;
}

uint64_t warn_time(const struct scheduler *s, const struct attempt *attempt, uint64_t due_ns)
{
	uint64_t warn_ns = attempt->warn_ns;
	if (warn_ns == 0)
		return due_ns;
	/* What has come late, and stands in line, is tried in a moment: only then it is worth a word. */
	if (attempt->state != ATTEMPT_WAITING && warn_ns <= scheduler_now(s))
		warn_ns = scheduler_now(s) + warn_after_ns(s);
	return warn_ns < due_ns ? warn_ns : due_ns;
}

static bool is_due(const struct scheduler *s, const struct attempt *attempt, uint64_t slack_ns)
{
	bool is_here = attempt->state == ATTEMPT_WAITING || attempt->state == ATTEMPT_ROUTING ||
		       attempt->state == ATTEMPT_QUEUED;
	return is_here && attempt->warn_ns != 0 && attempt->warn_ns <= scheduler_now(s) + slack_ns;
}

bool warn_is_before(const struct scheduler *s, const struct attempt *attempt, uint64_t ns)
{
	uint64_t soon_ns = scheduler_now(s) + SECOND_NS;
	return attempt->warn_ns != 0 && attempt->warn_ns < (ns > soon_ns ? ns : soon_ns);
}

bool warn_is_near(struct scheduler *s)
{
	const struct timer_queue_node *first = timer_queue_first(&s->times);
	return first != NULL &&
	       is_due(s, CONTAINER_OF(first, struct attempt, time), 2 * TOGETHER_NS);
}

/* ---- out of the queue ---- */

uint64_t warn_waits_until(
	const struct scheduler *s, const struct message *message, const struct queue_attempt *from)
{
	bool had_its_turn = from->waits > 0 || message->envelope->not_before_unix_s != 0;
	bool is_early = from->next_us > from->key.due_us && had_its_turn && !from->is_held &&
			!from->is_dropped;
	uint64_t next_ns = is_early ? queue_clock_instant_ns(&s->hub->clock, from->next_us) : 0;
	return next_ns > scheduler_now(s) ? next_ns : 0;
}

void warn_go_on(struct scheduler *s, struct attempt *attempt, uint64_t wait_until_ns)
{
	warn_begin(s, attempt);
	wait_for_others(s, attempt);
	if (wait_until_ns != 0)
		outcome_wait(s, attempt, wait_until_ns);
	else
		(void)outcome_set_out(s, attempt);
}

/* ---- the warning ---- */

/* "mx.a.example: 450 4.2.1 not yet" has 4.2.1; of a 5yz that is tried again all the same the class is
 * changed. What has none is told without. */
static struct smtp_status status_in(struct text last)
{
	size_t colon = text_find_text(last, TEXT(": "));
	struct text reply = colon == TEXT_NONE ? TEXT_EMPTY : text_skip(last, colon + 2);
	bool has_code = reply.len > 4 && isdigit((unsigned char)reply.data[0]) &&
			isdigit((unsigned char)reply.data[1]) &&
			isdigit((unsigned char)reply.data[2]) && reply.data[3] == ' ';
	struct smtp_status status = { 0 };
	if (has_code)
		status = smtp_status_parse(text_skip(reply, 4));
	if (status.class != 0)
		status.class = 4;
	return status;
}

static void tell_of(
	struct scheduler *s, struct attempt *warning, uint32_t *at, const struct attempt *attempt)
{
	struct attempt_work *work = warning->work;
	struct text last = text_of(attempt->last != NULL ? attempt->last : "not tried yet");
	uint32_t text_at = work->texts_used;
	if (last.len > work->texts_size - text_at)
		last.len = 0; /* a message to hundreds of domains */
	memcpy(work->texts + text_at, last.data, last.len);
	work->texts_used += (uint32_t)last.len;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		uint32_t rcpt = attempt->rcpts[i].rcpt;
		if (is_wanted(s, attempt->message, rcpt) && !was_warned(s, attempt->message, rcpt))
			warning->rcpts[(*at)++] = (struct attempt_rcpt){
				.rcpt = rcpt,
				.text_at = text_at,
				.text_len = (uint16_t)last.len,
				.status = status_in(last),
				.has_notice = true,
			};
	}
}

/* NULL: out of memory. It stands before all others of the message, so that whoever walks over these does not
 * meet it. */
static struct attempt *make_warning(struct scheduler *s, struct message *message, uint32_t count)
{
	struct attempt *warning = attempt_create(message, count);
	if (warning == NULL)
		return NULL;
	list_remove(&warning->message_node);
	list_push_front(&message->attempts, &warning->message_node);
	warning->is_warning = true;
	attempt_move(warning, ATTEMPT_RECORDING);
	warning->domain = domain_take(s, envelope_domain(&message->envelope->rcpts[0].address));
	if (warning->domain != NULL && attempt_begin_work(warning))
		return warning;
	if (warning->domain != NULL)
		domain_give(s, warning->domain);
	attempt_destroy(warning);
	return NULL;
}

/* Each that is due has its timer for what comes next. */
static void set_again(struct scheduler *s, struct attempt *attempt, bool is_warned)
{
	attempt->is_warned = is_warned;
	attempt->warn_ns = is_warned ? 0 : scheduler_now(s) + AGAIN_NS;
	if (is_warned && attempt->state == ATTEMPT_QUEUED)
		jobs_unqueued(attempt->site, attempt); /* he has that to remember, and is not given back */
	outcome_clear_time(s, attempt);
	outcome_set_time(s, attempt,
		attempt->state == ATTEMPT_WAITING ? attempt->due_ns : attempt->expires_ns);
}

static void warn(struct scheduler *s, struct message *message)
{
	uint32_t count = 0, at = 0, warned;
	LIST_FOR_EACH(node, &message->attempts)
	{
		const struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		if (is_due(s, attempt, TOGETHER_NS)) {
			count += count_wanted(s, attempt, &warned);
			count -= warned;
		}
	}
	struct attempt *warning = count > 0 ? make_warning(s, message, count) : NULL;
	bool is_made = warning != NULL || count == 0;
	LIST_FOR_EACH(node, &message->attempts)
	{
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		if (!is_due(s, attempt, TOGETHER_NS))
			continue;
		if (warning != NULL) {
			tell_of(s, warning, &at, attempt);
			warning->expires_ns = attempt->expires_ns;
		}
		set_again(s, attempt, is_made);
	}
	CHECK(at == count || warning == NULL);
	if (warning != NULL)
		outcome_record(s, warning);
}

bool warn_pass(struct scheduler *s, struct attempt *attempt)
{
	struct message *message = attempt->message;
	if (!is_due(s, attempt, 0))
		return false;
	warn(s, message);
	park_consider(s, message);
	return true;
}

/* What could not be told is in the log, and is not told again: unlike of a failure, mail goes on. */
void warn_recorded(struct scheduler *s, struct attempt *warning)
{
	struct message *message = warning->message;
	mailbox_credits_give(&s->unrecorded, 1);
	domain_give(s, warning->domain);
	attempt_destroy(warning);
	park_consider(s, message);
}
