/* Entries of each table, for the tests of the cache. All were fetched at EXAMPLE_NOW_S. */
#ifndef TESTS_UNIT_STORE_CACHE_EXAMPLES_H
#define TESTS_UNIT_STORE_CACHE_EXAMPLES_H

#include "store/cache_schema.h"

enum { EXAMPLE_NOW_S = 1788266096, EXAMPLE_GENERATION = 77 };

static const struct tlsa_record example_records[] = {
	{ .usage = TLSA_USAGE_DANE_TA, .selector = TLSA_SELECTOR_CERT,
		.matching = TLSA_MATCHING_SHA256, .malformed = false,
		.data = TEXT_INIT("\1\2\3") },
	{ .usage = TLSA_USAGE_DANE_EE, .selector = TLSA_SELECTOR_SPKI,
		.matching = TLSA_MATCHING_SHA256, .malformed = false,
		.data = TEXT_INIT("0123456789abcdef0123456789abcdef") },
	{ .usage = TLSA_USAGE_DANE_EE, .selector = 9,
		.matching = 0, .malformed = true,
		.data = { NULL, 0 } },
};
static const struct text example_mx[] = { TEXT_INIT("mx1.example.com"),
	TEXT_INIT("*.example.net") };
static const uint8_t example_mx_rdata[] = { 0, 10, 3, 'm', 'x', '1', 0 };
static const struct dns_rdata example_rdata[] = {
	{ example_mx_rdata, sizeof example_mx_rdata },
	{ example_mx_rdata, 2 },
};

#define EXAMPLE_KEY_TLSA                                                                           \
	{                                                                                          \
		CACHE_TABLE_TLSA, EXAMPLE_GENERATION, 25, TEXT_INIT("mx1.example.com")             \
	}
#define EXAMPLE_KEY_STS                                                                            \
	{                                                                                          \
		CACHE_TABLE_STS, 0, 0, TEXT_INIT("example.com")                                    \
	}
#define EXAMPLE_KEY_MX                                                                             \
	{                                                                                          \
		CACHE_TABLE_ANSWER, EXAMPLE_GENERATION, DNS_TYPE_MX, TEXT_INIT("example.com")      \
	}
#define EXAMPLE_KEY_A                                                                              \
	{                                                                                          \
		CACHE_TABLE_ANSWER, EXAMPLE_GENERATION, DNS_TYPE_A, TEXT_INIT("mx1.example.com")   \
	}
#define EXAMPLE_TIMES(ttl_s)                                                                       \
	{                                                                                          \
		EXAMPLE_NOW_S, EXAMPLE_NOW_S + (ttl_s)                                             \
	}

enum {
	EXAMPLE_TLSA,
	EXAMPLE_STS,
	EXAMPLE_MX,
	EXAMPLE_A,         /* an alias, denied */
	EXAMPLE_TLSA_NONE, /* the same key as EXAMPLE_TLSA */
	EXAMPLE_STS_NONE,
	EXAMPLES,
};

static const struct cache_entry examples[EXAMPLES] = {
	[EXAMPLE_TLSA] = { EXAMPLE_KEY_TLSA, EXAMPLE_TIMES(300),
		.of.tlsa = { DNS_SECURE_DATA, TEXT_INIT("mx.example.org"), example_records, 3,
			true } },
	[EXAMPLE_STS] = { EXAMPLE_KEY_STS, EXAMPLE_TIMES(604800),
		.of.sts = { CACHE_STS_ENFORCE, TEXT_INIT("20260901T000000Z"), 604800, example_mx, 2,
			3, EXAMPLE_NOW_S + 60, TEXT_INIT("version: STSv1\nmode: enforce\n") } },
	[EXAMPLE_MX] = { EXAMPLE_KEY_MX, EXAMPLE_TIMES(3600),
		.of.answer = { .class = DNS_INSECURE_DATA,
			.rdata = example_rdata,
			.rdata_count = 2 } },
	[EXAMPLE_A] = { EXAMPLE_KEY_A, EXAMPLE_TIMES(60),
		.of.answer = { .class = DNS_SECURE_DENIAL,
			.nxdomain = true,
			.aliased = true,
			.alias_secure = true,
			.canonical_name = TEXT_INIT("host.example.org") } },
	[EXAMPLE_TLSA_NONE] = { EXAMPLE_KEY_TLSA, EXAMPLE_TIMES(60),
		.of.tlsa = { .class = DNS_INSECURE_DENIAL } },
	[EXAMPLE_STS_NONE] = { EXAMPLE_KEY_STS, EXAMPLE_TIMES(86400),
		.of.sts = { .mode = CACHE_STS_NONE, .id = TEXT_INIT("a"), .max_age_s = 86400 } },
};

static inline void assert_same_tlsa(const struct tlsa_set *got, const struct tlsa_set *want)
{
	assert_int_equal(got->class, want->class);
	assert_true(text_equal(got->base_domain, want->base_domain));
	assert_int_equal(got->count, want->count);
	assert_int_equal(got->truncated, want->truncated);
	for (size_t i = 0; i < want->count; i++)
		assert_int_equal(tlsa_record_compare(&got->records[i], &want->records[i]), 0);
}

static inline void assert_same_sts(const struct cache_sts *got, const struct cache_sts *want)
{
	assert_int_equal(got->mode, want->mode);
	assert_true(text_equal(got->id, want->id));
	assert_int_equal(got->max_age_s, want->max_age_s);
	assert_int_equal(got->failures, want->failures);
	assert_true(got->tried_s == want->tried_s);
	assert_true(text_equal(got->policy, want->policy));
	assert_int_equal(got->mx_count, want->mx_count);
	for (size_t i = 0; i < want->mx_count; i++)
		assert_true(text_equal(got->mx[i], want->mx[i]));
}

static inline void assert_same_answer(const struct cache_entry *got, const struct cache_entry *want)
{
	const struct dns_answer *a = &got->of.answer, *b = &want->of.answer;
	assert_int_equal(a->class, b->class);
	assert_int_equal(a->type, want->key.number);
	assert_int_equal(a->nxdomain, b->nxdomain);
	assert_int_equal(a->aliased, b->aliased);
	assert_int_equal(a->alias_secure, b->alias_secure);
	assert_int_equal(a->extended_error, DNS_EXTENDED_ERROR_NONE);
	assert_true(text_equal(a->name, want->key.name));
	assert_true(text_equal(a->canonical_name, b->aliased ? b->canonical_name : want->key.name));
	assert_int_equal(a->rdata_count, b->rdata_count);
	for (size_t i = 0; i < b->rdata_count; i++)
		assert_true(text_equal(text_of_bytes(a->rdata[i].data, a->rdata[i].len),
			text_of_bytes(b->rdata[i].data, b->rdata[i].len)));
}

/* All but ttl_s. */
static inline void assert_same_entry(const struct cache_entry *got, const struct cache_entry *want)
{
	assert_int_equal(got->key.table, want->key.table);
	assert_true(got->key.generation == want->key.generation);
	assert_int_equal(got->key.number, want->key.number);
	assert_true(text_equal(got->key.name, want->key.name));
	assert_true(got->times.fetched_s == want->times.fetched_s);
	assert_true(got->times.expires_s == want->times.expires_s);
	switch (want->key.table) {
	case CACHE_TABLE_TLSA: assert_same_tlsa(&got->of.tlsa, &want->of.tlsa); break;
	case CACHE_TABLE_STS: assert_same_sts(&got->of.sts, &want->of.sts); break;
	case CACHE_TABLE_ANSWER: assert_same_answer(got, want); break;
	}
}

#endif
