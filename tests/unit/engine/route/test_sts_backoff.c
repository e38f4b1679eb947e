/* (STS-22) When a fetch that failed may be tried again. */
#include "tests/unit/unit.h"
#include <stdio.h>
#include "engine/route/sts_backoff.h"

static const struct siphash_key key = { 1, 2 };
static const struct fail fail_of_test = { RESULT_REFUSED, 0, "cannot connect" };

static struct sts_backoff backoff;

static void begin(size_t domains_max)
{
	assert_int_equal(sts_backoff_init(&backoff, domains_max, &key), RESULT_OK);
}

static bool waits(const char *domain, const char *id, uint64_t now_ns)
{
	struct sts_setback setback;
	return sts_backoff_waits(&backoff, text_of(domain), text_of(id), now_ns, &setback);
}

static uint64_t failed(const char *domain, const char *id, uint64_t now_ns)
{
	return sts_backoff_failed(
		&backoff, text_of(domain), text_of(id), STS_FAULT_NETWORK, &fail_of_test, now_ns);
}

static void nothing_is_tried_for_five_minutes_after_a_failure(void **state)
{
	(void)state;
	begin(8);
	uint64_t now_ns = 1000;
	assert_false(waits("a.example", "1", now_ns));
	assert_int_equal(failed("a.example", "1", now_ns), now_ns + 300 * SECOND_NS);
	assert_true(waits("a.example", "1", now_ns));
	assert_true(waits("a.example", "1", now_ns + 300 * SECOND_NS - 1));
	assert_false(waits("a.example", "1", now_ns + 300 * SECOND_NS));
	assert_false(waits("b.example", "1", now_ns));

	struct sts_setback setback;
	assert_true(sts_backoff_waits(&backoff, TEXT("a.example"), TEXT("1"), now_ns, &setback));
	assert_int_equal(setback.fault, STS_FAULT_NETWORK);
	assert_int_equal(setback.failures, 1);
	assert_int_equal(setback.until_ns, now_ns + 300 * SECOND_NS);
	assert_string_equal(setback.fail->text, "cannot connect");
	sts_backoff_deinit(&backoff);
}

static void the_waits_double_up_to_an_hour(void **state)
{
	(void)state;
	static const unsigned minutes[] = { 5, 10, 20, 40, 60, 60, 60 };
	begin(8);
	uint64_t now_ns = 0;
	for (size_t i = 0; i < COUNT_OF(minutes); i++) {
		uint64_t until_ns = failed("a.example", "1", now_ns);
		assert_int_equal(until_ns - now_ns, minutes[i] * 60 * SECOND_NS);
		now_ns = until_ns;
	}
	now_ns += STS_BACKOFF_FORGET_NS - 1;
	assert_int_equal(failed("a.example", "1", now_ns) - now_ns, 60 * 60 * SECOND_NS);
	now_ns += 60 * 60 * SECOND_NS + STS_BACKOFF_FORGET_NS;
	assert_int_equal(failed("a.example", "1", now_ns) - now_ns, 5 * 60 * SECOND_NS);
	sts_backoff_deinit(&backoff);
}

static void a_new_id_may_be_tried_at_once_and_has_waits_of_its_own(void **state)
{
	(void)state;
	begin(8);
	(void)failed("a.example", "1", 0);
	(void)failed("a.example", "1", 0);
	assert_false(waits("a.example", "2", 0));
	assert_false(waits("a.example", "", 0));
	assert_int_equal(failed("a.example", "2", 0), 300 * SECOND_NS);
	assert_true(waits("a.example", "2", 0));
	assert_int_equal(sts_backoff_count(&backoff), 1);
	assert_int_equal(failed("a.example", "", 0), 300 * SECOND_NS);
	assert_true(waits("a.example", "", 0));
	sts_backoff_deinit(&backoff);
}

static void a_success_forgets_what_was(void **state)
{
	(void)state;
	begin(8);
	(void)failed("a.example", "1", 0);
	sts_backoff_succeeded(&backoff, TEXT("b.example"));
	assert_true(waits("a.example", "1", 0));
	sts_backoff_succeeded(&backoff, TEXT("a.example"));
	assert_false(waits("a.example", "1", 0));
	assert_int_equal(failed("a.example", "1", 0), 300 * SECOND_NS);
	sts_backoff_deinit(&backoff);
}

static void who_failed_longest_ago_makes_room(void **state)
{
	(void)state;
	begin(3);
	(void)failed("a.example", "1", 0);
	(void)failed("b.example", "1", 1);
	(void)failed("c.example", "1", 2);
	(void)failed("a.example", "1", 3); /* not the oldest any more */
	(void)failed("d.example", "1", 4);
	assert_int_equal(sts_backoff_count(&backoff), 3);
	assert_false(waits("b.example", "1", 5));
	assert_true(waits("a.example", "1", 5));
	assert_true(waits("c.example", "1", 5));
	assert_true(waits("d.example", "1", 5));
	sts_backoff_deinit(&backoff);
}

static void names_and_ids_may_have_their_full_length(void **state)
{
	(void)state;
	char domain[DOMAIN_NAME_MAX + 1], id[STS_ID_BYTES_MAX + 1];
	memset(domain, 'a', sizeof domain);
	memset(id, '7', sizeof id);
	domain[sizeof domain - 1] = '\0';
	id[sizeof id - 1] = '\0';
	begin(1);
	(void)failed(domain, id, 0);
	assert_true(waits(domain, id, 0));
	id[STS_ID_BYTES_MAX - 1] = '8';
	assert_false(waits(domain, id, 0));
	sts_backoff_deinit(&backoff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_tried_for_five_minutes_after_a_failure),
		cmocka_unit_test(the_waits_double_up_to_an_hour),
		cmocka_unit_test(a_new_id_may_be_tried_at_once_and_has_waits_of_its_own),
		cmocka_unit_test(a_success_forgets_what_was),
		cmocka_unit_test(who_failed_longest_ago_makes_room),
		cmocka_unit_test(names_and_ids_may_have_their_full_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
