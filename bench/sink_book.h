/* What a worker of longship-sink counts, finds odd and remembers. One a worker; the worker alone
 * writes, the thread that reports reads at any time. */
#ifndef BENCH_SINK_BOOK_H
#define BENCH_SINK_BOOK_H

#include <stdatomic.h>
#include <stdint.h>
#include "bench/sink_ledger.h"

enum sink_oddity {
#define ODDITY(name, ids, text) SINK_ODDITY_##name,
#include "bench/sink_oddities.def"
#undef ODDITY
	SINK_ODDITY_COUNT
};
static_assert((int)SINK_ODDITY_COUNT <= 64, "oddities of a message are kept in a set of 64");

struct sink_counters {
#define COUNTER(name, text) _Atomic uint64_t name;
#include "bench/sink_counters.def"
#undef COUNTER
};

struct sink_book {
	struct sink_counters counters;
	_Atomic uint64_t oddities[SINK_ODDITY_COUNT];
	struct sink_ledger ledger;
};

/* A plain add: there is one writer, so no locked instruction is needed. */
static inline void sink_count(_Atomic uint64_t *counter, uint64_t by)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, value + by, memory_order_relaxed);
}

static inline uint64_t sink_counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void sink_book_init(struct sink_book *book);
void sink_book_deinit(struct sink_book *book);
/* Adds the counters and oddities of `from`; the ledgers stay where they are. */
void sink_book_sum(struct sink_book *into, const struct sink_book *from);

#endif
