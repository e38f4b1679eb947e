/* What the TXT record and the policy file of MTA-STS have in common (RFC 8461 3.1, 3.2): names of fields
 * and white space; and how bytes of a stranger are shown in a sentence. Pure. */
#ifndef TLS_STS_GRAMMAR_H
#define TLS_STS_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/text.h"

enum {
	STS_FIELD_NAME_BYTES_MAX = 32,
	/* Enough to find the place; the sentences about it must fit a struct fail. */
	STS_SHOWN_BYTES = 40,
	STS_SHOWN_SIZE = STS_SHOWN_BYTES + 4, /* with "..." and the NUL */
};

bool sts_is_letter_or_digit(char c);

/* WSP of RFC 5234: a space or a tab, nothing else. */
bool sts_is_space(char c);

/* Without white space at the front, and at the end. */
struct text sts_skip_space(struct text text);
struct text sts_cut_space(struct text text);

/* 1 to 32 letters, digits, "_", "-" and ".", the first a letter or digit. */
bool sts_is_field_name(struct text name);

/* The front of `text`, with "?" for what is not printable ASCII and "..." if there is more. Returns
 * `out`. */
const char *sts_show(struct text text, char out[static STS_SHOWN_SIZE]);

#endif
