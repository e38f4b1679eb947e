#include "bench/sink_ledger.h"
#include <stdlib.h>
#include <string.h>

void sink_ledger_init(struct sink_ledger *ledger)
{
	memset(ledger->chunks, 0, sizeof ledger->chunks);
	atomic_init(&ledger->count, 0);
	atomic_init(&ledger->full, false);
}

void sink_ledger_deinit(struct sink_ledger *ledger)
{
	for (size_t i = 0; i < SINK_LEDGER_CHUNKS_MAX; i++)
		free(ledger->chunks[i]);
	sink_ledger_init(ledger);
}

void sink_ledger_add(struct sink_ledger *ledger, const struct sink_record *record)
{
	size_t count = atomic_load_explicit(&ledger->count, memory_order_relaxed);
	size_t chunk = count / SINK_LEDGER_CHUNK;
	if (chunk >= SINK_LEDGER_CHUNKS_MAX) {
		atomic_store_explicit(&ledger->full, true, memory_order_relaxed);
		return;
	}
	if (ledger->chunks[chunk] == NULL) {
		ledger->chunks[chunk] = malloc(sizeof(struct sink_record) * SINK_LEDGER_CHUNK);
		if (ledger->chunks[chunk] == NULL) {
			atomic_store_explicit(&ledger->full, true, memory_order_relaxed);
			return;
		}
	}
	ledger->chunks[chunk][count % SINK_LEDGER_CHUNK] = *record;
	/* Release: a reader who sees the count sees the record and its chunk. */
	atomic_store_explicit(&ledger->count, count + 1, memory_order_release);
}

static int compare_records(const void *a, const void *b)
{
	const struct sink_record *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	/* Answered ones first: the rest of a run of equal keys are its copies. */
	return (int)y->answered - (int)x->answered;
}

static int compare_expected(const void *a, const void *b)
{
	const struct sink_expected *x = a, *y = b;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void example_add(struct sink_examples *examples, uint64_t id)
{
	if (examples->count < SINK_ACCOUNT_EXAMPLES)
		examples->ids[examples->count++] = id;
}

/* All records of all ledgers in one array, sorted; NULL when there is no memory (or nothing). */
static struct sink_record *collect(
	struct sink_ledger *const *ledgers, size_t ledgers_count, size_t *out_count)
{
	size_t total = 0, at = 0;
	for (size_t i = 0; i < ledgers_count; i++)
		total += sink_ledger_count(ledgers[i]);
	struct sink_record *all = calloc(total > 0 ? total : 1, sizeof *all);
	if (all == NULL)
		return NULL;
	for (size_t i = 0; i < ledgers_count; i++) {
		size_t count = sink_ledger_count(ledgers[i]);
		for (size_t k = 0; k < count && at < total; k++)
			all[at++] = *sink_ledger_at(ledgers[i], k);
	}
	qsort(all, at, sizeof *all, compare_records);
	*out_count = at;
	return all;
}

/* All records of one delivery: [from, to). */
static void count_run(struct sink_account *account, const struct sink_record *from,
	const struct sink_record *to)
{
	uint64_t answered = 0;
	for (const struct sink_record *record = from; record < to; record++) {
		answered += record->answered;
		account->unanswered += !record->answered;
		if (record->damaged) {
			account->damaged++;
			example_add(&account->damage, record->id);
		}
	}
	account->records += (uint64_t)(to - from);
	account->delivered += answered > 0;
	if (answered > 1) {
		account->duplicates += answered - 1;
		example_add(&account->duplicate, from->id);
	}
}

static void count_missing(struct sink_account *account, const struct sink_expected *expected)
{
	account->missing++;
	example_add(&account->absent, expected->id);
}

bool sink_account_make(struct sink_ledger *const *ledgers, size_t ledgers_count,
	struct sink_expected *expected, size_t expected_count, struct sink_account *out_account)
{
	size_t count = 0, next = 0;
	struct sink_account account = { 0 };
	struct sink_record *all = collect(ledgers, ledgers_count, &count);
	if (all == NULL)
		return false;
	if (expected != NULL)
		qsort(expected, expected_count, sizeof *expected, compare_expected);
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from + 1; to < count && all[to].key == all[from].key;)
			to++;
		count_run(&account, all + from, all + to);
		if (expected == NULL)
			continue;
		while (next < expected_count && expected[next].key < all[from].key)
			count_missing(&account, &expected[next++]);
		if (next < expected_count && expected[next].key == all[from].key) {
			if (!all[from].answered)
				count_missing(&account, &expected[next]);
			next++;
		} else {
			account.unexpected++;
		}
	}
	while (expected != NULL && next < expected_count)
		count_missing(&account, &expected[next++]);
	for (size_t i = 0; i < ledgers_count; i++)
		if (atomic_load_explicit(&ledgers[i]->full, memory_order_relaxed))
			account.lost_records = 1;
	free(all);
	*out_account = account;
	return true;
}
