#include "engine/spool/job_message.h"
#include <stdio.h>
#include "tests/unit/unit.h"

static struct arena arena, scratch_arena;
static struct body_budget budget;
static struct body_room room = { .budget = &budget };
static struct job_manifest manifest;
static struct job job;
static struct envelope *envelope;
static struct body *body;
static struct fail fail;
static char part[65536], message[65536];

static const char template_file[] =
	"From: News <news@list.example>\nTo: {{name}} <{{to}}>\nSubject: {{job}} for {{name}}\n"
	"X-Who: {{to_local}} at {{to_domain}}, {{id|nobody}}\n\nDear {{name}}.\n";

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 65536, 1 << 24);
	arena_init(&scratch_arena, 65536, 1 << 24);
	body_budget_init(&budget, 1 << 24);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	envelope_unref(envelope);
	body_unref(body);
	envelope = NULL;
	body = NULL;
	arena_deinit(&arena);
	arena_deinit(&scratch_arena);
	return 0;
}

static void prepare(const char *more, const char *file)
{
	char json[1024];
	(void)snprintf(json, sizeof json,
		"{\"version\":1,\"id\":\"may\",\"recipients\":1,\"sender\":\"news@list.example\"%"
		"s}",
		more);
	if (job_manifest_parse(text_of(json), &arena, &manifest, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
	if (job_prepare(&job, &manifest, text_of(file), &arena, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
}

static enum result make(const char *line)
{
	struct job_recipient recipient;
	const struct message_file_context context = {
		.date = TEXT("Tue, 01 Sep 2026 12:34:56 +0000"),
		.host = TEXT("h.example"),
		.unique = { 1 },
		.room = &room,
	};
	struct job_scratch scratch = { .arena = &scratch_arena };
	buf_init(&scratch.part, part, sizeof part);
	buf_init(&scratch.message, message, sizeof message);
	envelope_unref(envelope);
	body_unref(body);
	arena_reset(&scratch_arena);
	if (job_recipient_parse(text_of(line), &scratch_arena, &recipient, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
	return job_message_make(&job, &recipient, &context, &scratch, &envelope, &body, &fail);
}

static void a_recipient_gets_an_envelope_and_a_message_of_his_own(void **state)
{
	(void)state;
	prepare(",\"pool\":\"p\",\"expiry\":\"2026-09-01T12:34:57Z\"", template_file);
	if (make("{\"to\":\"Ann@A.example\",\"vars\":{\"name\":\"Ann\"},\"id\":\"4711\","
		 "\"not_before\":\"2026-09-01T12:34:56Z\"}") != RESULT_OK)
		fail_msg("%s", fail.text);
	assert_text_equal(envelope->sender.text, "news@list.example");
	assert_int_equal(envelope->rcpts_count, 1);
	assert_text_equal(envelope->rcpts[0].address.text, "Ann@a.example");
	assert_text_equal(envelope->id, "4711");
	assert_text_equal(envelope->job, "may");
	assert_text_equal(envelope->pool, "p");
	assert_int_equal(envelope->class, ENVELOPE_CLASS_BULK);
	assert_int_equal(envelope->not_before_unix_s, 1788266096);
	assert_int_equal(envelope->expiry_unix_s, 1788266097);
	assert_text_equal(text_of_bytes(body->data, body->data_bytes),
		"From: News <news@list.example>\r\nTo: Ann <Ann@a.example>\r\nSubject: may for "
		"Ann\r\n"
		"X-Who: Ann at a.example, 4711\r\nDate: Tue, 01 Sep 2026 12:34:56 +0000\r\n"
		"Message-ID: <01000000000000000000000000000000@h.example>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
		"7bit\r\n\r\nDear Ann.\r\n");
	/* Without an id the message is known by its own name. */
	assert_int_equal(
		make("{\"to\":\"b@b.example\",\"vars\":{\"name\":\"\xc3\x84\"}}"), RESULT_OK);
	assert_text_equal(envelope->id, "<01000000000000000000000000000000@h.example>");
	assert_false(body->has_8bit);
	assert_non_null(strstr(message, "X-Who: b at b.example, nobody\r\n"));
}

static void the_sender_is_his_own_or_by_the_pattern_or_that_of_the_job(void **state)
{
	(void)state;
	prepare(",\"verp\":\"b-{{id}}-{{to_local}}={{to_domain}}@list.example\"", template_file);
	const char *vars = "\"vars\":{\"name\":\"x\"}";
	char line[256];
	(void)snprintf(line, sizeof line, "{\"to\":\"ann@a.example\",\"id\":\"7\",%s}", vars);
	assert_int_equal(make(line), RESULT_OK);
	assert_text_equal(envelope->sender.text, "b-7-ann=a.example@list.example");
	(void)snprintf(
		line, sizeof line, "{\"to\":\"ann@a.example\",\"from\":\"me@x.example\",%s}", vars);
	assert_int_equal(make(line), RESULT_OK);
	assert_text_equal(envelope->sender.text, "me@x.example");
	(void)snprintf(line, sizeof line, "{\"to\":\"ann@a.example\",\"from\":\"\",%s}", vars);
	assert_int_equal(make(line), RESULT_OK);
	assert_text_equal(envelope->sender.text, "");
	/* Who has no id, or one that makes no address, is refused alone. */
	(void)snprintf(line, sizeof line, "{\"to\":\"ann@a.example\",%s}", vars);
	assert_int_equal(make(line), RESULT_INVALID);
	assert_string_equal(fail.text, "verp: there is no value for 'id'");
	(void)snprintf(line, sizeof line, "{\"to\":\"ann@a.example\",\"id\":\"a b\",%s}", vars);
	assert_int_equal(make(line), RESULT_INVALID);
	(void)snprintf(line, sizeof line, "{\"to\":\"%s@a.example\",\"id\":\"7\",%s}",
		"0123456789012345678901234567890123456789012345678901234567890123", vars);
	assert_int_equal(make(line), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "verp: "));
}

static void values_come_from_the_line_else_from_the_defaults(void **state)
{
	(void)state;
	const char *file = "Subject: s\n\n{{a}},{{b|there}},{{c}}\n";
	prepare(",\"defaults\":{\"a\":\"A\",\"b\":\"B\",\"unused\":1}", file);
	assert_int_equal(make("{\"to\":\"x@y\",\"vars\":{\"c\":\"C\"}}"), RESULT_OK);
	assert_non_null(strstr(message, "\r\n\r\nA,B,C\r\n"));
	assert_int_equal(
		make("{\"to\":\"x@y\",\"vars\":{\"a\":1,\"b\":\"\",\"c\":\"C\"}}"), RESULT_OK);
	assert_non_null(strstr(message, "\r\n\r\n1,,C\r\n"));
	assert_int_equal(make("{\"to\":\"x@y\"}"), RESULT_INVALID);
	assert_string_equal(fail.text, "there is no value for 'c'");
	prepare(",\"missing\":\"empty\"", file);
	assert_int_equal(make("{\"to\":\"x@y\"}"), RESULT_OK);
	assert_non_null(strstr(message, "\r\n\r\n,there,\r\n"));
}

static void what_breaks_the_message_refuses_its_recipient(void **state)
{
	(void)state;
	prepare("", template_file);
	assert_int_equal(
		make("{\"to\":\"x@y\",\"vars\":{\"name\":\"a\\r\\nBcc: z@z\"}}"), RESULT_INVALID);
	assert_null(envelope);
	assert_null(body);
	assert_int_equal(make("{\"to\":\"x@y\",\"vars\":{\"name\":\"Ann\"}}"), RESULT_OK);
}

static void a_pattern_or_template_that_cannot_be_used_refuses_the_job(void **state)
{
	(void)state;
	prepare("", template_file);
	manifest.verp = TEXT("b-{{id@list.example");
	assert_int_equal(job_prepare(&job, &manifest, text_of(template_file), &arena, &fail),
		RESULT_INVALID);
	assert_non_null(strstr(fail.text, "manifest.json: verp: "));
	assert_int_equal(
		job_prepare(&job, &manifest, TEXT("no header\n"), &arena, &fail), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "template.eml: line 1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_recipient_gets_an_envelope_and_a_message_of_his_own),
		TEST(the_sender_is_his_own_or_by_the_pattern_or_that_of_the_job),
		TEST(values_come_from_the_line_else_from_the_defaults),
		TEST(what_breaks_the_message_refuses_its_recipient),
		TEST(a_pattern_or_template_that_cannot_be_used_refuses_the_job),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
