/* Directory watches and signals: what is read through the ring as events. */
#include "tests/unit/engine/io/io_test.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/signals.h"
#include "engine/io/watch.h"

enum { EVENTS_MAX = 4096 };

struct seen {
	struct watch watch;
	unsigned count;
	struct { enum watch_event event; int directory; char name[40]; } events[EVENTS_MAX];
	bool closes_at_once;
};

static void told(struct watch *watch, enum watch_event event, int directory, const char *name)
{
	struct seen *seen = watch->owner;
	assert_true(seen->count < EVENTS_MAX);
	seen->events[seen->count].event = event;
	seen->events[seen->count].directory = directory;
	snprintf(seen->events[seen->count].name, sizeof seen->events[seen->count].name, "%s",
		name != NULL ? name : "(none)");
	seen->count++;
	if (seen->closes_at_once)
		watch_close(watch);
}

static bool was_told(const struct seen *seen, enum watch_event event, const char *name)
{
	for (unsigned i = 0; i < seen->count; i++) {
		if (seen->events[i].event == event && strcmp(seen->events[i].name, name) == 0)
			return true;
	}
	return false;
}

struct room {
	char path[64];
	int fd, directory;
	struct ring *ring;
	struct seen seen;
};

static int set_up(void **state)
{
	struct room *room = calloc(1, sizeof *room);
	struct fail fail;
	assert_non_null(room);
	snprintf(room->path, sizeof room->path, "/tmp/longship-watch-XXXXXX");
	assert_non_null(mkdtemp(room->path));
	room->fd = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	room->ring = ring_for_test((struct ring_options){ .without_buffers = true });
	assert_int_equal(
		watch_open(&room->seen.watch, room->ring, told, &room->seen, &fail), RESULT_OK);
	assert_int_equal(
		watch_add(&room->seen.watch, room->fd, &room->directory, &fail), RESULT_OK);
	*state = room;
	return 0;
}

static int tear_down(void **state)
{
	struct room *room = *state;
	char command[96];
	watch_close(&room->seen.watch);
	RUN_UNTIL(room->ring, !room->seen.watch.op.in_flight);
	ring_destroy(room->ring);
	close(room->fd);
	snprintf(command, sizeof command, "rm -rf %s", room->path);
	assert_int_equal(system(command), 0);
	free(room);
	return 0;
}

static int create(struct room *room, const char *name)
{
	int fd = openat(room->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void names_that_come_and_go_are_told(void **state)
{
	struct room *room = *state;
	struct seen *seen = &room->seen;
	close(create(room, "written"));
	RUN_UNTIL(room->ring, was_told(seen, WATCH_READY, "written"));
	assert_int_equal(seen->events[0].directory, room->directory);
	char outside[96];
	snprintf(outside, sizeof outside, "%s.outside", room->path);
	close(open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(renameat(AT_FDCWD, outside, room->fd, "moved"), 0);
	RUN_UNTIL(room->ring, was_told(seen, WATCH_READY, "moved"));
	assert_int_equal(linkat(room->fd, "moved", room->fd, "linked", 0), 0);
	RUN_UNTIL(room->ring, was_told(seen, WATCH_READY, "linked"));
	assert_int_equal(mkdirat(room->fd, "job", 0700), 0);
	RUN_UNTIL(room->ring, was_told(seen, WATCH_READY, "job"));
	assert_int_equal(unlinkat(room->fd, "written", 0), 0);
	RUN_UNTIL(room->ring, was_told(seen, WATCH_GONE, "written"));
	assert_int_equal(renameat(room->fd, "moved", AT_FDCWD, outside), 0);
	RUN_UNTIL(room->ring, was_told(seen, WATCH_GONE, "moved"));
	assert_int_equal(unlink(outside), 0);
	assert_false(was_told(seen, WATCH_OVERFLOW, "(none)"));
}

static void a_file_is_told_again_when_its_writer_closes_it(void **state)
{
	struct room *room = *state;
	int fd = create(room, "slow");
	RUN_UNTIL(room->ring, room->seen.count == 1);
	assert_int_equal(write(fd, "x", 1), 1);
	run_for_ms(room->ring, 5);
	assert_int_equal(room->seen.count, 1);
	close(fd);
	RUN_UNTIL(room->ring, room->seen.count == 2);
	assert_true(room->seen.events[1].event == WATCH_READY);
}

static void bursts_larger_than_the_buffer_come_whole(void **state)
{
	enum { NAMES = 1500 };
	struct room *room = *state;
	char name[32];
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "a-name-to-fill-the-buffer-%d", i);
		close(create(room, name));
	}
	RUN_UNTIL(room->ring, was_told(&room->seen, WATCH_READY, name));
	run_for_ms(room->ring, 5);
	assert_int_equal(room->seen.count, NAMES * 2);
}

static void the_end_of_the_directory_is_told(void **state)
{
	struct room *room = *state;
	assert_int_equal(rmdir(room->path), 0);
	close(room->fd); /* the last that held it */
	room->fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RUN_UNTIL(room->ring, was_told(&room->seen, WATCH_ENDED, "(none)"));
}

static void a_watch_may_be_closed_by_its_own_event(void **state)
{
	struct room *room = *state;
	room->seen.closes_at_once = true;
	close(create(room, "a"));
	close(create(room, "b"));
	RUN_UNTIL(room->ring, !room->seen.watch.op.in_flight);
	assert_int_equal(room->seen.count, 1);
}

static void a_removed_watch_tells_nothing_more(void **state)
{
	struct room *room = *state;
	watch_remove(&room->seen.watch, room->directory);
	close(create(room, "a"));
	run_for_ms(room->ring, 10);
	assert_false(was_told(&room->seen, WATCH_READY, "a"));
}

/* ---- signals ---- */

static unsigned caught[3];

static void on_signal(struct signals *signals, int number)
{
	(void)signals;
	caught[number == SIGTERM ? 0 : number == SIGHUP ? 1 : 2]++;
}

static void signals_are_read_and_interrupt_nobody(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ .without_buffers = true });
	struct signals signals;
	struct fail fail;
	signals_block();
	assert_int_equal(signals_open(&signals, ring, on_signal, &fail), RESULT_OK);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	RUN_UNTIL(ring, caught[0] == 1);
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	RUN_UNTIL(ring, caught[1] == 1);
	assert_int_equal(kill(getpid(), SIGTERM), 0); /* the second one: read as well */
	RUN_UNTIL(ring, caught[0] == 2);
	assert_int_equal(kill(getpid(), SIGINT), 0);
	RUN_UNTIL(ring, caught[2] == 1);
	/* A pipe that breaks is an error, not a signal. */
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	close(fds[1]);
	signals_close(&signals);
	signals_close(&signals);
	RUN_UNTIL(ring, !signals.op.in_flight);
	signals_unblock();
	ring_destroy(ring);
}

int main(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_ROOM(names_that_come_and_go_are_told),
		IN_ROOM(a_file_is_told_again_when_its_writer_closes_it),
		IN_ROOM(bursts_larger_than_the_buffer_come_whole),
		IN_ROOM(the_end_of_the_directory_is_told),
		IN_ROOM(a_watch_may_be_closed_by_its_own_event),
		IN_ROOM(a_removed_watch_tells_nothing_more),
		cmocka_unit_test(signals_are_read_and_interrupt_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
