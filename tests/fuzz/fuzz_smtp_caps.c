/* Target: smtp_caps_add_line.
 *
 * Input: one byte (bit 0: the lines were cut), then lines, each ended by LF. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/smtp/smtp_caps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct smtp_caps *caps)
{
	CHECK(caps->offered < SMTP_CAP_LIMITS * 2u);
	/* RFC 9422 4: 1 to 999999, and only with the keyword. */
	CHECK(caps->mails_max <= 999999 && caps->rcpts_max <= 999999);
	CHECK(caps->rcpt_domains_max <= 999999);
	bool has_limits =
		caps->mails_max != 0 || caps->rcpts_max != 0 || caps->rcpt_domains_max != 0;
	CHECK(!has_limits || (caps->offered & SMTP_CAP_LIMITS) != 0);
	CHECK(caps->size_max == 0 || (caps->offered & SMTP_CAP_SIZE) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1)
		return 0;
	bool cut = (data[0] & 1) != 0;
	data++;
	len--;
	struct smtp_caps caps;
	smtp_caps_reset(&caps);
	while (len > 0) {
		const uint8_t *end = memchr(data, '\n', len);
		size_t line_len = end != NULL ? (size_t)(end - data) : len;
		/* Memory that ends where the line does. */
		char *line = malloc(line_len > 0 ? line_len : 1);
		CHECK(line != NULL);
		memcpy(line, data, line_len);
		smtp_caps_add_line(&caps, text_of_bytes(line, line_len), cut);
		free(line);
		check(&caps);
		size_t used = end != NULL ? line_len + 1 : line_len;
		data += used;
		len -= used;
	}
	CHECK(!cut || (caps.offered & SMTP_CAP_LIMITS) == 0);
	return 0;
}
