#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bench/load_message.h"
#include "bench/sink_body.h"

static struct load_text text, text_8bit;
static char memory[300000], wire[300000];

static int setup(void **state)
{
	struct fail fail;
	(void)state;
	assert_int_equal(load_text_init(&text, 1, false, &fail), RESULT_OK);
	assert_int_equal(load_text_init(&text_8bit, 1, true, &fail), RESULT_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	load_text_deinit(&text);
	load_text_deinit(&text_8bit);
	return 0;
}

static struct text make(uint64_t id, uint64_t bytes, bool eight_bit)
{
	struct random_state random;
	struct buf out;
	uint64_t body;
	const struct load_message message = { .run = 5, .id = id, .bytes = bytes,
		.sender = TEXT("a@b.lab"), .first_rcpt = TEXT("c@d.lab"), .date_s = 1000000000,
		.eight_bit = eight_bit };
	random_init_seed(&random, id);
	buf_init(&out, memory, sizeof memory);
	load_message_put(&message, eight_bit ? &text_8bit : &text, &random, &out, &body);
	assert_false(out.overflow);
	return buf_text(&out);
}

static void a_message_has_the_size_that_was_asked_for(void **state)
{
	(void)state;
	for (uint64_t bytes = 1024; bytes < 1400; bytes++)
		assert_int_equal(make(bytes, bytes, false).len, bytes);
	for (uint64_t bytes = 2048; bytes <= 262144; bytes *= 2)
		assert_int_equal(make(bytes, bytes, true).len, bytes);
	assert_in_range(make(1, 1, false).len, 400, 1000);
}

/* What the sink finds: nothing odd, and the token fits. By DATA, so that dots count too. */
static void a_message_is_good_mail_and_proves_itself(void **state)
{
	(void)state;
	size_t dots = 0;
	for (uint64_t id = 0; id < 300; id++) {
		struct sink_body body;
		struct buf dotted;
		bool eight_bit = id % 3 == 0;
		struct text message = make(id, 600 + id * 97, eight_bit);
		buf_init(&dotted, wire, sizeof wire);
		load_message_put_dotted(message, &dotted);
		assert_false(dotted.overflow);
		dots += dotted.len - 3 - message.len;
		sink_body_init(&body, true, false, NULL, NULL);
		assert_int_equal(sink_body_input(&body, wire, dotted.len), dotted.len);
		assert_true(body.ended);
		sink_body_finish(&body);
		assert_int_equal(body.oddities, 0);
		assert_int_equal(body.octets, message.len);
		assert_true(body.token_found);
		assert_int_equal(body.token.id, id);
		assert_true(sink_body_is_intact(&body));
		assert_true(!body.has_8bit || eight_bit);
		assert_false(body.header_has_8bit);
	}
	assert_true(dots > 10); /* the text has lines that start with one */
}

static void lines_are_76_octets_at_most(void **state)
{
	(void)state;
	struct text rest = make(1, 200000, true), line;
	assert_true(text_is_utf8(rest));
	/* Of the body: the token's line is longer, as header lines may be. */
	rest = text_skip(rest, text_find_text(rest, TEXT("\r\n\r\n")) + 4);
	while (text_split(&rest, '\n', &line))
		assert_in_range(line.len, 0, LOAD_TEXT_LINE_MAX + 1);
}

static void different_messages_differ(void **state)
{
	(void)state;
	char first[8192];
	memcpy(first, make(1, 8192, false).data, 8192);
	assert_memory_equal(first, make(1, 8192, false).data, 8192);
	assert_memory_not_equal(first + 1024, make(2, 8192, false).data + 1024, 7000);
}

static void control_fields_stand_in_front(void **state)
{
	(void)state;
	struct buf out;
	const struct load_message message = { .sender = TEXT("a@b.lab"), .transactional = true };
	buf_init(&out, memory, sizeof memory - 1);
	load_control_put(&message, TEXT("c@d.lab\te@f.lab"), &out);
	memory[out.len] = '\0';
	assert_string_equal(memory, "X-Sender: <a@b.lab>\r\nX-Receiver: <c@d.lab>\r\n"
				    "X-Receiver: <e@f.lab>\r\nX-Longship-Class: transactional\r\n");
	out.len = load_strip_cr(memory, out.len);
	assert_null(memchr(memory, '\r', out.len));
	assert_memory_equal(memory, "X-Sender: <a@b.lab>\nX-Receiver", 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_has_the_size_that_was_asked_for),
		cmocka_unit_test(a_message_is_good_mail_and_proves_itself),
		cmocka_unit_test(lines_are_76_octets_at_most),
		cmocka_unit_test(different_messages_differ),
		cmocka_unit_test(control_fields_stand_in_front),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
