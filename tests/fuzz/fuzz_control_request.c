/* The line that a tool writes to a running sender. What is taken has names within their limits, and is the same
 * when it is written and read once more; what is refused has a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "engine/run/control_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request, again;
	char memory[CONTROL_LINE_MAX];
	struct fail fail;
	struct buf buf;
	fail_clear(&fail);
	enum result result = control_request_parse(text_of_bytes(data, size), &request, &fail);
	if (result != RESULT_OK) {
		CHECK(result == RESULT_INVALID && fail.text[0] != '\0');
		CHECK(text_is_utf8(text_of(fail.text)));
		return 0;
	}
	buf_init(&buf, memory, sizeof memory);
	control_request_put(&buf, &request);
	CHECK(!buf.overflow);
	CHECK(control_request_parse(text_cut(buf_text(&buf), buf.len - 1), &again, &fail) ==
		RESULT_OK);
	CHECK(again.act == request.act && strcmp(again.domain, request.domain) == 0);
	CHECK(strcmp(again.job, request.job) == 0 && strcmp(again.file, request.file) == 0);
	return 0;
}
