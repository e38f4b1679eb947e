#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/mail/header_reader.h"

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

static struct header_field next_field(struct header_reader *reader)
{
	struct header_field field = { .kind = HEADER_KINDS };
	bool more = false;
	struct fail fail;
	assert_int_equal(header_reader_next(reader, &field, &more, &fail), RESULT_OK);
	assert_true(more);
	return field;
}

static void assert_end(struct header_reader *reader, size_t at, bool has_end)
{
	for (int again = 0; again < 2; again++) {
		struct header_field field;
		bool more = true;
		struct fail fail;
		assert_int_equal(header_reader_next(reader, &field, &more, &fail), RESULT_OK);
		assert_false(more);
		assert_int_equal(reader->at, at);
		assert_int_equal(reader->has_end, has_end);
	}
}

static struct text unfolded(const struct header_field *field)
{
	struct text value;
	struct fail fail;
	assert_int_equal(header_field_unfold(field, &arena, &value, &fail), RESULT_OK);
	return value;
}

static void lf_and_crlf_files_give_the_same_fields(void **state)
{
	(void)state;
	static const char *const files[] = {
		"X-Sender: <a@b>\nSubject:  one\n  two\n\tthree \nDate:\n\nbody\n",
		"X-Sender: <a@b>\r\nSubject:  one\r\n  two\r\n\tthree \r\nDate:\r\n\r\nbody\r\n",
		"X-Sender: <a@b>\r\nSubject:  one\n  two\r\n\tthree \nDate:\r\n\nbody\n",
	};
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct header_reader reader;
		header_reader_init(&reader, text_of(files[i]));
		struct header_field field = next_field(&reader);
		assert_int_equal(field.kind, HEADER_X_SENDER);
		assert_true(text_equal(field.name, TEXT("X-Sender")));
		assert_true(text_equal(unfolded(&field), TEXT("<a@b>")));
		assert_int_equal(field.line, 1);
		assert_false(field.is_folded);
		field = next_field(&reader);
		assert_int_equal(field.kind, HEADER_OTHER);
		assert_int_equal(field.line, 2);
		assert_true(field.is_folded);
		assert_true(text_equal(unfolded(&field), TEXT("one  two\tthree")));
		field = next_field(&reader);
		assert_int_equal(field.kind, HEADER_DATE);
		assert_int_equal(field.line, 5);
		assert_true(text_equal(unfolded(&field), TEXT_EMPTY));
		const char *body = strstr(files[i], "body");
		assert_end(&reader, (size_t)(body - files[i]), true);
		assert_int_equal(reader.line, 7);
	}
}

static void names_are_found_without_case_and_before_white_space(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		enum header_kind kind;
		bool is_taken;
	} rows[] = {
		{ "x-sender: a", HEADER_X_SENDER, true },
		{ "X-RECEIVER:a", HEADER_X_RECEIVER, true },
		{ "X-Sender-Override: a", HEADER_X_SENDER_OVERRIDE, true },
		{ "X-Sender-Id: a", HEADER_OTHER, false },
		{ "X-Longship-Class: bulk", HEADER_CLASS, true },
		{ "x-longship-not-before: x", HEADER_NOT_BEFORE, true },
		{ "X-Longship-Whatever: x", HEADER_X_LONGSHIP, true },
		{ "X-Longship: x", HEADER_OTHER, false },
		{ "x-envid: x", HEADER_X_ENVID, true },
		{ "x-job: x", HEADER_X_JOB, true },
		{ "x-virtual-mta: x", HEADER_X_VIRTUAL_MTA, true },
		{ "x-dkim-options: x", HEADER_X_DKIM_OPTIONS, true },
		{ "x-dkim-key: x", HEADER_X_DKIM_KEY, true },
		{ "X-CreatedBy: MSExchange15", HEADER_X_CREATED_BY, true },
		{ "X-EndOfInjectedXHeaders: 1", HEADER_X_END_OF_INJECTED, true },
		{ "X-ExtendedMessageProps: x", HEADER_X_EXTENDED_PROPS, true },
		{ "X-HeloDomain: x", HEADER_X_HELO_DOMAIN, true },
		{ "X-Source: x", HEADER_X_SOURCE, true },
		{ "X-Source-Args: x", HEADER_OTHER, false },
		{ "X-SourceIPAddress: ::1", HEADER_X_SOURCE_IP, true },
		{ "bcc: x", HEADER_BCC, true },
		{ "Bcc : x", HEADER_BCC, true },
		{ "BCC\t \t: x", HEADER_BCC, true },
		{ "Resent-Bcc: x", HEADER_RESENT_BCC, true },
		{ "Resent-Cc: x", HEADER_OTHER, false },
		{ "Return-path: <x>", HEADER_RETURN_PATH, true },
		{ "Return-Receipt-To: x", HEADER_OTHER, false },
		{ "DATE: x", HEADER_DATE, false },
		{ "Message-Id: x", HEADER_MESSAGE_ID, false },
		{ "dkim-signature: x", HEADER_DKIM_SIGNATURE, false },
		{ "DomainKey-Signature: x", HEADER_DOMAINKEY, false },
		{ "ARC-Seal: x", HEADER_ARC, false },
		{ "arc-authentication-results: x", HEADER_ARC, false },
		{ "Archived-At: x", HEADER_OTHER, false },
		{ "TLS-Required: No", HEADER_TLS_REQUIRED, false },
		{ "To: x", HEADER_OTHER, false },
		{ ".dot: x", HEADER_OTHER, false },
		{ "x:", HEADER_OTHER, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct header_reader reader;
		header_reader_init(&reader, text_of(rows[i].line));
		struct header_field field = next_field(&reader);
		if (field.kind != rows[i].kind)
			fail_msg("%s: kind %d", rows[i].line, field.kind);
		assert_int_equal(header_kind_is_taken(field.kind), rows[i].is_taken);
		assert_end(&reader, strlen(rows[i].line), false);
	}
}

