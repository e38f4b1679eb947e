/* Whom a run believes: --ca-file, else the system's bundle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine/run/config.h"
#include "engine/run/roots.h"
#include "tls/tls_roots.h"

static void a_ca_file_that_cannot_be_used_is_named(void **state)
{
	(void)state;
	static const char *const paths[] = { "/nowhere/roots.pem", "/dev/null" };
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		const struct send_options options = { .ca_file = paths[i] };
		struct run_config config = { .options = &options };
		struct fail fail;
		assert_int_equal(roots_load(&config, &fail), RESULT_INVALID);
		assert_non_null(strstr(fail.text, "--ca-file"));
		assert_non_null(strstr(fail.text, paths[i]));
		assert_null(config.roots);
		roots_unload(&config);
	}
}

/* ca-certificates is among what the tests install. */
static void without_a_ca_file_the_bundle_of_the_system_is_taken(void **state)
{
	(void)state;
	const struct send_options options = { .ca_file = "" };
	struct run_config config = { .options = &options };
	struct fail fail;
	assert_int_equal(access(TLS_ROOTS_SYSTEM, R_OK), 0);
	assert_int_equal(roots_load(&config, &fail), RESULT_OK);
	assert_true(tls_roots_count(config.roots) > 50);
	roots_unload(&config);
	assert_null(config.roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ca_file_that_cannot_be_used_is_named),
		cmocka_unit_test(without_a_ca_file_the_bundle_of_the_system_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
