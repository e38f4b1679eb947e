/* Rules of the operator: how they are read, and what they change in the table. */
#include "engine/smtp/smtp_reply_rules.h"
#include <stdio.h>
#include "engine/smtp/smtp_reply_class.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct smtp_reply_rules rules;
static struct fail fail;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 65536, 1 << 24);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result parse(const char *file)
{
	struct option_words words;
	struct text copy = arena_text_copy(&arena, text_of(file));
	char *text = arena_alloc(&arena, copy.len + 1);
	assert_non_null(text);
	memcpy(text, copy.data, copy.len);
	assert_int_equal(options_file_split(text, copy.len, &arena, &words, &fail), RESULT_OK);
	return smtp_reply_rules_parse(&words, &arena, &rules, &fail);
}

static void ok(const char *file)
{
	if (parse(file) != RESULT_OK)
		fail_msg("%s: %s", file, fail.text);
}

static void rules_are_read_line_by_line(void **state)
{
	(void)state;
	ok("");
	assert_int_equal(rules.count, 0);
	ok("# ours\n\nblock 5 suspend,bounce \"Our own  LIST!\" 'postmaster@'\n  rate any slow \" "
	   "come-slower\"\n"
	   "- 4 - x # why\n");
	assert_int_equal(rules.count, 3);
	assert_int_equal(rules.items[0].bounce_class, BOUNCE_CLASS_BLOCK);
	assert_int_equal(rules.items[0].first_digit, 5);
	assert_true(rules.items[0].suspend && rules.items[0].bounce);
	assert_false(rules.items[0].slow || rules.items[0].defer);
	assert_text_equal(rules.items[0].phrase, "our own list ");
	assert_text_equal(rules.items[0].and_phrase, "postmaster@");
	assert_int_equal(rules.items[1].first_digit, 0);
	assert_text_equal(rules.items[1].phrase, " come-slower");
	assert_false(rules.items[2].has_class);
	assert_int_equal(rules.items[2].first_digit, 4);
}

