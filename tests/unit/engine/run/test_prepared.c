/* Which of the files that a crash left in tmp/ become mail. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/run/prepared.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

static char folder[64];
static int tmp_fd, new_fd, bad_fd;
static struct recovery recovery;

static int make_folder(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/notice-XXXXXX", above != NULL ? above : "/tmp");
	if (mkdtemp(folder) == NULL)
		return 1;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "tmp", 0700) != 0 || mkdirat(fd, "new", 0700) != 0 ||
		mkdirat(fd, "bad", 0700) != 0)
		return 1;
	tmp_fd = openat(fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	new_fd = openat(fd, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bad_fd = openat(fd, "bad", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(fd);
	return recovery_init(&recovery) != RESULT_OK || tmp_fd < 0 || new_fd < 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[128];
	close(tmp_fd);
	close(new_fd);
	close(bad_fd);
	recovery_deinit(&recovery);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static void put(const char *name)
{
	int fd = openat(tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool is_in(int dir_fd, const char *name) { return faccessat(dir_fd, name, F_OK, 0) == 0; }

/* The name of its notification for this recipient; recorded or not. */
static void leave(const char *name, uint64_t inode, uint32_t rcpt, bool is_recorded,
	char out[static PREPARED_NAME_SIZE])
{
	const struct test_mail mail = { .name = name, .inode = inode, .birth_ns = 1000 };
	struct message *message = test_message(&mail);
	prepared_name(PREPARED_NOTICE, name, &message->identity, rcpt, out);
	put(out);
	if (is_recorded)
		assert_int_equal(
			recovery_add_done(&recovery, text_of(name), &message->identity, rcpt, 1),
			RESULT_OK);
	message_destroy(message);
}

static void restore(void)
{
	struct fail fail = { 0 };
	assert_int_equal(prepared_restore(tmp_fd, new_fd, bad_fd, &recovery, &fail), RESULT_OK);
}

static void what_the_journal_has_becomes_mail_and_what_it_has_not_goes(void **state) /* DESIGN 5 */
{
	(void)state;
	char recorded[PREPARED_NAME_SIZE], other_rcpt[PREPARED_NAME_SIZE],
		other_file[PREPARED_NAME_SIZE], also[PREPARED_NAME_SIZE];
	leave("m1", 1, 12, true, recorded);
	leave("m1", 1, 1, false, other_rcpt); /* one that the other's begins with */
	leave("m2", 1, 12, false, other_file);
	leave("m1", 1, 9999, true, also);
	restore();
	assert_true(is_in(new_fd, recorded) && !is_in(tmp_fd, recorded));
	assert_true(is_in(new_fd, also) && !is_in(tmp_fd, also));
	assert_true(!is_in(new_fd, other_rcpt) && !is_in(tmp_fd, other_rcpt));
	assert_true(!is_in(new_fd, other_file) && !is_in(tmp_fd, other_file));
}

/* That somebody was told of a delay, and that he was told of the failure, are two things. */
static void a_warning_becomes_mail_by_its_own_record(void **state)
{
	(void)state;
	char warned[PREPARED_NAME_SIZE], unwarned[PREPARED_NAME_SIZE], failed[PREPARED_NAME_SIZE];
	const struct test_mail mail = { .name = "m1", .inode = 1, .birth_ns = 1000 };
	struct message *message = test_message(&mail);
	prepared_name(PREPARED_WARNING, "m1", &message->identity, 3, warned);
	prepared_name(PREPARED_WARNING, "m1", &message->identity, 4, unwarned);
	put(warned);
	put(unwarned);
	leave("m1", 1, 3, false, failed);
	assert_int_equal(
		recovery_add_warned(&recovery, TEXT("m1"), &message->identity, false, 3, 1), RESULT_OK);
	assert_int_equal(recovery_add_done(&recovery, TEXT("m1"), &message->identity, 4, 2), RESULT_OK);
	restore();
	assert_true(is_in(new_fd, warned) && !is_in(tmp_fd, warned));
	assert_false(is_in(new_fd, unwarned) || is_in(tmp_fd, unwarned));
	assert_false(is_in(new_fd, failed) || is_in(tmp_fd, failed));
	message_destroy(message);
}

static void a_name_that_returned_with_another_identity_is_another_file(void **state)
{
	(void)state;
	char before[PREPARED_NAME_SIZE], after[PREPARED_NAME_SIZE];
	leave("m1", 1, 0, false, before);
	leave("m1", 2, 0, true, after);
	assert_string_not_equal(before, after);
	restore();
	assert_false(is_in(new_fd, before) || is_in(tmp_fd, before));
	assert_true(is_in(new_fd, after));
}

static void one_that_is_mail_already_is_not_made_so_again(void **state)
{
	(void)state;
	char name[PREPARED_NAME_SIZE];
	leave("m1", 1, 0, true, name);
	restore();
	struct stat first, second;
	assert_int_equal(fstatat(new_fd, name, &first, 0), 0);
	put(name);
	restore();
	assert_false(is_in(tmp_fd, name));
	assert_int_equal(fstatat(new_fd, name, &second, 0), 0);
	assert_int_equal(first.st_ino, second.st_ino);
}

