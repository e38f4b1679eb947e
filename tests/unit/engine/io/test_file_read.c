/* Reading files through the ring. */
#include "tests/unit/engine/io/io_test.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/file_read.h"

struct reading {
	struct file_read read;
	enum result result;
	unsigned done;
	size_t asked;      /* of the buffer */
	bool no_memory;
	int cuts;          /* after the buffer is given: 1 lets the file shrink, 2 lets it grow */
	int dir_fd;
	const char *name;
	uint8_t memory[200001];
};

struct room {
	char path[64];
	int fd;
	struct ring *ring;
	struct reading *reading;
};

static uint8_t *give(struct file_read *read, size_t bytes)
{
	struct reading *reading = read->owner;
	reading->asked = bytes;
	if (reading->cuts != 0) {
		int fd = openat(reading->dir_fd, reading->name, O_WRONLY | O_CLOEXEC);
		off_t size = (off_t)bytes - 1;
		assert_int_equal(ftruncate(fd, reading->cuts == 1 ? size / 2 : size * 2), 0);
		close(fd);
	}
	if (reading->no_memory || bytes > sizeof reading->memory)
		return NULL;
	return reading->memory;
}

static void done(struct file_read *read, enum result result)
{
	struct reading *reading = read->owner;
	reading->done++;
	reading->result = result;
	assert_false(read->op.in_flight);
}

static int set_up(void **state)
{
	struct room *room = calloc(1, sizeof *room);
	assert_non_null(room);
	room->reading = calloc(1, sizeof *room->reading);
	assert_non_null(room->reading);
	snprintf(room->path, sizeof room->path, "/tmp/longship-read-XXXXXX");
	assert_non_null(mkdtemp(room->path));
	room->fd = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	room->ring = ring_for_test((struct ring_options){ .without_buffers = true });
	room->reading->read = (struct file_read){
		.owner = room->reading, .max_bytes = 150000, .buffer = give, .done = done };
	room->reading->dir_fd = room->fd;
	*state = room;
	return 0;
}

static int tear_down(void **state)
{
	struct room *room = *state;
	char command[96];
	run_for_ms(room->ring, 2); /* closes that nobody waits for */
	ring_destroy(room->ring);
	close(room->fd);
	snprintf(command, sizeof command, "rm -rf %s", room->path);
	assert_int_equal(system(command), 0);
	free(room->reading);
	free(room);
	return 0;
}

static void put(struct room *room, const char *name, size_t len)
{
	int fd = openat(room->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(i * 7);
		if (len > 5000 ? pwrite(fd, &byte, 1, (off_t)i) != 1 : write(fd, &byte, 1) != 1)
			fail_msg("write");
		if (len > 5000)
			i += 996; /* sparse is as good */
	}
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

static enum result read_now(struct room *room, const char *name)
{
	struct reading *reading = room->reading;
	reading->name = name;
	unsigned before = reading->done;
	file_read_start(&reading->read, room->ring, room->fd, name);
	assert_int_equal(reading->done, before);
	RUN_UNTIL(room->ring, reading->done > before);
	return reading->result;
}

static void files_of_every_size_are_read_whole(void **state)
{
	struct room *room = *state;
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 65536, 149999, 150000 };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char name[16];
		struct stat status;
		snprintf(name, sizeof name, "f%zu", i);
		put(room, name, sizes[i]);
		assert_int_equal(read_now(room, name), RESULT_OK);
		const struct file_read *read = &room->reading->read;
		assert_int_equal(read->len, sizes[i]);
		assert_int_equal(room->reading->asked, sizes[i] + 1);
		assert_ptr_equal(read->data, room->reading->memory);
		for (size_t at = 0; at < sizes[i]; at += sizes[i] > 5000 ? 997 : 1)
			assert_int_equal(read->data[at], (uint8_t)(at * 7));
		assert_int_equal(fstatat(room->fd, name, &status, 0), 0);
		assert_int_equal(read->identity.inode, status.st_ino);
		assert_int_equal(read->identity.bytes, sizes[i]);
	}
}

static void what_is_not_a_regular_file_below_is_refused(void **state)
{
	struct room *room = *state;
	put(room, "big", 150001);
	put(room, "ok", 10);
	assert_int_equal(mkdirat(room->fd, "dir", 0700), 0);
	assert_int_equal(mkfifoat(room->fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("ok", room->fd, "link"), 0);
	assert_int_equal(symlinkat(".", room->fd, "here"), 0);
	static const struct { const char *name; enum result want; } rows[] = {
		{ "none", RESULT_NOT_FOUND },   { "dir", RESULT_INVALID },
		{ "fifo", RESULT_INVALID },     { "link", RESULT_INVALID },
		{ "here/ok", RESULT_INVALID },  { "../etc/hostname", RESULT_INVALID },
		{ "big", RESULT_TOO_LONG },     { "ok", RESULT_OK },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum result result = read_now(room, rows[i].name);
		if (result != rows[i].want)
			fail_msg("%s: %s", rows[i].name, result_name(result));
		if (result != RESULT_OK)
			assert_int_equal(room->reading->read.fail.result, result);
	}
	assert_int_equal(read_now(room, "big"), RESULT_TOO_LONG);
	assert_int_equal(room->reading->read.identity.bytes, 150001);
}

static void a_file_that_changes_meanwhile_is_noticed(void **state)
{
	struct room *room = *state;
	for (int cuts = 1; cuts <= 2; cuts++) {
		char name[16];
		snprintf(name, sizeof name, "c%d", cuts);
		put(room, name, 50000);
		room->reading->cuts = cuts;
		assert_int_equal(read_now(room, name), RESULT_CHANGED);
		room->reading->cuts = 0;
		assert_int_equal(read_now(room, name), RESULT_OK);
	}
}

static void without_memory_nothing_is_read(void **state)
{
	struct room *room = *state;
	put(room, "f", 100);
	room->reading->no_memory = true;
	assert_int_equal(read_now(room, "f"), RESULT_MEMORY);
}

/* After any number of turns; whatever it had come to, it comes to an end once, and no descriptor is
 * left behind. */
static void a_read_can_be_cancelled_at_any_moment(void **state)
{
	struct room *room = *state;
	struct reading *reading = room->reading;
	put(room, "f", 120000);
	unsigned cancelled = 0;
	for (int turns = 0; turns < 6; turns++) {
		for (int round = 0; round < 50; round++) {
			unsigned before = reading->done;
			file_read_start(&reading->read, room->ring, room->fd, "f");
			for (int i = 0; i < turns; i++)
				(void)ring_run_once(room->ring, RING_NO_WAIT);
			file_read_cancel(&reading->read);
			RUN_UNTIL(room->ring, reading->done > before);
			assert_int_equal(reading->done, before + 1);
			assert_true(reading->result == RESULT_OK ||
				reading->result == RESULT_CANCELLED);
			cancelled += reading->result == RESULT_CANCELLED;
		}
	}
	assert_true(cancelled > 0);
	run_for_ms(room->ring, 5);
	int fd = dup(room->fd);
	assert_in_range(fd, 0, 20); /* the numbers have not run away */
	close(fd);
}

int main(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_ROOM(files_of_every_size_are_read_whole),
		IN_ROOM(what_is_not_a_regular_file_below_is_refused),
		IN_ROOM(a_file_that_changes_meanwhile_is_noticed),
		IN_ROOM(without_memory_nothing_is_read),
		IN_ROOM(a_read_can_be_cancelled_at_any_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
