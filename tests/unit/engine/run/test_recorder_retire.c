/* Segments of the journal go when their lines are durable, and nobody waits for that (DESIGN 5). The sync of
 * the event file is held here until the test lets it go on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "engine/io/ring.h"
#include "tests/unit/engine/run/recorder_test.h"

enum { ROTATED_SIZE = 160 };

void __wrap_ring_sync(struct ring *ring, struct io_op *op, int fd, bool data_only, io_done_fn *done);
void __real_ring_sync(struct ring *ring, struct io_op *op, int fd, bool data_only, io_done_fn *done);

static struct {
	int begun[2], go_on[2]; /* pipes: a byte for each that began; its result, a byte, 0 or errno */
	bool holds;
	/* Of the one that is held; the recorder's alone. */
	io_done_fn *done;
	uint8_t error;
} held;

static void held_done(struct io_op *op, const struct io_result *result)
{
	(void)result;
	const struct io_result given = { .value = -(int)held.error };
	held.done(op, &given);
}

void __wrap_ring_sync(struct ring *ring, struct io_op *op, int fd, bool data_only, io_done_fn *done)
{
	if (!held.holds) {
		__real_ring_sync(ring, op, fd, data_only, done);
		return;
	}
	assert_true(data_only);
	held.done = done;
	ring_read(ring, op, held.go_on[0], &held.error, 1, RING_AT_CURSOR, held_done);
	assert_int_equal(write(held.begun[1], "", 1), 1);
}

static int setup(void **state)
{
	held.holds = true;
	return rec_make_folder(state) != 0 || pipe(held.begun) != 0 || pipe(held.go_on) != 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < 2; i++) {
		close(held.begun[i]);
		close(held.go_on[i]);
	}
	return rec_remove_folder(state);
}

static void wait_for_sync(void)
{
	char byte;
	assert_int_equal(read(held.begun[0], &byte, 1), 1);
}

static bool another_began(void)
{
	char byte;
	assert_int_equal(fcntl(held.begun[0], F_SETFL, O_NONBLOCK), 0);
	bool began = read(held.begun[0], &byte, 1) == 1;
	assert_int_equal(fcntl(held.begun[0], F_SETFL, 0), 0);
	return began;
}

static void end_sync(uint8_t error) { assert_int_equal(write(held.go_on[1], &error, 1), 1); }

/* Answered behind all that the recorder had to do before, in a turn that is not its first. */
static void let_it_turn(void)
{
	for (int i = 0; i < 2; i++) {
		hub_post(rec.base.hub.recorder, POST_RECORDER_FLUSH, NULL, 0, 0);
		rec_hear(rec.base.hub.scheduler, POST_RECORDER_FLUSHED);
	}
}

/* A segment of an earlier run, with an outcome whose file has gone. */
static void make_old_segment(void)
{
	rec_start();
	rec_record_one("m1", ATTEMPT_DELIVERED);
	rec_stop();
	assert_int_equal(rec_segments(), 1);
}

/* A run with a segment that may go, for which a sync is in flight. */
static void start_with_sync(void)
{
	make_old_segment();
	rec_start();
	wait_for_sync();
}

/* The same, and the event file has another name by now. */
static void start_and_rotate(char rotated[static ROTATED_SIZE])
{
	snprintf(rotated, ROTATED_SIZE, "%s.1", rec_events_path);
	start_with_sync();
	assert_int_equal(rename(rec_events_path, rotated), 0);
}

static void nothing_waits_while_the_event_file_is_synced(void **state)
{
	(void)state;
	start_with_sync();
	for (int i = 0; i < 3; i++)
		rec_record_one("m2", ATTEMPT_DELIVERED);
	let_it_turn();
	assert_int_equal(rec_segments(), 2);
	assert_false(another_began()); /* one at a time */
	end_sync(0);
	rec_stop();
	assert_int_equal(rec_segments(), 1);
}

/* An outcome of so many recipients that the journal begins another segment. */
static void fill_a_segment(void)
{
	enum { RCPTS = 1000, ROUNDS = 60 };
	static char rcpts[RCPTS * 64];
	size_t len = 0;
	for (int i = 0; i < RCPTS; i++)
		len += (size_t)snprintf(
			rcpts + len, sizeof rcpts - len, "%snobody-%d@a.example", i > 0 ? " " : "", i);
	for (int i = 0; i < ROUNDS; i++) {
		struct message *message = rec_make_message("many", rcpts, false);
		struct attempt *attempt = rec_settle(message, 0, RCPTS, ATTEMPT_DEFERRED);
		rec_assert_recorded(attempt);
		attempt_destroy(attempt);
		rec_finish(message, false);
	}
}

static void what_was_written_after_the_sync_began_is_not_retired_by_it(void **state)
{
	(void)state;
	start_with_sync();
	/* While it is in flight this run's first segment is filled, and all in it is done. */
	fill_a_segment();
	let_it_turn();
	size_t before = rec_segments();
	assert_true(before >= 3);
	end_sync(0);
	wait_for_sync(); /* for the rest another one is begun */
	assert_int_equal(rec_segments(), before - 1);
	end_sync(0);
	rec_stop();
	assert_int_equal(rec_segments(), 1);
}

/* A run whose first sync fails, with the lines of m1 (of an earlier one) and m2 in the event file. From here
 * on a sync would be true, and say that all is well. */
static void start_with_failed_sync(void)
{
	start_with_sync();
	rec_record_one("m2", ATTEMPT_DELIVERED);
	held.holds = false;
	end_sync(EIO);
	assert_int_equal(rec_hear(rec.base.hub.scheduler, POST_RECORD_FAILED).number, 0);
	assert_true(run_test_logged(&rec.base, "cannot sync the event file"));
}

