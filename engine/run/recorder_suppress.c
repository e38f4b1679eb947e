#include <stdlib.h>
#include "engine/base/time_text.h"
#include "engine/mail/address_key.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/suppress_line.h"
#include "engine/run/attempt.h"
#include "engine/run/recorder_state.h"
#include "engine/run/suppressor.h"
#include "store/suppress.h"

/* Hard bounces on their way to the suppression list (suppressor.h): each has its record in the journal,
 * behind that of the outcome and in the same commit, and stays here until the suppressor has it.
 *
 * The suppressor has one batch at a time. If it stands still, since a tool holds the list, what comes
 * meanwhile waits here, up to a bound; what comes then is in the journal alone, which is kept for it, and
 * comes onto the list with the next start. */

enum {
	US_PER_S = 1000000,
	/* Some 15 MB, and what a run hears of an old list in an hour. */
	WAITING_MAX = 64 * 1024,
	REPLY_SHOWN_MAX = SUPPRESS_REASON_MAX,
	LINE_MAX_BYTES = SUPPRESS_ADDRESS_MAX + TIME_TEXT_RFC3339_LEN + SUPPRESS_REASON_MAX + 3,
};
/* With its frame, and what a record has beside its line. */
static_assert(LINE_MAX_BYTES + 256 <= SUPPRESS_RECORD_BYTES_MAX, "a record fits into its room");

void recorder_suppress_init(struct recorder *r)
{
	list_init(&r->suppress);
	list_init(&r->suppress_recovered);
}

void recorder_suppress_deinit(struct recorder *r)
{
	suppress_items_free(&r->suppress);
	suppress_items_free(&r->suppress_recovered);
}

/* ---- into the journal ---- */

/* "automatic: hard bounce (mailbox, heard over dane): 550 5.1.1 no such user". Of a reply that is no text for
 * people the octets that are none are left out. */
static void put_reason(
	struct buf *out, const struct attempt *attempt, const struct attempt_rcpt *rcpt)
{
	char memory[REPLY_SHOWN_MAX];
	struct text reply = text_cut_utf8(attempt_reply_text(attempt, rcpt), REPLY_SHOWN_MAX);
	struct buf clean;
	if (!encoded_word_may_hold(reply)) {
		buf_init(&clean, memory, sizeof memory);
		for (size_t i = 0; i < reply.len; i++)
			if (reply.data[i] >= ' ' && reply.data[i] <= '~')
				buf_put_u8(&clean, (uint8_t)reply.data[i]);
		reply = buf_text(&clean);
	}
	const struct attempt_facts *facts = &attempt->work->facts[rcpt->facts];
	buf_printf(out, SUPPRESS_AUTOMATIC "hard bounce (%.*s, heard over %.*s): %u %.*s",
		TEXT_ARG(bounce_class_text((enum bounce_class)rcpt->bounce_class)),
		TEXT_ARG(security_level_text(facts->security)), rcpt->code, TEXT_ARG(reply));
}

static void put_line(struct buf *out, const struct suppress_item *item)
{
	buf_put_text(out, (struct text){ item->text, item->address_len });
	buf_put_u8(out, '\t');
	time_text_put_rfc3339(out, item->time_unix_s * US_PER_S);
	buf_put_u8(out, '\t');
	buf_put_text(out, (struct text){ item->text + item->address_len, item->reason_len });
	buf_put_u8(out, '\n');
	CHECK(!out->overflow);
}

static void keep(struct recorder *r, struct suppress_item *item)
{
	if (r->suppress_left_seq == 0 && r->suppress_count >= WAITING_MAX) {
		r->suppress_left_seq = item->seq;
		log_write(&r->log, LOG_SUPPRESS_BLOCKED, LOG_NO_FIELDS);
	}
	if (r->suppress_left_seq != 0) {
		free(item);
		return;
	}
	list_push_back(&r->suppress, &item->node);
	r->suppress_count++;
}

