#include "engine/base/tlsa_text.h"

/* Takes the next word off; empty when nothing is left. */
static struct text take_word(struct text *rest)
{
	*rest = text_trim(*rest);
	size_t len = 0;
	while (len < rest->len && rest->data[len] != ' ' && rest->data[len] != '\t')
		len++;
	struct text word = text_cut(*rest, len);
	*rest = text_skip(*rest, len);
	return word;
}

static enum result take_number(
	struct text *rest, const char *what, uint8_t *out_number, struct fail *fail)
{
	struct text word = take_word(rest);
	uint64_t number;
	if (!text_to_u64(word, &number) || number > UINT8_MAX)
		return fail_set(fail, RESULT_INVALID,
			"\"%.*s\" is no %s: a number from 0 to 255 stands there", TEXT_ARG(word), what);
	*out_number = (uint8_t)number;
	return RESULT_OK;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	int lower = c | 0x20;
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* All that is left of `rest`, two digits an octet, to `out`, which has room for it. */
static enum result take_hex(
	struct text *rest, uint8_t *out, size_t *out_len, struct fail *fail)
{
	size_t digits = 0;
	struct text word;
	while ((word = take_word(rest)).len > 0) {
		for (size_t i = 0; i < word.len; i++, digits++) {
			int digit = hex_digit(word.data[i]);
			if (digit < 0)
				return fail_set(fail, RESULT_INVALID,
					"\"%.*s\" is not made of hex digits alone", TEXT_ARG(word));
			uint8_t high = digits % 2 == 0 ? 0 : out[digits / 2];
			out[digits / 2] = (uint8_t)(high << 4 | digit);
		}
	}
	if (digits % 2 != 0)
		return fail_set(fail, RESULT_INVALID, "an odd number of hex digits");
	*out_len = digits / 2;
	return RESULT_OK;
}

enum result tlsa_text_parse(
	struct text text, struct arena *arena, struct tlsa_record *out_record, struct fail *fail)
{
	/* As it stands on the wire, so that a record means the same from wherever it comes. */
	uint8_t *rdata = arena_alloc_array(arena, TLSA_HEADER_BYTES + text.len / 2 + 1, 1);
	if (rdata == NULL)
		return fail_set(fail, RESULT_MEMORY, "the record is larger than any real one");
	struct text rest = text;
	size_t data_len = 0;
	enum result r = take_number(&rest, "usage", &rdata[0], fail);
	if (r == RESULT_OK)
		r = take_number(&rest, "selector", &rdata[1], fail);
	if (r == RESULT_OK)
		r = take_number(&rest, "matching type", &rdata[2], fail);
	if (r == RESULT_OK)
		r = take_hex(&rest, rdata + TLSA_HEADER_BYTES, &data_len, fail);
	if (r != RESULT_OK)
		return fail_prefix(fail, "TLSA record \"%.*s\"", TEXT_ARG(text_cut(text, 40)));
	*out_record = tlsa_record_of_rdata(
		&(struct dns_rdata){ rdata, TLSA_HEADER_BYTES + data_len });
	return RESULT_OK;
}

void tlsa_text_put(struct buf *buf, const struct tlsa_record *record, size_t hex_max)
{
	buf_put_number(buf, record->usage);
	buf_put_u8(buf, ' ');
	buf_put_number(buf, record->selector);
	buf_put_u8(buf, ' ');
	buf_put_number(buf, record->matching);
	if (record->malformed)
		return;
	buf_put_u8(buf, ' ');
	size_t shown = record->data.len < hex_max ? record->data.len : hex_max;
	buf_put_hex(buf, record->data.data, shown);
	if (shown < record->data.len)
		buf_put_cstr(buf, "...");
}
