#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/route/route_policy.h"

static const struct {
	const char *value;
	const char *domain; /* NULL: refused */
	enum tls_level level;
	size_t names_count;
	const char *last_name;
	const char *says;
} rows[] = {
	{ "a.lab=encrypt", "a.lab", TLS_LEVEL_ENCRYPT, 0, NULL, NULL },
	{ "*=dane", "*", TLS_LEVEL_DANE, 0, NULL, NULL },
	{ "A.Lab=none", "a.lab", TLS_LEVEL_NONE, 0, NULL, NULL },
	{ "a.lab=may", "a.lab", TLS_LEVEL_MAY, 0, NULL, NULL },
	{ "a.lab=audit", "a.lab", TLS_LEVEL_AUDIT, 0, NULL, NULL },
	{ "a.lab=dane-only", "a.lab", TLS_LEVEL_DANE_ONLY, 0, NULL, NULL },
	{ "a.lab=secure", "a.lab", TLS_LEVEL_SECURE, 0, NULL, NULL },
	{ "a.lab=secure:mx.lab", "a.lab", TLS_LEVEL_SECURE, 1, "mx.lab", NULL },
	{ "a.lab=secure:mx1.lab|MX2.lab", "a.lab", TLS_LEVEL_SECURE, 2, "mx2.lab", NULL },

	{ "a.lab", NULL, 0, 0, NULL, "DOMAIN=LEVEL" },
	{ "a.lab=", NULL, 0, 0, NULL, "no level" },
	{ "a.lab=strict", NULL, 0, 0, NULL, "no level" },
	{ "a..lab=may", NULL, 0, 0, NULL, "no domain" },
	{ "a.lab=encrypt:mx.lab", NULL, 0, 0, NULL, "secure only" },
	{ "a.lab=secure:", NULL, 0, 0, NULL, "no host" },
	{ "a.lab=secure:mx.lab|", NULL, 0, 0, NULL, "no host" },
	{ "a.lab=secure:*.lab", NULL, 0, 0, NULL, "no host" },
	{ "a.lab=secure:a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q", NULL, 0, 0, NULL, "more than 16" },
};

static void a_level_is_parsed_or_refused_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct route_tls_option option;
		struct fail fail = { 0 };
		enum result r = route_tls_option_parse(text_of(rows[i].value), &option, &fail);
		if ((r == RESULT_OK) != (rows[i].domain != NULL))
			fail_msg("%s: %s", rows[i].value, fail.text);
		if (r != RESULT_OK) {
			if (strstr(fail.text, rows[i].says) == NULL)
				fail_msg("%s: %s", rows[i].value, fail.text);
			continue;
		}
		assert_string_equal(option.domain, rows[i].domain);
		assert_int_equal(option.level, rows[i].level);
		assert_int_equal(option.names_count, rows[i].names_count);
		if (rows[i].last_name != NULL)
			assert_string_equal(
				option.names[option.names_count - 1], rows[i].last_name);
	}
}

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1024, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static const struct {
	enum tls_level level;
	enum security_need need;
	bool cleartext_allowed, may_connect;
} levels[] = {
	{ TLS_LEVEL_DANE, SECURITY_NEED_MAY, true, true },
	{ TLS_LEVEL_MAY, SECURITY_NEED_MAY, true, true },
	{ TLS_LEVEL_AUDIT, SECURITY_NEED_MAY, true, true },
	{ TLS_LEVEL_NONE, SECURITY_NEED_NONE, true, true },
	{ TLS_LEVEL_ENCRYPT, SECURITY_NEED_ENCRYPT, false, true },
	{ TLS_LEVEL_SECURE, SECURITY_NEED_SECURE, false, true },
	/* POL-10, DANE-44: no TLSA records, no connection. */
	{ TLS_LEVEL_DANE_ONLY, SECURITY_NEED_DANE, false, false },
};

/* POL-10, POL-12 */
static void each_level_makes_its_demand(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF(levels), TLS_LEVEL_COUNT);
	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		struct route_tls_option option = { .domain = "a.lab", .level = levels[i].level };
		struct security_demand demand;
		const char *unmet = route_policy_demand(
			&option, TEXT("a.lab"), TEXT("mx.lab"), &arena, &demand);
		assert_int_equal(demand.need, levels[i].need);
		assert_int_equal(demand.cleartext_allowed, levels[i].cleartext_allowed);
		assert_int_equal(unmet == NULL, levels[i].may_connect);
		assert_true(text_equal(demand.sni, TEXT("mx.lab")));
		assert_int_equal(
			demand.cleartext_allowed, !security_demand_needs_tls(&demand));
	}
}

static void without_an_option_the_demand_is_opportunistic(void **state)
{
	(void)state;
	struct security_demand demand, plain = security_demand_opportunistic(TEXT("mx.lab"));
	assert_null(route_policy_demand(NULL, TEXT("a.lab"), TEXT("mx.lab"), &arena, &demand));
	assert_true(security_demand_equal(&demand, &plain));
}

static void secure_names_the_recipient_domain_unless_told_otherwise(void **state)
{
	(void)state;
	struct route_tls_option option = { .domain = "*", .level = TLS_LEVEL_SECURE };
	struct security_demand demand;
	assert_null(route_policy_demand(&option, TEXT("a.lab"), TEXT("mx.lab"), &arena, &demand));
	assert_int_equal(demand.names_count, 1);
	assert_true(text_equal(demand.names[0], TEXT("a.lab")));
	struct fail fail;
	assert_int_equal(route_tls_option_parse(TEXT("*=secure:x.lab|y.lab"), &option, &fail),
		RESULT_OK);
	assert_null(route_policy_demand(&option, TEXT("a.lab"), TEXT("mx.lab"), &arena, &demand));
	assert_int_equal(demand.names_count, 2);
	assert_true(text_equal(demand.names[0], TEXT("x.lab")));
	assert_true(text_equal(demand.names[1], TEXT("y.lab")));
}

/* A literal has no name to prove: nothing is sent, rather than less demanded. */
static void secure_without_a_name_cannot_be_met(void **state)
{
	(void)state;
	struct route_tls_option option = { .domain = "*", .level = TLS_LEVEL_SECURE };
	struct security_demand demand;
	assert_non_null(
		route_policy_demand(&option, TEXT("[192.0.2.1]"), TEXT(""), &arena, &demand));
	assert_false(demand.cleartext_allowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_level_is_parsed_or_refused_with_the_reason),
		cmocka_unit_test_setup_teardown(each_level_makes_its_demand, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_an_option_the_demand_is_opportunistic, setup, teardown),
		cmocka_unit_test_setup_teardown(
			secure_names_the_recipient_domain_unless_told_otherwise, setup, teardown),
		cmocka_unit_test_setup_teardown(
			secure_without_a_name_cannot_be_met, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
