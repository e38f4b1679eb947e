#include "engine/run/attempt.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"

/* `by`: 1, or UINT32_MAX for one less. */
static void count(const struct attempt *attempt, uint32_t by)
{
	struct message *message = attempt->message;
	switch ((enum attempt_state)attempt->state) {
	case ATTEMPT_ROUTING:
	case ATTEMPT_QUEUED: message->attempts_to_lease += by; break;
	case ATTEMPT_WAITING: message->attempts_waiting += by; break;
	case ATTEMPT_LEASED:
	case ATTEMPT_RECORDING: break;
	}
}

void attempt_move(struct attempt *attempt, enum attempt_state state)
{
	count(attempt, UINT32_MAX);
	attempt->state = (uint8_t)state;
	count(attempt, 1);
}

struct attempt *attempt_create(struct message *message, uint32_t rcpts_count)
{
	CHECK(rcpts_count > 0);
	struct attempt *attempt =
		calloc(1, sizeof *attempt + rcpts_count * sizeof attempt->rcpts[0]);
	if (attempt == NULL)
		return NULL;
	attempt->magic = ATTEMPT_MAGIC;
	attempt->message = message;
	attempt->number = 1;
	attempt->rcpts_count = rcpts_count;
	message->attempts_count++;
	count(attempt, 1);
	list_push_back(&message->attempts, &attempt->message_node);
	return attempt;
}

void attempt_destroy(struct attempt *attempt)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	CHECK(!list_node_is_linked(&attempt->node));
	CHECK(!timer_queue_is_queued(&attempt->time));
	CHECK(!fair_item_is_waiting(&attempt->fair));
	list_remove(&attempt->message_node);
	attempt->message->attempts_count--;
	count(attempt, UINT32_MAX);
	route_unref(attempt->route);
	body_unref(attempt->body);
	attempt_end_work(attempt);
	free(attempt->last);
	attempt->magic = 0;
	free(attempt);
}

bool attempt_begin_work(struct attempt *attempt)
{
	if (attempt->work != NULL)
		return true;
	uint32_t texts = ATTEMPT_TEXTS_BASE + ATTEMPT_TEXTS_RCPT * attempt->rcpts_count;
	if (texts > ATTEMPT_TEXTS_MAX)
		texts = ATTEMPT_TEXTS_MAX;
	size_t results = attempt->rcpts_count * sizeof(struct smtp_rcpt_result);
	struct attempt_work *work = malloc(sizeof *work + results + texts);
	if (work == NULL)
		return false;
	*work = (struct attempt_work){
		.results = (struct smtp_rcpt_result *)(void *)(work + 1),
		.texts = (char *)(work + 1) + results,
		.texts_size = texts,
		.facts_count = 1,
		.facts = { { .mx = "", .helo = "", .tls = "" } },
	};
	buf_init(&work->reason, work->reason_memory, sizeof work->reason_memory);
	attempt->work = work;
	return true;
}

void attempt_end_work(struct attempt *attempt)
{
	for (uint8_t i = 0; attempt->work != NULL && i < attempt->work->facts_count; i++)
		route_unref(attempt->work->facts[i].route);
	free(attempt->work);
	attempt->work = NULL;
}

void attempt_add_reason(struct attempt *attempt, const char *host, const struct ip_address *ip,
	const char *what)
{
	struct buf *reason = &attempt->work->reason;
	size_t before = reason->len;
	if (before > 0)
		buf_put_cstr(reason, "; ");
	buf_put_cstr(reason, host);
	if (ip != NULL && ip->family != IP_FAMILY_NONE) {
		buf_put_cstr(reason, " [");
		ip_address_format(ip, reason);
		buf_put_cstr(reason, "]");
	}
	if (*host != '\0')
		buf_put_cstr(reason, ": ");
	buf_put_cstr(reason, what);
	/* What does not fit is left out as a whole; the first troubles are the telling ones. */
	if (reason->overflow)
		buf_truncate(reason, before);
}

struct smtp_status attempt_status_of(const char *status)
{
	return smtp_status_parse(text_of(status));
}

void attempt_settle(struct attempt *attempt, enum attempt_fate fate, enum bounce_class bounce_class,
	const char *status)
{
	struct smtp_status parsed = attempt_status_of(status);
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		if (rcpt->fate != ATTEMPT_OPEN)
			continue;
		rcpt->fate = (uint8_t)fate;
		rcpt->bounce_class = (uint8_t)bounce_class;
		rcpt->status = parsed;
		rcpt->code = 0;
		rcpt->text_len = 0;
		rcpt->facts = 0;
	}
}

struct text attempt_reply_text(const struct attempt *attempt, const struct attempt_rcpt *rcpt)
{
	if (attempt->work == NULL)
		return TEXT_EMPTY;
	CHECK(rcpt->text_at + rcpt->text_len <= attempt->work->texts_size);
	return text_of_bytes(attempt->work->texts + rcpt->text_at, rcpt->text_len);
}

bool attempt_has_open(const struct attempt *attempt)
{
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (attempt->rcpts[i].fate == ATTEMPT_OPEN)
			return true;
	return false;
}

struct smtp_status attempt_status_for(uint16_t code, struct smtp_status status)
{
	if (status.class == 0 && code >= 200)
		status.class = (uint8_t)(code / 100);
	return status;
}

void attempt_keep_last(struct attempt *attempt)
{
	if (attempt->work == NULL)
		return;
	char text[ATTEMPT_LAST_MAX];
	struct buf buf;
	buf_init(&buf, text, sizeof text);
	for (uint32_t i = 0; i < attempt->rcpts_count && buf.len == 0; i++) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		/* A yes is not what deferred it: the reason tells (POL-13). */
		if (rcpt->fate != ATTEMPT_DEFERRED || (rcpt->code / 100 != 4 && rcpt->code / 100 != 5))
			continue;
		buf_put_cstr(&buf, attempt->work->facts[rcpt->facts].mx);
		buf_put_cstr(&buf, ": ");
		buf_put_number(&buf, rcpt->code);
		buf_put_cstr(&buf, " ");
		buf_put_text(&buf, text_cut_utf8(attempt_reply_text(attempt, rcpt), ATTEMPT_LAST_MAX / 2));
	}
	if (buf.len == 0)
		buf_put_text(&buf, text_cut_utf8(buf_text(&attempt->work->reason), ATTEMPT_LAST_MAX - 1));
	/* Without memory the older text is kept: better than none. */
	char *last = malloc(buf.len + 1);
	if (last == NULL)
		return;
	memcpy(last, buf.data, buf.len);
	last[buf.len] = '\0';
	free(attempt->last);
	attempt->last = last;
}
