#include "tests/unit/store/temp_folder.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "engine/base/event.h"
#include "store/event_file.h"

static struct fail fail;

static struct text line_of(uint64_t seq, struct buf *buf, uint8_t memory[1024])
{
	struct event event = { .event = EVENT_DELIVERED, .seq = seq, .rcpt = TEXT("a@b.example"),
		.reply = TEXT("250 {\"event\":\"x\",\"seq\":\"99\",") };
	buf_init(buf, memory, 1024);
	event_format_line(&event, buf);
	return buf_text(buf);
}

static void write_seq(struct event_file *file, uint64_t seq)
{
	uint8_t memory[1024];
	struct buf buf;
	assert_int_equal(event_file_write(file, line_of(seq, &buf, memory), &fail), RESULT_OK);
}

static struct event_file *open_here(void)
{
	struct event_file *file;
	if (event_file_open(temp_path("events"), &file, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
	return file;
}

/* The whole file is the lines with these numbers and nothing else. */
static void assert_lines(const char *name, uint64_t first, uint64_t last)
{
	uint8_t memory[1024];
	char *text = temp_read(name);
	struct text rest = text_of(text);
	for (uint64_t seq = first; seq <= last; seq++) {
		struct buf buf;
		struct text want = line_of(seq, &buf, memory);
		assert_true(text_starts(rest, want));
		rest = text_skip(rest, want.len);
	}
	assert_int_equal(rest.len, 0);
	free(text);
}

static void the_number_of_a_line_is_found_at_its_place_only(void **state)
{
	(void)state;
	uint8_t memory[1024];
	struct buf buf;
	struct event session = { .event = EVENT_SESSION, .reply = TEXT("\",\"seq\":\"7\"") };
	assert_int_equal(event_file_seq_of_line(line_of(4711, &buf, memory)), 4711);
	buf_reset(&buf);
	event_format_line(&session, &buf);
	assert_int_equal(event_file_seq_of_line(buf_text(&buf)), 0);
	static const char *const none[] = { "", "{", "{\"event\":\"", "{\"event\":\"delivered\"",
		"{\"event\":\"delivered\",\"seq\":\"", "{\"event\":\"delivered\",\"seq\":\"12",
		"{\"event\":\"delivered\",\"seq\":\"x\",", " {\"event\":\"delivered\",\"seq\":\"1\"" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_int_equal(event_file_seq_of_line(text_of(none[i])), 0);
}

static void lines_are_appended_and_the_last_number_is_found(void **state)
{
	(void)state;
	struct event_file *file = open_here();
	assert_int_equal(event_file_last_seq(file), 0);
	write_seq(file, 1);
	write_seq(file, 2);
	assert_int_equal(event_file_write(file, TEXT_EMPTY, &fail), RESULT_OK);
	assert_int_equal(event_file_sync(file, &fail), RESULT_OK);
	event_file_close(&file);
	assert_null(file);
	event_file_close(&file);
	file = open_here();
	assert_int_equal(event_file_last_seq(file), 2);
	write_seq(file, 3);
	event_file_close(&file);
	assert_lines("events", 1, 3);
	struct stat st;
	assert_int_equal(stat(temp_path("events"), &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
}

/* Killed while a line was being written, at every byte of it: the lines of the journal that are
 * missing are given again, and the file is what it would have been. */
static void a_torn_line_is_completed_at_every_byte(void **state)
{
	(void)state;
	uint8_t memory[1024];
	struct buf buf;
	struct text torn = line_of(3, &buf, memory);
	for (size_t len = 0; len <= torn.len; len++) {
		(void)unlink(temp_path("events"));
		struct event_file *file = open_here();
		write_seq(file, 1);
		write_seq(file, 2);
		event_file_close(&file);
		temp_write("events", "a", torn.data, len);
		file = open_here();
		uint64_t last = event_file_last_seq(file);
		assert_int_equal(last, len == torn.len ? 3 : 2);
		for (uint64_t seq = last + 1; seq <= 5; seq++)
			write_seq(file, seq);
		event_file_close(&file);
		assert_lines("events", 1, 5);
	}
}

/* The same when the missing lines come in one piece, and when the torn one is the first of all. */
static void missing_lines_may_come_together(void **state)
{
	(void)state;
	uint8_t memory[2][1024], both[2048];
	struct buf bufs[2], lines;
	struct text first = line_of(1, &bufs[0], memory[0]), second = line_of(2, &bufs[1], memory[1]);
	temp_write("events", "w", first.data, 20);
	struct event_file *file = open_here();
	assert_int_equal(event_file_last_seq(file), 0);
	buf_init(&lines, both, sizeof both);
	buf_put_text(&lines, first);
	buf_put_text(&lines, second);
	assert_int_equal(event_file_write(file, buf_text(&lines), &fail), RESULT_OK);
	event_file_close(&file);
	assert_lines("events", 1, 2);
}

/* What is torn and not ours, or whose rest is not known, is ended; nothing is cut off. */
static void a_torn_line_of_others_is_ended(void **state)
{
	(void)state;
	temp_write("events", "w", "something else", 14);
	struct event_file *file = open_here();
	event_file_close(&file); /* without a write nothing changes */
	char *text = temp_read("events");
	assert_string_equal(text, "something else");
	free(text);
	file = open_here();
	write_seq(file, 1);
	write_seq(file, 2);
	event_file_close(&file);
	text = temp_read("events");
	assert_memory_equal(text, "something else\n{\"event\"", 23);
	free(text);
	file = open_here();
	assert_int_equal(event_file_last_seq(file), 2);
	event_file_close(&file);
}

/* Lines without a number at the end, more of them than are read at once. */
static void lines_without_number_are_looked_past(void **state)
{
	(void)state;
	static char large[3 * 1024 * 1024];
	struct event_file *file = open_here();
	write_seq(file, 17);
	event_file_close(&file);
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = i % 100 == 99 ? '\n' : 'x';
	temp_write("events", "a", large, sizeof large / 100 * 100);
	file = open_here();
	assert_int_equal(event_file_last_seq(file), 17);
	event_file_close(&file);
	/* Beyond what is searched nothing is known: the journal's own mark must tell. */
	temp_write("events", "a", large, sizeof large / 100 * 100);
	file = open_here();
	assert_int_equal(event_file_last_seq(file), 0);
	event_file_close(&file);
}

static void sighup_goes_on_in_a_new_file(void **state)
{
	(void)state;
	char old[TEMP_PATH_SIZE];
	(void)snprintf(old, sizeof old, "%s", temp_path("events.1"));
	struct event_file *file = open_here();
	write_seq(file, 1);
	assert_int_equal(rename(temp_path("events"), old), 0);
	write_seq(file, 2);
	assert_int_equal(event_file_reopen(file, &fail), RESULT_OK);
	write_seq(file, 3);
	/* Not moved away: the same file goes on. */
	assert_int_equal(event_file_reopen(file, &fail), RESULT_OK);
	write_seq(file, 4);
	/* The folder is gone: the old file stays in use. */
	char moved[sizeof temp_folder + 8];
	(void)snprintf(moved, sizeof moved, "%s.moved", temp_folder);
	assert_int_equal(rename(temp_folder, moved), 0);
	assert_int_equal(event_file_reopen(file, &fail), RESULT_NOT_FOUND);
	assert_int_equal(rename(moved, temp_folder), 0);
	write_seq(file, 5);
	event_file_close(&file);
	assert_lines("events.1", 1, 2);
	assert_lines("events", 3, 5);
}

/* ---- where writing fails ---- */

/* A limit on the size of files makes a write stop in the middle of a line, as a full disk does. */
static void a_write_that_failed_half_way_goes_on_where_it_stopped(void **state)
{
	(void)state;
	uint8_t memory[1024];
	struct buf buf;
	struct rlimit before, limit;
	struct event_file *file = open_here();
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	write_seq(file, 1);
	struct text line = line_of(2, &buf, memory);
	limit = before;
	limit.rlim_cur = line.len + 33;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	enum result first = event_file_write(file, line, &fail);
	enum result again = event_file_write(file, line, &fail);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(first, RESULT_TOO_LONG);
	assert_int_equal(again, RESULT_TOO_LONG);
	assert_non_null(strstr(fail.text, "cannot write events to "));
	assert_int_equal(event_file_write(file, line, &fail), RESULT_OK);
	write_seq(file, 3);
	event_file_close(&file);
	assert_lines("events", 1, 3);
}

static void devices_and_pipes_have_no_tail(void **state)
{
	(void)state;
	struct event_file *file;
	assert_int_equal(event_file_open("/dev/full", &file, &fail), RESULT_OK);
	assert_int_equal(event_file_last_seq(file), 0);
	assert_int_equal(event_file_write(file, TEXT("x\n"), &fail), RESULT_NO_SPACE);
	assert_string_equal(fail.text,
		"cannot write events to /dev/full: No space left on device");
	assert_int_equal(event_file_sync(file, &fail), RESULT_OK);
	event_file_close(&file);
}

static void standard_output_takes_lines_until_nobody_reads(void **state)
{
	(void)state;
	int pipes[2];
	char text[16] = "";
	struct event_file *file;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)fflush(stdout);
	int stdout_copy = dup(STDOUT_FILENO);
	assert_int_equal(pipe(pipes), 0);
	assert_true(dup2(pipes[1], STDOUT_FILENO) >= 0);
	(void)close(pipes[1]);
	enum result opened = event_file_open("-", &file, &fail);
	enum result first = event_file_write(file, TEXT("one\n"), &fail);
	enum result reopened = event_file_reopen(file, &fail);
	ssize_t n = read(pipes[0], text, sizeof text);
	(void)close(pipes[0]);
	enum result second = event_file_write(file, TEXT("two\n"), &fail);
	event_file_close(&file);
	bool still_open = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
	(void)dup2(stdout_copy, STDOUT_FILENO);
	(void)close(stdout_copy);
	assert_int_equal(opened, RESULT_OK);
	assert_int_equal(first, RESULT_OK);
	assert_int_equal(reopened, RESULT_OK);
	assert_int_equal(n, 4);
	assert_string_equal(text, "one\n");
	assert_int_equal(second, RESULT_CLOSED);
	assert_non_null(strstr(fail.text, "cannot write events to standard output"));
	assert_true(still_open);
}

static void what_cannot_be_opened_is_told(void **state)
{
	(void)state;
	struct event_file *file;
	assert_int_equal(event_file_open("/nonexistent/events", &file, &fail), RESULT_NOT_FOUND);
	assert_null(file);
	assert_non_null(strstr(fail.text, "cannot open the event file /nonexistent/events"));
	assert_int_not_equal(event_file_open(temp_folder, &file, &fail), RESULT_OK);
	assert_null(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_make, temp_folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_number_of_a_line_is_found_at_its_place_only),
		TEST(lines_are_appended_and_the_last_number_is_found),
		TEST(a_torn_line_is_completed_at_every_byte),
		TEST(missing_lines_may_come_together),
		TEST(a_torn_line_of_others_is_ended),
		TEST(lines_without_number_are_looked_past),
		TEST(sighup_goes_on_in_a_new_file),
		TEST(a_write_that_failed_half_way_goes_on_where_it_stopped),
		TEST(devices_and_pipes_have_no_tail),
		TEST(standard_output_takes_lines_until_nobody_reads),
		TEST(what_cannot_be_opened_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
