#include "engine/base/options_suggest.h"

enum { FLAG_BYTES_MAX = 40 }; /* the longest flag is half of it */

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* Letters to be inserted, removed or exchanged to make one word of the other (Levenshtein), one row
 * of the table at a time. */
static unsigned distance(struct text a, struct text b)
{
	unsigned row[FLAG_BYTES_MAX + 1];
	for (unsigned j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 0; i < a.len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < b.len; j++) {
			unsigned above = row[j + 1];
			unsigned exchanged = diagonal + (a.data[i] != b.data[j]);
			row[j + 1] = least(exchanged, least(above, row[j]) + 1);
			diagonal = above;
		}
	}
	return row[b.len];
}

const char *options_suggest(const struct option_table *table, struct text flag)
{
	const char *nearest = NULL;
	if (flag.len == 0 || flag.len > FLAG_BYTES_MAX)
		return NULL;
	/* A third of the letters wrong is a slip; more is another word. */
	unsigned nearest_distance = (unsigned)flag.len / 3 + 1;
	for (size_t i = 0; i < table->rows_count; i++) {
		const struct option_row *row = &table->rows[i];
		if (row->type == OPTION_TYPE_GROUP || strlen(row->flag) > FLAG_BYTES_MAX)
			continue;
		unsigned d = distance(flag, text_of(row->flag));
		if (d <= nearest_distance) {
			if (d < nearest_distance || nearest == NULL)
				nearest = row->flag;
			nearest_distance = d;
		}
	}
	return nearest;
}
