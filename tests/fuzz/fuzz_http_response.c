/* Target: http_response_read, http_response_end.
 *
 * Input: one byte for the size of the pieces, then what a policy host says until it closes. Read in those
 * pieces and once more octet by octet: both must come to the same end. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/route/http_response.h"

enum { BODY_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
	uint8_t memory[BODY_MAX];
	struct buf body;
	struct http_response response;
	bool before_end; /* known before the stream ended */
};

static void read_all(struct outcome *outcome, const uint8_t *data, size_t len, size_t piece_max)
{
	struct http_response *response = &outcome->response;
	enum http_response_state state = HTTP_RESPONSE_MORE;
	buf_init(&outcome->body, outcome->memory, sizeof outcome->memory);
	http_response_init(response, &outcome->body);
	CHECK(http_response_is_unbegun(response));
	while (len > 0 && state == HTTP_RESPONSE_MORE) {
		size_t piece = len < piece_max ? len : piece_max;
		state = http_response_read(response, data, piece);
		data += piece;
		len -= piece;
	}
	outcome->before_end = state != HTTP_RESPONSE_MORE;
	if (state == HTTP_RESPONSE_MORE)
		state = http_response_end(response);
	CHECK(state != HTTP_RESPONSE_MORE);
	CHECK((state == HTTP_RESPONSE_BAD) == response->bad);
	CHECK(response->done == (state == HTTP_RESPONSE_DONE));
	if (state == HTTP_RESPONSE_DONE) {
		CHECK(response->parser.status_code == 200 && response->has_type);
		CHECK(!outcome->body.overflow);
		return;
	}
	CHECK(response->fail.result != RESULT_OK && response->fail.text[0] != '\0');
	CHECK(text_is_printable(text_of(response->fail.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct outcome in_pieces, by_octet;
	if (len < 1)
		return 0;
	/* Memory that ends where the input does. */
	uint8_t *copy = malloc(len);
	CHECK(copy != NULL);
	memcpy(copy, data + 1, len - 1);
	read_all(&in_pieces, copy, len - 1, (size_t)data[0] + 1);
	read_all(&by_octet, copy, len - 1, 1);
	CHECK(in_pieces.response.fault == by_octet.response.fault);
	CHECK(in_pieces.before_end == by_octet.before_end);
	if (in_pieces.response.done)
		CHECK(text_equal(buf_text(&in_pieces.body), buf_text(&by_octet.body)));
	free(copy);
	return 0;
}
