#include "engine/spool/json_memory.h"
#include <jansson.h>
#include <string.h>
#include "engine/spool/job_json.h"
#include "tests/unit/unit.h"

static struct fail fail;

static int set_up(void **state)
{
	(void)state;
	json_memory_setup();
	return 0;
}

static const char line[] =
	"{\"to\":\"r@b.example\",\"id\":\"7\",\"vars\":{\"name\":\"Ann\",\"n\":7}}";

static void a_line_takes_no_malloc(void **state)
{
	(void)state;
	size_t used = 0;
	for (unsigned i = 0; i < 3; i++) {
		json_t *root = job_json_load(text_of(line), &fail);
		assert_non_null(root);
		assert_string_equal(json_string_value(json_object_get(root, "to")), "r@b.example");
		assert_in_range(json_memory_used(), 200, JSON_MEMORY_BYTES / 4);
		if (i > 0) /* the next one begins at the front */
			assert_int_equal(json_memory_used(), used);
		used = json_memory_used();
		job_json_end(root);
	}
}

static void what_does_not_fit_is_allocated(void **state)
{
	(void)state;
	static char many[64 * 1024];
	size_t len = 0;
	many[len++] = '{';
	for (unsigned i = 0; i < 2000; i++)
		len += (size_t)snprintf(
			many + len, sizeof many - len, "\"k%u\":\"value %u\",", i, i);
	many[len - 1] = '}';
	json_t *root = job_json_load((struct text){ many, len }, &fail);
	assert_non_null(root);
	assert_int_equal(json_object_size(root), 2000);
	for (unsigned i = 0; i < 2000; i++) {
		char key[16], value[16];
		(void)snprintf(key, sizeof key, "k%u", i);
		(void)snprintf(value, sizeof value, "value %u", i);
		assert_string_equal(json_string_value(json_object_get(root, key)), value);
	}
	job_json_end(root);
}

static void what_is_no_json_gives_its_memory_back(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "{\"a\":", "[1,2]", "{\"a\":1,\"a\":2}",
		"{\"a\":\"\xff\"}" };
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_null(job_json_load(text_of(texts[i]), &fail));
	a_line_takes_no_malloc(state);
}

static void other_users_of_the_library_have_malloc(void **state)
{
	(void)state;
	json_t *outside = json_string("made outside");
	json_t *root = job_json_load(text_of(line), &fail);
	size_t used = json_memory_used();
	assert_non_null(root);
	job_json_end(root);
	json_t *after = json_string("made afterwards");
	assert_int_equal(json_memory_used(), used);
	root = job_json_load(text_of(line), &fail);
	json_decref(after);
	assert_string_equal(json_string_value(outside), "made outside");
	json_decref(outside);
	job_json_end(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_takes_no_malloc),
		cmocka_unit_test(what_does_not_fit_is_allocated),
		cmocka_unit_test(what_is_no_json_gives_its_memory_back),
		cmocka_unit_test(other_users_of_the_library_have_malloc),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
