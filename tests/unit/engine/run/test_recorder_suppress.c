/* Hard bounces on their way from the recorder to the suppression list: nothing is told before it is durable,
 * and what a crash keeps from the list comes onto it with the next start, once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/run/recorder_state.h"
#include "engine/run/suppressor.h"
#include "store/suppress.h"
#include "tests/unit/engine/run/recorder_test.h"

static struct mailbox *suppressor;
static struct suppress *list;
static struct fail fail;

static void start(void)
{
	rec_start();
	assert_int_equal(mailbox_create(64, &suppressor, &fail), RESULT_OK);
	rec.base.hub.suppressor = suppressor;
}

/* As a crash does: what was handed over came nowhere. */
static void stop(void)
{
	struct mailbox_message message;
	rec_stop();
	while (mailbox_take(suppressor, &message))
		suppress_batch_destroy(message.object);
	mailbox_destroy(suppressor);
	suppressor = NULL;
}

/* The start of a run with the journal that there is, and what it brings onto the list. */
static void recover(void)
{
	char state[96];
	assert_int_equal(rec_create(rec_events_flag(), "--commit-interval=1ms"), RESULT_OK);
	snprintf(state, sizeof state, "%s/state", rec_folder);
	assert_int_equal(suppress_open(state, true, &list, &fail), RESULT_OK);
	assert_int_equal(recorder_suppress_recovered(rec.recorder, list, &fail), RESULT_OK);
	assert_int_equal(recorder_suppress_oldest(rec.recorder), UINT64_MAX);
	recorder_destroy(rec.recorder);
	file_close(rec.new_fd);
	run_test_deinit(&rec.base);
}

/* All recipients are refused with this reply. */
static struct attempt *refuse(
	struct message *message, enum attempt_fate fate, const char *reply, bool is_hard)
{
	uint32_t count = message->envelope->rcpts_count;
	struct attempt *attempt = attempt_create(message, count);
	assert_non_null(attempt);
	assert_true(attempt_begin_work(attempt));
	struct attempt_work *work = attempt->work;
	work->facts_count = 2;
	work->facts[1] = (struct attempt_facts){ .session = 1,
		.mx = "mx.a.example",
		.helo = "",
		.tls = "TLSv1.3",
		.security = SECURITY_DANE,
		.authenticated = true };
	size_t len = strlen(reply);
	assert_true(len <= work->texts_size);
	memcpy(work->texts, reply, len);
	for (uint32_t i = 0; i < count; i++)
		attempt->rcpts[i] = (struct attempt_rcpt){ .rcpt = i,
			.text_len = (uint16_t)len,
			.code = 550,
			.status = { 5, 1, 1 },
			.fate = (uint8_t)fate,
			.facts = 1,
			.bounce_class = BOUNCE_CLASS_MAILBOX,
			.is_hard = is_hard };
	hub_post(rec.base.hub.recorder, POST_OUTCOME, attempt, 0, 0);
	return attempt;
}

static void refuse_one(const char *rcpts, const char *reply)
{
	struct message *message = rec_make_message("m1", rcpts, false);
	struct attempt *attempt = refuse(message, ATTEMPT_BOUNCED, reply, true);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	rec_finish(message, false);
}

static struct suppress_batch *hear_batch(void)
{
	return rec_hear(suppressor, POST_SUPPRESS).object;
}

static void assert_item(const struct list_node *node, const char *address, const char *reason)
{
	assert_non_null(node);
	const struct suppress_item *item = CONTAINER_OF(node, struct suppress_item, node);
	const struct text has = { item->text, item->address_len };
	const struct text why = { item->text + item->address_len, item->reason_len };
	assert_text_equal(has, address);
	assert_text_equal(why, reason);
	assert_true(item->time_unix_s > 1700000000);
}

#define NO_USER "automatic: hard bounce (mailbox, heard over dane): 550 5.1.1 no such user"

static void a_hard_bounce_is_handed_over_with_its_reply_once_it_is_durable(void **state)
{
	(void)state;
	start();
	struct message *message = rec_make_message("m1", "Ann@a.example bob@a.example", false);
	struct attempt *attempt = refuse(message, ATTEMPT_BOUNCED, "5.1.1 no such user", true);
	struct suppress_batch *batch = hear_batch();
	assert_item(list_first(&batch->items), "ann@a.example", NO_USER);
	assert_item(list_next(&batch->items, list_first(&batch->items)), "bob@a.example", NO_USER);
	assert_int_equal(rec_count_of(rec_read_events(rec_events_path), "\"bounced\""), 2);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	rec_finish(message, false);
	suppress_batch_destroy(batch);
	stop();
}

static void who_bounces_softly_or_is_deferred_after_all_is_not(void **state)
{
	(void)state;
	static const struct {
		enum attempt_fate fate;
		bool is_hard;
	} table[] = { { ATTEMPT_BOUNCED, false }, { ATTEMPT_DEFERRED, true },
		{ ATTEMPT_EXPIRED, false } };
	start();
	struct message *message = rec_make_message("m1", "ann@a.example", false);
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct attempt *attempt =
			refuse(message, table[i].fate, "5.1.1 no", table[i].is_hard);
		rec_assert_recorded(attempt);
		attempt_destroy(attempt);
	}
	hub_post(rec.base.hub.recorder, POST_RECORDER_FLUSH, NULL, 0, 0);
	rec_hear(rec.base.hub.scheduler, POST_RECORDER_FLUSHED);
	struct mailbox_message none;
	assert_false(mailbox_take(suppressor, &none));
	rec_finish(message, false);
	stop();
}

