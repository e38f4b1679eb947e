/* A line of a list to be imported. What is taken is a key within its limit that stays as it is when it is
 * read once more, and a reason that can be shown; what is refused has a sentence. */
#include <stddef.h>
#include <stdint.h>
#include "engine/mail/encoded_word.h"
#include "engine/mail/suppress_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct suppress_line line, again;
	struct fail fail;
	fail_clear(&fail);
	enum result result = suppress_line_parse(text_of_bytes(data, size), &line, &fail);
	if (result != RESULT_OK) {
		CHECK(result == RESULT_INVALID && fail.text[0] != '\0');
		CHECK(text_is_utf8(text_of(fail.text)));
		return 0;
	}
	if (line.is_empty)
		return 0;
	struct text key = { line.key, line.key_len };
	CHECK(key.len > 2);
	CHECK(encoded_word_may_hold(line.reason));
	CHECK(suppress_line_parse_address(key, &again, &fail) == RESULT_OK);
	CHECK(text_equal(key, (struct text){ again.key, again.key_len }));
	return 0;
}
