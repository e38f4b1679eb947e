#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/event.h"
#include "engine/base/result.h"

static struct event example(void)
{
	return (struct event){
		.event = EVENT_DELIVERED, .seq = 42, .time = 1788266096123456, .file = TEXT("m.eml"),
		.id = TEXT("<1@x>"), .job = TEXT("j"), .class = TEXT("bulk"), .from = TEXT("a@x.example"),
		.rcpt = TEXT("b@y.example"), .domain = TEXT("y.example"), .mx = TEXT("mx.y.example"),
		.ip = TEXT("192.0.2.1"), .source = TEXT("192.0.2.2"), .helo = TEXT("out.x.example"),
		.session = TEXT("s1"), .reply = TEXT("250 2.0.0 \"ok\""), .status = TEXT("2.0.0"),
		.bounce_class = TEXT(""), .size = 8192, .tls = TEXT("TLSv1.3"),
		.channel = TEXT("unauthenticated"), .security = TEXT("encrypted"), .policy = TEXT("may"),
		.attempt = 1, .reason = TEXT(""), .result = TEXT(""),
	};
}

/* DESIGN 1: these names, in this order; scripts rely on them. */
static void the_line_has_all_fields_in_order(void **state)
{
	(void)state;
	static uint8_t memory[EVENT_LINE_BYTES_MAX];
	struct buf buf;
	struct event event = example();
	buf_init(&buf, memory, sizeof memory);
	event_format_line(&event, &buf);
	assert_text_equal(buf_text(&buf),
		"{\"event\":\"delivered\",\"seq\":\"42\",\"time\":\"2026-09-01T12:34:56.123456Z\","
		"\"file\":\"m.eml\",\"id\":\"<1@x>\",\"job\":\"j\",\"class\":\"bulk\","
		"\"from\":\"a@x.example\",\"rcpt\":\"b@y.example\",\"domain\":\"y.example\","
		"\"mx\":\"mx.y.example\",\"ip\":\"192.0.2.1\",\"source\":\"192.0.2.2\","
		"\"helo\":\"out.x.example\",\"session\":\"s1\",\"reply\":\"250 2.0.0 \\\"ok\\\"\","
		"\"status\":\"2.0.0\",\"bounce_class\":\"\",\"size\":\"8192\",\"tls\":\"TLSv1.3\","
		"\"channel\":\"unauthenticated\",\"security\":\"encrypted\",\"policy\":\"may\","
		"\"attempt\":\"1\",\"reason\":\"\",\"result\":\"\"}\n");
}

static void unknown_fields_are_empty_strings(void **state)
{
	(void)state;
	static uint8_t memory[EVENT_LINE_BYTES_MAX];
	struct buf buf;
	struct event event = { .event = EVENT_SESSION };
	buf_init(&buf, memory, sizeof memory);
	event_format_line(&event, &buf);
	assert_int_not_equal(text_find_text(buf_text(&buf), TEXT("{\"event\":\"session\",\"seq\":\"\"")),
		TEXT_NONE);
	assert_int_not_equal(text_find_text(buf_text(&buf), TEXT("\"attempt\":\"\"")), TEXT_NONE);
}

/* The largest event that can be: every text full of what escapes longest. */
static void the_longest_event_fits_and_is_one_line(void **state)
{
	(void)state;
	static uint8_t memory[EVENT_LINE_BYTES_MAX];
	static char large[3 * EVENT_FIELD_BYTES_MAX];
	memset(large, '\n', sizeof large);
	large[1] = '\x01';
	struct text text = text_of_bytes(large, sizeof large);
	struct event event = { .event = EVENT_REJECTED_INPUT, .seq = UINT64_MAX, .time = INT64_MAX,
		.size = UINT64_MAX, .attempt = UINT64_MAX, .file = text, .id = text, .job = text,
		.class = text, .from = text, .rcpt = text, .domain = text, .mx = text, .ip = text,
		.source = text, .helo = text, .session = text, .reply = text, .status = text,
		.bounce_class = text, .tls = text, .channel = text, .security = text, .policy = text,
		.reason = text, .result = text };
	for (int turn = 0; turn < 2; turn++) {
		struct buf buf;
		buf_init(&buf, memory, sizeof memory);
		event_format_line(&event, &buf);
		assert_false(buf.overflow);
		assert_int_equal(text_find(buf_text(&buf), '\n'), buf.len - 1);
		memset(large, '\x01', sizeof large);
	}
}

/* A field is cut at the border of a character, not inside. */
static void a_long_text_is_cut_between_characters(void **state)
{
	(void)state;
	static uint8_t memory[EVENT_LINE_BYTES_MAX];
	static char large[EVENT_FIELD_BYTES_MAX + 4];
	struct buf buf;
	memset(large, 'a', sizeof large);
	memcpy(large + EVENT_FIELD_BYTES_MAX - 1, "\xc3\xbc", 2);
	struct event event = { .event = EVENT_DEFERRED, .reason = text_of_bytes(large, sizeof large) };
	buf_init(&buf, memory, sizeof memory);
	event_format_line(&event, &buf);
	assert_true(text_is_utf8(buf_text(&buf)));
	assert_int_equal(text_find_text(buf_text(&buf), TEXT("\xef\xbf\xbd")), TEXT_NONE);
	assert_int_not_equal(text_find_text(buf_text(&buf), TEXT("aaa\",\"result\"")), TEXT_NONE);
}

static void final_kinds_end_a_recipient(void **state)
{
	(void)state;
	static const char *const finals[] = { "delivered", "bounced", "expired", "withdrawn",
		"suppressed", "rejected-input" };
	unsigned count = 0;
	for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
		bool named = false;
		for (size_t n = 0; n < COUNT_OF(finals); n++)
			named |= text_equal(event_kind_text((enum event_kind)i), text_of(finals[n]));
		assert_int_equal(event_kind_is_final((enum event_kind)i), named);
		count += named;
	}
	assert_int_equal(count, COUNT_OF(finals));
}

static void the_reference_names_everything(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	event_print_reference(out);
	assert_int_equal(fclose(out), 0);
	static const char *const words[] = { ".SH EVENTS", "rejected\\-input", "bounce_class",
		"greylist", ".B (empty)", "seq" };
	for (size_t i = 0; i < COUNT_OF(words); i++)
		assert_non_null(strstr(text, words[i]));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_line_has_all_fields_in_order),
		cmocka_unit_test(unknown_fields_are_empty_strings),
		cmocka_unit_test(the_longest_event_fits_and_is_one_line),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
		cmocka_unit_test(final_kinds_end_a_recipient),
		cmocka_unit_test(the_reference_names_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
