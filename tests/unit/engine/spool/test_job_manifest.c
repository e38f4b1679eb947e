#include "engine/spool/job_manifest.h"
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/unit.h"

static struct arena arena;
static struct job_manifest manifest;
static struct fail fail;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result parse(const char *json)
{
	return job_manifest_parse(text_of(json), &arena, &manifest, &fail);
}

static void all_that_it_can_say_is_read(void **state)
{
	(void)state;
	const char *json = "{ \"version\": 1, \"id\": \"may-42\", \"recipients\": 1000000, "
			   "\"sender\": \"News <news@List.example>\",\n"
			   " \"verp\": \"b-{{id}}@list.example\", \"class\": \"transactional\", "
			   "\"job\": \"May\", \"pool\": \"p\",\n"
			   " \"defaults\": { \"name\": \"fr\\u00fcnd\", \"n\": 3, \"x\": 1.10, "
			   "\"yes\": true, \"no\": null },\n"
			   " \"missing\": \"empty\", \"template_bytes\": 5120, "
			   "\"recipients_bytes\": 94371840,\n"
			   " \"not_before\": \"2026-09-01T12:34:56Z\", \"expiry\": "
			   "\"2026-09-01T12:34:57Z\" }\n";
	if (parse(json) != RESULT_OK)
		fail_msg("%s", fail.text);
	assert_text_equal(manifest.id, "may-42");
	assert_text_equal(manifest.job, "May");
	assert_text_equal(manifest.pool, "p");
	assert_text_equal(manifest.sender.text, "news@list.example");
	assert_text_equal(manifest.verp, "b-{{id}}@list.example");
	assert_int_equal(manifest.class, ENVELOPE_CLASS_TRANSACTIONAL);
	assert_int_equal(manifest.recipients_count, 1000000);
	assert_int_equal(manifest.template_bytes, 5120);
	assert_int_equal(manifest.recipients_bytes, 94371840);
	assert_int_equal(manifest.not_before_unix_s, 1788266096);
	assert_int_equal(manifest.expiry_unix_s, 1788266097);
	assert_true(manifest.missing_is_empty);
	static const char *const defaults[][2] = { { "name", "fr\xc3\xbcnd" }, { "n", "3" },
		{ "x", "1.1" }, { "yes", "true" } };
	assert_int_equal(manifest.defaults_count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_text_equal(manifest.defaults[i].name, defaults[i][0]);
		assert_text_equal(manifest.defaults[i].value, defaults[i][1]);
	}
}

static void what_need_not_be_said_has_a_default(void **state)
{
	(void)state;
	assert_int_equal(
		parse("{\"version\":1,\"id\":\"x\",\"recipients\":1,\"sender\":\"\"}"), RESULT_OK);
	assert_text_equal(manifest.job, "x");
	assert_text_equal(manifest.sender.text, "");
	assert_text_equal(manifest.verp, "");
	assert_int_equal(manifest.class, ENVELOPE_CLASS_BULK);
	assert_true(manifest.template_bytes == JOB_BYTES_UNKNOWN);
	assert_true(manifest.recipients_bytes == JOB_BYTES_UNKNOWN);
	assert_int_equal(manifest.not_before_unix_s, 0);
	assert_false(manifest.missing_is_empty);
	assert_int_equal(manifest.defaults_count, 0);
	assert_int_equal(parse("{\"version\":1,\"id\":\"x\",\"recipients\":1,\"sender\":\"<>\"}"),
		RESULT_OK);
}

