#include "engine/mail/sendmail_message.h"
#include <stdio.h>
#include "engine/base/limits.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct sendmail_request request;
static struct fail fail;
static struct text file;
static struct text operands[4];

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 65536, 1 << 24);
	request = (struct sendmail_request){
		.sender = TEXT("www@web.example"),
		.from = TEXT("www@web.example"),
		.domain = TEXT("web.example"),
		.operands = operands,
	};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result compose(const char *input)
{
	return sendmail_message_compose(text_of(input), &request, &arena, &file, &fail);
}

static void becomes(const char *input, const char *wanted)
{
	assert_int_equal(compose(input), RESULT_OK);
	assert_text_equal(file, wanted);
}

static void to(const char *a, const char *b)
{
	operands[0] = text_of(a);
	operands[1] = text_of(b);
	request.operands_count = 1 + (b != NULL);
}

static void receivers_of_the_command_line_get_the_message_as_it_is(void **state)
{
	(void)state;
	to("ann@a.example", "bob, Cy <cy@C.Example>");
	request.sender_params = TEXT(" RET=HDRS");
	request.rcpt_params = TEXT(" NOTIFY=NEVER");
	becomes("From: me@a.example\nTo: other@z.example\nX-Longship-Class: bulk\n\n.\nFrom x\n",
		"X-Sender: <www@web.example> RET=HDRS\n"
		"X-Receiver: <ann@a.example> NOTIFY=NEVER\n"
		"X-Receiver: <bob@web.example> NOTIFY=NEVER\n"
		"X-Receiver: <cy@c.example> NOTIFY=NEVER\n"
		"From: me@a.example\nTo: other@z.example\nX-Longship-Class: bulk\n\n.\nFrom x\n");
}

static void with_t_they_are_in_to_cc_and_bcc_and_bcc_goes_with_all_its_lines(void **state)
{
	(void)state;
	request.reads_receivers = true;
	becomes("Bcc: dee@d.example,\n\teve@e.example\nFrom: me@a.example\nTo: Ann "
		"<ann@a.example>,\n"
		" bob@b.example\nCC:cy@c.example\n\nbody\n",
		"X-Sender: <www@web.example>\n"
		"X-Receiver: <dee@d.example>\nX-Receiver: <eve@e.example>\n"
		"X-Receiver: <ann@a.example>\nX-Receiver: <bob@b.example>\nX-Receiver: "
		"<cy@c.example>\n"
		"From: me@a.example\nTo: Ann <ann@a.example>,\n "
		"bob@b.example\nCC:cy@c.example\n\nbody\n");
	/* Without -t nobody is read, and Bcc goes all the same. */
	request.reads_receivers = false;
	to("x@y.example", NULL);
	becomes("Bcc: dee@d.example\nFrom: a@b\n\n", "X-Sender: <www@web.example>\n"
						     "X-Receiver: <x@y.example>\nFrom: a@b\n\n");
}

/* RFC 5322 3.6.6: a message that is sent on names its receivers in Resent- fields. */
static void with_t_resent_fields_come_before_the_first_ones(void **state)
{
	(void)state;
	request.reads_receivers = true;
	becomes("Resent-To: new@n.example\nResent-Bcc: hid@n.example\nFrom: a@b\nTo: "
		"old@o.example\n\n",
		"X-Sender: <www@web.example>\nX-Receiver: <new@n.example>\nX-Receiver: "
		"<hid@n.example>\n"
		"Resent-To: new@n.example\nFrom: a@b\nTo: old@o.example\n\n");
}

/* SEC-19: who can put lines into the header, as a form on a web page can, gains no receiver by it. */
static void an_envelope_in_the_message_is_taken_off(void **state)
{
	(void)state;
	to("ann@a.example", NULL);
	becomes("X-Receiver: victim@v.example\nX-Sender: <forged@f.example>\nFrom: a@b\n"
		"x-sender-override: <x@y.example>\nSubject: s\n\n",
		"X-Sender: <www@web.example>\nX-Receiver: <ann@a.example>\nFrom: a@b\nSubject: "
		"s\n\n");
}

static void from_is_added_when_there_is_none(void **state)
{
	(void)state;
	to("ann@a.example", NULL);
	becomes("Subject: s\n\nx", "X-Sender: <www@web.example>\nX-Receiver: <ann@a.example>\n"
				   "From: <www@web.example>\nSubject: s\n\nx");
	request.full_name = TEXT("CronDaemon");
	becomes("Subject: s\n\nx", "X-Sender: <www@web.example>\nX-Receiver: <ann@a.example>\n"
				   "From: CronDaemon <www@web.example>\nSubject: s\n\nx");
	request.full_name = TEXT("\xc3\x84nn, B.");
	becomes("Subject: s\n\nx",
		"X-Sender: <www@web.example>\nX-Receiver: <ann@a.example>\n"
		"From: =?utf-8?B?w4RubiwgQi4=?= <www@web.example>\nSubject: s\n\nx");
	request.full_name = TEXT("a\nBcc: x@y");
	assert_int_equal(compose("Subject: s\n\nx"), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "-F"));
	request.full_name = TEXT_EMPTY;
	request.from = TEXT_EMPTY;
	assert_int_equal(compose("Subject: s\n\nx"), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "no From"));
	becomes("From: a@b\n\nx",
		"X-Sender: <www@web.example>\nX-Receiver: <ann@a.example>\nFrom: a@b\n\nx");
}

