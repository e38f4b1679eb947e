#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/sink_ledger.h"

static struct sink_ledger one, two;

static int setup(void **state)
{
	(void)state;
	sink_ledger_init(&one);
	sink_ledger_init(&two);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sink_ledger_deinit(&one);
	sink_ledger_deinit(&two);
	return 0;
}

static void add(struct sink_ledger *ledger, uint64_t key, bool answered, bool damaged)
{
	struct sink_record record = { .key = key, .id = key * 10, .answered = answered,
		.damaged = damaged };
	sink_ledger_add(ledger, &record);
}

static void the_account_is_made_over_all_workers(void **state)
{
	(void)state;
	struct sink_ledger *const both[] = { &one, &two };
	struct sink_expected expected[] = { { 4, 40 }, { 1, 10 }, { 2, 20 }, { 3, 30 }, { 9, 90 } };
	struct sink_account account;
	add(&one, 1, true, false);
	add(&one, 2, true, false);
	add(&two, 2, true, false);  /* a copy, in another worker's book */
	add(&two, 3, false, false); /* we have it, the sender cannot know */
	add(&two, 4, false, false); /* and sent it again: no duplicate */
	add(&one, 4, true, true);
	add(&one, 7, true, false);  /* nobody asked for it */
	assert_true(sink_account_make(both, 2, expected, COUNT_OF(expected), &account));
	assert_int_equal(account.records, 7);
	assert_int_equal(account.delivered, 4);
	assert_int_equal(account.duplicates, 1);
	assert_int_equal(account.duplicate.ids[0], 20);
	assert_int_equal(account.unanswered, 2);
	assert_int_equal(account.damaged, 1);
	assert_int_equal(account.damage.ids[0], 40);
	assert_int_equal(account.missing, 2);
	assert_int_equal(account.absent.count, 2);
	assert_int_equal(account.absent.ids[0], 30);
	assert_int_equal(account.absent.ids[1], 90);
	assert_int_equal(account.unexpected, 1);
	assert_int_equal(account.lost_records, 0);
}

static void without_a_manifest_nothing_is_missing(void **state)
{
	(void)state;
	struct sink_ledger *const both[] = { &one, &two };
	struct sink_account account;
	add(&one, 5, true, false);
	add(&one, 5, true, false);
	add(&one, 5, true, false);
	assert_true(sink_account_make(both, 2, NULL, 0, &account));
	assert_int_equal(account.delivered, 1);
	assert_int_equal(account.duplicates, 2);
	assert_int_equal(account.missing, 0);
	assert_int_equal(account.unexpected, 0);
}

static void records_beyond_a_chunk_are_kept(void **state)
{
	(void)state;
	struct sink_ledger *const all[] = { &one };
	struct sink_account account;
	for (uint64_t i = 0; i < SINK_LEDGER_CHUNK + 100; i++)
		add(&one, i, true, false);
	assert_int_equal(sink_ledger_count(&one), SINK_LEDGER_CHUNK + 100);
	assert_int_equal(sink_ledger_at(&one, SINK_LEDGER_CHUNK + 5)->key, SINK_LEDGER_CHUNK + 5);
	assert_true(sink_account_make(all, 1, NULL, 0, &account));
	assert_int_equal(account.delivered, SINK_LEDGER_CHUNK + 100);
	assert_int_equal(account.duplicates, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_account_is_made_over_all_workers, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_a_manifest_nothing_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(records_beyond_a_chunk_are_kept, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
