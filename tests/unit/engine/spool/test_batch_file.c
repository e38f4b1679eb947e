#include "engine/spool/batch_file.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/spool/message_file.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct batch_file file;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 65536, BATCH_ARENA_BYTES_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

/* ---- a dialogue told in lines ---- */

static char told_memory[65536];
static struct buf told;

static void tell_transaction(struct text whole)
{
	const struct batch_transaction *t = &file.transaction;
	assert_true(t->at < t->data_at && t->data_at + t->data_bytes < t->end_at &&
		    t->end_at <= whole.len);
	buf_printf(&told, "%llu <%.*s>", (unsigned long long)t->line,
		TEXT_ARG(t->sender.address.text));
	if (t->sender.params.envid.len > 0)
		buf_printf(&told, " envid %.*s", TEXT_ARG(t->sender.params.envid));
	for (uint32_t i = 0; i < t->rcpts_count; i++)
		buf_printf(&told, " %.*s%s", TEXT_ARG(t->rcpts[i].address.text),
			t->rcpts[i].notify.never ? "!" : "");
	for (uint32_t i = 0; i < t->bad_count; i++)
		buf_printf(&told, " bad %llu '%.*s'", (unsigned long long)t->bad[i].line,
			TEXT_ARG(t->bad[i].text));
	buf_put_cstr(&told, " [");
	struct text data = text_cut(text_skip(whole, t->data_at), t->data_bytes);
	char unstuffed[4096];
	struct buf out;
	buf_init(&out, unstuffed, sizeof unstuffed);
	batch_file_unstuff(&out, data);
	buf_put_text(&told, buf_text(&out));
	buf_put_cstr(&told, "]\n");
}

/* The file in pieces that end at `cut` and at the end. */
static struct text read_in_pieces(struct text whole, size_t cut)
{
	struct text pieces[] = { text_cut(whole, cut), text_skip(whole, cut) };
	enum batch_event event = BATCH_MORE;
	buf_init(&told, told_memory, sizeof told_memory);
	batch_file_init(&file, &arena);
	for (size_t i = 0; i < COUNT_OF(pieces) && event != BATCH_BAD; i++) {
		do {
			event = batch_file_input(&file, &pieces[i]);
			if (event == BATCH_TRANSACTION)
				tell_transaction(whole);
		} while (event == BATCH_TRANSACTION);
	}
	while (event != BATCH_BAD && (event = batch_file_end(&file)) == BATCH_TRANSACTION)
		tell_transaction(whole);
	if (event == BATCH_BAD)
		buf_printf(&told, "bad at %llu: %s\n", (unsigned long long)file.bad_at,
			file.fail.text);
	assert_false(told.overflow);
	return buf_text(&told);
}

static const char *read_all(const char *whole)
{
	static char text[65536];
	struct text got = read_in_pieces(text_of(whole), 0);
	memcpy(text, got.data, got.len);
	text[got.len] = '\0';
	return text;
}

static void says(const char *whole, const char *wanted)
{
	const char *got = read_all(whole);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s\n gives\n%s and not\n%s", whole, got, wanted);
}

static const char dialogue[] = "EHLO host.example\r\n"
			       "MAIL FROM:<news@list.example> RET=HDRS ENVID=c1\r\n"
			       "RCPT TO:<ann@A.example> NOTIFY=NEVER\r\n"
			       "RCPT TO:<bob@b.example>\r\n"
			       "DATA\r\n"
			       "Subject: one\r\n\r\n..dot\r\n.. \r\n...\r\n x.\r\n"
			       ".\r\n"
			       "NOOP\r\n"
			       "mail from: me@list.example\n"
			       "rcpt to: <no address>\n"
			       "rcpt to: <cy@c.example>\n"
			       "data\n"
			       "\n.x\n.\r.\n.\n"
			       "RSET\r\n"
			       "MAIL FROM:<>\r\n"
			       "RSET\r\n"
			       "MAIL FROM:<>\r\n"
			       "RCPT TO:dee@d.example\r\n"
			       "DATA\r\n"
			       ".\r\n"
			       "QUIT\r\n"
			       "\r\n";