static void a_line_that_is_no_rule_is_told_with_its_number(void **state)
{
	(void)state;
	static const struct {
		const char *file, *says;
	} rows[] = {
		{ "\nblock 5 suspend", "line 2: a rule is CLASS CODE" },
		{ "block 5 suspend a b c", "line 1: a rule is CLASS CODE" },
		{ "blocked 5 - x", "line 1: 'blocked' is no bounce class" },
		{ "'' 5 - x", "line 1: '' is no bounce class" },
		{ "block 3 - x", "line 1: '3' is neither 4 nor 5 nor any" },
		{ "block 5 stop x", "line 1: 'stop' are no actions" },
		{ "block 5 slow,stop x", "are no actions" },
		{ "block 5 bounce,defer x", "are no actions" },
		{ "block 5 - ''", "line 1: '' is no phrase" },
		{ "block 5 - ' !? '", "is no phrase" },
		{ "block 5 - x \" \"", "is no phrase" },
		{ "block 5 - "
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			"is a phrase too long" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (parse(rows[i].file) != RESULT_INVALID ||
			strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].file, fail.text);
	static char many[(SMTP_REPLY_RULES_MAX + 1) * 8 + 1];
	for (size_t i = 0; i <= SMTP_REPLY_RULES_MAX; i++)
		memcpy(many + i * 8, "- 4 - x\n", 8);
	assert_int_equal(parse(many), RESULT_LIMIT);
	many[sizeof many - 9] = '\0';
	assert_int_equal(parse(many), RESULT_OK);
}

/* ---- what they change ---- */

static struct smtp_channel channel;

static struct smtp_action answer(enum smtp_step step, unsigned code, const char *text)
{
	const struct smtp_answer heard = {
		.step = step,
		.reply = { .code = (uint16_t)code, .text = text_of(text) },
		.about_one_rcpt = true,
		.rcpt_accepted_before = true,
		.channel = channel,
	};
	return smtp_reply_class_answer(&heard);
}

static const char file[] = "block 5 suspend \"our own list\"\n"
			   "mailbox 4 bounce \"has left\" company\n"
			   "rate any slow \"come slower\"\n"
			   "- 5 defer \"internal error\"\n"
			   "spam any slow,bounce unwanted\n"
			   "- any suspend \"mailbox unavailable\"\n"
			   "content any - \"mailbox unavailable\"\n";

static void a_rule_comes_before_the_built_in_ones(void **state)
{
	(void)state;
	ok(file);
	channel = (struct smtp_channel){ .is_demanded = true };
	struct smtp_action action =
		answer(SMTP_STEP_RCPT, 550, "5.1.1 no such user, on our  own LIST");
	assert_int_equal(action.bounce_class, BOUNCE_CLASS_MAILBOX);
	channel.rules = &rules;
	action = answer(SMTP_STEP_RCPT, 550, "5.1.1 no such user, on our  own LIST");
	assert_int_equal(action.bounce_class, BOUNCE_CLASS_BLOCK);
	assert_int_equal(action.fate, SMTP_FATE_DEFER); /* as every block */
	assert_int_equal(action.throttle, SMTP_THROTTLE_SUSPEND);
	assert_true(action.counts_as_block);
	assert_false(action.may_suppress);
	/* Of another digit, or with one phrase only, it is as it was. */
	action = answer(SMTP_STEP_RCPT, 450, "on our own list");
	assert_int_equal(action.throttle, SMTP_THROTTLE_NOTHING);
	action = answer(SMTP_STEP_RCPT, 450, "she has left");
	assert_int_equal(action.fate, SMTP_FATE_DEFER);
	/* The first that matches decides, and - leaves the class as it was. */
	action = answer(SMTP_STEP_RCPT, 550, "5.1.1 mailbox unavailable");
	assert_int_equal(action.bounce_class, BOUNCE_CLASS_MAILBOX);
	assert_int_equal(action.throttle, SMTP_THROTTLE_SUSPEND);
	assert_int_equal(action.fate, SMTP_FATE_BOUNCE);
}

static void bounce_and_defer_decide_for_the_recipient(void **state)
{
	(void)state;
	ok(file);
	channel = (struct smtp_channel){ .is_demanded = true, .rules = &rules };
	struct smtp_action action = answer(SMTP_STEP_RCPT, 450, "he has left the company");
	assert_int_equal(action.fate, SMTP_FATE_BOUNCE);
	assert_int_equal(action.bounce_class, BOUNCE_CLASS_MAILBOX);
	assert_false(action.same_host);
	action = answer(SMTP_STEP_BODY, 550, "5.1.1 internal error, no such user");
	assert_int_equal(action.fate, SMTP_FATE_DEFER);
	assert_int_equal(action.bounce_class, BOUNCE_CLASS_MAILBOX);
	assert_false(action.may_suppress);
	action = answer(SMTP_STEP_BODY, 450, "unwanted");
	assert_int_equal(action.fate, SMTP_FATE_BOUNCE);
	assert_int_equal(action.throttle, SMTP_THROTTLE_SLOW_DOWN);
}

/* POL-14, SEC-20: what could be forged is not the last word, whoever has written the rule. */
static void a_rule_bounces_nobody_by_words_that_may_be_forged(void **state)
{
	(void)state;
	ok(file);
	channel = (struct smtp_channel){ .level_is_mandatory = true, .rules = &rules };
	assert_int_equal(
		answer(SMTP_STEP_RCPT, 450, "he has left the company").fate, SMTP_FATE_DEFER);
	assert_int_equal(answer(SMTP_STEP_BODY, 550, "unwanted").fate, SMTP_FATE_DEFER);
	channel.is_demanded = true;
	assert_int_equal(
		answer(SMTP_STEP_RCPT, 450, "he has left the company").fate, SMTP_FATE_BOUNCE);
	/* What is said to all says nothing of one recipient. */
	static const enum smtp_step steps[] = { SMTP_STEP_GREETING, SMTP_STEP_EHLO,
		SMTP_STEP_MAIL };
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		assert_int_equal(
			answer(steps[i], 450, "he has left the company").fate, SMTP_FATE_DEFER);
		assert_int_equal(answer(steps[i], 450, "he has left the company").bounce_class,
			BOUNCE_CLASS_POLICY);
	}
}

static void slow_and_suspend_decide_for_the_throttle_and_never_make_it_milder(void **state)
{
	(void)state;
	ok(file);
	channel = (struct smtp_channel){ .is_demanded = true, .rules = &rules };
	assert_int_equal(
		answer(SMTP_STEP_RCPT, 450, "come slower").throttle, SMTP_THROTTLE_SLOW_DOWN);
	assert_int_equal(
		answer(SMTP_STEP_RCPT, 450, "come slower").bounce_class, BOUNCE_CLASS_RATE);
	assert_int_equal(
		answer(SMTP_STEP_GREETING, 554, "come slower").throttle, SMTP_THROTTLE_SUSPEND);
	assert_int_equal(
		answer(SMTP_STEP_GREETING, 421, "come slower").throttle, SMTP_THROTTLE_BACK_OFF);
	/* Too many recipients are no refusal at all. */
	assert_int_equal(answer(SMTP_STEP_RCPT, 452, "come slower").fate, SMTP_FATE_AGAIN);
	assert_int_equal(
		answer(SMTP_STEP_RCPT, 452, "come slower").throttle, SMTP_THROTTLE_NOTHING);
	assert_int_equal(
		answer(SMTP_STEP_STARTTLS, 454, "come slower").bounce_class, BOUNCE_CLASS_TLS);
	assert_int_equal(answer(SMTP_STEP_BODY, 250, "come slower").fate, SMTP_FATE_DELIVERED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rules_are_read_line_by_line),
		TEST(a_line_that_is_no_rule_is_told_with_its_number),
		TEST(a_rule_comes_before_the_built_in_ones),
		TEST(bounce_and_defer_decide_for_the_recipient),
		TEST(a_rule_bounces_nobody_by_words_that_may_be_forged),
		TEST(slow_and_suspend_decide_for_the_throttle_and_never_make_it_milder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
