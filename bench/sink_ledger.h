/* What one worker of longship-sink has received: a record for each delivery, in order.
 *
 * Appending is a store into the worker's own memory: no lookup, no lock, no shared cache line, since
 * the sink shares its cores with the sender that is being measured. Duplicates and missing messages
 * are found when a report is made, by sorting. The worker appends, any thread may read what was
 * there when it asked (sink_ledger_count() before sink_ledger_at()). */
#ifndef BENCH_SINK_LEDGER_H
#define BENCH_SINK_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"

enum {
	SINK_LEDGER_CHUNK = 1 << 16, /* records: 2 MB at a time */
	/* 134 million deliveries, 4 GB: a day of the largest senders on one machine. */
	SINK_LEDGER_CHUNKS_MAX = 1 << 11,
};

struct sink_record {
	uint64_t key;    /* mail_token_join() */
	uint64_t id;     /* of the message, to name it in a report */
	uint64_t serial; /* of the session */
	bool answered;   /* a 2xx reply was given; else the sender cannot know that we have it */
	bool damaged;    /* size or digest differ from the token */
};

struct sink_ledger {
	struct sink_record *chunks[SINK_LEDGER_CHUNKS_MAX];
	_Atomic size_t count;
	_Atomic bool full; /* a record was lost: memory or the limit; the report must say so */
};

void sink_ledger_init(struct sink_ledger *ledger);
void sink_ledger_deinit(struct sink_ledger *ledger);
void sink_ledger_add(struct sink_ledger *ledger, const struct sink_record *record);

static inline size_t sink_ledger_count(const struct sink_ledger *ledger)
{
	return atomic_load_explicit(&ledger->count, memory_order_acquire);
}

static inline const struct sink_record *sink_ledger_at(const struct sink_ledger *ledger, size_t index)
{
	return &ledger->chunks[index / SINK_LEDGER_CHUNK][index % SINK_LEDGER_CHUNK];
}

/* ---- the account: all ledgers against what was expected ---- */

enum { SINK_ACCOUNT_EXAMPLES = 20 };

/* Some of many: enough to look for the cause. */
struct sink_examples {
	uint64_t ids[SINK_ACCOUNT_EXAMPLES];
	size_t count; /* of ids that are filled */
};

struct sink_account {
	uint64_t records;       /* deliveries, answered or not */
	uint64_t delivered;     /* different ones that were answered */
	uint64_t duplicates;    /* answered again */
	uint64_t unanswered;    /* records without an answer */
	uint64_t damaged;
	uint64_t missing;       /* expected, no answered record */
	uint64_t unexpected;    /* different ones that are not in the manifest */
	uint64_t lost_records;  /* 1 if a ledger was full: the account is not whole */
	struct sink_examples duplicate, damage, absent;
};

/* One line of a manifest: a delivery that must be there. */
struct sink_expected {
	uint64_t key, id;
};

/* `expected` (NULL: nothing is known about that, missing and unexpected stay 0) is sorted by this
 * call. False when there is no memory to sort in. */
MUST_USE bool sink_account_make(struct sink_ledger *const *ledgers, size_t ledgers_count,
	struct sink_expected *expected, size_t expected_count, struct sink_account *out_account);

#endif
