#include "engine/run/sendmail_args.h"
#include "tests/unit/unit.h"

enum { WORDS_MAX = 24 };

static struct sendmail_args args;
static struct fail fail;
static char memory[512], *argv[WORDS_MAX + 1];
static int argc;

/* Words between bars. */
static enum result parse(const char *line)
{
	argc = 0;
	memcpy(memory, line, strlen(line) + 1);
	for (char *at = memory; at != NULL; argc++) {
		assert_true(argc < WORDS_MAX);
		argv[argc] = at;
		at = strchr(at, '|');
		if (at != NULL)
			*at++ = '\0';
	}
	return sendmail_args_parse(&args, argc, argv, &fail);
}

static void assert_same(const char *got, const char *want)
{
	if (want == NULL)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

static void what_programs_are_known_to_call_is_understood(void **state)
{
	(void)state;
	static const struct {
		const char *line; /* who calls so */
		bool t, i;
		const char *sender, *name;
		int operands;
	} rows[] = {
		{ "sendmail|-t|-i", true, true, NULL, NULL, 0 }, /* PHP */
		{ "sendmail|-t|-i|-fbounce@a.example", true, true, "bounce@a.example", NULL, 0 },
		{ "sendmail|-ti|-f|a@b.c", true, true, "a@b.c", NULL, 0 },
		{ "sendmail|-FCronDaemon|-i|-B8BITMIME|-oem|root", false, true, NULL, "CronDaemon",
			1 },
		{ "sendmail|-i|a@b.c|d@e.f", false, true, NULL, NULL, 2 }, /* git */
		{ "sendmail|-i|-f|a@b.c|--|-x@b.c|y", false, true, "a@b.c", NULL, 2 },
		{ "sendmail|-oi|-oem|-bm|-r|a@b.c|x", false, true, "a@b.c", NULL, 1 },
		{ "sendmail|-odb|-o|i|-em|x", false, true, NULL, NULL, 1 },
		{ "sendmail|-F|Ann B|-t", true, false, NULL, "Ann B", 0 },
		{ "sendmail|-f||x", false, false, "", NULL, 1 },
		{ "sendmail|-f<>|x", false, false, "<>", NULL, 1 },
		{ "sendmail|-U|-G|-v|-n|-m|-I|-h|5|-pSMTP|-Ltag|-X|log|-OTimeout=1|-C|cf|-Ac|-d0.1|"
		  "x|-t",
			false, false, NULL, NULL, 2 },
		{ "sendmail|x|-t", false, false, NULL, NULL, 2 },
		{ "sendmail|-|x", false, false, NULL, NULL, 2 },
		{ "sendmail", false, false, NULL, NULL, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (parse(rows[i].line) != RESULT_OK)
			fail_msg("%s: %s", rows[i].line, fail.text);
		assert_int_equal(args.reads_receivers, rows[i].t);
		assert_int_equal(args.ignores_dots, rows[i].i);
		assert_int_equal(args.has_sender, rows[i].sender != NULL);
		assert_string_equal(args.sender, rows[i].sender != NULL ? rows[i].sender : "");
		assert_same(args.full_name, rows[i].name);
		assert_int_equal(argc - args.operands_at, rows[i].operands);
	}
}

static void what_is_asked_of_notifications_is_kept(void **state)
{
	(void)state;
	assert_int_equal(
		parse("s|-Nnever|-R|HDRS|-V|c 42|--spool|/s|--domain=d.example|x"), RESULT_OK);
	assert_string_equal(args.notify, "never");
	assert_int_equal(args.ret, SENDMAIL_RETURN_HDRS);
	assert_string_equal(args.envid, "c 42");
	assert_string_equal(args.spool, "/s");
	assert_string_equal(args.domain, "d.example");
	assert_int_equal(parse("s|-Rfull|--spool=/t|--domain|e|x"), RESULT_OK);
	assert_int_equal(args.ret, SENDMAIL_RETURN_FULL);
	assert_string_equal(args.spool, "/t");
	assert_string_equal(args.domain, "e");
	assert_int_equal(parse("s|--help"), RESULT_OK);
	assert_true(args.help);
}

static void what_this_program_is_not_and_what_lacks_its_value_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "s|-bs", "-bs" },
		{ "s|-bp", "longship queue" },
		{ "s|-bd|-q15m", "-bd" },
		{ "s|-q", "longship send" },
		{ "s|-b", "-b needs a value" },
		{ "s|-t|-f", "-f needs a value" },
		{ "s|-Rboth", "full or hdrs" },
		{ "s|-y", "no option -y" },
		{ "s|-tz", "no option -z" },
		{ "s|--spool", "--spool" },
		{ "s|--spoolx=1", "--spoolx" },
		{ "s|--queue", "--queue" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(parse(rows[i].line), RESULT_INVALID);
		if (strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].line, fail.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_programs_are_known_to_call_is_understood),
		cmocka_unit_test(what_is_asked_of_notifications_is_kept),
		cmocka_unit_test(what_this_program_is_not_and_what_lacks_its_value_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
