#include "engine/mail/notification.h"
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/unit.h"

static char *memory;
static struct buf out;
static struct envelope envelope;
static struct envelope_rcpt rcpts[3];
static struct notification_rcpt told[3];
static struct body body;
static struct notification notification;

static struct envelope_address address_of(const char *text)
{
	struct envelope_address address = { .text = text_of(text) };
	address.domain_at = (uint16_t)(text_find_last(address.text, '@') + 1);
	for (size_t i = 0; i < address.text.len; i++)
		address.needs_smtputf8 |= (uint8_t)text[i] >= 0x80;
	return address;
}

static void set_body(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");
	body = (struct body){ .data = (uint8_t *)(uintptr_t)text, .data_bytes = strlen(text) };
	body.header_bytes = end != NULL ? (size_t)(end + 2 - text) : body.data_bytes;
	for (size_t i = 0; i < body.data_bytes; i++)
		body.has_8bit |= body.data[i] >= 0x80;
	for (size_t i = 0; i < body.header_bytes; i++)
		body.has_utf8_headers |= body.data[i] >= 0x80;
}

static int set_up(void **state)
{
	(void)state;
	rcpts[0] = (struct envelope_rcpt){ .address = address_of("ann@a.example") };
	rcpts[1] = (struct envelope_rcpt){ .address = address_of("bob@b.example") };
	envelope = (struct envelope){
		.sender = address_of("news@list.example"), .rcpts = rcpts, .rcpts_count = 2
	};
	told[0] = (struct notification_rcpt){
		.rcpt = &rcpts[0],
		.status = TEXT("5.1.1"),
		.remote_mta = TEXT("mx.a.example"),
		.reply = TEXT("550 5.1.1 no such user"),
		.reason = TEXT("mx.a.example: 550"),
		.last_attempt_unix_s = 1788266096,
	};
	told[1] = (struct notification_rcpt){ .rcpt = &rcpts[1] };
	notification = (struct notification){
		.action = NOTIFICATION_FAILED,
		.envelope = &envelope,
		.rcpts = told,
		.rcpts_count = 1,
		.body = &body,
		.reporting_mta = TEXT("mail.list.example"),
		.now_unix_s = 1788266100,
		.arrived_unix_s = 1788266000,
		.unique = { 0xab, 0xcd },
	};
	set_body("Subject: hello\r\nTo: ann@a.example\r\n\r\nbody\r\n.\r\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(memory);
	memory = NULL;
	return 0;
}

/* RFC 5322 2.1.1, DSN-11: lines that pass everywhere. */
static void assert_lines(struct text file)
{
	struct text line;
	while (text_split(&file, '\n', &line) && file.data != NULL) {
		assert_true(line.len > 0 && line.data[line.len - 1] == '\r');
		assert_true(line.len <= 999);
		assert_int_equal(text_find(text_cut(line, line.len - 1), '\r'), TEXT_NONE);
	}
	assert_int_equal(line.len, 0);
}

static const char *make(void)
{
	size_t size = notification_bytes_max(&notification);
	free(memory);
	memory = malloc(size + 1);
	assert_non_null(memory);
	buf_init(&out, memory, size);
	notification_put(&out, &notification);
	assert_false(out.overflow);
	memory[out.len] = '\0';
	assert_int_equal(strlen(memory), out.len);
	assert_lines(buf_text(&out));
	return memory;
}

static void has(const char *text)
{
	if (strstr(make(), text) == NULL)
		fail_msg("\"%s\" is not in\n%s", text, memory);
}

static void has_not(const char *text)
{
	if (strstr(make(), text) != NULL)
		fail_msg("\"%s\" is in\n%s", text, memory);
}

static void a_failure_is_told_in_three_parts(void **state) /* DSN-01 DSN-03 DSN-04 DSN-05 DSN-08 */
{
	(void)state;
	assert_string_equal(make(),
		"X-Sender: <>\r\n"
		"X-Receiver: <news@list.example> NOTIFY=NEVER\r\n"
		"X-Longship-Class: transactional\r\n"
		"From: Mail Delivery System <MAILER-DAEMON@mail.list.example>\r\n"
		"To: <news@list.example>\r\n"
		"Subject: Undelivered mail returned to sender\r\n"
		"Date: Tue, 01 Sep 2026 12:35:00 +0000\r\n"
		"Message-ID: <abcd0000000000000000000000000000@mail.list.example>\r\n"
		"Auto-Submitted: auto-replied\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status;\r\n"
		" boundary=\"=_longship_abcd0000000000000000000000000000\"\r\n"
		"\r\n"
		"--=_longship_abcd0000000000000000000000000000\r\n"
		"Content-Type: text/plain; charset=us-ascii\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"This is the mail system at mail.list.example.\r\n"
		"\r\n"
		"Your message could not be delivered to the recipients below. It will not be\r\n"
		"tried again.\r\n"
		"\r\n"
		"<ann@a.example>\r\n"
		"    host mx.a.example\r\n"
		"    said: 550 5.1.1 no such user\r\n"
		"\r\n"
		"--=_longship_abcd0000000000000000000000000000\r\n"
		"Content-Type: message/delivery-status\r\n"
		"\r\n"
		"Reporting-MTA: dns; mail.list.example\r\n"
		"Arrival-Date: Tue, 01 Sep 2026 12:33:20 +0000\r\n"
		"\r\n"
		"Final-Recipient: rfc822; ann@a.example\r\n"
		"Action: failed\r\n"
		"Status: 5.1.1\r\n"
		"Remote-MTA: dns; mx.a.example\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
		"Last-Attempt-Date: Tue, 01 Sep 2026 12:34:56 +0000\r\n"
		"\r\n"
		"--=_longship_abcd0000000000000000000000000000\r\n"
		"Content-Type: text/rfc822-headers\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"Subject: hello\r\n"
		"To: ann@a.example\r\n"
		"\r\n"
		"--=_longship_abcd0000000000000000000000000000--\r\n");
}

static void what_no_host_said_names_no_host(void **state) /* DSN-05 DSN-06 DSN-12 */
{
	(void)state;
	notification.rcpts_count = 2;
	told[1].status = TEXT("4.4.7");
	told[1].reason = TEXT("its lifetime ended; last: no address for b.example");
	has("\r\n\r\nFinal-Recipient: rfc822; bob@b.example\r\nAction: failed\r\nStatus: 4.4.7\r\n"
	    "Diagnostic-Code: x-longship; its lifetime ended; last: no address for "
	    "b.example\r\n\r\n--=_");
	has("\r\n<bob@b.example>\r\n    its lifetime ended; last: no address for b.example\r\n");
	told[1].status = told[1].reason = TEXT_EMPTY;
	has("\r\nFinal-Recipient: rfc822; bob@b.example\r\nAction: failed\r\nStatus: "
	    "5.0.0\r\n\r\n--=_");
}

static void delays_and_relays_are_told_as_such(void **state) /* DSN-06 EXT-DSN-03 */
{
	(void)state;
	told[0].status = TEXT_EMPTY;
	told[0].will_retry_until_unix_s = 1788352496;
	has_not("Will-Retry-Until");
	notification.action = NOTIFICATION_DELAYED;
	has("Subject: Delayed mail (it is still being tried)\r\n");
	has("Action: delayed\r\nStatus: 4.0.0\r\n");
	has("Will-Retry-Until: Wed, 02 Sep 2026 12:34:56 +0000\r\n");
	notification.action = NOTIFICATION_RELAYED;
	has("Subject: Mail was passed on\r\n");
	has("Action: relayed\r\nStatus: 2.0.0\r\n");
	has_not("Will-Retry-Until");
}

static void envid_and_orcpt_come_back_decoded_and_only_if_they_were_given(void **state) /* DSN-04 */
{
	(void)state;
	has_not("Original-");
	envelope.envid = TEXT("C+2B42+20x");
	rcpts[0].orcpt = TEXT("rfc822;Ann+2Bx@A.Example");
	has("\r\nOriginal-Envelope-Id: C+42 x\r\n");
	has("\r\n\r\nOriginal-Recipient: rfc822; Ann+x@A.Example\r\nFinal-Recipient: rfc822; "
	    "ann@a.example\r\n");
	/* What they decode to cannot end the field (SEC-19). */
	envelope.envid = TEXT("a+0D+0ASubject:+20x");
	rcpts[0].orcpt = TEXT("rfc822;a+0D+0A+0D+0A--+3D_@b");
	has("\r\nOriginal-Envelope-Id: a\\x0d\\x0aSubject: x\r\n");
	has("\r\nOriginal-Recipient: rfc822; a\\x0d\\x0a\\x0d\\x0a--=_@b\r\n");
}

static void the_message_comes_back_whole_only_where_it_was_asked_for_and_may(
	void **state) /* DSN-08 RTLS-07 */
{
	(void)state;
	envelope.ret = ENVELOPE_RET_FULL;
	has("Content-Type: message/rfc822\r\n\r\nSubject: hello\r\nTo: "
	    "ann@a.example\r\n\r\nbody\r\n.\r\n\r\n--=_");
	notification.action = NOTIFICATION_DELAYED;
	has_not("body\r\n");
	notification.action = NOTIFICATION_FAILED;
	envelope.requiretls = true;
	has("Content-Type: text/rfc822-headers\r\n");
	has_not("body\r\n");
	has("X-Sender: <> REQUIRETLS\r\n");
	envelope.requiretls = false;
	envelope.ret = ENVELOPE_RET_HDRS;
	has_not("body\r\n");
	envelope.ret = ENVELOPE_RET_NONE;
	has_not("body\r\n");
	notification.body = NULL;
	has_not("Subject: hello");
	has("Status: 5.1.1");
}

/* RFC 2046 5.2.1: message/rfc822 cannot be encoded. */
static void eight_bit_messages_come_back_as_encoded_headers(void **state) /* DSN-10 */
{
	(void)state;
	envelope.ret = ENVELOPE_RET_FULL;
	set_body("Subject: hello\r\n\r\nGr\xc3\xbc\xc3\x9f"
		 "e\r\n");
	has("Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: "
	    "hello\r\n\r\n--");
	set_body("Subject: Viele Gr\xc3\xbc\xc3\x9f"
		 "e aus der Stadt am Rande\r\n\r\nbody\r\n");
	has("Content-Type: message/global-headers\r\nContent-Transfer-Encoding: "
	    "quoted-printable\r\n\r\n"
	    "Subject: Viele Gr=C3=BC=C3=9Fe aus der Stadt am Rande\r\n\r\n--");
	for (size_t i = 0; i < out.len; i++)
		assert_true((uint8_t)memory[i] < 0x80);
}

static void large_messages_and_headers_are_cut(void **state) /* DSN-08 */
{
	(void)state;
	size_t size = NOTIFICATION_HEADER_BYTES_MAX + 5000, len = 0;
	char *large = malloc(size + 100);
	assert_non_null(large);
	while (len < size)
		len += (size_t)snprintf(large + len, 100, "X-Line-%zu: x\r\n", len);
	memcpy(large + len, "\r\nbody\r\n", 9);
	set_body(large);
	envelope.ret = ENVELOPE_RET_FULL;
	make();
	assert_true(out.len < NOTIFICATION_HEADER_BYTES_MAX + 4096);
	has("\r\nX-Line-0: x\r\n");
	has_not("body\r\n");
	free(large);
}

static void replies_are_escaped_and_folded(void **state) /* DSN-10 */
{
	(void)state;
	char reply[3000];
	told[0].reply = TEXT("550 a\r\nb\x1b[31m\xc3\xbc\xff   c  ");
	has("Diagnostic-Code: smtp; 550 a\\x0d\\x0ab\\x1b[31m\\xc3\\xbc\\xff c\r\n");
	told[0].reply = TEXT("550 the mailbox of this user is full and has been so for at least "
			     "one long year now");
	has("Diagnostic-Code: smtp; 550 the mailbox of this user is full and has been so for\r\n"
	    " at least one long year now\r\n");
	memset(reply, 'x', sizeof reply);
	told[0].reply = text_of_bytes(reply, sizeof reply);
	make();
	memset(reply, ' ', sizeof reply);
	make();
	memset(reply, 0x80, sizeof reply);
	told[0].reason = told[0].remote_mta = told[0].reply;
	make();
}

static void utf8_addresses_are_ascii_for_senders_that_are(void **state) /* DSN-09 EXT-DSN-05 */
{
	(void)state;
	rcpts[0].address = address_of("j\xc3\xbcrgen@a.example");
	rcpts[0].orcpt = TEXT("utf-8;j\\x{FC}rgen@a.example");
	has("Final-Recipient: utf-8; j\\x{FC}rgen@a.example\r\n");
	has("Original-Recipient: utf-8; j\\x{FC}rgen@a.example\r\n");
	has("Content-Type: message/delivery-status\r\n");
	for (size_t i = 0; i < out.len; i++)
		assert_true((uint8_t)memory[i] < 0x80);
	/* Who has such an address himself needs SMTPUTF8 to be reached, and can read it. */
	envelope.sender = address_of("\xc3\xbc@list.example");
	has("X-Receiver: <\xc3\xbc@list.example> NOTIFY=NEVER\r\n");
	has("Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n");
	has("Final-Recipient: utf-8; j\xc3\xbcrgen@a.example\r\n");
	has("\r\n<j\xc3\xbcrgen@a.example>\r\n");
}

static void who_did_not_want_to_be_told_is_not(void **state) /* DSN-02 DSN-07 EXT-DSN-03 */
{
	(void)state;
	static const struct {
		struct envelope_notify notify;
		bool failed, delayed, relayed;
	} rows[] = {
		{ { 0 }, true, true, false },
		{ { .never = true }, false, false, false },
		{ { .failure = true }, true, false, false },
		{ { .delay = true }, false, true, false },
		{ { .success = true }, false, false, true },
		{ { .success = true, .failure = true, .delay = true }, true, true, true },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int null_sender = 0; null_sender < 2; null_sender++) {
			envelope.sender = null_sender ? (struct envelope_address){ .domain_at = 0 }
						      : address_of("a@b");
			rcpts[0].notify = rows[i].notify;
			assert_int_equal(
				notification_is_wanted(&envelope, &rcpts[0], NOTIFICATION_FAILED),
				rows[i].failed && !null_sender);
			assert_int_equal(
				notification_is_wanted(&envelope, &rcpts[0], NOTIFICATION_DELAYED),
				rows[i].delayed && !null_sender);
			assert_int_equal(
				notification_is_wanted(&envelope, &rcpts[0], NOTIFICATION_RELAYED),
				rows[i].relayed && !null_sender);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failure_is_told_in_three_parts),
		TEST(what_no_host_said_names_no_host),
		TEST(delays_and_relays_are_told_as_such),
		TEST(envid_and_orcpt_come_back_decoded_and_only_if_they_were_given),
		TEST(the_message_comes_back_whole_only_where_it_was_asked_for_and_may),
		TEST(eight_bit_messages_come_back_as_encoded_headers),
		TEST(large_messages_and_headers_are_cut),
		TEST(replies_are_escaped_and_folded),
		TEST(utf8_addresses_are_ascii_for_senders_that_are),
		TEST(who_did_not_want_to_be_told_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