/* The kernel tells of lost pages once: a later sync that is OK says nothing of them. */
static void after_a_sync_that_failed_nothing_is_retired_and_the_next_run_writes_what_was_lost(
	void **state) /* 74 */
{
	(void)state;
	char lines[1024];
	start_with_failed_sync();
	rec_keep(rec_read_events(rec_events_path), lines, sizeof lines);
	assert_int_equal(rec_count_of(lines, "\n"), 2);
	/* The journal takes everything still; the event file nothing. */
	rec_record_one("m3", ATTEMPT_DELIVERED);
	let_it_turn();
	rec_stop();
	assert_int_equal(rec_segments(), 2);
	assert_string_equal(rec_read_events(rec_events_path), lines);
	/* Power fails, and the lines are gone with it. */
	assert_int_equal(truncate(rec_events_path, 0), 0);
	rec_start();
	const char *again = rec_read_events(rec_events_path);
	assert_memory_equal(again, lines, strlen(lines)); /* byte for byte */
	assert_int_equal(rec_count_of(again, "\n"), 3);
	/* This one's sync is true. */
	rec_stop();
	assert_int_equal(rec_segments(), 1);
}

static void after_a_sync_that_failed_sighup_notes_nothing_as_written(void **state)
{
	(void)state;
	char rotated[ROTATED_SIZE];
	start_and_rotate(rotated);
	hub_post(rec.base.hub.recorder, POST_REOPEN, NULL, 0, 0); /* waits for the sync */
	rec_record_one("m2", ATTEMPT_DELIVERED);
	held.holds = false;
	end_sync(EIO);
	assert_int_equal(rec_hear(rec.base.hub.scheduler, POST_RECORD_FAILED).number, 0);
	let_it_turn();
	hub_post(rec.base.hub.recorder, POST_REOPEN, NULL, 0, 0); /* nor one that comes later */
	let_it_turn();
	assert_int_equal(access(rec_events_path, F_OK), -1);
	rec_stop();
	assert_int_equal(rec_segments(), 2);
	/* Nobody knows what the old file lost: all that the journal has is told again. */
	rec_start();
	assert_int_equal(rec_count_of(rec_read_events(rec_events_path), "\n"), 2);
	rec_stop();
	assert_int_equal(rec_segments(), 1);
}

static void sighup_waits_for_the_sync_and_loses_no_line(void **state)
{
	(void)state;
	char rotated[ROTATED_SIZE];
	start_and_rotate(rotated);
	hub_post(rec.base.hub.recorder, POST_REOPEN, NULL, 0, 0);
	rec_record_one("m2", ATTEMPT_DELIVERED); /* still into the old one */
	assert_int_equal(access(rec_events_path, F_OK), -1);
	assert_int_equal(rec_count_of(rec_read_events(rotated), "\n"), 2);
	end_sync(0);
	let_it_turn();
	rec_record_one("m3", ATTEMPT_DELIVERED);
	assert_int_equal(rec_count_of(rec_read_events(rec_events_path), "\n"), 1);
	rec_stop();
	assert_int_equal(rec_segments(), 1);
}

static void a_run_that_ends_waits_for_the_sync_and_for_sighup(void **state)
{
	(void)state;
	char rotated[ROTATED_SIZE];
	start_and_rotate(rotated);
	rec_record_one("m2", ATTEMPT_DELIVERED);
	hub_post(rec.base.hub.recorder, POST_REOPEN, NULL, 0, 0);
	hub_post(rec.base.hub.recorder, POST_STOP, NULL, 0, 0);
	end_sync(0);
	rec_stop(); /* the second word is not heard */
	assert_int_equal(rec_segments(), 1);
	assert_int_equal(rec_count_of(rec_read_events(rec_events_path), "\n"), 0);
	assert_int_equal(rec_count_of(rec_read_events(rotated), "\n"), 2);
	/* The old one's lines are noted: they are not written again. */
	held.holds = false;
	rec_start();
	assert_string_equal(rec_read_events(rec_events_path), "");
	rec_stop();
}

static void events_to_a_pipe_are_not_synced(void **state)
{
	(void)state;
	char flag[160];
	make_old_segment();
	snprintf(flag, sizeof flag, "%s/fifo", rec_folder);
	assert_int_equal(mkfifo(flag, 0600), 0);
	int reader = open(flag, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	snprintf(flag, sizeof flag, "--events=%s/fifo", rec_folder);
	rec_start_with(flag, "--commit-interval=1ms");
	rec_record_one("m2", ATTEMPT_DELIVERED);
	rec_stop();
	assert_false(another_began());
	assert_int_equal(rec_segments(), 1);
	close(reader);
	/* Nor without any. */
	rec_start_with("--commit-interval=1ms", NULL);
	rec_stop();
	assert_false(another_began());
	assert_int_equal(rec_segments(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_waits_while_the_event_file_is_synced),
		TEST(what_was_written_after_the_sync_began_is_not_retired_by_it),
		TEST(after_a_sync_that_failed_nothing_is_retired_and_the_next_run_writes_what_was_lost),
		TEST(after_a_sync_that_failed_sighup_notes_nothing_as_written),
		TEST(sighup_waits_for_the_sync_and_loses_no_line),
		TEST(a_run_that_ends_waits_for_the_sync_and_for_sighup),
		TEST(events_to_a_pipe_are_not_synced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
