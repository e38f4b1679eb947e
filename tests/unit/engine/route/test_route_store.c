/* What routes are told by the cache, and what they tell it. */
#include "tests/unit/engine/route/store_fixture.h"
#include "engine/base/limits.h"
#include "tests/unit/engine/route/fake_dns.h"

#define LEARN(...) learn((struct fake_row){ __VA_ARGS__ })
#define OWNER "_25._tcp.mx.lab"
#define RECORD "\\# 03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void learn(struct fake_row row) { route_store_learn(kept.store, fake_answer(&row)); }

static bool is_kept(const char *name, enum dns_type type)
{
	struct dns_answer *answer = route_store_find(kept.store, name, type);
	bool is_there = answer != NULL;
	dns_answer_release(&answer);
	return is_there;
}

static uint32_t life_of(const char *name, enum dns_type type)
{
	struct dns_answer *answer = route_store_find(kept.store, name, type);
	assert_non_null(answer);
	uint32_t ttl_s = answer->ttl_s;
	dns_answer_release(&answer);
	return ttl_s;
}

static int set_up(void **state)
{
	(void)fake_dns_reset();
	return kept_set_up(state);
}

/* ---- answers ---- */

static void assert_comes_back(struct fake_row row)
{
	const struct dns_answer *want = fake_answer(&row);
	struct dns_answer *got = route_store_find(kept.store, row.name, row.type);
	assert_non_null(got);
	assert_int_equal(got->class, want->class);
	assert_int_equal(got->type, want->type);
	assert_int_equal(got->ttl_s, want->ttl_s);
	assert_int_equal(got->extended_error, DNS_EXTENDED_ERROR_NONE);
	assert_text_equal(got->name, row.name);
	assert_int_equal(got->rdata_count, want->rdata_count);
	for (size_t i = 0; i < want->rdata_count; i++) {
		assert_int_equal(got->rdata[i].len, want->rdata[i].len);
		assert_memory_equal(got->rdata[i].data, want->rdata[i].data, want->rdata[i].len);
	}
	if (row.type != DNS_TYPE_TLSA) {
		assert_int_equal(got->nxdomain, want->nxdomain);
		assert_int_equal(got->aliased, want->aliased);
		assert_true(text_equal(got->canonical_name, want->canonical_name));
	}
	dns_answer_release(&got);
}

