/* Attempts: reasons, fates, what is kept of a pass while the next one is waited for. */
#include "tests/unit/unit.h"
#include <stdio.h>
#include "engine/run/attempt.h"
#include "engine/run/heard.h"
#include "tests/unit/engine/run/run_test.h"

static struct message *message;
static struct attempt *attempt;

static int set_up(void **state)
{
	(void)state;
	message = test_message(&(struct test_mail){ 0 });
	attempt = attempt_create(message, 3);
	return attempt == NULL || !attempt_begin_work(attempt);
}

static int tear_down(void **state)
{
	(void)state;
	attempt_destroy(attempt);
	message_destroy(message);
	return 0;
}

static void a_new_attempt_is_the_first_of_its_message_and_all_is_open(void **state)
{
	(void)state;
	assert_int_equal(attempt->number, 1);
	assert_int_equal(attempt->waits, 0);
	assert_ptr_equal(attempt->message, message);
	assert_ptr_equal(list_first(&message->attempts), &attempt->message_node);
	assert_true(attempt_has_open(attempt));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(attempt->rcpts[i].fate, ATTEMPT_OPEN);
	/* Index 0 of the facts means that nobody was heard. */
	assert_int_equal(attempt->work->facts_count, 1);
	assert_int_equal(attempt->work->facts[0].session, 0);
}

static void a_second_begin_of_work_keeps_what_is_there(void **state)
{
	(void)state;
	struct attempt_work *work = attempt->work;
	attempt_add_reason(attempt, "mx.example", NULL, "why");
	assert_true(attempt_begin_work(attempt));
	assert_ptr_equal(attempt->work, work);
	assert_text_equal(buf_text(&work->reason), "mx.example: why");
}

static void work_has_a_result_for_each_recipient_and_room_for_texts(void **state)
{
	(void)state;
	static const struct {
		uint32_t rcpts, texts;
	} table[] = {
		{ 1, ATTEMPT_TEXTS_BASE + ATTEMPT_TEXTS_RCPT },
		{ 100, ATTEMPT_TEXTS_BASE + 100 * ATTEMPT_TEXTS_RCPT },
		{ 10000, ATTEMPT_TEXTS_MAX },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct attempt *large = attempt_create(message, table[i].rcpts);
		assert_non_null(large);
		assert_true(attempt_begin_work(large));
		assert_int_equal(large->work->texts_size, table[i].texts);
		large->work->results[table[i].rcpts - 1].code = 250; /* the sanitizer watches */
		large->work->texts[table[i].texts - 1] = 'x';
		assert_ptr_equal(
			large->work->texts, (char *)(large->work->results + table[i].rcpts));
		attempt_destroy(large);
	}
}

static void reasons_name_host_and_address_and_are_joined(void **state)
{
	(void)state;
	struct ip_address ip = test_ip("2001:db8::1"), none = { 0 };
	attempt_add_reason(attempt, "mx1.example", &ip, "connection refused");
	attempt_add_reason(attempt, "mx2.example", &none, "no address");
	attempt_add_reason(attempt, "", NULL, "interrupted here");
	assert_text_equal(buf_text(&attempt->work->reason),
		"mx1.example [2001:db8::1]: connection refused; mx2.example: no address; "
		"interrupted here");
}

static void a_reason_that_does_not_fit_is_left_out_whole_and_shorter_ones_still_fit(void **state)
{
	(void)state;
	char text[ATTEMPT_REASON_MAX];
	memset(text, 'x', sizeof text);
	text[ATTEMPT_REASON_MAX - 40] = '\0';
	attempt_add_reason(attempt, "", NULL, text);
	size_t len = attempt->work->reason.len;
	attempt_add_reason(
		attempt, "mx.example", NULL, "a sentence that is too long for what is left here");
	assert_int_equal(attempt->work->reason.len, len);
	assert_false(attempt->work->reason.overflow);
	attempt_add_reason(attempt, "mx", NULL, "short");
	assert_int_equal(attempt->work->reason.len, len + strlen("; mx: short"));
}

static void settling_changes_only_what_is_open(void **state)
{
	(void)state;
	struct attempt_rcpt *delivered = &attempt->rcpts[1];
	delivered->fate = ATTEMPT_DELIVERED;
	delivered->code = 250;
	delivered->facts = 1;
	attempt->rcpts[2].code = 451;
	attempt->rcpts[2].text_len = 3;
	attempt->rcpts[2].facts = 1;
	attempt_settle(attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_DNS, "4.4.3");
	assert_false(attempt_has_open(attempt));
	assert_int_equal(delivered->fate, ATTEMPT_DELIVERED);
	assert_int_equal(delivered->code, 250);
	for (uint32_t i = 0; i < 3; i += 2) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		assert_int_equal(rcpt->fate, ATTEMPT_DEFERRED);
		assert_int_equal(rcpt->bounce_class, BOUNCE_CLASS_DNS);
		assert_int_equal(rcpt->status.class, 4);
		assert_int_equal(rcpt->status.subject, 4);
		assert_int_equal(rcpt->status.detail, 3);
		/* No reply decided it, so none is shown. */
		assert_int_equal(rcpt->code, 0);
		assert_int_equal(rcpt->text_len, 0);
		assert_int_equal(rcpt->facts, 0);
	}
}