static const char dialogue_told[] =
	"2 <news@list.example> envid c1 ann@a.example! bob@b.example"
	" [Subject: one\r\n\r\n.dot\r\n. \r\n..\r\n x.\r\n]\n"
	"14 <me@list.example> cy@c.example bad 15 '<no address>' [\nx\n\r.\n]\n"
	"25 <> dee@d.example []\n";

static void a_dialogue_with_several_transactions_is_read(void **state)
{
	(void)state;
	says(dialogue, dialogue_told);
}

static void it_is_the_same_at_every_split_point(void **state)
{
	(void)state;
	struct text whole = text_of(dialogue);
	for (size_t cut = 0; cut <= whole.len; cut++)
		assert_text_equal(read_in_pieces(whole, cut), dialogue_told);
	/* And octet by octet. */
	size_t transactions = 0;
	batch_file_init(&file, &arena);
	for (size_t i = 0; i < whole.len; i++) {
		struct text octet = { whole.data + i, 1 };
		enum batch_event event = batch_file_input(&file, &octet);
		assert_true(event != BATCH_BAD);
		assert_int_equal(octet.len, 0);
		transactions += event == BATCH_TRANSACTION;
	}
	assert_int_equal(batch_file_end(&file), BATCH_END);
	assert_int_equal(transactions, 3);
}

static void every_shorter_file_ends_in_a_whole_transaction_or_tells_where_it_broke(void **state)
{
	(void)state;
	struct text whole = text_of(dialogue);
	for (size_t len = 0; len < whole.len; len++) {
		struct text got = read_in_pieces(text_cut(whole, len), len / 2);
		size_t bad = text_find_text(got, TEXT("bad at "));
		if (bad == TEXT_NONE)
			continue;
		/* What came before is as it would have been. */
		struct text before = text_cut(got, bad);
		assert_true(text_starts(text_of(dialogue_told), before));
		assert_true(file.bad_at < len);
		bool at_mail = text_starts_nocase(text_skip(whole, file.bad_at), TEXT("MAIL"));
		/* A transaction that is not whole, or a command that is cut. */
		assert_true(at_mail || file.bad_at + 18 > len);
	}
}

static void the_end_of_the_file_is_as_good_as_quit(void **state)
{
	(void)state;
	says("MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nx\n.\n", "1 <a@b> c@d [x\n]\n");
	says("MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nx\n.", "1 <a@b> c@d [x\n]\n");
	says("MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nx\n.\r", "1 <a@b> c@d [x\n]\n");
	says("HELO x\nQUIT", "");
	says("", "");
}