/* DNS-25: one record holds all of it. */
static void answers_of_each_class_and_type_come_back_as_they_were(void **state)
{
	(void)state;
	const struct fake_row rows[] = {
		{ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx.lab, 20 mx2.lab", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_INSECURE, 301, "10 mx.lab", "c.lab" },
		{ "c.lab", DNS_TYPE_MX, FAKE_SECURE, 302, "", NULL },
		{ "d.lab", DNS_TYPE_MX, FAKE_INSECURE_NXDOMAIN, 303, "", NULL },
		{ "mx.lab", DNS_TYPE_A, FAKE_SECURE, 304, "192.0.2.1, 192.0.2.2", "host.lab" },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE_NXDOMAIN, 305, "", "host.lab" },
		{ "mx.lab", DNS_TYPE_CNAME, FAKE_SECURE, 306, "host.lab", NULL },
		{ "_mta-sts.a.lab", DNS_TYPE_TXT, FAKE_INSECURE, 307, "\\# 0361626300", NULL },
		{ OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 308, RECORD ", \\# 02000109", NULL },
		{ "_2525._tcp.mx.lab", DNS_TYPE_TLSA, FAKE_SECURE, 309, "", NULL },
		{ "_25._tcp.mx2.lab", DNS_TYPE_TLSA, FAKE_INSECURE, 310, RECORD, NULL },
		{ "_25._tcp.mx3.lab", DNS_TYPE_TLSA, FAKE_INSECURE_NXDOMAIN, 311, "", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		learn(rows[i]);
	kept_write();
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_comes_back(rows[i]);
	kept_reopen(); /* a restart is warm */
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_comes_back(rows[i]);
	struct route_store_counts counts;
	route_store_count(kept.store, &counts);
	assert_int_equal(counts.found, COUNT_OF(rows));
	assert_int_equal(counts.missed, 0);
}

/* TLSA-02: a short record still stands in the set and is still unusable. */
static void a_malformed_tlsa_record_comes_back_malformed(void **state)
{
	(void)state;
	LEARN(OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 300, "\\# 03, \\# 030101", NULL);
	kept_write();
	struct dns_answer *answer = route_store_find(kept.store, OWNER, DNS_TYPE_TLSA);
	assert_int_equal(answer->rdata_count, 2);
	for (size_t i = 0; i < 2; i++) {
		struct tlsa_record record = tlsa_record_of_rdata(&answer->rdata[i]);
		assert_true(record.malformed);
		assert_false(record.too_large);
		assert_int_equal(record.usage, 3);
	}
	dns_answer_release(&answer);
}

/* TLSA-28: one that is too large would come back as a short one, and a set that is cut as a whole one. */
static void tlsa_sets_that_would_come_back_as_others_are_not_kept(void **state)
{
	(void)state;
	static uint8_t large[TLSA_HEADER_BYTES + TLSA_DATA_BYTES_MAX + 1] = { 3, 1, 0 };
	struct dns_rdata rdata[TLSA_RECORDS_MAX + 1];
	for (size_t i = 0; i < COUNT_OF(rdata); i++)
		rdata[i] = (struct dns_rdata){ large, 35 };
	struct dns_answer answer = {
		.class = DNS_SECURE_DATA,
		.type = DNS_TYPE_TLSA,
		.ttl_s = 300,
		.name = TEXT(OWNER),
		.canonical_name = TEXT(OWNER),
		.rdata = rdata,
		.rdata_count = COUNT_OF(rdata),
	};
	route_store_learn(kept.store, &answer);
	answer.rdata_count = 1;
	rdata[0].len = sizeof large;
	route_store_learn(kept.store, &answer);
	assert_null(route_store_take(kept.store));
	rdata[0].len--;
	route_store_learn(kept.store, &answer);
	kept_write();
	assert_true(is_kept(OWNER, DNS_TYPE_TLSA));
}

/* DNS-14, DNS-18, DNS-19 */
static void failures_and_what_has_no_life_are_not_kept(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_FAILURE, 0, "SERVFAIL", NULL);
	LEARN("b.lab", DNS_TYPE_MX, FAKE_FAILURE, 0, "bogus: no signature", NULL);
	LEARN("c.lab", DNS_TYPE_MX, FAKE_SECURE, 0, "10 mx.lab", NULL);
	assert_null(route_store_take(kept.store));
	assert_int_equal(kept.wanted, 0);
}

static void tlsa_questions_have_a_name_with_a_port(void **state)
{
	(void)state;
	static const char *const names[] = { "mx.lab", "_25._udp.mx.lab", "_025._tcp.mx.lab", "_0._tcp.mx.lab",
		"_65536._tcp.mx.lab", "_25._tcp.", "_._tcp.mx.lab", "_25" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		LEARN(names[i], DNS_TYPE_TLSA, FAKE_SECURE, 300, RECORD, NULL);
		assert_false(is_kept(names[i], DNS_TYPE_TLSA));
		assert_false(route_store_had_tlsa(kept.store, names[i]));
	}
	assert_null(route_store_take(kept.store));
}

/* ---- time ---- */

/* DNS-12, SEC-34: what is left is what is left, however often it is read and wherever the second stands. */
static void no_reading_lengthens_a_life(void **state)
{
	(void)state;
	const int64_t learned_us = kept.wall_us += 700000;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx.lab", NULL);
	kept_write();
	for (int64_t ms = 0; ms < 310000; ms += 250) {
		kept.wall_us = learned_us + ms * 1000;
		struct dns_answer *answer = route_store_find(kept.store, "a.lab", DNS_TYPE_MX);
		if (answer != NULL)
			assert_true(ms + (int64_t)answer->ttl_s * 1000 <= 300000);
		assert_int_equal(answer != NULL, ms < 299000 - 700 + 1);
		dns_answer_release(&answer);
	}
}

/* DNS-24 */
static void what_has_expired_decides_nothing(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 60, "10 mx.lab", NULL);
	LEARN(OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 60, "", NULL);
	kept_write();
	assert_int_equal(life_of("a.lab", DNS_TYPE_MX), 60);
	kept_pass_s(59);
	assert_int_equal(life_of("a.lab", DNS_TYPE_MX), 1);
	kept_pass_s(1);
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	assert_false(is_kept(OWNER, DNS_TYPE_TLSA));
}

