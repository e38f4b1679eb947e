#include "tls/sts_grammar.h"
#include <assert.h>
#include <string.h>

bool sts_is_letter_or_digit(char c)
{
	uint8_t lower = text_lower((uint8_t)c);
	return (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
}

bool sts_is_space(char c) { return c == ' ' || c == '\t'; }

struct text sts_skip_space(struct text text)
{
	while (text.len > 0 && sts_is_space(text.data[0]))
		text = text_skip(text, 1);
	return text;
}

struct text sts_cut_space(struct text text)
{
	while (text.len > 0 && sts_is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

bool sts_is_field_name(struct text name)
{
	if (name.len == 0 || name.len > STS_FIELD_NAME_BYTES_MAX ||
		!sts_is_letter_or_digit(name.data[0]))
		return false;
	for (size_t i = 1; i < name.len; i++) {
		char c = name.data[i];
		if (!sts_is_letter_or_digit(c) && c != '_' && c != '-' && c != '.')
			return false;
	}
	return true;
}

const char *sts_show(struct text text, char out[static STS_SHOWN_SIZE])
{
	static const char more[] = "...";
	static_assert(STS_SHOWN_BYTES + sizeof more == STS_SHOWN_SIZE, "it fits");
	struct text shown = text_cut(text, STS_SHOWN_BYTES);
	for (size_t i = 0; i < shown.len; i++)
		out[i] = shown.data[i] >= ' ' && shown.data[i] < 0x7f ? shown.data[i] : '?';
	out[shown.len] = '\0';
	if (shown.len < text.len)
		memcpy(out + shown.len, more, sizeof more);
	return out;
}
