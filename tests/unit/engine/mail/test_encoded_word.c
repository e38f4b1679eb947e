#include "engine/mail/encoded_word.h"
#include <stdio.h>
#include "tests/unit/unit.h"

static uint8_t memory[8192];
static struct buf out;

static bool put(struct text value, size_t column, bool as_phrase)
{
	buf_init(&out, memory, sizeof memory);
	return as_phrase ? encoded_word_put_phrase(&out, value, column)
			 : encoded_word_put_unstructured(&out, value, column);
}

static void values_become_the_words_that_they_need(void **state)
{
	(void)state;
	static const struct {
		bool as_phrase;
		const char *value, *written;
	} rows[] = {
		{ false, "", "" },
		{ false, "Your order, 20% off: (now)", "Your order, 20% off: (now)" },
		{ false,
			"Gr\xc3\xbc\xc3\x9f"
			"e",
			"=?utf-8?B?R3LDvMOfZQ==?=" },
		{ false, "Angebote f\xc3\xbcr Ann", "=?utf-8?Q?Angebote_f=C3=BCr_Ann?=" },
		/* What looks like an encoded word would be shown as another text. */
		{ false, "=?utf-8?Q?x?=", "=?utf-8?B?PT91dGYtOD9RP3g/PQ==?=" },
		/* A space at an end is lost by readers unless it is encoded. */
		{ false, "a ", "=?utf-8?Q?a_?=" },
		{ true, "", "" },
		{ true, "Ann", "Ann" },
		{ true, "Ann B", "Ann B" },
		{ true, "Ann  B", "\"Ann  B\"" },
		{ true, "Ann B.", "\"Ann B.\"" },
		{ true, "Ann, \"the\" \\ B", "\"Ann, \\\"the\\\" \\\\ B\"" },
		{ true, "ann@b.example", "\"ann@b.example\"" },
		{ true, "\xc3\x84nn", "=?utf-8?Q?=C3=84nn?=" },
		{ true, "\xe5\xb1\xb1\xe7\x94\xb0", "=?utf-8?B?5bGx55Sw?=" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(put(text_of(rows[i].value), 9, rows[i].as_phrase));
		assert_false(out.overflow);
		assert_text_equal(buf_text(&out), rows[i].written);
	}
}

static void what_could_end_a_line_or_is_no_utf8_is_refused_and_nothing_is_written(void **state)
{
	(void)state;
	static const struct text rows[] = {
		TEXT_INIT("a\r\nBcc: x@y"), TEXT_INIT("a\nb"), TEXT_INIT("a\rb"), TEXT_INIT("a\0b"),
		TEXT_INIT("a\tb"), TEXT_INIT("a\x7f"), TEXT_INIT("a\x1b[31m"),
		TEXT_INIT("a\xc2\x85"),                        /* NEL, a line end for some */
		TEXT_INIT("a\xff"), TEXT_INIT("\xed\xa0\x80"), /* a surrogate */
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_false(encoded_word_may_hold(rows[i]));
		assert_false(put(rows[i], 0, false));
		assert_int_equal(out.len, 0);
		assert_false(put(rows[i], 0, true));
		assert_int_equal(out.len, 0);
	}
}

/* Lines of at most `max` octets, the first from `column` on; every further one begins with a space. */
static void assert_folded(struct text written, size_t column, size_t max)
{
	struct text line;
	bool is_first = true;
	while (text_split(&written, '\n', &line)) {
		bool has_more = written.data != NULL;
		assert_true(!has_more || (line.len > 0 && line.data[line.len - 1] == '\r'));
		assert_true(line.len - has_more + (is_first ? column : 0) <= max);
		assert_true(is_first || line.data[0] == ' ');
		is_first = false;
	}
}

/* RFC 2047 2, 5: words of 75, lines of 76, no character cut in two. */
static void long_values_are_folded_between_characters(void **state)
{
	(void)state;
	static const char *const characters[] = { "\xc3\xbc", "\xe5\xb1\xb1", "\xf0\x9f\x98\x80",
		"a\xc3\xbc" };
	for (size_t c = 0; c < COUNT_OF(characters); c++)
		for (size_t column = 0; column < 90; column++) {
			char value[400];
			size_t len = 0, part = strlen(characters[c]);
			for (; len + part <= 200; len += part)
				memcpy(value + len, characters[c], part);
			struct text whole = text_of_bytes(value, len);
			assert_true(put(whole, column, column % 2 == 0));
			struct text written = buf_text(&out);
			if (column < 76)
				assert_folded(written, column, 76);
			/* Each word ends at a character: Q shows it as whole =XX groups. */
			assert_true(text_ends(written, TEXT("?=")));
		}
	char words[600] = "";
	for (size_t len = 0; len < 590; len += 10)
		memcpy(words + len, "word word ", 10);
	struct text value = text_trim(text_of(words));
	assert_true(put(value, 9, false));
	assert_folded(buf_text(&out), 9, 78);
	/* Taking the line ends out gives it back. */
	char unfolded[700];
	size_t len = 0;
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] != '\r' && out.data[i] != '\n')
			unfolded[len++] = (char)out.data[i];
	assert_int_equal(len, value.len);
	assert_memory_equal(unfolded, value.data, len);
}

/* RFC 5322 2.1.1: nothing makes a line of more than 998. */
static void a_word_without_a_space_to_fold_at_is_encoded(void **state)
{
	(void)state;
	char value[2000];
	memset(value, 'x', sizeof value);
	assert_true(put(text_of_bytes(value, sizeof value), 9, false));
	assert_folded(buf_text(&out), 9, 76);
	assert_true(put(text_of_bytes(value, 300), 6, true));
	assert_folded(buf_text(&out), 6, 76);
}

static void what_does_not_fit_overflows(void **state)
{
	(void)state;
	for (size_t size = 1; size < 20; size++) {
		buf_init(&out, memory, size);
		assert_true(encoded_word_put_phrase(&out, TEXT("\xc3\x84nn"), 0));
		assert_true(out.overflow);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_become_the_words_that_they_need),
		cmocka_unit_test(
			what_could_end_a_line_or_is_no_utf8_is_refused_and_nothing_is_written),
		cmocka_unit_test(long_values_are_folded_between_characters),
		cmocka_unit_test(a_word_without_a_space_to_fold_at_is_encoded),
		cmocka_unit_test(what_does_not_fit_overflows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
