/* Files that go away, that are no mail, or that an earlier run has worked on. */
#include <stdio.h>
#include "engine/io/clock.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;

static void assert_withdrawn(const struct fake_file *file, uint32_t count)
{
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], count);
	assert_string_equal(file->status, "");
	assert_int_equal(
		file->unlinked, 1); /* to be forgotten: the message knows that it is gone */
	assert_null(file->message);
}

static void a_file_removed_while_it_is_queued_is_withdrawn(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=1", NULL });
	for (int i = 0; i < LEASE_AHEAD; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example" });
	sched_settle(&s);
	sched_file_gone(&s, file);
	sched_settle(&s);
	assert_withdrawn(file, 2);
	assert_string_equal(file->reason, "the file was removed or replaced");
	assert_int_equal(s.gone_credits, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), LEASE_AHEAD);
	sched_end(&s);
	assert_false(s.end.mail_waits);
}

static void a_file_removed_while_it_waits_for_a_route_is_withdrawn(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.hold_routes = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_file_gone(&s, file);
	sched_settle(&s);
	assert_withdrawn(file, 1);
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(s.leased_max, 0);
	sched_end(&s);
}

static void a_file_removed_while_it_waits_for_a_retry_is_withdrawn(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=1h", NULL });
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	sched_settle(&s);
	sched_file_gone(&s, file);
	sched_settle(&s);
	assert_withdrawn(file, 1);
	assert_int_equal(hub_read(&s.base.hub.counters.waiting), 0);
	sched_end(&s);
}

static void a_file_removed_while_a_worker_has_it_is_withdrawn_once_deferred(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=1h", NULL });
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example" });
	sched_settle(&s);
	sched_file_gone(&s, file);
	sched_settle(&s);
	assert_int_equal(s.outcomes, 0); /* a worker has it: nothing is known yet */
	struct attempt *attempt = sched_leased(&s, NULL);
	attempt->rcpts[0].fate = ATTEMPT_DELIVERED;
	sched_answer(&s, attempt, ATTEMPT_DEFERRED);
	sched_settle(&s);
	/* What was delivered stays delivered. */
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	assert_withdrawn(file, 1);
	sched_end(&s);
}

static void a_file_removed_while_a_worker_has_it_stays_delivered(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_file_gone(&s, file);
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 0);
	assert_int_equal(file->unlinked, 1);
	assert_null(file->message);
	sched_end(&s);
}

static void a_removed_file_that_is_returned_goes_to_nobody_again(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_file_gone(&s, file);
	sched_settle(&s);
	sched_return(&s, sched_leased(&s, NULL));
	sched_settle(&s);
	assert_int_equal(s.leased_count, 0);
	assert_withdrawn(file, 1);
	sched_end(&s);
}

static void a_file_removed_while_it_is_read_leaves_no_outcome(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.hold_reads = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_file_gone(&s, file);
	sched_settle(&s);
	assert_int_equal(file->unlinked, 0); /* the worker still reads */
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(s.outcomes, 0);
	assert_int_equal(file->unlinked, 1);
	assert_int_equal(hub_read(&s.base.hub.counters.rcpts_accepted), 0);
	sched_end(&s);
}

static void a_file_removed_before_its_turn_to_be_read_is_not_read(void **state)
{
	(void)state;
	enum { COUNT = HUB_READS_MAX + 20 };
	struct fake_file *files[COUNT];
	sched_init(&s, NULL);
	s.hold_reads = true;
	for (int i = 0; i < COUNT; i++)
		files[i] = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	assert_int_equal(s.unread_count, HUB_READS_MAX); /* as many as a worker reads at once */
	sched_file_gone(&s, files[COUNT - 1]);
	sched_settle(&s);
	assert_int_equal(files[COUNT - 1]->unlinked, 1);
	s.hold_reads = false;
	sched_release(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(files[COUNT - 1]->reads, 0);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), COUNT - 1);
	sched_end(&s);
}

