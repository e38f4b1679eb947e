/* Which recipients an earlier run has finished: what keeps a file from being sent twice (DESIGN 5). */
#include <stdio.h>
#include "tests/unit/unit.h"
#include "engine/base/limits.h"
#include "engine/run/recovery.h"
#include "store/journal_record.h"

static const struct file_identity identity = { .inode = 7, .birth_ns = 1000 };
static const struct file_identity other = { .inode = 8, .birth_ns = 1000 };
static struct recovery recovery;

static int set_up(void **state)
{
	(void)state;
	return recovery_init(&recovery) != RESULT_OK;
}

static int tear_down(void **state)
{
	(void)state;
	recovery_deinit(&recovery);
	return 0;
}

static void add(const char *name, const struct file_identity *of, uint32_t rcpt, uint64_t seq)
{
	assert_int_equal(recovery_add_done(&recovery, text_of(name), of, rcpt, seq), RESULT_OK);
}

static void only_recipients_with_an_outcome_are_done(void **state)
{
	(void)state;
	add("a.eml", &identity, 3, 1);
	add("a.eml", &identity, 64, 2);
	add("a.eml", &identity, 700, 3);
	const struct recovered_file *file = recovery_find(&recovery, "a.eml", &identity);
	assert_non_null(file);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(recovered_is_done(file, i), i == 3 || i == 64 || i == 700);
	assert_false(recovered_is_done(file, UINT32_MAX));
	assert_false(file->rejected);
	assert_int_equal(recovery.outcomes_count, 3);
}

static void the_first_record_of_a_file_is_remembered(void **state)
{
	(void)state;
	add("a.eml", &identity, 1, 17);
	add("a.eml", &identity, 0, 18);
	assert_int_equal(recovery_find(&recovery, "a.eml", &identity)->first_seq, 17);
}

static void the_last_recipient_that_a_message_can_have_fits_and_the_next_is_damage(void **state)
{
	(void)state;
	add("a.eml", &identity, MESSAGE_RCPTS_MAX - 1, 1);
	assert_true(recovered_is_done(
		recovery_find(&recovery, "a.eml", &identity), MESSAGE_RCPTS_MAX - 1));
	assert_int_equal(
		recovery_add_done(&recovery, TEXT("b.eml"), &identity, MESSAGE_RCPTS_MAX, 2),
		RESULT_DAMAGED);
	assert_null(recovery_find(&recovery, "b.eml", &identity));
}

static void a_job_may_have_more_recipients_than_a_file(void **state)
{
	(void)state;
	assert_int_equal(
		recovery_add_job_done(&recovery, TEXT("may"), &identity, 1000000, EVENT_BOUNCED, 1),
		RESULT_OK);
	assert_int_equal(
		recovery_add_job_done(&recovery, TEXT("may"), &identity, 7, EVENT_DELIVERED, 2),
		RESULT_OK);
	assert_int_equal(
		recovered_kind(recovery_find(&recovery, "may", &identity), 7), EVENT_DELIVERED);
	assert_int_equal(
		recovered_kind(recovery_find(&recovery, "may", &identity), 1000000), EVENT_BOUNCED);
	const struct recovered_file *job = recovery_find(&recovery, "may", &identity);
	assert_true(job->is_job);
	for (uint32_t i = 0; i < 2000000; i++)
		assert_int_equal(recovered_is_done(job, i), i == 7 || i == 1000000);
	assert_int_equal(recovery_add_job_done(&recovery, TEXT("may"), &identity,
				 JOURNAL_JOB_RCPTS_MAX, EVENT_DELIVERED, 3),
		RESULT_DAMAGED);
}

static void a_name_with_another_identity_is_new_mail(void **state)
{
	(void)state;
	add("a.eml", &identity, 0, 1);
	assert_null(recovery_find(&recovery, "a.eml", &other));
	assert_null(recovery_find(&recovery, "b.eml", &identity));
	assert_non_null(recovery_find(&recovery, "a.eml", &identity));
}

