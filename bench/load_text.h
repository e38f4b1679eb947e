/* Text that looks like mail: lines of words up to 76 octets, paragraphs, now and then a line that
 * starts with a dot. Made once as a stock; bodies are slices of it, so that a million different
 * messages cost no more than copying. Read-only once made. */
#ifndef BENCH_LOAD_TEXT_H
#define BENCH_LOAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/result.h"
#include "engine/io/random.h"

enum {
	/* Larger than caches' first levels and than most messages, so that bodies differ. */
	LOAD_TEXT_STOCK_BYTES = 1024 * 1024,
	LOAD_TEXT_LINE_MAX = 76, /* RFC 5322 2.1.1 advises 78, MIME 76 */
};

struct load_text {
	char *stock;             /* whole lines, CRLF */
	size_t stock_len;
	uint32_t *starts;        /* of each line */
	size_t lines;
};

/* `eight_bit`: words with letters of UTF-8. RESULT_MEMORY. */
MUST_USE enum result load_text_init(
	struct load_text *text, uint64_t seed, bool eight_bit, struct fail *fail);
void load_text_deinit(struct load_text *text);

/* Exactly so many octets of lines, each ended by CRLF; at least 2. Overflows when there is no room. */
void load_text_put(
	const struct load_text *text, struct random_state *random, size_t octets, struct buf *out);

#endif