static void news_of_a_removal_that_comes_late_or_twice_changes_nothing(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.hold_unlinks = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_file_gone(&s, file);
	sched_file_gone(&s, file);
	sched_settle(&s);
	assert_int_equal(file->unlinked, 1);
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 0);
	assert_int_equal(s.gone_credits, 2);
	struct message *message = file->message;
	file->message = NULL;
	hub_post(s.base.hub.scheduler, POST_MESSAGE_OVER, message, 0, 0);
	sched_end(&s);
}

/* ---- no mail ---- */

static void what_is_no_mail_is_recorded_and_then_moved_to_bad(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	for (size_t i = 0; i < 2; i++) {
		s.hold_reads = true;
		struct fake_file *file = sched_mail(&s, &(struct test_mail){ 0 });
		file->read_result = RESULT_INVALID;
		snprintf(file->reason, sizeof file->reason, "line 3: no receiver");
		sched_settle(&s);
		sched_release(&s);
		sched_settle(&s);
		assert_int_equal(file->rejected, 1);
		assert_int_equal(file->moved, 1);
		assert_int_equal(file->unlinked, 0);
		assert_string_equal(file->reason, "line 3: no receiver");
		assert_null(file->message);
	}
	assert_int_equal(hub_read(&s.base.hub.counters.files_bad), 2);
	sched_end(&s);
	assert_false(s.end.mail_waits);
}

static void what_the_files_thread_refuses_is_not_read(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	struct fake_file *file = sched_bad_file(&s, "not a regular file");
	sched_settle(&s);
	assert_int_equal(file->reads, 0);
	assert_int_equal(file->rejected, 1);
	assert_int_equal(file->moved, 1);
	sched_end(&s);
}

static void a_file_that_went_or_changed_before_it_was_read_is_forgotten(void **state)
{
	(void)state;
	static const enum result results[] = { RESULT_NOT_FOUND, RESULT_CHANGED };
	sched_init(&s, NULL);
	for (size_t i = 0; i < COUNT_OF(results); i++) {
		s.hold_reads = true;
		struct fake_file *file = sched_mail(&s, &(struct test_mail){ 0 });
		file->read_result = results[i];
		sched_settle(&s);
		sched_release(&s);
		sched_settle(&s);
		assert_int_equal(file->rejected + file->moved, 0);
		assert_int_equal(file->unlinked, 1);
		assert_null(file->message);
	}
	assert_int_equal(s.outcomes, 0);
	sched_end(&s);
}

/* Read as a batch file, with the first one at the files thread. */
static void find_batches(struct fake_file **files, size_t count)
{
	s.hold_reads = true;
	for (size_t i = 0; i < count; i++) {
		files[i] = sched_mail(&s, &(struct test_mail){ 0 });
		files[i]->read_result = RESULT_UNAVAILABLE;
	}
	sched_settle(&s);
	sched_release(&s);
	sched_settle(&s);
}

static void batch_files_are_split_one_after_the_other_and_go(void **state)
{
	(void)state;
	struct fake_file *files[3];
	sched_init(&s, NULL);
	find_batches(files, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_non_null(s.splitting);
		assert_int_equal(files[0]->splits + files[1]->splits + files[2]->splits, i + 1);
		sched_split_over(&s, RESULT_OK);
		sched_settle(&s);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(files[i]->unlinked, 1);
		assert_int_equal(files[i]->moved + files[i]->rejected, 0);
		assert_null(files[i]->message);
	}
	sched_end(&s);
	assert_false(s.end.mail_waits);
}

static void batch_files_that_are_not_split_at_the_end_stay(void **state)
{
	(void)state;
	struct fake_file *files[2];
	sched_init(&s, NULL);
	find_batches(files, 2);
	assert_int_equal(files[0]->splits, 1);
	assert_int_equal(files[1]->splits, 0);
	sched_end(&s); /* asks for the first one back */
	assert_null(s.splitting);
	assert_true(s.end.mail_waits);
}

