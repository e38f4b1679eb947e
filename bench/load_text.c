#include "bench/load_text.h"
#include <stdlib.h>
#include <string.h>

static const char *const words[] = { "about", "offer", "summer", "delivery", "your", "order", "the",
	"and", "with", "a", "of", "is", "on", "its", "way", "today", "team", "thank", "you", "for",
	"please", "note", "that", "our", "new", "collection", "price", "members", "only", "until",
	"Friday", "we", "hope", "to", "see", "again", "soon", "account", "statement", "number",
	"https://shop.example/c?u=8f3a2c91", "unsubscribe", "at", "any", "time", "in", "settings",
	"Dear", "reader,", "this", "month", "free", "shipping", "everything", "under", "one", "roof." };
static const char *const foreign_words[] = { "für", "größer", "Grüße", "été", "señor", "façade",
	"naïve", "Ørsted", "Łódź", "žluťoučký", "привет", "日本" };

enum {
	/* One line in so many. */
	DOT_LINES = 40,
	EMPTY_LINES = 9,
	FOREIGN_WORDS = 12,
};

static const char *choose_word(struct random_state *random, bool eight_bit)
{
	if (eight_bit && random_below(random, FOREIGN_WORDS) == 0)
		return foreign_words[random_below(random, COUNT_OF(foreign_words))];
	return words[random_below(random, COUNT_OF(words))];
}

/* One line with its CRLF; an empty one now and then. Returns its length. */
static size_t make_line(char out[LOAD_TEXT_LINE_MAX + 2], struct random_state *random, bool eight_bit)
{
	size_t len = 0, wanted = 40 + random_below(random, LOAD_TEXT_LINE_MAX - 39);
	bool empty = random_below(random, EMPTY_LINES) == 0;
	if (!empty && random_below(random, DOT_LINES) == 0)
		out[len++] = '.';
	size_t start = len;
	while (!empty) {
		const char *word = choose_word(random, eight_bit);
		size_t n = strlen(word);
		if (len + 1 + n > wanted)
			break;
		if (len > start)
			out[len++] = ' ';
		memcpy(out + len, word, n);
		len += n;
	}
	memcpy(out + len, "\r\n", 2);
	return len + 2;
}

enum result load_text_init(struct load_text *text, uint64_t seed, bool eight_bit, struct fail *fail)
{
	struct random_state random;
	random_init_seed(&random, seed);
	memset(text, 0, sizeof *text);
	text->stock = malloc(LOAD_TEXT_STOCK_BYTES);
	text->starts = calloc(LOAD_TEXT_STOCK_BYTES / 2, sizeof *text->starts);
	if (text->stock == NULL || text->starts == NULL) {
		load_text_deinit(text);
		return fail_set(fail, RESULT_MEMORY, "no memory for text");
	}
	while (LOAD_TEXT_STOCK_BYTES - text->stock_len >= LOAD_TEXT_LINE_MAX + 2) {
		text->starts[text->lines++] = (uint32_t)text->stock_len;
		text->stock_len += make_line(text->stock + text->stock_len, &random, eight_bit);
	}
	return RESULT_OK;
}

void load_text_deinit(struct load_text *text)
{
	free(text->stock);
	free(text->starts);
	*text = (struct load_text){ .stock = NULL };
}

/* The last line, of that length: a signature, as it were. */
static void put_filler(struct buf *out, size_t octets)
{
	static const char dashes[] = "--------------------------------------------------------------"
				     "----------------";
	CHECK(octets >= 2 && octets <= sizeof dashes + 1);
	buf_put(out, dashes, octets - 2);
	buf_put_text(out, TEXT("\r\n"));
}

void load_text_put(
	const struct load_text *text, struct random_state *random, size_t octets, struct buf *out)
{
	size_t line = random_below(random, text->lines), left = octets;
	CHECK(octets >= 2);
	/* Slices of whole lines, while two octets stay for the last line at the least. */
	while (left > LOAD_TEXT_LINE_MAX + 2) {
		size_t from = text->starts[line], end = text->stock_len - from;
		size_t n = left - 2 < end ? left - 2 : end;
		while (n > 0 && text->stock[from + n - 1] != '\n')
			n--;
		if (n > 0) {
			buf_put(out, text->stock + from, n);
		} else { /* not even the first line of the stock fits */
			n = LOAD_TEXT_LINE_MAX / 2;
			put_filler(out, n);
		}
		left -= n;
		line = 0;
	}
	put_filler(out, left);
}
