#include "engine/base/text.h"

bool text_equal(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool equal_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text_lower((uint8_t)a[i]) != text_lower((uint8_t)b[i]))
			return false;
	}
	return true;
}

bool text_equal_nocase(struct text a, struct text b)
{
	return a.len == b.len && equal_nocase(a.data, b.data, a.len);
}

bool text_starts(struct text t, struct text prefix)
{
	return text_equal(text_cut(t, prefix.len), prefix);
}

bool text_starts_nocase(struct text t, struct text prefix)
{
	return text_equal_nocase(text_cut(t, prefix.len), prefix);
}

bool text_ends(struct text t, struct text suffix)
{
	return t.len >= suffix.len && text_equal(text_skip(t, t.len - suffix.len), suffix);
}

bool text_ends_nocase(struct text t, struct text suffix)
{
	return t.len >= suffix.len && text_equal_nocase(text_skip(t, t.len - suffix.len), suffix);
}

int text_compare(struct text a, struct text b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct text text_trim(struct text t)
{
	while (t.len > 0 && is_blank(t.data[t.len - 1]))
		t.len--;
	while (t.len > 0 && is_blank(t.data[0])) {
		t.data++;
		t.len--;
	}
	return t;
}

size_t text_find(struct text t, char byte)
{
	const char *at = t.len > 0 ? memchr(t.data, byte, t.len) : NULL;
	return at != NULL ? (size_t)(at - t.data) : TEXT_NONE;
}

size_t text_find_last(struct text t, char byte)
{
	const char *at = t.len > 0 ? memrchr(t.data, byte, t.len) : NULL;
	return at != NULL ? (size_t)(at - t.data) : TEXT_NONE;
}

size_t text_find_text(struct text t, struct text what)
{
	if (what.len == 0)
		return 0;
	const char *at = t.len > 0 ? memmem(t.data, t.len, what.data, what.len) : NULL;
	return at != NULL ? (size_t)(at - t.data) : TEXT_NONE;
}

bool text_split(struct text *rest, char separator, struct text *out_part)
{
	if (rest->data == NULL)
		return false;
	size_t at = text_find(*rest, separator);
	*out_part = text_cut(*rest, at);
	*rest = at == TEXT_NONE ? TEXT_EMPTY : text_skip(*rest, at + 1);
	return true;
}

bool text_to_u64(struct text t, uint64_t *out_number)
{
	uint64_t number = 0;
	if (t.len == 0)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (t.data[i] < '0' || t.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(number, 10u, &number) ||
			__builtin_add_overflow(number, (uint64_t)(t.data[i] - '0'), &number))
			return false;
	}
	*out_number = number;
	return true;
}

bool text_is_printable(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (t.data[i] < 0x20 || t.data[i] > 0x7e)
			return false;
	}
	return true;
}

/* RFC 3629 4, the table of well-formed sequences: the second byte's range depends on the first. */
size_t text_utf8_len(struct text t)
{
	if (t.len == 0)
		return 0;
	const uint8_t *b = (const uint8_t *)t.data;
	uint8_t low = 0x80, high = 0xbf;
	size_t len;
	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	if (b[0] < 0xe0) {
		len = 2;
	} else if (b[0] < 0xf0) {
		len = 3;
		low = b[0] == 0xe0 ? 0xa0 : low;
		high = b[0] == 0xed ? 0x9f : high;
	} else {
		len = 4;
		low = b[0] == 0xf0 ? 0x90 : low;
		high = b[0] == 0xf4 ? 0x8f : high;
	}
	if (t.len < len || b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (b[i] < 0x80 || b[i] > 0xbf)
			return 0;
	}
	return len;
}

/* ASCII is told eight octets at a time. */
static size_t ascii_words(struct text t)
{
	size_t at = 0;
	for (uint64_t word; t.len - at >= sizeof word; at += sizeof word) {
		memcpy(&word, t.data + at, sizeof word);
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	return at;
}

bool text_is_utf8(struct text t)
{
	while (t.len > 0) {
		t = text_skip(t, ascii_words(t));
		size_t len = text_utf8_len(t);
		if (len == 0)
			return t.len == 0;
		t = text_skip(t, len);
	}
	return true;
}

struct text text_cut_utf8(struct text t, size_t n)
{
	if (t.len <= n)
		return t;
	/* Back over at most three bytes to the start of the character that the cut goes through. */
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		size_t start = n - back;
		size_t len = text_utf8_len(text_skip(t, start));
		if (len > back)
			return text_cut(t, start);
		if (len > 0)
			break;
	}
	return text_cut(t, n);
}