static void a_batch_file_that_goes_away_is_forgotten_wherever_it_is(void **state)
{
	(void)state;
	struct fake_file *files[2];
	sched_init(&s, NULL);
	find_batches(files, 2);
	struct fake_file *at_work = s.splitting, *waits = files[at_work == files[0]];
	sched_file_gone(&s, waits);
	sched_file_gone(&s, at_work);
	sched_settle(&s);
	assert_int_equal(waits->unlinked, 1);
	assert_int_equal(at_work->unlinked, 0);
	sched_split_over(&s, RESULT_CHANGED);
	sched_settle(&s);
	assert_int_equal(at_work->unlinked, 1);
	assert_int_equal(waits->splits, 0);
	sched_end(&s);
}

static void a_batch_file_that_was_split_by_an_earlier_run_only_goes(void **state) /* DESIGN 5 */
{
	(void)state;
	sched_prepare(&s, NULL);
	const struct test_mail mail = { .name = "m0", .inode = 7, .birth_ns = 1000 };
	struct message *message = test_message(&mail);
	assert_int_equal(
		recovery_add_split(&s.base.recovery, TEXT("m0"), &message->identity, 1), RESULT_OK);
	message_destroy(message);
	sched_start(&s);
	s.hold_reads = true;
	struct fake_file *file = sched_mail(&s, &mail);
	file->read_result = RESULT_UNAVAILABLE;
	sched_settle(&s);
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(file->splits, 0);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static void what_is_too_large_for_a_message_and_no_batch_is_rejected(void **state)
{
	(void)state;
	struct fake_file *file;
	sched_init(&s, NULL);
	s.hold_reads = true;
	file = sched_mail(&s, &(struct test_mail){ 0 });
	file->read_result = RESULT_TOO_LONG;
	sched_settle(&s);
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(file->splits, 1);
	sched_split_over(&s, RESULT_TOO_LONG);
	sched_settle(&s);
	assert_int_equal(file->rejected, 1);
	assert_int_equal(file->moved, 1);
	sched_end(&s);
}

static void a_file_that_cannot_be_read_now_is_tried_again(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--log-level=warn", NULL });
	s.hold_reads = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	struct fake_file *goes = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	file->read_result = goes->read_result = RESULT_IO;
	snprintf(file->reason, sizeof file->reason, "a bad sector");
	sched_settle(&s);
	sched_release(&s);
	sched_settle(&s);
	assert_true(run_test_logged(&s.base, "event=spool_file_unreadable"));
	assert_true(run_test_logged(&s.base, "a bad sector"));
	sched_file_gone(&s, goes);
	sched_settle(&s);
	assert_int_equal(goes->unlinked, 1);
	file->read_result = RESULT_OK;
	s.hold_reads = false;
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	assert_int_equal(file->reads, 2);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	sched_end(&s);
}

/* ---- what an earlier run has done ---- */

static struct file_identity identity_of(const struct test_mail *mail)
{
	return (struct file_identity){ .inode = mail->inode, .birth_ns = mail->birth_ns };
}

static void recipients_that_are_done_are_not_sent_to_again(void **state) /* DESIGN 5 */
{
	(void)state;
	const struct test_mail mail = { .rcpts = "1@a.example 2@a.example 3@b.example",
		.inode = 77,
		.birth_ns = clock_wall_us() * 1000 };
	const struct file_identity identity = identity_of(&mail);
	sched_prepare(&s, NULL);
	assert_int_equal(
		recovery_add_done(&s.base.recovery, TEXT("m0"), &identity, 0, 1), RESULT_OK);
	assert_int_equal(
		recovery_add_done(&s.base.recovery, TEXT("m0"), &identity, 2, 2), RESULT_OK);
	sched_start(&s);
	struct fake_file *file = sched_mail(&s, &mail);
	sched_settle(&s);
	assert_int_equal(s.leased_count, 1);
	assert_int_equal(sched_leased(&s, NULL)->rcpts_count, 1);
	assert_int_equal(sched_leased(&s, NULL)->rcpts[0].rcpt, 1);
	assert_true(file->message->recovered);
	assert_int_equal(hub_read(&s.base.hub.counters.rcpts_accepted), 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static void a_file_whose_recipients_are_all_done_is_only_unlinked(void **state)
{
	(void)state;
	const struct test_mail mail = {
		.rcpts = "1@a.example", .inode = 77, .birth_ns = clock_wall_us() * 1000
	};
	const struct file_identity identity = identity_of(&mail);
	sched_prepare(&s, NULL);
	assert_int_equal(
		recovery_add_done(&s.base.recovery, TEXT("m0"), &identity, 0, 1), RESULT_OK);
	sched_start(&s);
	struct fake_file *file = sched_mail(&s, &mail);
	sched_settle(&s);
	assert_int_equal(s.leased_max, 0);
	assert_int_equal(s.outcomes, 0);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static void the_same_name_with_another_identity_is_new_mail(void **state) /* DESIGN 1 */
{
	(void)state;
	const struct test_mail mail = {
		.rcpts = "1@a.example", .inode = 77, .birth_ns = clock_wall_us() * 1000
	};
	struct file_identity identity = identity_of(&mail);
	identity.inode++;
	sched_prepare(&s, NULL);
	assert_int_equal(
		recovery_add_done(&s.base.recovery, TEXT("m0"), &identity, 0, 1), RESULT_OK);
	sched_start(&s);
	struct fake_file *file = sched_mail(&s, &mail);
	sched_settle(&s);
	assert_int_equal(s.leased_count, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	sched_end(&s);
}

static void a_rejection_is_told_once_over_all_runs(void **state)
{
	(void)state;
	const struct test_mail mail = { .inode = 77, .birth_ns = clock_wall_us() * 1000 };
	const struct file_identity identity = identity_of(&mail);
	sched_prepare(&s, NULL);
	assert_int_equal(
		recovery_add_rejected(&s.base.recovery, TEXT("m0"), &identity, 1), RESULT_OK);
	sched_start(&s);
	s.hold_reads = true;
	struct fake_file *file = sched_mail(&s, &mail);
	file->read_result = RESULT_INVALID;
	sched_settle(&s);
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(file->rejected, 0);
	assert_int_equal(file->moved, 1);
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_removed_while_it_is_queued_is_withdrawn),
		cmocka_unit_test(a_file_removed_while_it_waits_for_a_route_is_withdrawn),
		cmocka_unit_test(a_file_removed_while_it_waits_for_a_retry_is_withdrawn),
		cmocka_unit_test(a_file_removed_while_a_worker_has_it_is_withdrawn_once_deferred),
		cmocka_unit_test(a_file_removed_while_a_worker_has_it_stays_delivered),
		cmocka_unit_test(a_removed_file_that_is_returned_goes_to_nobody_again),
		cmocka_unit_test(a_file_removed_while_it_is_read_leaves_no_outcome),
		cmocka_unit_test(a_file_removed_before_its_turn_to_be_read_is_not_read),
		cmocka_unit_test(news_of_a_removal_that_comes_late_or_twice_changes_nothing),
		cmocka_unit_test(what_is_no_mail_is_recorded_and_then_moved_to_bad),
		cmocka_unit_test(what_the_files_thread_refuses_is_not_read),
		cmocka_unit_test(a_file_that_went_or_changed_before_it_was_read_is_forgotten),
		cmocka_unit_test(batch_files_are_split_one_after_the_other_and_go),
		cmocka_unit_test(batch_files_that_are_not_split_at_the_end_stay),
		cmocka_unit_test(a_batch_file_that_goes_away_is_forgotten_wherever_it_is),
		cmocka_unit_test(a_batch_file_that_was_split_by_an_earlier_run_only_goes),
		cmocka_unit_test(what_is_too_large_for_a_message_and_no_batch_is_rejected),
		cmocka_unit_test(a_file_that_cannot_be_read_now_is_tried_again),
		cmocka_unit_test(recipients_that_are_done_are_not_sent_to_again),
		cmocka_unit_test(a_file_whose_recipients_are_all_done_is_only_unlinked),
		cmocka_unit_test(the_same_name_with_another_identity_is_new_mail),
		cmocka_unit_test(a_rejection_is_told_once_over_all_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