/* DNS-26, SEC-33 */
static void a_clock_that_jumps_lengthens_no_life(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	kept_write();
	kept_pass_s(-2 * 86400);
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	kept_pass_s(4 * 86400);
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	kept_pass_s(-2 * 86400);
	assert_true(is_kept("a.lab", DNS_TYPE_MX)); /* nobody wrote meanwhile: the clock was never there */
}

/* DNS-25 */
static void another_configuration_of_the_resolver_finds_nothing_of_the_old_one(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	LEARN(OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 3600, RECORD, NULL);
	kept_write();
	kept.generation++;
	kept_reopen();
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	assert_false(is_kept(OWNER, DNS_TYPE_TLSA));
	assert_false(route_store_had_tlsa(kept.store, OWNER));
	kept.generation--;
	kept_reopen();
	assert_true(is_kept("a.lab", DNS_TYPE_MX));
}

/* ---- what is taken back ---- */

static void what_is_unlearned_is_not_found_before_it_is_written_either(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	kept_write();
	route_store_unlearn(kept.store, "a.lab", DNS_TYPE_MX);
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	kept_write();
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx2.lab", NULL);
	kept_write();
	assert_true(is_kept("a.lab", DNS_TYPE_MX));
	kept_reopen();
	assert_true(is_kept("a.lab", DNS_TYPE_MX));
}

