/* Files of either format read as one message, and batches that are more than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/spool/batch_message.h"

#define MAIL    "MAIL FROM:<news@list.example> RET=HDRS\n"
#define RCPT    "RCPT TO:<ann@a.example> NOTIFY=FAILURE\n"
#define TEXT_OF "Subject: s\n\nhello\n"

static struct body_budget budget;
static struct body_room room = { .budget = &budget };
static struct arena batch, scratch;

static int set_up(void **state)
{
	(void)state;
	body_budget_init(&budget, 1 << 30);
	arena_init(&batch, 4096, BATCH_ARENA_BYTES_MAX);
	arena_init(&scratch, 4096, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&batch);
	arena_deinit(&scratch);
	return atomic_load(&budget.used_bytes) == 0 ? 0 : -1;
}

/* `out_text`: what stands behind the header on the wire. */
static enum result parse(const char *file, char *out_text, size_t size)
{
	const struct message_file_context context = {
		.date = TEXT("Tue, 01 Sep 2026 12:34:56 +0000"),
		.host = TEXT("mx.example"),
		.room = &room,
	};
	struct envelope *envelope;
	struct body *body;
	struct fail fail = { 0 };
	char *copy = strdup(file);
	assert_non_null(copy);
	enum result r = batch_or_message_parse(
		copy, strlen(file), &context, &batch, &scratch, &envelope, &body, &fail);
	free(copy);
	arena_reset(&batch);
	arena_reset(&scratch);
	assert_int_equal(envelope != NULL, r == RESULT_OK);
	if (r != RESULT_OK) {
		assert_int_not_equal(fail.text[0], '\0');
		return r;
	}
	assert_true(text_equal(envelope->sender.text, TEXT("news@list.example")));
	assert_int_equal(envelope->rcpts_count, 1);
	assert_true(text_equal(envelope->rcpts[0].address.text, TEXT("ann@a.example")));
	struct text text =
		text_skip(text_of_bytes(body->data, body->data_bytes), body->header_bytes + 2);
	assert_true(text.len < size);
	memcpy(out_text, text.data, text.len);
	out_text[text.len] = '\0';
	envelope_unref(envelope);
	body_unref(body);
	return r;
}

static void assert_message(const char *file, const char *want)
{
	char text[256];
	assert_int_equal(parse(file, text, sizeof text), RESULT_OK);
	assert_string_equal(text, want);
}

static void a_batch_of_one_transaction_is_the_message_in_it(void **state)
{
	(void)state;
	assert_message(MAIL RCPT "DATA\n" TEXT_OF ".\n", "hello\r\n");
	assert_message(
		"EHLO x\nNOOP\n" MAIL RCPT "DATA\n" TEXT_OF ".\nRSET\nQUIT\n\n", "hello\r\n");
	assert_message(MAIL RCPT "DATA\n" TEXT_OF ".", "hello\r\n"); /* the last line has no end */
	assert_message(MAIL RCPT RCPT "DATA\n" TEXT_OF ".\n", "hello\r\n"); /* merged */
	assert_message("MAIL FROM:<other@list.example>\nRSET\n" MAIL RCPT "DATA\n" TEXT_OF ".\n",
		"hello\r\n");
}

static void a_message_file_is_read_as_before(void **state)
{
	(void)state;
	assert_message("X-Sender: <news@list.example>\nX-Receiver: <ann@a.example>\n" TEXT_OF
		       "..two dots\n",
		"hello\r\n..two dots\r\n");
}

static void the_dots_that_stuff_it_go_whatever_the_lines_end_in(void **state) /* DATA-03 */
{
	(void)state;
	assert_message(MAIL RCPT "DATA\n" TEXT_OF "..\n..a\n.b\n...\nc.\n.\n",
		"hello\r\n.\r\n.a\r\nb\r\n..\r\nc.\r\n");
	assert_message(MAIL RCPT "DATA\r\n\r\n..\r\nx\r\n.\r\n", ".\r\nx\r\n");
}

static void what_is_more_than_one_message_is_to_be_split(void **state)
{
	(void)state;
	static const char *const files[] = {
		MAIL RCPT "DATA\n" TEXT_OF ".\n" MAIL RCPT "DATA\n" TEXT_OF ".\n",
		MAIL RCPT "RCPT TO:<no address>\nDATA\n" TEXT_OF ".\n",
		"MAIL FROM:<no address>\n" RCPT "DATA\n" TEXT_OF ".\n",
		MAIL RCPT "DATA\n" TEXT_OF ".\nHELP\n",
		MAIL RCPT "DATA\n" TEXT_OF, /* without an end */
		"HELP\n" MAIL RCPT "DATA\n" TEXT_OF ".\n",
		"EHLO x\nQUIT\n", /* none at all */
		"EHLO x\nHELP\n",
		/* A MAIL that is taken back has the memory of the first one. */
		MAIL RCPT "DATA\n" TEXT_OF ".\nMAIL FROM:<other@list.example>\nRSET\n",
	};
	char text[256];
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		bool is_batch = strncmp(files[i], "HELP", 4) != 0;
		assert_int_equal(parse(files[i], text, sizeof text),
			is_batch ? RESULT_UNAVAILABLE : RESULT_INVALID);
	}
}

static void a_message_that_cannot_be_sent_is_no_mail_in_a_batch_either(void **state) /* DATA-01 */
{
	(void)state;
	char text[256];
	assert_int_equal(parse(MAIL RCPT "DATA\nSubject: s\n\na\rb\n.\n", text, sizeof text),
		RESULT_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_of_one_transaction_is_the_message_in_it),
		TEST(a_message_file_is_read_as_before),
		TEST(the_dots_that_stuff_it_go_whatever_the_lines_end_in),
		TEST(what_is_more_than_one_message_is_to_be_split),
		TEST(a_message_that_cannot_be_sent_is_no_mail_in_a_batch_either),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