static void every_name_of_the_table_is_its_own_kind(void **state)
{
	(void)state;
	for (enum header_kind kind = HEADER_X_SENDER; kind < HEADER_OTHER; kind++) {
		char line[64];
		size_t len = strlen(header_kind_name(kind));
		assert_true(len + 3 < sizeof line);
		memcpy(line, header_kind_name(kind), len);
		memcpy(line + len, ": x", 3);
		struct header_reader reader;
		header_reader_init(&reader, (struct text){ line, len + 3 });
		assert_int_equal(next_field(&reader).kind, kind);
	}
}

/* DATA-09: what a line end inside a value leaves behind is neither header nor body. */
static void a_line_that_is_no_field_is_an_error_with_its_number(void **state)
{
	(void)state;
	static const struct {
		const char *file, *says;
	} rows[] = {
		{ "Subject: Hello\nAnn, how are you\n\nbody\n", "line 2: 'Ann, how are you'" },
		{ "Subject: Hello\r\nDear Ann: hi\r\n\r\nbody\r\n", "line 2: 'Dear Ann: hi'" },
		{ " folded: first\n\n", "line 1: ' folded: first'" },
		{ ": nameless\n\n", "line 1: ': nameless'" },
		{ "A: b\n : x\nB\n\n", "line 3: 'B'" },
		{ "From ann@a.example Mon Jan  1 10:00:00 2026\nSubject: x\n\n",
			"line 1: 'From ann" },
		{ "A: b\nn\xc3\xa4me: x\n\n", "line 2: 'n\xc3\xa4me: x'" },
		{ "A: b\n\x01: x\n\n", "line 2: '\\x01: x'" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct header_reader reader;
		header_reader_init(&reader, text_of(rows[i].file));
		struct header_field field;
		bool more = true;
		struct fail fail;
		enum result result = RESULT_OK;
		while (result == RESULT_OK && more)
			result = header_reader_next(&reader, &field, &more, &fail);
		assert_int_equal(result, RESULT_INVALID);
		assert_false(more);
		if (strstr(fail.text, rows[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", fail.text, rows[i].says);
	}
}

static void the_header_may_end_with_the_file(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		const char *value;
		bool has_end;
	} rows[] = {
		{ "A: b", "b", false },
		{ "A: b\n", "b", false },
		{ "A: b\r\n", "b", false },
		{ "A: b\n c", "b c", false },
		{ "A: b\n\n", "b", true },
		{ "A: b\r\n\r\n", "b", true },
		{ "A: b\n \n\n", "b", true },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct header_reader reader;
		header_reader_init(&reader, text_of(rows[i].file));
		struct header_field field = next_field(&reader);
		assert_true(text_equal(unfolded(&field), text_of(rows[i].value)));
		assert_end(&reader, strlen(rows[i].file), rows[i].has_end);
	}
}

static void a_byte_order_mark_at_the_front_is_passed_over(void **state)
{
	(void)state;
	struct header_reader reader;
	header_reader_init(&reader, TEXT("\xef\xbb\xbfX-Sender: <>\n\n"));
	struct header_field field = next_field(&reader);
	assert_int_equal(field.kind, HEADER_X_SENDER);
	assert_int_equal(field.whole.len, strlen("X-Sender: <>\n"));
	header_reader_init(&reader, TEXT("A: b\n\xef\xbb\xbfX-Sender: <>\n\n"));
	(void)next_field(&reader);
	bool more;
	struct fail fail;
	assert_int_equal(header_reader_next(&reader, &field, &more, &fail), RESULT_INVALID);
}

static void the_fields_together_are_the_header(void **state)
{
	(void)state;
	struct text file = TEXT("A: b\r\nC: d\n e\n\tf\r\nG:h\n\r\nbody");
	struct header_reader reader;
	header_reader_init(&reader, file);
	size_t at = 0;
	for (int i = 0; i < 3; i++) {
		struct header_field field = next_field(&reader);
		assert_ptr_equal(field.whole.data, file.data + at);
		at += field.whole.len;
	}
	assert_int_equal(at, strlen("A: b\r\nC: d\n e\n\tf\r\nG:h\n"));
	assert_end(&reader, at + 2, true);
	assert_int_equal(reader.crlf_count, 3);
	assert_int_equal(reader.line, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lf_and_crlf_files_give_the_same_fields),
		cmocka_unit_test(names_are_found_without_case_and_before_white_space),
		cmocka_unit_test(every_name_of_the_table_is_its_own_kind),
		cmocka_unit_test(a_line_that_is_no_field_is_an_error_with_its_number),
		cmocka_unit_test(the_header_may_end_with_the_file),
		cmocka_unit_test(a_byte_order_mark_at_the_front_is_passed_over),
		cmocka_unit_test(the_fields_together_are_the_header),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