static void there_is_one_batch_at_a_time_and_the_journal_is_kept_for_it(void **state)
{
	(void)state;
	struct mailbox_message none;
	start();
	refuse_one("ann@a.example", "5.1.1 no"); /* 1: the outcome; 2: the list */
	struct suppress_batch *batch = hear_batch();
	refuse_one("bob@a.example", "5.1.1 no");
	refuse_one("cid@a.example", "5.1.1 no");
	assert_false(mailbox_take(suppressor, &none));
	assert_int_equal(recorder_suppress_oldest(rec.recorder), 2);
	hub_post(rec.base.hub.recorder, POST_SUPPRESSED, batch, 0, 0);
	batch = hear_batch();
	assert_item(list_first(&batch->items), "bob@a.example",
		"automatic: hard bounce (mailbox, heard over dane): 550 5.1.1 no");
	assert_non_null(list_next(&batch->items, list_first(&batch->items)));
	assert_int_equal(recorder_suppress_oldest(rec.recorder), 4);
	hub_post(rec.base.hub.recorder, POST_SUPPRESSED, batch, 0, 0);
	hub_post(rec.base.hub.recorder, POST_RECORDER_FLUSH, NULL, 0, 0);
	rec_hear(rec.base.hub.scheduler, POST_RECORDER_FLUSHED);
	assert_int_equal(recorder_suppress_oldest(rec.recorder), UINT64_MAX);
	stop();
}

static void a_reply_is_shown_without_what_is_no_text_and_cut(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *shown;
	} table[] = {
		{ "5.1.1 no\r\n\tsuch \x1b[31muser\xff", "550 5.1.1 nosuch [31muser" },
		{ "5.1.1 kein Empf\xc3\xa4nger", "550 5.1.1 kein Empf\xc3\xa4nger" },
	};
	char long_reply[400];
	memset(long_reply, 'x', sizeof long_reply - 1);
	long_reply[sizeof long_reply - 1] = '\0';
	start();
	for (size_t i = 0; i <= COUNT_OF(table); i++) {
		refuse_one("ann@a.example", i < COUNT_OF(table) ? table[i].reply : long_reply);
		struct suppress_batch *batch = hear_batch();
		const struct suppress_item *item =
			CONTAINER_OF(list_first(&batch->items), struct suppress_item, node);
		struct text why = { item->text + item->address_len, item->reason_len };
		assert_true(why.len <= SUPPRESS_REASON_MAX);
		if (i < COUNT_OF(table))
			assert_int_not_equal(
				text_find_text(why, text_of(table[i].shown)), TEXT_NONE);
		hub_post(rec.base.hub.recorder, POST_SUPPRESSED, batch, 0, 0);
	}
	stop();
}

static void what_a_crash_kept_from_the_list_comes_onto_it_with_the_next_start(void **state)
{
	(void)state;
	struct suppress_entry entry;
	bool is_there;
	start();
	refuse_one("Ann@a.example", "5.1.1 no such user");
	refuse_one("\"b,<c>\"@a.example", "5.1.1 no such user");
	stop();
	recover();
	assert_int_equal(suppress_find(list, TEXT("ann@a.example"), &entry, &fail), RESULT_OK);
	assert_text_equal(entry.reason, NO_USER);
	assert_true(suppress_is_automatic(&entry));
	assert_true(entry.time_unix_s > 1700000000);
	assert_int_equal(suppress_count(list), 2);
	/* Whom somebody takes off the list does not come back out of a record that is still there. */
	assert_int_equal(suppress_delete(list, TEXT("ann@a.example"), &is_there, &fail), RESULT_OK);
	assert_true(is_there);
	assert_int_equal(suppress_commit(list, &fail), RESULT_OK);
	suppress_close(&list);
	recover();
	assert_int_equal(
		suppress_find(list, TEXT("ann@a.example"), &entry, &fail), RESULT_NOT_FOUND);
	assert_int_equal(suppress_count(list), 1);
	suppress_close(&list);
	/* But a new bounce brings him back. */
	start();
	refuse_one("ann@a.example", "5.1.1 still no such user");
	stop();
	recover();
	assert_int_equal(suppress_find(list, TEXT("ann@a.example"), &entry, &fail), RESULT_OK);
	suppress_close(&list);
}

static void a_journal_that_was_begun_anew_is_believed(void **state)
{
	(void)state;
	struct suppress_entry entry;
	char path[96];
	start();
	refuse_one("ann@a.example", "5.1.1 no");
	stop();
	snprintf(path, sizeof path, "%s/state", rec_folder);
	assert_int_equal(suppress_open(path, true, &list, &fail), RESULT_OK);
	assert_int_equal(suppress_set_applied_seq(list, 1000, &fail), RESULT_OK);
	assert_int_equal(suppress_commit(list, &fail), RESULT_OK);
	suppress_close(&list);
	recover();
	assert_int_equal(suppress_find(list, TEXT("ann@a.example"), &entry, &fail), RESULT_OK);
	suppress_close(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REC_TEST(a_hard_bounce_is_handed_over_with_its_reply_once_it_is_durable),
		REC_TEST(who_bounces_softly_or_is_deferred_after_all_is_not),
		REC_TEST(there_is_one_batch_at_a_time_and_the_journal_is_kept_for_it),
		REC_TEST(a_reply_is_shown_without_what_is_no_text_and_cut),
		REC_TEST(what_a_crash_kept_from_the_list_comes_onto_it_with_the_next_start),
		REC_TEST(a_journal_that_was_begun_anew_is_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
