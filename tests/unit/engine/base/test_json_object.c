/* JSON with structure: commas, nesting, what peers may have put into texts. */
#include "tests/unit/unit.h"
#include "engine/base/json_object.h"

static char memory[512];

static void commas_stand_between_values_and_nowhere_else(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	json_object_open(&buf, NULL);
	json_object_open_list(&buf, "none");
	json_object_close_list(&buf);
	json_object_open_list(&buf, "list");
	json_object_put_number(&buf, NULL, 7);
	json_object_put_number(&buf, NULL, UINT64_MAX);
	json_object_open(&buf, NULL);
	json_object_close(&buf);
	json_object_open(&buf, NULL);
	json_object_put_bool(&buf, "yes", true);
	json_object_put_bool(&buf, "no", false);
	json_object_close(&buf);
	json_object_close_list(&buf);
	json_object_put_null(&buf, "nothing");
	json_object_close(&buf);
	assert_text_equal(buf_text(&buf),
		"{\"none\":[],\"list\":[7,18446744073709551615,{},{\"yes\":true,\"no\":false}],"
		"\"nothing\":null}");
}

/* A text that ends as an object begins must not swallow the comma. */
static void texts_are_escaped_and_never_taken_for_structure(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	json_object_open(&buf, NULL);
	json_object_put_text(&buf, "a", TEXT("{["));
	json_object_put_text(&buf, "b", TEXT("say \"hi\"\r\n\\"));
	json_object_put_text(&buf, "c", TEXT_EMPTY);
	json_object_close(&buf);
	assert_text_equal(
		buf_text(&buf), "{\"a\":\"{[\",\"b\":\"say \\\"hi\\\"\\r\\n\\\\\",\"c\":\"\"}");
}

static void what_does_not_fit_is_told(void **state)
{
	(void)state;
	char small[8];
	struct buf buf;
	buf_init(&buf, small, sizeof small);
	json_object_open(&buf, NULL);
	json_object_put_text(&buf, "key", TEXT("value"));
	json_object_close(&buf);
	assert_true(buf.overflow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_values_and_nowhere_else),
		cmocka_unit_test(texts_are_escaped_and_never_taken_for_structure),
		cmocka_unit_test(what_does_not_fit_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