static void what_is_unlearned_while_no_batch_is_here_is_deleted_later(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	kept_write();
	LEARN("b.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	struct cache_batch *first = route_store_take(kept.store);
	LEARN("c.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	struct cache_batch *second = route_store_take(kept.store);
	assert_null(route_store_take(kept.store));
	route_store_unlearn(kept.store, "a.lab", DNS_TYPE_MX);
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	cache_batch_clear(first);
	cache_batch_clear(second);
	route_store_give(kept.store, first);
	route_store_give(kept.store, second);
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	kept_write();
	kept_reopen();
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
}

static void more_than_can_be_remembered_is_not_believed_until_it_is_deleted(void **state)
{
	(void)state;
	char name[64];
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	kept_write();
	for (int i = 0; i < 257; i++) {
		assert_true(is_kept("a.lab", DNS_TYPE_MX));
		(void)snprintf(name, sizeof name, "host-%d.lab", i);
		route_store_unlearn(kept.store, name, DNS_TYPE_A);
	}
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	kept_write();
	assert_true(is_kept("a.lab", DNS_TYPE_MX));
}

/* ---- records that went ---- */

/* STS-47 has the same of policies: what is not used any more still tells that it was there. */
static void that_a_host_had_tlsa_records_is_known_beyond_their_life(void **state)
{
	(void)state;
	assert_false(route_store_had_tlsa(kept.store, OWNER));
	LEARN(OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 60, RECORD, NULL);
	LEARN("_25._tcp.b.lab", DNS_TYPE_TLSA, FAKE_SECURE, 60, "", NULL);
	LEARN("_25._tcp.c.lab", DNS_TYPE_TLSA, FAKE_INSECURE, 60, RECORD, NULL);
	kept_write();
	kept_pass_s(100000);
	assert_false(is_kept(OWNER, DNS_TYPE_TLSA));
	assert_true(route_store_had_tlsa(kept.store, OWNER));
	assert_false(route_store_had_tlsa(kept.store, "_25._tcp.b.lab"));
	assert_false(route_store_had_tlsa(kept.store, "_25._tcp.c.lab"));
	assert_false(route_store_had_tlsa(kept.store, "_26._tcp.mx.lab"));
	route_store_unlearn(kept.store, OWNER, DNS_TYPE_TLSA);
	assert_false(route_store_had_tlsa(kept.store, OWNER));
	kept_write();
	assert_false(route_store_had_tlsa(kept.store, OWNER));
}

/* ---- MTA-STS ---- */

static const struct text patterns[] = { TEXT_INIT("*.lab") };

static struct cache_entry policy(void)
{
	uint64_t now_s = (uint64_t)kept.wall_us / 1000000;
	return (struct cache_entry){
		.key = { .table = CACHE_TABLE_STS, .name = TEXT("a.lab") },
		.times = { now_s, now_s + 3600 },
		.of.sts = { .mode = CACHE_STS_ENFORCE, .id = TEXT("1"), .max_age_s = 3600, .mx = patterns,
			.mx_count = 1 },
	};
}

/* STS-47 */
static void an_expired_policy_is_told_apart_from_none(void **state)
{
	(void)state;
	struct arena arena;
	struct cache_entry entry = policy();
	const struct text domain = TEXT("a.lab");
	arena_init(&arena, 4096, 1 << 20);
	assert_int_equal(route_store_find_sts(kept.store, domain, &arena, &entry), ROUTE_STORE_STS_NONE);
	assert_true(route_store_put_sts(kept.store, &entry));
	kept_write();
	assert_int_equal(route_store_find_sts(kept.store, domain, &arena, &entry), ROUTE_STORE_STS_VALID);
	assert_text_equal(entry.of.sts.mx[0], "*.lab");
	kept.generation++; /* a policy is nobody's resolver's */
	kept_reopen();
	kept_pass_s(3600);
	assert_int_equal(route_store_find_sts(kept.store, domain, &arena, &entry), ROUTE_STORE_STS_EXPIRED);
	assert_int_equal(entry.of.sts.mode, CACHE_STS_ENFORCE);
	assert_true(route_store_drop_sts(kept.store, domain));
	kept_write();
	assert_int_equal(route_store_find_sts(kept.store, domain, &arena, &entry), ROUTE_STORE_STS_NONE);
	arena_deinit(&arena);
}

static void a_policy_that_may_not_be_kept_is_refused(void **state)
{
	(void)state;
	struct cache_entry entry = policy();
	entry.of.sts.id = TEXT("not an id");
	assert_false(route_store_put_sts(kept.store, &entry));
	assert_null(route_store_take(kept.store));
}

/* ---- batches ---- */

static void the_owner_is_told_once_a_batch(void **state)
{
	(void)state;
	for (int round = 1; round <= 3; round++) {
		assert_null(route_store_take(kept.store));
		LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
		LEARN("b.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
		assert_int_equal(kept.wanted, round);
		kept_write();
	}
}

static void batches_are_numbered_in_the_order_in_which_they_are_written(void **state)
{
	(void)state;
	assert_int_equal(route_store_number(kept.store), 1);
	assert_int_equal(route_store_written(kept.store), 0);
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	struct cache_batch *first = route_store_take(kept.store);
	assert_int_equal(route_store_number(kept.store), 2);
	assert_int_equal(route_store_written(kept.store), 0);
	LEARN("b.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	struct cache_batch *second = route_store_take(kept.store);
	/* None is here: what comes now is lost, and counted. */
	assert_int_equal(route_store_number(kept.store), 3);
	LEARN("c.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	struct route_store_counts counts;
	route_store_count(kept.store, &counts);
	assert_int_equal(counts.learned, 2);
	assert_int_equal(counts.dropped, 1);
	cache_batch_clear(first);
	route_store_give(kept.store, first);
	assert_int_equal(route_store_written(kept.store), 1);
	assert_int_equal(route_store_number(kept.store), 3);
	cache_batch_clear(second);
	route_store_give(kept.store, second);
	assert_int_equal(route_store_written(kept.store), 2);
}

/* The disk is full: it is not lost, and nothing that came later overtakes it. */
static void a_batch_that_was_written_in_vain_is_the_next_to_be_taken(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	struct cache_batch *first = route_store_take(kept.store);
	LEARN("b.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	route_store_give(kept.store, first);
	assert_int_equal(route_store_written(kept.store), 0);
	assert_ptr_equal(route_store_take(kept.store), first);
	route_store_give(kept.store, first);
	kept_write();
	assert_int_equal(route_store_written(kept.store), 1);
	assert_true(is_kept("a.lab", DNS_TYPE_MX));
	assert_false(is_kept("b.lab", DNS_TYPE_MX));
	kept_write();
	assert_int_equal(route_store_written(kept.store), 2);
	assert_true(is_kept("b.lab", DNS_TYPE_MX));
}

static void a_full_batch_costs_questions_and_nothing_else(void **state)
{
	(void)state;
	char name[64];
	struct route_store_counts counts = { 0 };
	for (int i = 0; counts.dropped < 10; i++) {
		(void)fake_dns_reset(); /* which has no memory for so many */
		(void)snprintf(name, sizeof name, "host-%d.lab", i);
		LEARN(name, DNS_TYPE_A, FAKE_SECURE, 3600, "192.0.2.1", NULL);
		route_store_count(kept.store, &counts);
		assert_int_equal(counts.learned + counts.dropped, i + 1);
	}
	assert_in_range(counts.learned, 1000, 10000);
	kept_write();
	assert_true(is_kept("host-0.lab", DNS_TYPE_A));
	LEARN(name, DNS_TYPE_A, FAKE_SECURE, 3600, "192.0.2.1", NULL);
	kept_write();
	assert_true(is_kept(name, DNS_TYPE_A));
}

/* ---- without a cache ---- */

static void without_a_reader_things_are_learned_and_not_found(void **state)
{
	(void)state;
	LEARN("a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	kept_write();
	route_store_set_reader(kept.store, NULL);
	assert_false(is_kept("a.lab", DNS_TYPE_MX));
	LEARN("b.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL);
	kept_write();
	route_store_set_reader(kept.store, kept.reader);
	assert_true(is_kept("a.lab", DNS_TYPE_MX));
	assert_true(is_kept("b.lab", DNS_TYPE_MX));
	assert_false(route_store_is_damaged(kept.store));
}

static void no_store_knows_nothing_and_takes_everything(void **state)
{
	(void)state;
	struct route_store_counts counts;
	struct cache_entry entry = policy();
	const struct fake_row row = { "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx.lab", NULL };
	assert_null(route_store_find(NULL, "a.lab", DNS_TYPE_MX));
	route_store_learn(NULL, fake_answer(&row));
	route_store_unlearn(NULL, "a.lab", DNS_TYPE_MX);
	assert_false(route_store_had_tlsa(NULL, OWNER));
	assert_int_equal(route_store_find_sts(NULL, TEXT("a.lab"), NULL, &entry), ROUTE_STORE_STS_NONE);
	assert_false(route_store_put_sts(NULL, &entry));
	assert_false(route_store_drop_sts(NULL, TEXT("a.lab")));
	assert_null(route_store_take(NULL));
	route_store_count(NULL, &counts);
	assert_int_equal(counts.found + counts.missed, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, kept_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_of_each_class_and_type_come_back_as_they_were),
		TEST(a_malformed_tlsa_record_comes_back_malformed),
		TEST(tlsa_sets_that_would_come_back_as_others_are_not_kept),
		TEST(failures_and_what_has_no_life_are_not_kept),
		TEST(tlsa_questions_have_a_name_with_a_port),
		TEST(no_reading_lengthens_a_life),
		TEST(what_has_expired_decides_nothing),
		TEST(a_clock_that_jumps_lengthens_no_life),
		TEST(another_configuration_of_the_resolver_finds_nothing_of_the_old_one),
		TEST(what_is_unlearned_is_not_found_before_it_is_written_either),
		TEST(what_is_unlearned_while_no_batch_is_here_is_deleted_later),
		TEST(more_than_can_be_remembered_is_not_believed_until_it_is_deleted),
		TEST(that_a_host_had_tlsa_records_is_known_beyond_their_life),
		TEST(an_expired_policy_is_told_apart_from_none),
		TEST(a_policy_that_may_not_be_kept_is_refused),
		TEST(the_owner_is_told_once_a_batch),
		TEST(batches_are_numbered_in_the_order_in_which_they_are_written),
		TEST(a_batch_that_was_written_in_vain_is_the_next_to_be_taken),
		TEST(a_full_batch_costs_questions_and_nothing_else),
		TEST(without_a_reader_things_are_learned_and_not_found),
		TEST(no_store_knows_nothing_and_takes_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
