/* Borrowed bytes with a length: never terminated by themselves, never owned. Whoever hands one out
 * says how long it lives. All comparisons without case are ASCII only, independent of any locale. */
#ifndef ENGINE_BASE_TEXT_H
#define ENGINE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "engine/base/check.h"

struct text {
	const char *data; /* NULL only together with len 0 */
	size_t len;
};

/* A text of a string literal; TEXT_INIT is the same for static tables. */
#define TEXT(literal) ((struct text){ "" literal, sizeof(literal) - 1 })
#define TEXT_INIT(literal)                                                                         \
	{                                                                                          \
		"" literal, sizeof(literal) - 1                                                    \
	}
#define TEXT_EMPTY ((struct text){ NULL, 0 })
/* printf("%.*s", TEXT_ARG(t)) */
#define TEXT_ARG(t) (int)(t).len, ((t).data != NULL ? (t).data : "")

/* Borrows a terminated string; NULL gives the empty text. */
static inline struct text text_of(const char *cstr)
{
	return cstr != NULL ? (struct text){ cstr, strlen(cstr) } : TEXT_EMPTY;
}

static inline struct text text_of_bytes(const void *data, size_t len)
{
	return (struct text){ (const char *)data, len };
}

static inline bool text_is_empty(struct text t) { return t.len == 0; }

static inline uint8_t text_lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

bool text_equal(struct text a, struct text b);
bool text_equal_nocase(struct text a, struct text b);
bool text_starts(struct text t, struct text prefix);
bool text_starts_nocase(struct text t, struct text prefix);
bool text_ends(struct text t, struct text suffix);
bool text_ends_nocase(struct text t, struct text suffix);
/* Byte order, the shorter first: negative, 0, positive. */
int text_compare(struct text a, struct text b);

/* Without the first n bytes, or only the first n; n may be larger than the text. */
static inline struct text text_skip(struct text t, size_t n)
{
	if (t.data == NULL)
		return t;
	if (n > t.len)
		n = t.len;
	return (struct text){ t.data + n, t.len - n };
}
static inline struct text text_cut(struct text t, size_t n)
{
	if (n < t.len)
		t.len = n;
	return t;
}
/* Without spaces, tabs, CR and LF at both ends. */
struct text text_trim(struct text t);

/* Where the byte stands first or last, or TEXT_NONE. */
#define TEXT_NONE SIZE_MAX
size_t text_find(struct text t, char byte);
size_t text_find_last(struct text t, char byte);
size_t text_find_text(struct text t, struct text what);

/* Takes what stands before `separator` (or all) off the front of *rest, and the separator itself.
 * Returns false when *rest has been used up (its data is then NULL). "a,,b" gives "a", "", "b". */
bool text_split(struct text *rest, char separator, struct text *out_part);

/* A number in plain decimal digits, nothing else; RESULT_INVALID is `false`, *out_number unchanged. */
MUST_USE bool text_to_u64(struct text t, uint64_t *out_number);

/* True if every byte is printable ASCII (0x20 to 0x7e). */
bool text_is_printable(struct text t);
/* The longest valid UTF-8 character at the front (1 to 4), or 0 if what stands there is none
 * (RFC 3629: no surrogates, no over-long forms, at most U+10FFFF). */
size_t text_utf8_len(struct text t);
bool text_is_utf8(struct text t);
/* At most n bytes, without cutting a UTF-8 character in two. */
struct text text_cut_utf8(struct text t, size_t n);

#endif
