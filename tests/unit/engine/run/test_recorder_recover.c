/* What the next run of the recorder makes of the journal of the ones before (DESIGN 5). */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "tests/unit/engine/run/recorder_test.h"

static void the_next_run_knows_who_is_done_and_numbers_go_on(void **state) /* DESIGN 5 */
{
	(void)state;
	rec_start();
	struct message *message =
		rec_make_message("m1", "1@a.example 2@a.example 3@a.example", true);
	const struct file_identity identity = message->identity;
	struct attempt *done = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	struct attempt *later = rec_settle(message, 1, 1, ATTEMPT_DEFERRED);
	struct attempt *bounced = rec_settle(message, 2, 1, ATTEMPT_BOUNCED);
	rec_assert_recorded(done);
	rec_assert_recorded(later);
	rec_assert_recorded(bounced);
	attempt_destroy(done);
	attempt_destroy(later);
	attempt_destroy(bounced);
	rec_stop(); /* without an unlink, as in a crash */
	message_destroy(message);
	char before[8192];
	rec_keep(rec_read_events(rec_events_path), before, sizeof before);

	rec_start();
	const struct recovered_file *file = recovery_find(&rec.base.recovery, "m1", &identity);
	assert_non_null(file);
	assert_true(recovered_is_done(file, 0));
	assert_false(recovered_is_done(file, 1));
	assert_true(recovered_is_done(file, 2));
	assert_string_equal(rec_read_events(rec_events_path), before); /* no line twice */
	rec_record_one("m2", ATTEMPT_DELIVERED);
	assert_non_null(
		strstr(rec_read_events(rec_events_path), "{\"event\":\"delivered\",\"seq\":\"4\""));
	rec_stop();
}

static void lines_that_a_crash_kept_from_the_file_are_written_again_byte_for_byte(void **state)
{
	(void)state;
	static char whole[65536];
	rec_start();
	/* Its file stays, so that the journal is needed and stays too. */
	struct message *message = rec_make_message("m1", "1@a.example 2@a.example", true);
	for (int i = 0; i < 5; i++) {
		struct attempt *attempt =
			rec_settle(message, i > 0, 1, i > 0 ? ATTEMPT_DEFERRED : ATTEMPT_DELIVERED);
		rec_assert_recorded(attempt);
		attempt_destroy(attempt);
	}
	rec_stop();
	message_destroy(message);
	rec_keep(rec_read_events(rec_events_path), whole, sizeof whole);
	size_t len = strlen(whole),
	       fourth = (size_t)(strstr(whole, "{\"event\":\"deferred\",\"seq\":\"4\"") - whole);
	/* Between lines, in the middle of one, before the last octet of one, and nothing at all. */
	const size_t cuts[] = { fourth, fourth + 40, fourth - 1, len - 1, 0 };
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		assert_int_equal(truncate(rec_events_path, (off_t)cuts[i]), 0);
		rec_start();
		assert_string_equal(rec_read_events(rec_events_path), whole);
		rec_stop();
	}
}

/* What the file had when it was rotated away is not written again into its successor, whatever a crash
 * kept from that one. */