void recorder_suppress(struct recorder *r, const struct attempt *attempt,
	const struct attempt_rcpt *rcpt, int64_t wall_us)
{
	char key_memory[ADDRESS_BYTES_MAX], reason_memory[2 * SUPPRESS_REASON_MAX];
	char line_memory[LINE_MAX_BYTES];
	struct buf key, reason, line;
	if (r->failed || attempt->work == NULL)
		return;
	buf_init(&key, key_memory, sizeof key_memory);
	address_key_put(&key, &attempt->message->envelope->rcpts[rcpt->rcpt].address);
	buf_init(&reason, reason_memory, sizeof reason_memory);
	put_reason(&reason, attempt, rcpt);
	CHECK(!key.overflow && !reason.overflow);
	struct suppress_item *item = suppress_item_create(buf_text(&key), buf_text(&reason),
		wall_us / US_PER_S, journal_next_seq(r->journal));
	if (item == NULL)
		return; /* the bounce is told, and there will be another one */
	buf_init(&line, line_memory, sizeof line_memory);
	put_line(&line, item);
	const struct outcome_record record = {
		.type = JOURNAL_RECORD_SUPPRESS,
		.line = buf_text(&line),
	};
	recorder_append_silent(r, &record);
	keep(r, item);
}

/* ---- to the suppressor, and back ---- */

static void hand_over(struct recorder *r)
{
	if (r->failed || r->hub->suppressor == NULL || list_is_empty(&r->suppress))
		return;
	struct suppress_batch *batch = calloc(1, sizeof *batch);
	if (batch == NULL)
		return; /* the next commit tries again */
	struct list_node *node;
	uint64_t durable_seq = journal_committed_seq(r->journal);
	list_init(&batch->items);
	while ((node = list_first(&r->suppress)) != NULL) {
		struct suppress_item *item = CONTAINER_OF(node, struct suppress_item, node);
		if (item->seq > durable_seq)
			break;
		list_remove(node);
		list_push_back(&batch->items, node);
		r->suppress_count--;
	}
	node = list_first(&batch->items);
	if (node == NULL) {
		free(batch);
		return;
	}
	if (r->suppress_handed_seq == 0)
		r->suppress_handed_seq = CONTAINER_OF(node, struct suppress_item, node)->seq;
	hub_post(r->hub->suppressor, POST_SUPPRESS, batch, 0, 0);
}

void recorder_suppress_hand_over(struct recorder *r)
{
	if (r->suppress_handed_seq == 0)
		hand_over(r);
}

void recorder_suppress_hand_rest(struct recorder *r) { hand_over(r); }

void recorder_suppress_done(struct recorder *r, struct suppress_batch *batch)
{
	suppress_batch_destroy(batch);
	r->suppress_handed_seq = 0;
	hand_over(r);
}

uint64_t recorder_suppress_oldest(const struct recorder *r)
{
	const struct list_node *first = list_first(&r->suppress);
	if (r->suppress_handed_seq != 0)
		return r->suppress_handed_seq;
	if (first != NULL)
		return CONTAINER_OF(first, struct suppress_item, node)->seq;
	return r->suppress_left_seq != 0 ? r->suppress_left_seq : UINT64_MAX;
}

/* ---- what earlier runs left ---- */

enum result recorder_suppress_found(struct recorder *r, struct text line, uint64_t seq)
{
	struct suppress_line parsed;
	struct fail fail = { 0 };
	/* No reason not to send mail: an address too little on the list is one more bounce. */
	if (suppress_line_parse(line, &parsed, &fail) != RESULT_OK || parsed.is_empty) {
		log_write(&r->log, LOG_SUPPRESS_NOT_WRITTEN, LOG_FIELDS(log_fail("why", &fail)));
		return RESULT_OK;
	}
	struct suppress_item *item =
		suppress_item_create((struct text){ parsed.key, parsed.key_len }, parsed.reason,
			parsed.time_unix_s, seq);
	if (item == NULL)
		return RESULT_MEMORY;
	list_push_back(&r->suppress_recovered, &item->node);
	return RESULT_OK;
}

enum result recorder_suppress_recovered(
	struct recorder *r, struct suppress *list, struct fail *fail)
{
	uint64_t applied_seq;
	if (list_is_empty(&r->suppress_recovered))
		return RESULT_OK;
	enum result result = suppress_applied_seq(list, &applied_seq, fail);
	if (result != RESULT_OK)
		return result;
	/* A journal that was begun anew counts from 1. */
	bool is_of_this = applied_seq <= journal_committed_seq(r->journal);
	LIST_FOR_EACH_SAFE(node, &r->suppress_recovered)
	{
		struct suppress_item *item = CONTAINER_OF(node, struct suppress_item, node);
		if (!is_of_this || item->seq > applied_seq)
			continue;
		list_remove(node);
		free(item);
	}
	if (!list_is_empty(&r->suppress_recovered))
		result = suppress_items_apply(&r->suppress_recovered, list, fail);
	if (result == RESULT_OK)
		suppress_items_free(&r->suppress_recovered);
	return result;
}