static void files_of_others_in_tmp_are_left_alone(void **state)
{
	(void)state;
	static const char *const names[] = { "dsn-", "dsn-12",
		"dsn-00112233445566778899aabbccddeeff", "dsn-00112233445566778899aabbccddeeff-",
		"dsn-00112233445566778899aabbccddeeff-1x", "dsn-00112233445566778899AABBCCDDEEFF-1",
		"dsn-00112233445566778899aabbccddeeff-123456789012345678901", "batch-1", "rest-",
		"draft.eml" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		put(names[i]);
	restore();
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_true(is_in(tmp_fd, names[i]));
}

static void names_of_notifications_are_known(void **state)
{
	(void)state;
	assert_true(prepared_is_notice("dsn-00112233445566778899aabbccddeeff-12"));
	assert_true(prepared_is_notice("delay-00112233445566778899aabbccddeeff-0"));
	assert_false(prepared_is_notice("batch-00112233445566778899aabbccddeeff-0"));
	assert_false(prepared_is_notice("dsn-12"));
	assert_false(prepared_is_notice("m1.eml"));
}

static void many_are_told_apart(void **state)
{
	(void)state;
	enum { MANY = 500 };
	static char names[MANY][PREPARED_NAME_SIZE];
	for (uint32_t i = 0; i < MANY; i++) {
		char file[16];
		snprintf(file, sizeof file, "m%u", i / 5);
		leave(file, 1, i % 5, i % 3 == 0, names[i]);
	}
	restore();
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(is_in(new_fd, names[i]), i % 3 == 0);
		assert_false(is_in(tmp_fd, names[i]));
	}
}

/* ---- batch files ---- */

static void leave_part(enum prepared_kind kind, uint64_t inode, uint64_t number,
	char out[static PREPARED_NAME_SIZE])
{
	const struct file_identity identity = { .inode = inode, .birth_ns = 1000 };
	prepared_name(kind, "b.bsmtp", &identity, number, out);
	put(out);
}

static void of_a_batch_that_is_split_the_parts_become_mail_and_the_rest_goes_to_bad(
	void **state) /* DESIGN 5 */
{
	(void)state;
	const struct file_identity identity = { .inode = 5, .birth_ns = 1000 };
	char parts[3][PREPARED_NAME_SIZE], rest[PREPARED_NAME_SIZE], reason[PREPARED_NAME_SIZE];
	for (uint64_t i = 0; i < 3; i++)
		leave_part(PREPARED_PART, 5, i, parts[i]);
	leave_part(PREPARED_REST, 5, 5000000000, rest);
	leave_part(PREPARED_REASON, 5, 5000000000, reason);
	assert_int_equal(recovery_add_split(&recovery, TEXT("b.bsmtp"), &identity, 1), RESULT_OK);
	restore();
	for (size_t i = 0; i < 3; i++)
		assert_true(is_in(new_fd, parts[i]) && !is_in(tmp_fd, parts[i]));
	assert_true(is_in(bad_fd, "b.bsmtp.at-5000000000") && !is_in(tmp_fd, rest));
	assert_true(is_in(bad_fd, "b.bsmtp.at-5000000000.reason") && !is_in(tmp_fd, reason));
}

static void of_a_batch_that_is_not_the_parts_go_and_it_is_split_anew(void **state)
{
	(void)state;
	const struct file_identity identity = { .inode = 5, .birth_ns = 1000 };
	char part[PREPARED_NAME_SIZE], rest[PREPARED_NAME_SIZE], other[PREPARED_NAME_SIZE];
	leave_part(PREPARED_PART, 5, 0, part);
	leave_part(PREPARED_REST, 5, 17, rest);
	leave_part(PREPARED_PART, 6, 0, other);
	/* A record of another kind is none of theirs. */
	assert_int_equal(recovery_add_done(&recovery, TEXT("b.bsmtp"), &identity, 0, 1), RESULT_OK);
	restore();
	assert_false(is_in(tmp_fd, part) || is_in(new_fd, part));
	assert_false(is_in(tmp_fd, rest) || is_in(bad_fd, "b.bsmtp.at-17"));
	assert_false(is_in(tmp_fd, other) || is_in(new_fd, other));
}

#define CRASH_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CRASH_TEST(what_the_journal_has_becomes_mail_and_what_it_has_not_goes),
		CRASH_TEST(a_warning_becomes_mail_by_its_own_record),
		CRASH_TEST(a_name_that_returned_with_another_identity_is_another_file),
		CRASH_TEST(one_that_is_mail_already_is_not_made_so_again),
		CRASH_TEST(files_of_others_in_tmp_are_left_alone),
		CRASH_TEST(names_of_notifications_are_known),
		CRASH_TEST(many_are_told_apart),
		CRASH_TEST(of_a_batch_that_is_split_the_parts_become_mail_and_the_rest_goes_to_bad),
		CRASH_TEST(of_a_batch_that_is_not_the_parts_go_and_it_is_split_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