static void without_birth_time_the_identity_is_modification_and_size(void **state)
{
	(void)state;
	struct file_identity old = { .inode = 7, .modified_ns = 5, .bytes = 100 }, longer = old,
			     later = old;
	longer.bytes++;
	later.modified_ns++;
	add("a.eml", &old, 0, 1);
	assert_non_null(recovery_find(&recovery, "a.eml", &old));
	assert_null(recovery_find(&recovery, "a.eml", &longer));
	assert_null(recovery_find(&recovery, "a.eml", &later));
}

static void of_two_files_with_one_name_the_newer_one_counts(void **state)
{
	(void)state;
	add("a.eml", &identity, 0, 1);
	add("a.eml", &other, 5, 2);
	assert_null(recovery_find(&recovery, "a.eml", &identity));
	const struct recovered_file *file = recovery_find(&recovery, "a.eml", &other);
	assert_false(recovered_is_done(file, 0));
	assert_true(recovered_is_done(file, 5));
	assert_int_equal(file->first_seq, 2);
}

static void a_file_that_is_forgotten_is_gone_but_not_its_namesake(void **state)
{
	(void)state;
	add("a.eml", &identity, 0, 1);
	recovery_forget(&recovery, TEXT("a.eml"), &other);
	assert_non_null(recovery_find(&recovery, "a.eml", &identity));
	recovery_forget(&recovery, TEXT("b.eml"), &identity);
	recovery_forget(&recovery, TEXT("a.eml"), &identity);
	assert_null(recovery_find(&recovery, "a.eml", &identity));
	recovery_forget(&recovery, TEXT("a.eml"), &identity);
}

static void a_rejected_file_is_known_as_such(void **state)
{
	(void)state;
	assert_int_equal(
		recovery_add_rejected(&recovery, TEXT("bad.eml"), &identity, 4), RESULT_OK);
	const struct recovered_file *file = recovery_find(&recovery, "bad.eml", &identity);
	assert_non_null(file);
	assert_true(file->rejected);
	assert_false(recovered_is_done(file, 0));
	assert_int_equal(recovery.outcomes_count, 0);
}

static void thousands_of_files_are_all_found_again(void **state)
{
	(void)state;
	char name[32];
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "m%u.eml", i);
		const struct file_identity of = { .inode = i + 1, .birth_ns = 9 };
		add(name, &of, i % 100, i + 1);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "m%u.eml", i);
		const struct file_identity of = { .inode = i + 1, .birth_ns = 9 };
		const struct recovered_file *file = recovery_find(&recovery, name, &of);
		assert_non_null(file);
		assert_true(recovered_is_done(file, i % 100));
		assert_false(recovered_is_done(file, i % 100 + 1));
	}
}

static void a_copy_outlives_what_it_was_made_of(void **state)
{
	(void)state;
	const struct file_identity of = { .inode = 5, .birth_ns = 9 };
	assert_int_equal(
		recovery_add_job_done(&recovery, text_of("may"), &of, 12345, EVENT_BOUNCED, 1),
		RESULT_OK);
	struct recovered_file *copy = recovered_copy(recovery_find(&recovery, "may", &of));
	assert_non_null(copy);
	recovery_forget(&recovery, text_of("may"), &of);
	assert_string_equal(copy->name, "may");
	assert_true(copy->is_job);
	assert_true(recovered_is_done(copy, 12345));
	assert_int_equal(recovered_kind(copy, 12345), EVENT_BOUNCED);
	assert_false(recovered_is_done(copy, 12344));
	recovered_destroy(copy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_recipients_with_an_outcome_are_done),
		TEST(the_first_record_of_a_file_is_remembered),
		TEST(the_last_recipient_that_a_message_can_have_fits_and_the_next_is_damage),
		TEST(a_job_may_have_more_recipients_than_a_file),
		TEST(a_name_with_another_identity_is_new_mail),
		TEST(without_birth_time_the_identity_is_modification_and_size),
		TEST(of_two_files_with_one_name_the_newer_one_counts),
		TEST(a_file_that_is_forgotten_is_gone_but_not_its_namesake),
		TEST(a_rejected_file_is_known_as_such),
		TEST(a_copy_outlives_what_it_was_made_of),
		TEST(thousands_of_files_are_all_found_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