/* What `echo text | sendmail root` writes; also an mbox. */
static void a_text_without_header_and_an_mbox_line_are_understood(void **state)
{
	(void)state;
	to("root", NULL);
	becomes("disk is full\nnow\n",
		"X-Sender: <www@web.example>\nX-Receiver: <root@web.example>\n"
		"From: <www@web.example>\n\ndisk is full\nnow\n");
	becomes("", "X-Sender: <www@web.example>\nX-Receiver: <root@web.example>\n"
		    "From: <www@web.example>\n\n");
	becomes("From ann@a.example Tue Sep  1 12:00:00 2026\nFrom: a@b\n\nx\n",
		"X-Sender: <www@web.example>\nX-Receiver: <root@web.example>\nFrom: a@b\n\nx\n");
	/* A header without a body, and without an end. */
	becomes("From: a@b", "X-Sender: <www@web.example>\nX-Receiver: <root@web.example>\n"
			     "From: a@b\n\n");
}

/* DATA-09: a line in the middle of a header that is none is not guessed about. */
static void a_broken_header_is_refused_with_its_line(void **state)
{
	(void)state;
	to("ann@a.example", NULL);
	assert_int_equal(compose("From: a@b\nno field\n\nx"), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "line 2"));
}

static void without_receivers_or_with_bad_ones_it_is_refused(void **state)
{
	(void)state;
	request.operands_count = 0;
	assert_int_equal(compose("From: a@b\nTo: ann@a.example\n\n"), RESULT_NOT_FOUND);
	request.reads_receivers = true;
	assert_int_equal(compose("From: a@b\nSubject: s\n\n"), RESULT_NOT_FOUND);
	assert_int_equal(compose("From: a@b\nTo: undisclosed-recipients:;\n\n"), RESULT_NOT_FOUND);
	assert_int_equal(compose("From: a@b\nTo: ann@@a.example\n\n"), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "line 2: To: 'ann@@a.example'"));
	request.domain = TEXT_EMPTY;
	assert_int_equal(compose("From: a@b\nTo: root\n\n"), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "--domain"));
}

static void more_receivers_than_a_file_may_have_are_refused(void **state)
{
	(void)state;
	static char list[(MESSAGE_RCPTS_MAX + 1) * 6 + 1];
	for (size_t i = 0; i <= MESSAGE_RCPTS_MAX; i++)
		(void)snprintf(list + i * 6, 7, "a@b.c,");
	to(list, NULL);
	assert_int_equal(compose("From: a@b\n\n"), RESULT_LIMIT);
	list[sizeof list - 1 - 6] = '\0';
	to(list, NULL);
	assert_int_equal(compose("From: a@b\n\n"), RESULT_OK);
}

static void without_i_a_lone_dot_ends_the_input(void **state)
{
	(void)state;
	static const struct {
		const char *input, *kept;
	} rows[] = {
		{ "a\n.\nb\n", "a\n" },
		{ "a\r\n.\r\nb", "a\r\n" },
		{ ".\nb", "" },
		{ "a\n.", "a\n" },
		{ "a\n..\nb\n", "a\n..\nb\n" },
		{ "a\n.b\n .\n", "a\n.b\n .\n" },
		{ "", "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_text_equal(sendmail_message_until_dot(text_of(rows[i].input)), rows[i].kept);
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	to("ann@a.example", NULL);
	for (size_t size = 128; size < 2600; size += 8) {
		char memory[2600];
		struct arena small;
		arena_init_fixed(&small, memory, size);
		enum result result =
			sendmail_message_compose(TEXT("no header"), &request, &small, &file, &fail);
		assert_true(result == RESULT_MEMORY || result == RESULT_OK);
		assert_true(size > 200 || result == RESULT_MEMORY);
		arena_deinit(&small);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(receivers_of_the_command_line_get_the_message_as_it_is),
		TEST(with_t_they_are_in_to_cc_and_bcc_and_bcc_goes_with_all_its_lines),
		TEST(with_t_resent_fields_come_before_the_first_ones),
		TEST(an_envelope_in_the_message_is_taken_off),
		TEST(from_is_added_when_there_is_none),
		TEST(a_text_without_header_and_an_mbox_line_are_understood),
		TEST(a_broken_header_is_refused_with_its_line),
		TEST(without_receivers_or_with_bad_ones_it_is_refused),
		TEST(more_receivers_than_a_file_may_have_are_refused),
		TEST(without_i_a_lone_dot_ends_the_input),
		TEST(without_memory_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
