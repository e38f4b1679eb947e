#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/mail/quoted_text.h"

/* SEC-19 for people: what a file holds cannot end a line of a reason, a log or a terminal. */
static void input_is_shown_in_quotes_and_without_controls(void **state)
{
	(void)state;
	static const struct {
		struct text input;
		const char *shown;
	} rows[] = {
		{ TEXT_INIT(""), "''" },
		{ TEXT_INIT("a@@b"), "'a@@b'" },
		{ TEXT_INIT("a\r\n\t\0b"), "'a\\x0d\\x0a\\x09\\x00b'" },
		{ TEXT_INIT("\x1b[2J\x7f"), "'\\x1b[2J\\x7f'" },
		{ TEXT_INIT("j\xc3\xb6rg"), "'j\xc3\xb6rg'" },
		{ TEXT_INIT("\xc3"), "'\\xc3'" },
		{ TEXT_INIT("\xff\xfe"), "'\\xff\\xfe'" },
		/* U+009B is what ESC [ is to terminals that obey C1 controls */
		{ TEXT_INIT("\xc2\x9b"), "'\\xc2\\x9b'" },
		{ TEXT_INIT("\xc2\xa0"), "'\xc2\xa0'" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(quoted_text(rows[i].input).text, rows[i].shown);
}

static void long_input_is_cut_between_characters(void **state)
{
	(void)state;
	char input[3 * QUOTED_TEXT_SHOWN_MAX];
	for (size_t len = 0; len < sizeof input; len++) {
		for (int wide = 0; wide <= 1; wide++) {
			for (size_t i = 0; i < len; i++)
				input[i] = wide ? "\xe2\x82\xac"[i % 3] : 'x';
			struct quoted_text quoted =
				quoted_text((struct text){ input, wide ? len / 3 * 3 : len });
			size_t shown = strlen(quoted.text);
			assert_true(shown < QUOTED_TEXT_SIZE);
			assert_true(text_is_utf8(text_of(quoted.text)));
			assert_int_equal(strstr(quoted.text, "...'") != NULL,
				(wide ? len / 3 * 3 : len) + 1 > QUOTED_TEXT_SHOWN_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_is_shown_in_quotes_and_without_controls),
		cmocka_unit_test(long_input_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
