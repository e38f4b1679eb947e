/* The table of `longship send` itself: engine/options.def. */
#include "tests/unit/unit.h"
#include <stdio.h>
#include "engine/base/log.h"
#include "engine/base/options.h"

struct send_options {
#define OPTIONS_FILE "engine/options.def"
#include "engine/base/options_fields.def"
};

static const struct option_row rows[] = {
#define OPTIONS_FILE "engine/options.def"
#define OPTIONS_STRUCT struct send_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/options.def"
#include "engine/base/options_asserts.def"

static const struct option_table table = { .program = "longship send", .about = "Delivers.",
	.rows = rows, .rows_count = COUNT_OF(rows), .size = sizeof(struct send_options) };

/* DESIGN 1: flags that scripts rely on keep these names. */
static void the_promised_flags_are_there(void **state)
{
	(void)state;
	static const char *const flags[] = { "spool", "store", "events", "once", "workers", "helo",
		"port", "resolver", "trust-anchor", "ca-file", "allow-private", "tls", "route",
		"retry-first", "retry-max", "lifetime", "site-sessions", "sessions", "source", "memory",
		"commit-interval", "drain-timeout" };
	for (size_t i = 0; i < COUNT_OF(flags); i++) {
		if (options_find(&table, flags[i]) == NULL)
			fail_msg("no --%s", flags[i]);
	}
}

static void the_promised_defaults_hold(void **state)
{
	(void)state;
	struct send_options o;
	options_set_defaults(&table, &o);
	assert_int_equal(o.port, 25);
	assert_int_equal(o.site_sessions, 10);
	assert_int_equal(o.commit_ms, 10);
	assert_int_equal(o.workers, 0);
	assert_int_equal(o.memory_bytes, 256 << 20);
	/* RFC 5321 4.5.3.2, with CONFORMANCE 0.4: connect 30 s. */
	assert_int_equal(o.connect_ms, 30000);
	assert_int_equal(o.greeting_ms, 300000);
	assert_int_equal(o.command_ms, 300000);
	assert_int_equal(o.data_ms, 180000);
	assert_int_equal(o.final_ms, 600000);
	assert_int_equal(o.log_level, LOG_LEVEL_INFO);
	assert_false(o.allow_private);
}

/* The choices of --log-level are the enum's members, in its order. */
static void log_levels_match_the_enum(void **state)
{
	(void)state;
	const struct option_row *row = options_find(&table, "log-level");
	struct text rest = text_of(row->argument), word;
	unsigned level = 0;
	assert_string_equal(row->argument, LOG_LEVEL_CHOICES);
	for (; text_split(&rest, '|', &word); level++)
		assert_text_equal(word, log_level_name((enum log_level)level));
	assert_int_equal(level, LOG_LEVEL_COUNT);
}

static void every_row_is_told_in_a_sentence_and_stands_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].type == OPTION_TYPE_GROUP)
			continue;
		size_t len = strlen(rows[i].help);
		assert_true(len > 10 && rows[i].help[len - 1] == '.');
		assert_ptr_equal(options_find(&table, rows[i].flag), &rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_promised_flags_are_there),
		cmocka_unit_test(the_promised_defaults_hold),
		cmocka_unit_test(log_levels_match_the_enum),
		cmocka_unit_test(every_row_is_told_in_a_sentence_and_stands_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
