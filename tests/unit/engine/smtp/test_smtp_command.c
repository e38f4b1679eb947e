#include "tests/unit/engine/smtp/smtp_fixture.h"
#include "engine/smtp/smtp_command.h"

static char memory[SMTP_COMMAND_BYTES_MAX];
static struct buf buf;

static void begin(void) { buf_init(&buf, memory, sizeof memory); }

static void assert_written(enum result result, const char *expected)
{
	assert_int_equal(result, RESULT_OK);
	assert_int_equal(buf.len, strlen(expected));
	assert_memory_equal(memory, expected, buf.len);
}

/* Nothing is written of what is refused. */
static void assert_refused(enum result result, enum result expected)
{
	assert_int_equal(result, expected);
	assert_int_equal(buf.len, 0);
	assert_false(buf.overflow);
}

static void verbs_are_written_with_crlf(void **state)
{
	(void)state;
	begin();
	assert_written(smtp_command_verb(&buf, "DATA"), "DATA\r\n");
	begin();
	assert_written(smtp_command_bdat(&buf, 0, true), "BDAT 0 LAST\r\n");
	begin();
	assert_written(smtp_command_bdat(&buf, 1048576, false), "BDAT 1048576\r\n");
}

static void hello_takes_names_and_literals(void **state)
{
	(void)state;
	begin();
	assert_written(
		smtp_command_hello(&buf, "EHLO", TEXT("mail.example")), "EHLO mail.example\r\n");
	begin();
	assert_written(smtp_command_hello(&buf, "HELO", TEXT("[IPv6:2001:db8::1]")),
		"HELO [IPv6:2001:db8::1]\r\n");
}

static struct envelope envelope_from(struct text sender)
{
	return (struct envelope){ .sender = { .text = sender } };
}

/* SMTP-21, SMTP-22, SMTP-23: exact syntax, the local part as it is. */
static void mail_is_written_byte_for_byte(void **state)
{
	(void)state;
	static const struct {
		struct text sender;
		const char *expected;
	} rows[] = {
		{ TEXT_INIT(""), "MAIL FROM:<>\r\n" },
		{ TEXT_INIT("a@x.example"), "MAIL FROM:<a@x.example>\r\n" },
		{ TEXT_INIT("MiXed.Case@x.example"), "MAIL FROM:<MiXed.Case@x.example>\r\n" },
		{ TEXT_INIT("\"a b\"@x.example"), "MAIL FROM:<\"a b\"@x.example>\r\n" },
		{ TEXT_INIT("\"a>b\\\"c\"@x.example"), "MAIL FROM:<\"a>b\\\"c\"@x.example>\r\n" },
		{ TEXT_INIT("a@[192.0.2.1]"), "MAIL FROM:<a@[192.0.2.1]>\r\n" },
	};
	const struct smtp_mail_params none = { 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct envelope envelope = envelope_from(rows[i].sender);
		begin();
		assert_written(smtp_command_mail(&buf, &envelope, &none), rows[i].expected);
	}
}

static void mail_carries_the_parameters_that_are_told(void **state)
{
	(void)state;
	struct envelope envelope = envelope_from(TEXT("a@x.example"));
	envelope.ret = ENVELOPE_RET_HDRS;
	envelope.envid = TEXT("QQ+2B314159");
	struct smtp_mail_params params = {
		.size = true,
		.size_bytes = 12345,
		.body_type = SMTP_BODY_8BITMIME,
		.smtputf8 = true,
		.dsn = true,
		.requiretls = true,
	};
	begin();
	assert_written(smtp_command_mail(&buf, &envelope, &params),
		"MAIL FROM:<a@x.example> SIZE=12345 BODY=8BITMIME SMTPUTF8 REQUIRETLS"
		" RET=HDRS ENVID=QQ+2B314159\r\n");
	envelope.ret = ENVELOPE_RET_FULL;
	envelope.envid = TEXT_EMPTY;
	params = (struct smtp_mail_params){ .dsn = true, .body_type = SMTP_BODY_BINARYMIME };
	begin();
	assert_written(smtp_command_mail(&buf, &envelope, &params),
		"MAIL FROM:<a@x.example> BODY=BINARYMIME RET=FULL\r\n");
	/* SMTP-20, EXT-DSN-01: what is not offered is not said, though the envelope has it. */
	params = (struct smtp_mail_params){ 0 };
	begin();
	assert_written(smtp_command_mail(&buf, &envelope, &params), "MAIL FROM:<a@x.example>\r\n");
}