static void lines_of_a_file_that_was_rotated_away_are_not_written_again(void **state)
{
	(void)state;
	char rotated[160], old[8192];
	snprintf(rotated, sizeof rotated, "%s.1", rec_events_path);
	rec_start();
	struct message *message = rec_make_message("m1", "1@a.example 2@a.example", true);
	for (int i = 0; i < 2; i++) {
		struct attempt *attempt =
			rec_settle(message, (uint32_t)i, 1, i > 0 ? ATTEMPT_DEFERRED : ATTEMPT_DELIVERED);
		rec_assert_recorded(attempt);
		attempt_destroy(attempt);
		if (i == 0)
			assert_int_equal(rename(rec_events_path, rotated), 0);
	}
	hub_post(rec.base.hub.recorder, POST_REOPEN, NULL, 0, 0);
	rec_stop(); /* as in a crash, before any other line */
	rec_keep(rec_read_events(rotated), old, sizeof old);
	assert_int_equal(rec_count_of(old, "\n"), 2);
	rec_start();
	assert_string_equal(rec_read_events(rec_events_path), "");
	rec_record_one("m2", ATTEMPT_DELIVERED);
	rec_stop();
	message_destroy(message);
	char fresh[8192];
	rec_keep(rec_read_events(rec_events_path), fresh, sizeof fresh);
	assert_int_equal(rec_count_of(fresh, "\n"), 1);
	const long cuts[] = { (long)strlen(fresh), 20, 0 };
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		assert_int_equal(truncate(rec_events_path, cuts[i]), 0);
		rec_start();
		assert_string_equal(rec_read_events(rec_events_path), fresh);
		assert_string_equal(rec_read_events(rotated), old);
		rec_stop();
	}
}

static void files_that_are_gone_need_no_tombstones(void **state)
{
	(void)state;
	rec_start();
	struct message *kept = rec_make_message("kept", "ann@a.example", true);
	struct message *gone = rec_make_message("gone", "ann@a.example", true);
	struct message *replaced = rec_make_message("replaced", "ann@a.example", true);
	struct message *messages[] = { kept, gone, replaced };
	struct file_identity identities[3];
	for (size_t i = 0; i < 3; i++) {
		struct attempt *attempt = rec_settle(messages[i], 0, 1, ATTEMPT_DELIVERED);
		rec_assert_recorded(attempt);
		attempt_destroy(attempt);
		identities[i] = messages[i]->identity;
	}
	/* Another file takes its name; made before the old one goes, so that its inode differs. */
	assert_int_equal(renameat(rec.new_fd, "replaced", rec.new_fd, "old"), 0);
	struct message *other = rec_make_message("replaced", "eve@c.example", true);
	assert_int_equal(unlinkat(rec.new_fd, "old", 0), 0);
	assert_int_equal(unlinkat(rec.new_fd, "gone", 0), 0);
	struct file_identity other_identity = other->identity;
	message_destroy(other);
	rec_stop();
	for (size_t i = 0; i < 3; i++)
		message_destroy(messages[i]);
	rec_start();
	assert_non_null(recovery_find(&rec.base.recovery, "kept", &identities[0]));
	assert_null(recovery_find(&rec.base.recovery, "gone", &identities[1]));
	assert_null(recovery_find(&rec.base.recovery, "replaced", &identities[2]));
	assert_null(recovery_find(&rec.base.recovery, "replaced", &other_identity));
	rec_stop();
}

/* Between the move to state/leaving/ and the removal: what is done goes, and mail that had taken the name
 * is mail again. */
