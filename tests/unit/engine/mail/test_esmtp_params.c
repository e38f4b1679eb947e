#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/mail/esmtp_params.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static void parameters_of_the_sender_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *params;
		enum envelope_body_type body_type;
		enum envelope_ret ret;
		const char *envid;
		bool smtputf8, requiretls;
	} rows[] = {
		{ "", ENVELOPE_BODY_NONE, ENVELOPE_RET_NONE, "", false, false },
		{ "  \t ", ENVELOPE_BODY_NONE, ENVELOPE_RET_NONE, "", false, false },
		/* as Exchange writes them */
		{ "BODY=7bit RET=HDRS ENVID=ab+3Dc auth=<>", ENVELOPE_BODY_7BIT, ENVELOPE_RET_HDRS,
			"ab+3Dc", false, false },
		{ "body=8BITMIME\tsmtputf8  RequireTLS ret=full", ENVELOPE_BODY_8BITMIME,
			ENVELOPE_RET_FULL, "", true, true },
		{ "SIZE=12345678901234567890 envid=Ab", ENVELOPE_BODY_NONE, ENVELOPE_RET_NONE, "Ab",
			false, false },
		{ "AUTH=ann@a.example", ENVELOPE_BODY_NONE, ENVELOPE_RET_NONE, "", false, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct esmtp_mail_params params;
		struct fail fail;
		fail_clear(&fail);
		enum result result =
			esmtp_params_parse_mail(text_of(rows[i].params), &params, &fail);
		assert_string_equal(fail.text, "");
		assert_int_equal(result, RESULT_OK);
		assert_int_equal(params.body_type, rows[i].body_type);
		assert_int_equal(params.ret, rows[i].ret);
		assert_true(text_equal(params.envid, text_of(rows[i].envid)));
		assert_int_equal(params.smtputf8, rows[i].smtputf8);
		assert_int_equal(params.requiretls, rows[i].requiretls);
	}
}