static void what_cannot_be_meant_is_refused_with_its_key(void **state)
{
	(void)state;
	static const struct {
		const char *json, *says;
	} rows[] = {
		{ "", "manifest.json: no JSON" },
		{ "{", "manifest.json: no JSON" },
		{ "[]", "manifest.json: no JSON object" },
		{ "{\"version\":1,\"version\":1}", "duplicate" },
		{ "{} x", "no JSON" },
		{ "{}", "there is no version" },
		{ "{\"version\":1}", "there is no id" },
		{ "{\"version\":1,\"id\":\"x\"}", "there is no recipients" },
		{ "{\"version\":1,\"id\":\"x\",\"recipients\":1}", "there is no sender" },
		{ "{\"version\":1,\"id\":\"x\",\"recipients\":0,\"sender\":\"\"}",
			"a job for nobody" },
		{ "{\"version\":2}", "version: must be 1" },
		{ "{\"version\":\"1\"}", "version: must be 1" },
		{ "{\"id\":5}", "id: is no string" },
		{ "{\"id\":\"a\\nb\"}", "id: 'a\\x0ab' is not a name" },
		{ "{\"id\":\" a\"}", "id: ' a' is not a name" },
		{ "{\"recipients\":-1}", "recipients: is no number from 0 to 1000000000" },
		{ "{\"recipients\":1.5}", "recipients: is no number" },
		{ "{\"recipients\":1000000001}", "recipients: is no number" },
		{ "{\"sender\":\"x\"}", "sender: 'x' is not an address" },
		{ "{\"sender\":\"<a@b> RET=FULL\"}", "is not one address" },
		{ "{\"class\":\"urgent\"}", "class: is neither" },
		{ "{\"class\":1}", "class: is neither" },
		{ "{\"missing\":\"skip\"}", "missing: is neither" },
		{ "{\"not_before\":\"tomorrow\"}", "not_before: is not a time" },
		{ "{\"expiry\":1788266096}", "expiry: is not a time" },
		{ "{\"defaults\":[]}", "defaults: is no object" },
		{ "{\"defaults\":{\"a b\":1}}", "defaults: 'a b': is no name of a value" },
		{ "{\"defaults\":{\"to\":\"x\"}}", "'to': is a value that every recipient has" },
		{ "{\"defaults\":{\"a\":[]}}", "'a': is neither a string" },
		{ "{\"recipient\":1}", "'recipient' is no key" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (parse(rows[i].json) != RESULT_INVALID ||
			strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].json, fail.text);
	char *large = malloc(JOB_MANIFEST_BYTES_MAX + 2);
	assert_non_null(large);
	memset(large, ' ', JOB_MANIFEST_BYTES_MAX + 1);
	large[JOB_MANIFEST_BYTES_MAX + 1] = '\0';
	assert_int_equal(parse(large), RESULT_INVALID);
	free(large);
}

/* A manifest that does not agree with its files is refused whole. */
static void what_is_there_must_be_what_it_says(void **state)
{
	(void)state;
	assert_int_equal(
		parse("{\"version\":1,\"id\":\"x\",\"recipients\":3,\"sender\":\"\"}"), RESULT_OK);
	assert_int_equal(job_manifest_check(&manifest, 1, 2, 3, &fail), RESULT_OK);
	assert_int_equal(job_manifest_check(&manifest, 1, 2, 4, &fail), RESULT_INVALID);
	assert_string_equal(fail.text, "manifest.json says 3 recipients, and there are 4");
	assert_int_equal(parse("{\"version\":1,\"id\":\"x\",\"recipients\":3,\"sender\":\"\","
			       "\"template_bytes\":10,"
			       "\"recipients_bytes\":20}"),
		RESULT_OK);
	assert_int_equal(job_manifest_check(&manifest, 10, 20, 3, &fail), RESULT_OK);
	assert_int_equal(job_manifest_check(&manifest, 11, 20, 3, &fail), RESULT_INVALID);
	assert_string_equal(
		fail.text, "manifest.json says 10 octets in template.eml, and there are 11");
	assert_int_equal(job_manifest_check(&manifest, 10, 19, 3, &fail), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "recipients.jsonl"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_it_can_say_is_read),
		TEST(what_need_not_be_said_has_a_default),
		TEST(what_cannot_be_meant_is_refused_with_its_key),
		TEST(what_is_there_must_be_what_it_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