/* SEC-19: what does not fit is not read over; the rest may be somebody's text. */
static void what_is_not_understood_ends_the_file_there(void **state)
{
	(void)state;
	static const struct {
		const char *text, *told;
	} rows[] = {
		{ "HELO x\nSubject: x\nMAIL FROM:<a@b>\n",
			"bad at 7: line 2, at offset 7: 'Subject: x' is no command of batch "
			"SMTP\n" },
		{ "HELO x\n\nMAIL FROM:<a@b>\n", "bad at 7: line 2, at offset 7: an empty line "
						 "where a command should stand\n" },
		{ "RCPT TO:<a@b>\n", "bad at 0: line 1, at offset 0: 'RCPT TO:<a@b>' is a RCPT "
				     "without MAIL before it\n" },
		{ "MAIL FROM:<a@b>\nDATA\n", "bad at 0: line 2, at offset 16: 'DATA' is a DATA "
					     "without MAIL and RCPT before it\n" },
		{ "DATA\n", "bad at 0: line 1, at offset 0: 'DATA' is a DATA without MAIL and RCPT "
			    "before it\n" },
		{ "NOOP\nMAIL FROM:<a@b>\nMAIL FROM:<a@b>\n",
			"bad at 5: line 3, at offset 21: 'MAIL FROM:<a@b>' is a second MAIL in one "
			"transaction\n" },
		{ "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nQUIT\n",
			"bad at 0: line 3, at offset 30: 'QUIT' is a QUIT inside of a "
			"transaction\n" },
		{ "QUIT\nMAIL FROM:<a@b>\n",
			"bad at 5: line 2, at offset 5: 'MAIL FROM:<a@b>' stands behind QUIT\n" },
		{ "DATA QUIT\n", "bad at 0: line 1, at offset 0: 'DATA QUIT' is no command of "
				 "batch SMTP\n" },
		{ "MAILFROM:<a@b>\n", "bad at 0: line 1, at offset 0: 'MAILFROM:<a@b>' is no "
				      "command of batch SMTP\n" },
		{ "MAIL <a@b>\n", "bad at 0: line 1, at offset 0: 'MAIL <a@b>' is no command of "
				  "batch SMTP\n" },
		{ "XMRG FROM:<a@b>\n", "bad at 0: line 1, at offset 0: 'XMRG FROM:<a@b>' begins a "
				       "merge of PowerMTA, "
				       "which is not read: use a job directory\n" },
		{ "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nx\n",
			"bad at 0: line 5, at offset 30: the file ends inside of a transaction\n" },
		{ "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nx\n.\nRCPT TO:<e@f>\n",
			"1 <a@b> c@d [x\n]\n"
			"bad at 39: line 6, at offset 39: 'RCPT TO:<e@f>' is a RCPT without MAIL "
			"before it\n" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		says(rows[i].text, rows[i].told);
	/* It stays so. */
	struct text more = TEXT("MAIL FROM:<a@b>\n");
	assert_int_equal(batch_file_input(&file, &more), BATCH_BAD);
	assert_int_equal(batch_file_end(&file), BATCH_BAD);
}

static void a_bad_recipient_fails_alone_and_a_bad_sender_with_his_transaction(
	void **state) /* SMTP-24 */
{
	(void)state;
	says("MAIL FROM:<a@b>\nRCPT TO:<>\nRCPT TO:<c@d> NOTIFY=NEVER,SUCCESS\nRCPT "
	     "TO:\nDATA\nx\n.\n"
	     "MAIL FROM:<no address>\nRCPT TO:<c@d>\nDATA\ny\n.\n"
	     "MAIL FROM:<a@b> RET=WHAT\nRCPT TO:<c@d>\nDATA\ny\n.\n"
	     "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nz\n.\n",
		"1 <a@b> bad 2 '<>' bad 3 '<c@d> NOTIFY=NEVER,SUCCESS' bad 4 '' [x\n]\n"
		"8 <> bad 9 '<c@d>' [y\n]\n"
		"13 <a@b> bad 14 '<c@d>' [y\n]\n"
		"18 <a@b> c@d [z\n]\n");
	struct text text = TEXT("MAIL FROM:<no address>\nRCPT TO:<c@d>\nDATA\n.\n");
	batch_file_init(&file, &arena);
	assert_int_equal(batch_file_input(&file, &text), BATCH_TRANSACTION);
	assert_true(text_starts(file.transaction.bad[0].reason,
		TEXT("its sender: 'no address' is not an address")));
}

static enum batch_event read_repeated(
	const char *head, const char *repeated, size_t times, const char *tail)
{
	struct text text = text_of(head);
	batch_file_init(&file, &arena);
	enum batch_event event = batch_file_input(&file, &text);
	for (size_t i = 0; i < times && event == BATCH_MORE; i++) {
		text = text_of(repeated);
		event = batch_file_input(&file, &text);
	}
	text = text_of(tail);
	return event == BATCH_MORE ? batch_file_input(&file, &text) : event;
}

static void more_recipients_than_a_message_may_have_are_bad_and_twice_as_many_too_many(void **state)
{
	(void)state;
	const char *mail = "MAIL FROM:<a@b>\n", *rcpt = "RCPT TO:<c@d>\n", *data = "DATA\n.\n";
	assert_int_equal(read_repeated(mail, rcpt, MESSAGE_RCPTS_MAX, data), BATCH_TRANSACTION);
	assert_int_equal(file.transaction.rcpts_count, MESSAGE_RCPTS_MAX);
	assert_int_equal(file.transaction.bad_count, 0);
	assert_int_equal(read_repeated(mail, rcpt, BATCH_RCPTS_MAX, data), BATCH_TRANSACTION);
	assert_int_equal(file.transaction.rcpts_count, MESSAGE_RCPTS_MAX);
	assert_int_equal(file.transaction.bad_count, MESSAGE_RCPTS_MAX);
	assert_int_equal(read_repeated(mail, rcpt, BATCH_RCPTS_MAX + 1, data), BATCH_BAD);
	assert_int_equal(file.bad_at, 0);
	/* The longest lines of all fit into the arena. */
	char longest[BATCH_LINE_BYTES_MAX + 2];
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "RCPT TO:<", 9);
	memcpy(longest + BATCH_LINE_BYTES_MAX, "\n", 2);
	assert_int_equal(read_repeated(mail, longest, BATCH_RCPTS_MAX, data), BATCH_TRANSACTION);
	assert_int_equal(file.transaction.bad_count, BATCH_RCPTS_MAX);
	/* One octet more is no command. */
	char too_long[BATCH_LINE_BYTES_MAX + 3];
	memset(too_long, 'x', sizeof too_long);
	memcpy(too_long + BATCH_LINE_BYTES_MAX + 1, "\n", 2);
	assert_int_equal(read_repeated(too_long, "", 0, ""), BATCH_BAD);
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	struct arena small;
	arena_init(&small, 1024, 4096);
	batch_file_init(&file, &small);
	struct text text = TEXT("MAIL FROM:<a@b>\n");
	enum batch_event event = batch_file_input(&file, &text);
	while (event == BATCH_MORE) {
		text = TEXT("RCPT TO:<c@d>\n");
		event = batch_file_input(&file, &text);
	}
	assert_int_equal(event, BATCH_BAD);
	assert_int_equal(file.fail.result, RESULT_MEMORY);
	arena_deinit(&small);
}

/* ---- with the reader of messages ---- */

static void a_transaction_becomes_an_envelope_and_a_body(void **state)
{
	(void)state;
	struct text text = TEXT(
		"MAIL FROM:<a@b> RET=FULL\nRCPT TO:<c@d>\nRCPT TO:<e@f> NOTIFY=DELAY\nRCPT "
		"TO:<c@d>\nDATA\n"
		"X-Sender: <forged@x>\nX-Receiver: <victim@y>\nX-Longship-Job: may\nSubject: s\n"
		"Date: Tue, 01 Sep 2026 12:34:56 +0000\nMessage-ID: <m@b>\n\n..\n.\n");
	struct text whole = text;
	batch_file_init(&file, &arena);
	assert_int_equal(batch_file_input(&file, &text), BATCH_TRANSACTION);
	const struct batch_transaction *t = &file.transaction;
	char memory[1024];
	struct buf message;
	buf_init(&message, memory, sizeof memory);
	batch_file_unstuff(&message, text_cut(text_skip(whole, t->data_at), t->data_bytes));
	struct body_budget budget;
	struct body_room room = { .budget = &budget };
	struct arena scratch;
	struct envelope *envelope;
	struct body *body;
	struct fail fail;
	body_budget_init(&budget, 1 << 20);
	arena_init(&scratch, 4096, 1 << 20);
	const struct message_file_context context = {
		.date = TEXT("x"), .host = TEXT("h"), .room = &room
	};
	assert_int_equal(message_file_parse_enveloped(buf_text(&message), &t->sender, t->rcpts,
				 t->rcpts_count, &context, &scratch, &envelope, &body, &fail),
		RESULT_OK);
	assert_text_equal(envelope->sender.text, "a@b");
	assert_int_equal(envelope->ret, ENVELOPE_RET_FULL);
	assert_int_equal(envelope->rcpts_count, 2);
	assert_text_equal(envelope->rcpts[1].address.text, "e@f");
	assert_true(envelope->rcpts[1].notify.delay);
	assert_text_equal(envelope->job, "may");
	assert_text_equal(text_of_bytes(body->data, body->data_bytes),
		"Subject: s\r\nDate: Tue, 01 Sep 2026 12:34:56 +0000\r\nMessage-ID: "
		"<m@b>\r\n\r\n.\r\n");
	envelope_unref(envelope);
	body_unref(body);
	arena_deinit(&scratch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_dialogue_with_several_transactions_is_read),
		TEST(it_is_the_same_at_every_split_point),
		TEST(every_shorter_file_ends_in_a_whole_transaction_or_tells_where_it_broke),
		TEST(the_end_of_the_file_is_as_good_as_quit),
		TEST(what_is_not_understood_ends_the_file_there),
		TEST(a_bad_recipient_fails_alone_and_a_bad_sender_with_his_transaction),
		TEST(more_recipients_than_a_message_may_have_are_bad_and_twice_as_many_too_many),
		TEST(without_memory_it_says_so),
		TEST(a_transaction_becomes_an_envelope_and_a_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
