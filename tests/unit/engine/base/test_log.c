#include "tests/unit/unit.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/log.h"

static char written[8192];
static size_t written_len;

static void keep(void *context, const char *line, size_t len)
{
	(void)context;
	assert_true(written_len + len < sizeof written);
	memcpy(written + written_len, line, len);
	written_len += len;
	written[written_len] = '\0';
}

static int64_t half_past(void *context)
{
	(void)context;
	return 1500000;
}

static void a_line_has_level_event_thread_and_fields(void **state)
{
	(void)state;
	struct fail fail;
	struct logger logger = { .level = LOG_LEVEL_INFO, .thread = "files", .sink = keep };
	written_len = 0;
	(void)fail_set(&fail, RESULT_INVALID, "no \"receiver\"");
	log_write(&logger, LOG_SPOOL_FILE_BAD,
		LOG_FIELDS(log_cstr("file", "x.eml"), log_fail("why", &fail), log_number("n", 42),
			log_signed("d", -7), log_signed("m", INT64_MIN)));
	assert_string_equal(written, "level=warn event=spool_file_bad thread=files file=x.eml "
		"why=\"no \\\"receiver\\\"\" n=42 d=-7 m=-9223372036854775808\n");
	logger.thread = NULL;
	logger.clock = half_past;
	written_len = 0;
	log_write(&logger, LOG_STOPPED, LOG_NO_FIELDS);
	assert_string_equal(written,
		"time=1970-01-01T00:00:01.500000Z level=info event=stopped\n");
}

static void less_urgent_lines_are_left_out(void **state)
{
	(void)state;
	struct logger logger = { .level = LOG_LEVEL_WARN, .sink = keep };
	written_len = 0;
	log_write(&logger, LOG_STARTED, LOG_NO_FIELDS);
	log_write(&logger, LOG_SPOOL_SCANNED, LOG_NO_FIELDS);
	assert_int_equal(written_len, 0);
	assert_false(log_is_on(&logger, LOG_STARTED));
	assert_true(log_is_on(&logger, LOG_JOURNAL_FAILED));
	struct logger zeroed = { .sink = keep };
	assert_true(log_is_on(&zeroed, LOG_JOURNAL_FAILED));
	assert_false(log_is_on(&zeroed, LOG_STALLED));
}

/* A peer's reply cannot forge a line nor drive a terminal. */
static void values_are_quoted_and_escaped_when_needed(void **state)
{
	(void)state;
	static const struct { struct text value; const char *want; } rows[] = {
		{ TEXT_INIT("plain-1.2/3:4@x"), "plain-1.2/3:4@x" },
		{ TEXT_INIT(""), "\"\"" },
		{ TEXT_INIT("a b"), "\"a b\"" },
		{ TEXT_INIT("a=b"), "\"a=b\"" },
		{ TEXT_INIT("x\nlevel=error"), "\"x\\nlevel=error\"" },
		{ TEXT_INIT("\x1b]0;x\x07"), "\"\\u001b]0;x\\u0007\"" },
		{ TEXT_INIT("\xff"), "\"\xef\xbf\xbd\"" },
		{ TEXT_INIT("gr\xc3\xbc"), "\"gr\xc3\xbc\"" },
	};
	struct logger logger = { .level = LOG_LEVEL_INFO, .sink = keep };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		written_len = 0;
		log_write(&logger, LOG_STARTED, LOG_FIELDS(log_text("v", rows[i].value)));
		struct text line = text_cut(text_of(written), written_len - 1);
		assert_text_equal(text_skip(line, strlen("level=info event=started v=")), rows[i].want);
	}
}

static void a_field_too_long_for_the_line_is_left_out(void **state)
{
	(void)state;
	static char large[5000];
	memset(large, 'x', sizeof large);
	struct logger logger = { .level = LOG_LEVEL_INFO, .sink = keep };
	written_len = 0;
	log_write(&logger, LOG_STARTED, LOG_FIELDS(log_number("a", 1),
		log_text("b", text_of_bytes(large, sizeof large)), log_number("c", 3)));
	assert_string_equal(written, "level=info event=started a=1 ...\n");
}

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *context)
{
	const struct logger *logger = context;
	for (int i = 0; i < LINES; i++)
		log_write(logger, LOG_STARTED, LOG_FIELDS(log_cstr("a", "bcdefghijklmnopqrstuvwxyz")));
	return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
	(void)state;
	static const char want[] = "level=info event=started a=bcdefghijklmnopqrstuvwxyz\n";
	char name[] = "/tmp/longship_test_log.XXXXXX", line[sizeof want];
	struct logger logger = { .level = LOG_LEVEL_INFO };
	pthread_t threads[THREADS];
	int fd = mkstemp(name), stderr_copy = dup(STDERR_FILENO);
	assert_true(fd >= 0 && stderr_copy >= 0);
	(void)unlink(name);
	/* Appending, as stderr of a service is. */
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_create(&threads[i], NULL, write_lines, &logger);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	(void)dup2(stderr_copy, STDERR_FILENO);
	FILE *in = fdopen(fd, "r");
	assert_non_null(in);
	rewind(in);
	int lines = 0;
	while (fgets(line, sizeof line, in) != NULL) {
		assert_string_equal(line, want);
		lines++;
	}
	assert_int_equal(lines, THREADS * LINES);
	(void)fclose(in);
	(void)close(stderr_copy);
}

static void the_reference_names_every_row(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	log_print_reference(out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, ".B spool_file_bad\n(warn) A file could not be read"));
	free(text);
	assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_level_event_thread_and_fields),
		cmocka_unit_test(less_urgent_lines_are_left_out),
		cmocka_unit_test(values_are_quoted_and_escaped_when_needed),
		cmocka_unit_test(a_field_too_long_for_the_line_is_left_out),
		cmocka_unit_test(lines_of_several_threads_do_not_mix),
		cmocka_unit_test(the_reference_names_every_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
