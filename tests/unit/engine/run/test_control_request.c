/* The line that a tool writes to a running sender. */
#include "engine/run/control_request.h"
#include <string.h>
#include "tests/unit/unit.h"

static struct control_request request;
static struct fail why;

static enum result parse(const char *line)
{
	return control_request_parse(text_of(line), &request, &why);
}

static void a_request_says_what_is_to_be_done_with_which_mail(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"do\":\"retry\",\"domain\":\"B\xc3\xbc"
			       "cher.Example.\",\"job\":\"spring\"}"),
		RESULT_OK);
	assert_int_equal(request.act, CONTROL_RETRY);
	assert_string_equal(request.domain, "xn--bcher-kva.example");
	assert_string_equal(request.job, "spring");
	assert_string_equal(request.file, "");
	assert_int_equal(parse(" {\"do\":\"list\"} "), RESULT_OK);
	assert_int_equal(request.act, CONTROL_LIST);
	assert_true(control_request_wants_rules(&request));
	assert_int_equal(parse("{\"do\":\"hold\",\"domain\":\"[192.0.2.1]\"}"), RESULT_OK);
	assert_string_equal(request.domain, "[192.0.2.1]");
}

static bool means(const char *job, const char *file)
{
	return control_request_means(&request, TEXT("a.example"), text_of(job), text_of(file));
}

static void a_recipient_of_a_job_goes_by_the_name_of_its_directory(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"do\":\"drop\",\"file\":\"may\"}"), RESULT_OK);
	assert_true(means("letter", "may/7"));
	assert_true(means("letter", "may"));
	assert_false(means("letter", "maybe/7"));
	/* What a directory has come to is told as a whole. */
	assert_int_equal(parse("{\"do\":\"job list\"}"), RESULT_OK);
	assert_true(means("spring", "m.eml"));
	assert_false(means("", "m.eml"));
	assert_false(means("spring", "may/7"));
	assert_int_equal(parse("{\"do\":\"job show\",\"job\":\"spring\"}"), RESULT_OK);
	assert_true(means("spring", "m.eml"));
	assert_false(means("summer", "m.eml"));
	assert_false(means("spring", "may/7"));
}

static void what_is_no_request_is_refused_with_a_sentence(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"",
		"list",
		"[]",
		"\"list\"",
		"{}",
		"{\"do\":\"list\"",
		"{\"do\":\"list\"} x",
		"{\"do\":\"list\",\"do\":\"drop\"}",
		"{\"do\":7}",
		"{\"do\":\"burn\"}",
		"{\"do\":\"list\",\"color\":\"red\"}",
		"{\"do\":\"list\",\"domain\":\"a..b\"}",
		"{\"do\":\"list\",\"domain\":\"\"}",
		"{\"do\":\"list\",\"job\":\"\"}",
		"{\"do\":\"list\",\"job\":\"a\\nb\"}",
		"{\"do\":\"list\",\"job\":\"a\\u0000b\"}",
		"{\"do\":\"list\",\"file\":\"a/b\"}",
		"{\"do\":\"list\",\"file\":\".hidden\"}",
		"{\"do\":\"list\",\"file\":\"a\\u0007\"}",
		"{\"do\":\"list\",\"file\":[\"a\"]}",
		"{\"do\":\"show\"}",
		"{\"do\":\"hold\"}",
		"{\"do\":\"hold\",\"file\":\"a\",\"job\":\"b\"}",
		"{\"do\":\"release\"}",
		"{\"do\":\"list\",\"file\":\"\xff\"}",
		"{\"do\":\"job list\",\"job\":\"a\"}",
		"{\"do\":\"job show\"}",
		"{\"do\":\"job show\",\"file\":\"a\"}",
		"{\"do\":\"job show\",\"job\":\"a\",\"domain\":\"b.example\"}",
	};
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		fail_clear(&why);
		if (parse(lines[i]) != RESULT_INVALID)
			fail_msg("%s was taken", lines[i]);
		assert_true(why.text[0] != '\0');
	}
}

static void names_of_full_length_fit_and_longer_ones_do_not(void **state)
{
	(void)state;
	char name[FILE_NAME_BYTES_MAX + 2], memory[CONTROL_LINE_MAX];
	struct control_request again;
	struct buf buf;
	memset(name, '"', sizeof name); /* escaped on the way */
	request = (struct control_request){ .act = CONTROL_DROP };
	assert_int_equal(control_request_set_file(&request, text_of_bytes(name, sizeof name), &why),
		RESULT_INVALID);
	assert_int_equal(
		control_request_set_file(&request, text_of_bytes(name, FILE_NAME_BYTES_MAX), &why),
		RESULT_OK);
	assert_int_equal(
		control_request_set_job(&request, text_of_bytes(name, ENVELOPE_LABEL_MAX), &why),
		RESULT_OK);
	assert_int_equal(control_request_set_job(
				 &request, text_of_bytes(name, ENVELOPE_LABEL_MAX + 1), &why),
		RESULT_INVALID);
	buf_init(&buf, memory, sizeof memory);
	control_request_put(&buf, &request);
	assert_false(buf.overflow);
	assert_int_equal(control_request_parse(text_cut(buf_text(&buf), buf.len - 1), &again, &why),
		RESULT_OK);
	assert_memory_equal(&again, &request, sizeof again);
}

static void mail_is_meant_that_is_of_all_names_given(void **state)
{
	(void)state;
	struct text domain = TEXT("a.example"), job = TEXT("spring"), file = TEXT("m.eml");
	assert_int_equal(parse("{\"do\":\"drop\"}"), RESULT_OK);
	assert_true(control_request_matches(&request, domain, TEXT_EMPTY, file));
	assert_int_equal(
		parse("{\"do\":\"drop\",\"domain\":\"a.example\",\"job\":\"spring\"}"), RESULT_OK);
	assert_true(control_request_matches(&request, domain, job, file));
	assert_false(control_request_matches(&request, domain, TEXT_EMPTY, file));
	assert_false(control_request_matches(&request, TEXT("b.example"), job, file));
	assert_int_equal(parse("{\"do\":\"drop\",\"file\":\"m.eml\"}"), RESULT_OK);
	assert_true(control_request_matches(&request, domain, job, file));
	assert_false(control_request_matches(&request, domain, job, TEXT("n.eml")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_says_what_is_to_be_done_with_which_mail),
		cmocka_unit_test(a_recipient_of_a_job_goes_by_the_name_of_its_directory),
		cmocka_unit_test(what_is_no_request_is_refused_with_a_sentence),
		cmocka_unit_test(names_of_full_length_fit_and_longer_ones_do_not),
		cmocka_unit_test(mail_is_meant_that_is_of_all_names_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
