#include "bench/sink_book.h"
#include <string.h>

void sink_book_init(struct sink_book *book)
{
	memset(book, 0, sizeof *book);
	sink_ledger_init(&book->ledger);
}

void sink_book_deinit(struct sink_book *book) { sink_ledger_deinit(&book->ledger); }

void sink_book_sum(struct sink_book *into, const struct sink_book *from)
{
#define COUNTER(name, text) sink_count(&into->counters.name, sink_counted(&from->counters.name));
#include "bench/sink_counters.def"
#undef COUNTER
	for (unsigned i = 0; i < SINK_ODDITY_COUNT; i++)
		sink_count(&into->oddities[i], sink_counted(&from->oddities[i]));
}
