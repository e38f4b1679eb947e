#include "tests/unit/engine/base/dies.h"
#include "engine/base/policy.h"

static void names_are_as_written_in_flags_and_events(void **state)
{
	(void)state;
	enum tls_level level;
	for (unsigned i = 0; i < TLS_LEVEL_COUNT; i++) {
		assert_true(tls_level_parse(tls_level_text((enum tls_level)i), &level));
		assert_int_equal(level, i);
	}
	assert_true(tls_level_parse(TEXT("DANE-Only"), &level));
	assert_int_equal(level, TLS_LEVEL_DANE_ONLY);
	assert_false(tls_level_parse(TEXT("dane_only"), &level));
	assert_false(tls_level_parse(TEXT(""), &level));
	/* DESIGN 1, the event field `security`. */
	static const char *const want[] = { "cleartext", "encrypted", "half-dane", "dane", "sts",
		"dane+sts", "secure" };
	assert_int_equal(COUNT_OF(want), SECURITY_LEVEL_COUNT);
	for (unsigned i = 0; i < SECURITY_LEVEL_COUNT; i++)
		assert_text_equal(security_level_text((enum security_level)i), want[i]);
	assert_text_equal(security_need_text(SECURITY_NEED_DANE_STS), "dane+sts");
	/* RFC 8460 4.3. */
	assert_text_equal(tls_result_text(TLS_RESULT_STS_WEBPKI_INVALID), "sts-webpki-invalid");
	assert_text_equal(tls_result_text(TLS_RESULT_NONE), "");
}

static void the_default_level_is_dane_and_ceilings_are_known(void **state)
{
	(void)state;
	enum tls_level zeroed = { 0 };
	assert_int_equal(zeroed, TLS_LEVEL_DANE);
	for (unsigned i = 0; i < TLS_LEVEL_COUNT; i++) {
		bool want = i == TLS_LEVEL_NONE || i == TLS_LEVEL_MAY || i == TLS_LEVEL_AUDIT;
		assert_int_equal(tls_level_is_ceiling((enum tls_level)i), want);
	}
}

static const struct tlsa_record tlsa_a = { .usage = 3, .selector = 1, .matching = 1,
		.data = TEXT_INIT("aaaa") };
static const struct tlsa_record tlsa_b = { .usage = 3, .selector = 1, .matching = 1,
		.data = TEXT_INIT("bbbb") };
static const struct text name_a = TEXT_INIT("a.example"), name_b = TEXT_INIT("b.example");

static struct security_demand demand_dane(void)
{
	return (struct security_demand){ .need = SECURITY_NEED_DANE, .tls_version_min = TLS_VERSION_1_2,
		.sni = TEXT("mx.example"), .names = &name_a, .names_count = 1, .tlsa = &tlsa_a,
		.tlsa_count = 1, .trust_generation = 7 };
}

/* (POL-12, TLS-01) */
static void opportunistic_allows_cleartext_and_nothing_else_does(void **state)
{
	(void)state;
	struct security_demand may = security_demand_opportunistic(TEXT("mx.example"));
	assert_false(security_demand_needs_tls(&may));
	assert_false(security_demand_needs_proof(&may));
	assert_int_equal(may.tls_version_min, TLS_VERSION_1_2);
	struct security_demand dane = demand_dane();
	assert_true(security_demand_needs_tls(&dane));
	assert_true(security_demand_needs_proof(&dane));
	struct security_demand encrypt = { .need = SECURITY_NEED_ENCRYPT };
	assert_true(security_demand_needs_tls(&encrypt));
	assert_false(security_demand_needs_proof(&encrypt));
}

static void demand_dane_in_cleartext(void)
{
	struct security_demand demand = demand_dane();
	demand.cleartext_allowed = true;
	(void)security_demand_needs_tls(&demand);
}

static void a_demand_that_contradicts_itself_stops_the_program(void **state)
{
	(void)state;
	assert_dies(demand_dane_in_cleartext, "!demand->cleartext_allowed");
}

/* One field changed at a time: neither equal nor the same key. */
static void every_field_counts_for_equality_and_key(void **state)
{
	(void)state;
	const struct security_demand base = demand_dane();
	struct security_demand changed[11];
	for (size_t i = 0; i < COUNT_OF(changed); i++)
		changed[i] = base;
	changed[0].need = SECURITY_NEED_DANE_STS;
	changed[1].cleartext_allowed = true;
	changed[2].tls_version_min = TLS_VERSION_1_3;
	changed[3].sni = TEXT("mx.exampl");
	changed[4].names = &name_b;
	changed[5].names_count = 0;
	changed[6].tlsa = &tlsa_b;
	changed[7].tlsa_count = 0;
	changed[8].trust_generation = 8;
	changed[9].root_names = &name_a;
	changed[9].root_names_count = 1;
	changed[10] = changed[9]; /* the same name, asked of another chain */
	changed[10].names_count = 0;
	uint8_t memory[2][256];
	struct buf keys[2];
	buf_init(&keys[0], memory[0], sizeof memory[0]);
	security_demand_put_key(&base, &keys[0]);
	assert_true(security_demand_equal(&base, &base));
	for (size_t i = 0; i < COUNT_OF(changed); i++) {
		assert_false(security_demand_equal(&base, &changed[i]));
		buf_init(&keys[1], memory[1], sizeof memory[1]);
		security_demand_put_key(&changed[i], &keys[1]);
		assert_false(text_equal(buf_text(&keys[0]), buf_text(&keys[1])));
	}
	struct security_demand other_root = changed[9];
	other_root.root_names = &name_b;
	assert_false(security_demand_equal(&changed[9], &other_root));
}

static void a_copy_is_equal_and_stands_alone(void **state)
{
	(void)state;
	struct text names[] = { TEXT_INIT("a.example"), TEXT_INIT("b.example") };
	struct tlsa_record tlsa[] = { tlsa_a, tlsa_b };
	struct security_demand from = demand_dane(), copy;
	from.names = names;
	from.names_count = 2;
	struct text root_names[] = { TEXT_INIT("mx.example") };
	from.root_names = root_names;
	from.root_names_count = 1;
	from.tlsa = tlsa;
	from.tlsa_count = 2;
	struct arena arena;
	arena_init(&arena, 1024, 65536);
	assert_true(security_demand_copy(&copy, &from, &arena));
	assert_true(security_demand_equal(&copy, &from));
	names[0] = root_names[0] = TEXT("c.example");
	tlsa[0] = tlsa_b;
	assert_text_equal(copy.names[0], "a.example");
	assert_text_equal(copy.root_names[0], "mx.example");
	assert_text_equal(copy.tlsa[0].data, "aaaa");
	arena_deinit(&arena);
	arena_init(&arena, 64, 64);
	assert_false(security_demand_copy(&copy, &from, &arena));
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_as_written_in_flags_and_events),
		cmocka_unit_test(the_default_level_is_dane_and_ceilings_are_known),
		cmocka_unit_test(opportunistic_allows_cleartext_and_nothing_else_does),
		cmocka_unit_test(a_demand_that_contradicts_itself_stops_the_program),
		cmocka_unit_test(every_field_counts_for_equality_and_key),
		cmocka_unit_test(a_copy_is_equal_and_stands_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
