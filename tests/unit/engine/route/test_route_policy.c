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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_level_is_parsed_or_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