static void rcpt_carries_notify_and_orcpt(void **state)
{
	(void)state;
	static const struct {
		struct envelope_notify notify;
		struct text orcpt;
		const char *expected;
	} rows[] = {
		{ { 0 }, TEXT_INIT(""), "RCPT TO:<b@x.example>\r\n" },
		{ { .never = true }, TEXT_INIT(""), "RCPT TO:<b@x.example> NOTIFY=NEVER\r\n" },
		{ { .success = true }, TEXT_INIT(""), "RCPT TO:<b@x.example> NOTIFY=SUCCESS\r\n" },
		{ { .success = true, .failure = true, .delay = true }, TEXT_INIT(""),
			"RCPT TO:<b@x.example> NOTIFY=SUCCESS,FAILURE,DELAY\r\n" },
		{ { .delay = true }, TEXT_INIT("rfc822;a+2Bb@x"),
			"RCPT TO:<b@x.example> NOTIFY=DELAY ORCPT=rfc822;a+2Bb@x\r\n" },
		/* EXT-DSN-02: NEVER stands alone, whatever else is set */
		{ { .never = true, .failure = true }, TEXT_INIT(""),
			"RCPT TO:<b@x.example> NOTIFY=NEVER\r\n" },
		/* EXT-DSN-05: the form that needs no SMTPUTF8 passes as it is */
		{ { 0 }, TEXT_INIT("utf-8;\\x{E4}@x"),
			"RCPT TO:<b@x.example> ORCPT=utf-8;\\x{E4}@x\r\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct envelope_rcpt rcpt = { .address = { .text = TEXT("b@x.example") },
			.orcpt = rows[i].orcpt,
			.notify = rows[i].notify };
		const struct smtp_rcpt_params with = { .dsn = true }, without = { 0 };
		begin();
		assert_written(smtp_command_rcpt(&buf, &rcpt, &with), rows[i].expected);
		begin();
		assert_written(
			smtp_command_rcpt(&buf, &rcpt, &without), "RCPT TO:<b@x.example>\r\n");
	}
}

/* SMTP-24, SEC-19: what could end a command, a path or a parameter early. */
static const struct {
	const char *address;
	size_t len;
	bool with_smtputf8_too;
} bad_addresses[] = {
#define BAD(text)                                                                                  \
	{                                                                                          \
		text, sizeof text - 1, true                                                        \
	}
	BAD("a@x>\r\nRCPT TO:<b@y"),
	BAD("a@x\r"),
	BAD("a@x\n"),
	BAD("a\0@x"),
	BAD("a@x> SIZE=1"),
	BAD("a@x>"),
	BAD("<a@x"),
	BAD("a b@x"),
	BAD("a\tb@x"),
	BAD("a\x7f@x"),
	BAD("\"a@x"),
	BAD("\"a\\\"@x"),
	BAD("\"a\r\n\"@x"),
	BAD("\"a\\\r\"@x"),
	BAD("\"a\\"),
	BAD("a\\>@x"),
	BAD("a@x\"> SIZE=1"),
	BAD("\xff@x"),
	BAD("\xc3@x"),
#undef BAD
	{ "\xc3\xa4@x", 4, false },
};

static void addresses_that_could_break_out_are_never_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_addresses / sizeof *bad_addresses; i++) {
		for (int utf8 = 0; utf8 < 2; utf8++) {
			if (utf8 == 1 && !bad_addresses[i].with_smtputf8_too)
				continue;
			struct text text =
				text_of_bytes(bad_addresses[i].address, bad_addresses[i].len);
			struct envelope envelope = envelope_from(text);
			const struct envelope_rcpt rcpt = { .address = { .text = text } };
			const struct smtp_mail_params mail_params = { .smtputf8 = utf8 == 1 };
			const struct smtp_rcpt_params rcpt_params = { .smtputf8 = utf8 == 1 };
			begin();
			assert_refused(
				smtp_command_mail(&buf, &envelope, &mail_params), RESULT_INVALID);
			assert_refused(
				smtp_command_rcpt(&buf, &rcpt, &rcpt_params), RESULT_INVALID);
		}
	}
}

static void utf8_addresses_are_written_with_smtputf8(void **state)
{
	(void)state;
	struct envelope envelope = envelope_from(TEXT("\xc3\xa4@x.example"));
	const struct smtp_mail_params params = { .smtputf8 = true };
	begin();
	assert_written(smtp_command_mail(&buf, &envelope, &params),
		"MAIL FROM:<\xc3\xa4@x.example> SMTPUTF8\r\n");
}