static void what_a_crash_left_aside_is_removed_or_put_back(void **state)
{
	(void)state;
	char aside[128];
	rec_start();
	struct message *message = rec_make_message("m1", "ann@a.example", true);
	struct message *other = rec_make_message("m2", "ann@a.example", true);
	struct message *taken = rec_make_message("m3", "ann@a.example", true);
	const struct file_identity identity = message->identity;
	struct attempt *attempt = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	snprintf(aside, sizeof aside, "%s/state/leaving", rec_folder);
	assert_int_equal(file_make_directories(aside, 0700, NULL), RESULT_OK);
	int aside_fd;
	assert_int_equal(file_open_directory(AT_FDCWD, aside, &aside_fd, NULL), RESULT_OK);
	static const char *const names[] = { "m1", "m2", "m3" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_int_equal(renameat(rec.new_fd, names[i], aside_fd, names[i]), 0);
	struct message *newer = rec_make_message("m3", "ann@a.example", true);
	rec_stop();

	rec_start();
	struct file_identity found;
	enum file_type type;
	assert_int_equal(file_look(aside_fd, "m1", &type, &found, NULL), RESULT_NOT_FOUND);
	assert_int_equal(file_look(rec.new_fd, "m1", &type, &found, NULL), RESULT_NOT_FOUND);
	assert_null(recovery_find(&rec.base.recovery, "m1", &identity)); /* no tombstone is needed */
	assert_int_equal(file_look(rec.new_fd, "m2", &type, &found, NULL), RESULT_OK);
	assert_true(file_identity_equal(&found, &other->identity));
	assert_int_equal(file_look(rec.new_fd, "m3", &type, &found, NULL), RESULT_OK);
	assert_true(file_identity_equal(&found, &newer->identity));
	assert_int_equal(file_look(rec.new_fd, "m3.1", &type, &found, NULL), RESULT_OK);
	assert_true(file_identity_equal(&found, &taken->identity));
	rec_stop();
	file_close(aside_fd);
	message_destroy(message);
	message_destroy(other);
	message_destroy(taken);
	message_destroy(newer);
}

static void segments_go_when_their_files_are_gone(void **state)
{
	(void)state;
	rec_start();
	struct message *message = rec_make_message("m1", "ann@a.example", true);
	struct file_identity identity = message->identity;
	struct attempt *attempt = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	rec_stop();
	message_destroy(message);
	rec_start();
	rec_record_one("m2", ATTEMPT_DELIVERED);
	assert_int_equal(
		rec_segments(), 2); /* the file is still there: its tombstones are needed */
	/* The scheduler finds that all is done and has it unlinked. */
	message = message_create("m1", &identity);
	assert_non_null(message);
	message->recovered = true;
	rec_finish(message, false);
	rec_record_one("m3", ATTEMPT_DELIVERED);
	rec_stop(); /* the lines are made durable meanwhile */
	assert_int_equal(rec_segments(), 1);
}

static void what_leaves_the_queue_late_keeps_the_journal_until_it_has(void **state)
{
	(void)state;
	rec_start();
	struct message *message = rec_make_message("m1", "ann@a.example", true);
	struct attempt *attempt = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	rec_stop();
	struct file_identity identity = message->identity;
	message_destroy(message);
	/* One of an earlier run, and one of this. */
	rec_start();
	message = message_create("m1", &identity);
	assert_non_null(message);
	message->recovered = true;
	rec_finish(message, true);
	message = rec_make_message("m2", "ann@a.example", true);
	attempt = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	rec_finish(message, true);
	hub_post(rec.base.hub.recorder, POST_FORGOTTEN, NULL, 0, 1);
	rec_record_one("m3", ATTEMPT_DELIVERED);
	assert_int_equal(rec_segments(), 2);
	hub_post(rec.base.hub.recorder, POST_FORGOTTEN, NULL, 0, 1);
	rec_record_one("m4", ATTEMPT_DELIVERED);
	rec_stop();
	assert_int_equal(rec_segments(), 1);
}

static void a_file_that_cannot_be_removed_keeps_its_tombstones(void **state)
{
	(void)state;
	rec_start();
	struct message *message = rec_make_message("m1", "ann@a.example", true);
	struct file_identity identity = message->identity;
	struct attempt *attempt = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	rec_finish(message, true);
	rec_stop();
	for (int i = 0; i < 3; i++) { /* over as many runs as it is there */
		rec_start();
		assert_non_null(recovery_find(&rec.base.recovery, "m1", &identity));
		rec_record_one("m2", ATTEMPT_DELIVERED);
		rec_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REC_TEST(the_next_run_knows_who_is_done_and_numbers_go_on),
		REC_TEST(lines_that_a_crash_kept_from_the_file_are_written_again_byte_for_byte),
		REC_TEST(lines_of_a_file_that_was_rotated_away_are_not_written_again),
		REC_TEST(files_that_are_gone_need_no_tombstones),
		REC_TEST(what_a_crash_left_aside_is_removed_or_put_back),
		REC_TEST(what_leaves_the_queue_late_keeps_the_journal_until_it_has),
		REC_TEST(segments_go_when_their_files_are_gone),
		REC_TEST(a_file_that_cannot_be_removed_keeps_its_tombstones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