static void a_status_is_that_of_the_reply_or_the_class_of_its_code(void **state)
{
	(void)state;
	static const struct {
		uint16_t code;
		const char *status, *shown;
	} table[] = {
		{ 550, "5.1.1", "5.1.1" },
		{ 550, "", "5.0.0" },
		{ 451, "", "4.0.0" },
		{ 250, "", "2.0.0" },
		{ 0, "", "" },
		{ 0, "4.4.1", "4.4.1" },
	};
	char text[SMTP_STATUS_TEXT_MAX];
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct smtp_status status =
			attempt_status_for(table[i].code, attempt_status_of(table[i].status));
		assert_string_equal(smtp_status_format(status, text), table[i].shown);
	}
}

static void put_reply(uint32_t rcpt, uint16_t code, const char *text, const char *mx)
{
	struct attempt_work *work = attempt->work;
	uint32_t len = (uint32_t)strlen(text);
	memcpy(work->texts + work->texts_used, text, len);
	attempt->rcpts[rcpt].code = code;
	attempt->rcpts[rcpt].text_at = work->texts_used;
	attempt->rcpts[rcpt].text_len = (uint16_t)len;
	work->texts_used += len;
	work->facts[1] = (struct attempt_facts){ .mx = mx, .helo = "", .tls = "", .session = 9 };
	work->facts_count = 2;
	attempt->rcpts[rcpt].facts = 1;
}

static void the_reply_that_deferred_is_kept_for_the_wait(void **state)
{
	(void)state;
	put_reply(0, 250, "fine", "mx1.example");
	attempt->rcpts[0].fate = ATTEMPT_DELIVERED;
	put_reply(1, 451, "4.7.1 greylisted, come back", "mx2.example");
	attempt->rcpts[1].fate = ATTEMPT_DEFERRED;
	assert_text_equal(
		attempt_reply_text(attempt, &attempt->rcpts[1]), "4.7.1 greylisted, come back");
	attempt_keep_last(attempt);
	assert_string_equal(attempt->last, "mx2.example: 451 4.7.1 greylisted, come back");
}

static void without_a_reply_the_reason_is_kept_and_the_newest_counts(void **state)
{
	(void)state;
	attempt_settle(attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_NETWORK, "4.4.1");
	attempt_add_reason(attempt, "mx.example", NULL, "connection refused");
	attempt_keep_last(attempt);
	assert_string_equal(attempt->last, "mx.example: connection refused");
	attempt_end_work(attempt);
	attempt_keep_last(attempt); /* nothing new was heard */
	assert_string_equal(attempt->last, "mx.example: connection refused");
	assert_int_equal(attempt_reply_text(attempt, &attempt->rcpts[0]).len, 0);
}

/* POL-13: a host that greets well and has no TLS said nothing that deferred the mail. */
static void a_good_reply_is_not_kept_as_the_cause(void **state)
{
	(void)state;
	put_reply(0, 250, "mx.example at your service", "mx.example");
	attempt->rcpts[0].fate = ATTEMPT_DEFERRED;
	attempt_add_reason(attempt, "mx.example", NULL, "STARTTLS is not offered");
	attempt_keep_last(attempt);
	assert_string_equal(attempt->last, "mx.example: STARTTLS is not offered");
}

static void a_long_reply_is_cut_between_characters(void **state)
{
	(void)state;
	char text[500];
	for (size_t i = 0; i + 1 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[sizeof text - 2] = '\0';
	put_reply(0, 450, text, "mx.example");
	attempt->rcpts[0].fate = ATTEMPT_DEFERRED;
	attempt_keep_last(attempt);
	assert_true(strlen(attempt->last) < ATTEMPT_LAST_MAX);
	assert_true(text_is_utf8(text_of(attempt->last)));
}

static void what_was_heard_survives_its_way_through_a_message(void **state)
{
	(void)state;
	uint64_t seed = 11;
	for (int i = 0; i < 1000; i++) {
		struct heard heard = {
			.good = (uint16_t)seeded_next(&seed),
			.blocks = (uint16_t)seeded_next(&seed),
			.slow_down = seeded_below(&seed, 2),
			.back_off = seeded_below(&seed, 2),
			.suspend = seeded_below(&seed, 2),
			.latency_ms = (uint32_t)seeded_below(&seed, HEARD_LATENCY_MS_MAX + 1),
		};
		struct heard got = heard_unpack(heard_pack(heard));
		assert_int_equal(got.good, heard.good);
		assert_int_equal(got.blocks, heard.blocks);
		assert_int_equal(got.slow_down, heard.slow_down);
		assert_int_equal(got.back_off, heard.back_off);
		assert_int_equal(got.suspend, heard.suspend);
		assert_int_equal(got.latency_ms, heard.latency_ms);
	}
	assert_int_equal(heard_pack((struct heard){ 0 }), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_attempt_is_the_first_of_its_message_and_all_is_open),
		TEST(a_second_begin_of_work_keeps_what_is_there),
		TEST(work_has_a_result_for_each_recipient_and_room_for_texts),
		TEST(reasons_name_host_and_address_and_are_joined),
		TEST(a_reason_that_does_not_fit_is_left_out_whole_and_shorter_ones_still_fit),
		TEST(settling_changes_only_what_is_open),
		TEST(a_status_is_that_of_the_reply_or_the_class_of_its_code),
		TEST(the_reply_that_deferred_is_kept_for_the_wait),
		TEST(without_a_reply_the_reason_is_kept_and_the_newest_counts),
		TEST(a_good_reply_is_not_kept_as_the_cause),
		TEST(a_long_reply_is_cut_between_characters),
		TEST(what_was_heard_survives_its_way_through_a_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