static void names_and_parameters_that_could_break_out_are_never_written(void **state)
{
	(void)state;
	static const struct text bad[] = {
		TEXT_INIT("a\r\nMAIL"),
		TEXT_INIT("a\nb"),
		TEXT_INIT("a b"),
		TEXT_INIT("a\0b"),
		TEXT_INIT("a\tb"),
		TEXT_INIT("\xc3\xa4"),
		TEXT_INIT("a\x7f"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		begin();
		assert_refused(smtp_command_hello(&buf, "EHLO", bad[i]), RESULT_INVALID);
		struct envelope envelope = envelope_from(TEXT("a@x"));
		envelope.envid = bad[i];
		const struct smtp_mail_params mail_params = { .dsn = true };
		assert_refused(smtp_command_mail(&buf, &envelope, &mail_params), RESULT_INVALID);
		const struct envelope_rcpt rcpt = { .address = { .text = TEXT("a@x") },
			.orcpt = bad[i] };
		const struct smtp_rcpt_params rcpt_params = { .dsn = true };
		assert_refused(smtp_command_rcpt(&buf, &rcpt, &rcpt_params), RESULT_INVALID);
	}
	begin();
	assert_refused(smtp_command_hello(&buf, "EHLO", TEXT_EMPTY), RESULT_INVALID);
	/* RFC 5321 4.1.1.3: there is a recipient. */
	const struct envelope_rcpt nobody = { 0 };
	const struct smtp_rcpt_params params = { 0 };
	assert_refused(smtp_command_rcpt(&buf, &nobody, &params), RESULT_INVALID);
}

/* SMTP-25, EXT-DSN-02: the longest of everything is written, one octet more is not. */
static void lengths_end_at_their_limits(void **state)
{
	(void)state;
	static char long_text[600];
	memset(long_text, 'a', sizeof long_text);
	long_text[64] = '@';
	struct envelope envelope = envelope_from(text_of_bytes(long_text, ADDRESS_BYTES_MAX));
	envelope.ret = ENVELOPE_RET_FULL;
	envelope.envid = text_of_bytes(long_text, ENVELOPE_ENVID_MAX);
	const struct smtp_mail_params params = {
		.size = true,
		.size_bytes = UINT64_MAX,
		.body_type = SMTP_BODY_BINARYMIME,
		.smtputf8 = true,
		.dsn = true,
		.requiretls = true,
	};
	struct envelope_rcpt rcpt = {
		.address = envelope.sender,
		.notify = { .success = true, .failure = true, .delay = true },
		.orcpt = text_of_bytes(long_text, ENVELOPE_ORCPT_MAX),
	};
	const struct smtp_rcpt_params rcpt_params = { .dsn = true };
	begin();
	assert_int_equal(smtp_command_mail(&buf, &envelope, &params), RESULT_OK);
	begin();
	assert_int_equal(smtp_command_rcpt(&buf, &rcpt, &rcpt_params), RESULT_OK);

	begin();
	assert_int_equal(
		smtp_command_hello(&buf, "EHLO", text_of_bytes(long_text + 65, 253)), RESULT_OK);

	envelope.envid.len++;
	begin();
	assert_refused(smtp_command_mail(&buf, &envelope, &params), RESULT_TOO_LONG);
	envelope.envid.len--;
	envelope.sender.text.len++;
	assert_refused(smtp_command_mail(&buf, &envelope, &params), RESULT_TOO_LONG);
	rcpt.orcpt.len++;
	assert_refused(smtp_command_rcpt(&buf, &rcpt, &rcpt_params), RESULT_TOO_LONG);
	assert_refused(smtp_command_hello(&buf, "EHLO", text_of_bytes(long_text + 65, 254)),
		RESULT_TOO_LONG);
}

static void a_command_that_does_not_fit_leaves_nothing_behind(void **state)
{
	(void)state;
	struct envelope envelope = envelope_from(TEXT("a@x.example"));
	const struct smtp_mail_params params = { 0 };
	static const char expected[] = "RSET\r\nMAIL FROM:<a@x.example>\r\n";
	for (size_t size = 6; size <= sizeof expected - 1; size++) {
		buf_init(&buf, memory, size);
		assert_int_equal(smtp_command_verb(&buf, "RSET"), RESULT_OK);
		enum result result = smtp_command_mail(&buf, &envelope, &params);
		assert_int_equal(result, size < sizeof expected - 1 ? RESULT_TOO_LONG : RESULT_OK);
		assert_int_equal(buf.len, size < sizeof expected - 1 ? 6 : sizeof expected - 1);
	}
	assert_memory_equal(memory, expected, sizeof expected - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_are_written_with_crlf),
		cmocka_unit_test(hello_takes_names_and_literals),
		cmocka_unit_test(mail_is_written_byte_for_byte),
		cmocka_unit_test(mail_carries_the_parameters_that_are_told),
		cmocka_unit_test(rcpt_carries_notify_and_orcpt),
		cmocka_unit_test(addresses_that_could_break_out_are_never_written),
		cmocka_unit_test(utf8_addresses_are_written_with_smtputf8),
		cmocka_unit_test(names_and_parameters_that_could_break_out_are_never_written),
		cmocka_unit_test(lengths_end_at_their_limits),
		cmocka_unit_test(a_command_that_does_not_fit_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