/* EXT-DSN-02: each at most once. EXT-BIN-01: no binary. EXT-GEN-02: nothing dropped in silence. */
static void wrong_parameters_of_the_sender_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *params, *says;
	} rows[] = {
		{ "BODY", "BODY needs a value" },
		{ "BODY=", "BODY needs a value" },
		{ "BODY=9BIT", "must be 7BIT or 8BITMIME" },
		{ "BODY=BINARYMIME", "base64" },
		{ "BODY=7BIT body=8BITMIME", "BODY is given twice" },
		{ "RET=SOME", "must be FULL or HDRS" },
		{ "RET=HDRS RET=HDRS", "RET is given twice" },
		{ "ENVID=a=b", "not xtext" },
		{ "ENVID=a+b", "not xtext" },
		{ "ENVID=j\xc3\xb6", "not xtext" },
		{ "SMTPUTF8=yes", "SMTPUTF8 takes no value" },
		{ "SMTPUTF8=", "SMTPUTF8 takes no value" },
		{ "REQUIRETLS=1", "REQUIRETLS takes no value" },
		{ "SIZE=12a", "not a number" },
		{ "SIZE=123456789012345678901", "not a number" },
		{ "NOTIFY=NEVER", "NOTIFY belongs behind a receiver" },
		{ "ORCPT=rfc822;a@b", "ORCPT belongs behind a receiver" },
		{ "HOLDFOR=10", "'HOLDFOR=10' is no parameter" },
		{ "<b@b.example>", "is no parameter" },
		{ "=x", "is no parameter" },
		{ "BODYX=7BIT", "is no parameter" },
		{ "RET=FULL\r\nRCPT", "must be FULL or HDRS" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct esmtp_mail_params params;
		struct fail fail;
		assert_int_equal(esmtp_params_parse_mail(text_of(rows[i].params), &params, &fail),
			RESULT_INVALID);
		if (strstr(fail.text, rows[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", fail.text, rows[i].says);
	}
}

static void parameters_of_a_receiver_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *params;
		struct envelope_notify notify;
		const char *orcpt;
	} rows[] = {
		{ "", { .never = false }, "" },
		/* as Exchange writes them */
		{ "NOTIFY=NEVER ORcpt=rfc822;ann+2Bx@a.example", { .never = true },
			"rfc822;ann+2Bx@a.example" },
		{ "notify=success,DELAY", { .success = true, .delay = true }, "" },
		{ "NOTIFY=FAILURE,SUCCESS,DELAY",
			{ .success = true, .failure = true, .delay = true }, "" },
		{ "ORCPT=utf-8;j\xc3\xb6rg@a.example", { .never = false },
			"utf-8;j\\x{F6}rg@a.example" },
		{ "ORCPT=UTF-8;j\\x{F6}rg@a.example", { .never = false },
			"UTF-8;j\\x{F6}rg@a.example" },
		{ "ORCPT=x400;c+3Dde", { .never = false }, "x400;c+3Dde" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct esmtp_rcpt_params params;
		struct fail fail;
		fail_clear(&fail);
		enum result result =
			esmtp_params_parse_rcpt(text_of(rows[i].params), &arena, &params, &fail);
		assert_string_equal(fail.text, "");
		assert_int_equal(result, RESULT_OK);
		assert_int_equal(params.notify.never, rows[i].notify.never);
		assert_int_equal(params.notify.success, rows[i].notify.success);
		assert_int_equal(params.notify.failure, rows[i].notify.failure);
		assert_int_equal(params.notify.delay, rows[i].notify.delay);
		assert_true(text_equal(params.orcpt, text_of(rows[i].orcpt)));
	}
}

/* EXT-DSN-02: NEVER alone, each parameter once. */
static void wrong_parameters_of_a_receiver_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *params, *says;
	} rows[] = {
		{ "NOTIFY=NEVER,SUCCESS", "NEVER stands alone" },
		{ "NOTIFY=DELAY,NEVER", "NEVER stands alone" },
		{ "NOTIFY=", "NOTIFY needs a value" },
		{ "NOTIFY=ALWAYS", "must be NEVER" },
		{ "NOTIFY=SUCCESS,,DELAY", "must be NEVER" },
		{ "NOTIFY=SUCCESS,", "must be NEVER" },
		{ "NOTIFY=DELAY NOTIFY=DELAY", "NOTIFY is given twice" },
		{ "ORCPT=ann@a.example", "TYPE;ADDRESS" },
		{ "ORCPT=;ann@a.example", "TYPE;ADDRESS" },
		{ "ORCPT=rfc822;", "TYPE;ADDRESS" },
		{ "ORCPT=rfc_822;ann", "TYPE;ADDRESS" },
		{ "ORCPT=rfc822;a+b", "not xtext" },
		{ "ORCPT=rfc822;a=b", "not xtext" },
		{ "ORCPT=rfc822;j\xc3\xb6rg@a.example", "not xtext" },
		{ "ORCPT=utf-8;j\xc3@a.example", "not xtext" },
		{ "ORCPT=rfc822;a\r\nRSET", "not xtext" },
		{ "RET=FULL", "RET belongs behind a sender" },
		{ "SMTPUTF8", "SMTPUTF8 belongs behind a sender" },
		{ "XVERP", "is no parameter" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct esmtp_rcpt_params params;
		struct fail fail;
		assert_int_equal(
			esmtp_params_parse_rcpt(text_of(rows[i].params), &arena, &params, &fail),
			RESULT_INVALID);
		if (strstr(fail.text, rows[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", fail.text, rows[i].says);
	}
}

/* EXT-DSN-02: ENVID up to 100 characters, ORCPT up to 500, as they go on the wire. */
static void lengths_at_their_limits(void **state)
{
	(void)state;
	char params[1024];
	struct fail fail;
	for (size_t len = 99; len <= 101; len++) {
		memcpy(params, "ENVID=", 6);
		memset(params + 6, 'e', len);
		struct esmtp_mail_params mail;
		assert_int_equal(
			esmtp_params_parse_mail((struct text){ params, 6 + len }, &mail, &fail),
			len <= 100 ? RESULT_OK : RESULT_INVALID);
	}
	for (size_t len = 499; len <= 501; len++) {
		memcpy(params, "ORCPT=rfc822;", 13);
		memset(params + 13, 'o', len);
		struct esmtp_rcpt_params rcpt;
		assert_int_equal(esmtp_params_parse_rcpt(
					 (struct text){ params, 6 + len }, &arena, &rcpt, &fail),
			len <= 500 ? RESULT_OK : RESULT_INVALID);
	}
	/* 83 umlauts of 6 octets each and "utf-8;" are 504. */
	size_t len = 12;
	memcpy(params, "ORCPT=utf-8;", len);
	for (int i = 0; i < 83; i++, len += 2)
		memcpy(params + len, "\xc3\xb6", 2);
	struct esmtp_rcpt_params rcpt;
	assert_int_equal(
		esmtp_params_parse_rcpt((struct text){ params, len }, &arena, &rcpt, &fail),
		RESULT_INVALID);
	assert_int_equal(
		esmtp_params_parse_rcpt((struct text){ params, len - 2 }, &arena, &rcpt, &fail),
		RESULT_OK);
	assert_int_equal(rcpt.orcpt.len, 6 + 82 * 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_of_the_sender_are_read),
		cmocka_unit_test(wrong_parameters_of_the_sender_are_refused),
		cmocka_unit_test(parameters_of_a_receiver_are_read),
		cmocka_unit_test(wrong_parameters_of_a_receiver_are_refused),
		cmocka_unit_test(lengths_at_their_limits),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
