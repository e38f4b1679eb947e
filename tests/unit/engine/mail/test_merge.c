#include "engine/mail/merge.h"
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/unit.h"

static struct arena arena;
static struct template template;
static struct template_values values;
static struct fail fail;
static char memory[65536], scratch_memory[32768];
static struct buf out, scratch;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096, TEMPLATE_ARENA_BYTES_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result compile(const char *file)
{
	memset(&values, 0, sizeof values);
	fail_clear(&fail);
	return template_compile(text_of(file), &arena, &template, &fail);
}

static void set(const char *name, const char *value)
{
	size_t place = template_names_find(&template.names, text_of(name));
	assert_true(place != TEXT_NONE);
	values.items[place] = text_of(value);
	values.has[place] = true;
}

static enum result merge(void)
{
	const struct merge_input input = {
		.values = &values,
		.date = TEXT("Tue, 01 Sep 2026 12:34:56 +0000"),
		.message_id = TEXT("<own@h>"),
	};
	buf_init(&out, memory, sizeof memory);
	buf_init(&scratch, scratch_memory, sizeof scratch_memory);
	struct scanned merged;
	scanned_init(&merged, &out);
	enum result result = merge_message(&template, &input, &scratch, &merged, &fail);
	if (result == RESULT_OK) {
		struct octet_scan scan = scanned_end(&merged);
		assert_true(octet_scan_is_of(&scan, buf_text(&out)));
	}
	return result;
}

static void gives(const char *wanted)
{
	if (merge() != RESULT_OK)
		fail_msg("%s", fail.text);
	if (!text_equal(buf_text(&out), text_of(wanted)))
		fail_msg("%.*s\n is not\n%s", TEXT_ARG(buf_text(&out)), wanted);
}

static void ok(const char *file)
{
	if (compile(file) != RESULT_OK)
		fail_msg("%s: %s", file, fail.text);
}

static void a_plain_message_gets_what_it_lacks(void **state)
{
	(void)state;
	ok("From: News <news@list.example>\nTo: {{name}} <{{to}}>\nSubject: Hello {{name}}\n"
	   "Message-ID: <all@the.same>\nBcc: x@y\nX-Longship-Job: j\n\nDear {{name}},\n.\n");
	set("name", "Ann");
	set("to", "ann@A.example");
	gives("From: News <news@list.example>\r\nTo: Ann <ann@a.example>\r\nSubject: Hello Ann\r\n"
	      "Date: Tue, 01 Sep 2026 12:34:56 +0000\r\nMessage-ID: <own@h>\r\nMIME-Version: "
	      "1.0\r\n"
	      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
	      "Dear Ann,\r\n.\r\n");
	/* What is not ASCII is encoded, in the header and in the text. */
	set("name", "J\xc3\xbcrgen, der Dritte");
	gives("From: News <news@list.example>\r\nTo: =?utf-8?Q?J=C3=BCrgen=2C_der_Dritte?= "
	      "<ann@a.example>\r\n"
	      "Subject: =?utf-8?Q?Hello_J=C3=BCrgen=2C_der_Dritte?=\r\n"
	      "Date: Tue, 01 Sep 2026 12:34:56 +0000\r\nMessage-ID: <own@h>\r\nMIME-Version: "
	      "1.0\r\n"
	      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
	      "quoted-printable\r\n\r\n"
	      "Dear J=C3=BCrgen, der Dritte,\r\n.\r\n");
	/* Without a name there is no display name. */
	set("name", "");
	assert_int_equal(merge(), RESULT_OK);
	assert_non_null(strstr(memory, "\r\nTo: <ann@a.example>\r\n"));
}

static void fields_that_are_there_stay(void **state)
{
	(void)state;
	ok("Date: Mon, 31 Aug 2026 00:00:00 +0000\nMessage-ID: <{{id}}@x>\nMIME-Version: 1.0\n"
	   "Content-Type: text/html; charset=\"UTF-8\"\nContent-Transfer-Encoding: 8bit\nX-A: b\n "
	   "c\n"
	   "List-Unsubscribe: <https://x.example/u?{{id}}>,\n "
	   "<mailto:u-{{id}}@x.example>\n\n<p>{{name}}</p>\n");
	set("name", "<Ann & Bob>");
	set("id", "42");
	gives("Date: Mon, 31 Aug 2026 00:00:00 +0000\r\nMessage-ID: <42@x>\r\nMIME-Version: 1.0\r\n"
	      "Content-Type: text/html; charset=\"UTF-8\"\r\nX-A: b\r\n c\r\n"
	      "List-Unsubscribe: <https://x.example/u?42>, <mailto:u-42@x.example>\r\n"
	      "Content-Transfer-Encoding: 7bit\r\n\r\n<p>&lt;Ann &amp; Bob&gt;</p>\r\n");
}

static const char parts[] = "From: a@b\nDate: d\nMIME-Version: 1.0\nContent-Type: "
			    "multipart/mixed;\n boundary=\"o o\"\n\npreamble\n"
			    "--o o\nContent-Type: multipart/alternative; boundary=i\n\n"
			    "--i\nContent-Type: text/plain; charset=utf-8\n\nHello {{name}}\n"
			    "--i \nContent-Type: text/html; "
			    "charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
			    "<b>{{na=\nme}}</b> =3D {{{name}}}\n"
			    "--i--\n"
			    "--o o\nX-Longship-If: pdf\nContent-Type: "
			    "application/pdf\nContent-Transfer-Encoding: base64\n\nAAAA\n"
			    "--o o\nX-Longship-Unless: pdf\nContent-Type: text/plain\n\nno pdf\n"
			    "--o o\nContent-Type: text/csv; "
			    "charset=iso-8859-1\nContent-Disposition: attachment\n\n{{x}};\xfc\n"
			    "--o o--\nepilogue\n";

static void parts_are_merged_and_left_out_one_by_one(void **state)
{
	(void)state;
	ok(parts);
	assert_int_equal(template_names_find(&template.names, TEXT("x")), TEXT_NONE);
	set("name", "A&\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc");
	set("pdf", "yes");
	gives("From: a@b\r\nDate: d\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n "
	      "boundary=\"o o\"\r\n"
	      "Message-ID: <own@h>\r\n\r\npreamble\r\n"
	      "--o o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
	      "--i\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
	      "base64\r\n\r\n"
	      "SGVsbG8gQSbDvMO8w7zDvMO8w7w=\r\n"
	      "--i \r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
	      "base64\r\n\r\n"
	      "PGI+QSZhbXA7w7zDvMO8w7zDvMO8PC9iPiA9IEEmw7zDvMO8w7zDvMO8\r\n"
	      "--i--\r\n"
	      "--o o\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: "
	      "base64\r\n\r\nAAAA\r\n"
	      "--o o\r\nContent-Type: text/csv; charset=iso-8859-1\r\nContent-Disposition: "
	      "attachment\r\n\r\n"
	      "{{x}};\xfc\r\n--o o--\r\nepilogue\r\n");
	set("name", "Ann");
	set("pdf", "false");
	assert_int_equal(merge(), RESULT_OK);
	assert_null(strstr(memory, "AAAA"));
	assert_non_null(
		strstr(memory, "--i--\r\n--o o\r\nContent-Type: text/plain\r\n"
			       "Content-Transfer-Encoding: 7bit\r\n\r\nno pdf\r\n--o o\r\n"));
	assert_non_null(strstr(memory, "Content-Transfer-Encoding: 7bit\r\n\r\nHello Ann\r\n--i "));
	assert_non_null(
		strstr(memory, "Content-Transfer-Encoding: 7bit\r\n\r\n<b>Ann</b> = Ann\r\n--i--"));
}

static void text_for_all_is_encoded_once_and_what_is_encoded_stays(void **state)
{
	(void)state;
	ok("Subject: Gr\xc3\xbc\xc3\x9f"
	   "e an alle\nFrom: J\xc3\xbcrgen <j@b>, \"Bee, Bob\" <b@b>\n\nViele liebe "
	   "Gr\xc3\xbc\xc3\x9f"
	   "e\n");
	assert_int_equal(merge(), RESULT_OK);
	assert_true(text_starts(buf_text(&out),
		TEXT("Subject: =?utf-8?B?R3LDvMOfZSBhbiBhbGxl?=\r\n"
		     "From: =?utf-8?Q?J=C3=BCrgen?= <j@b>,\r\n \"Bee, Bob\" <b@b>\r\n")));
	assert_true(text_ends(
		buf_text(&out), TEXT("quoted-printable\r\n\r\nViele liebe Gr=C3=BC=C3=9Fe\r\n")));
	ok("Subject: =?utf-8?Q?x?=\nContent-Type: text/plain; charset=latin1\n"
	   "Content-Transfer-Encoding: QUOTED-PRINTABLE\n\n=FC\n");
	assert_int_equal(merge(), RESULT_OK);
	assert_non_null(strstr(memory, "Subject: =?utf-8?Q?x?=\r\n"));
	assert_true(text_ends(buf_text(&out), TEXT("QUOTED-PRINTABLE\r\n\r\n=FC\r\n")));
}

/* SEC-19: nothing that a value holds ends a field, begins one, or adds an address. */
static void a_value_that_would_break_a_header_refuses_its_recipient(void **state)
{
	(void)state;
	static const struct {
		const char *field, *value, *says;
	} rows[] = {
		{ "Subject: {{v}}", "a\r\nBcc: x@y", "Subject: has a line end" },
		{ "Subject: {{v}}", "a\nb", "Subject: has a line end" },
		{ "Subject: {{v}}", "a\x1b", "the value of 'v'" },
		{ "X-Any: {{v}}", "a\r\nb", "X-Any: has a line end" },
		{ "To: {{v}} <a@b>", "a\r\nb", "To: a display name" },
		{ "To: x <{{v}}>", "a@b>, <c@d", "is not an address" },
		{ "To: x <{{v}}>", "a@b\r\nX: y", "is not an address" },
		{ "To: {{v}}", "a@b, c@d", "is not an address" },
		{ "To: {{v}}", "", "is not an address" },
		{ "List-Unsubscribe: <https://x/{{v}}>", "a> <b", "the value of 'v'" },
		{ "List-Unsubscribe: <https://x/{{v}}>", "a\r\nb", "the value of 'v'" },
		{ "Message-ID: <{{v}}@x>", "\xc3\xbc", "the value of 'v'" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char file[200];
		(void)snprintf(file, sizeof file, "%s\n\nx\n", rows[i].field);
		ok(file);
		set("v", rows[i].value);
		if (merge() != RESULT_INVALID || strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s with '%s': %s", rows[i].field, rows[i].value, fail.text);
	}
	char longest[1000];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	ok("List-Unsubscribe: <https://x/{{v}}>\n\nx\n");
	set("v", longest);
	assert_int_equal(merge(), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "longer than a line"));
	/* In a display name such things are only text. */
	ok("To: {{v}} <a@b>\n\nx\n");
	set("v", "x\" <c@d>, \"y");
	assert_int_equal(merge(), RESULT_OK);
	assert_non_null(strstr(memory, "To: \"x\\\" <c@d>, \\\"y\" <a@b>\r\n"));
	/* A value in the text may have lines; long ones are folded by its encoding. */
	ok("Subject: s\n\n{{v}}\n");
	set("v", "a\nb\r\n.\r\n");
	assert_int_equal(merge(), RESULT_OK);
	assert_true(text_ends(buf_text(&out), TEXT("7bit\r\n\r\na\r\nb\r\n.\r\n\r\n")));
	set("v", longest);
	assert_int_equal(merge(), RESULT_OK);
	assert_non_null(strstr(memory, "quoted-printable"));
}

static void a_template_that_nobody_can_get_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *file, *says;
	} rows[] = {
		{ "no field\n\n", "line 1" },
		{ "Subject: {{v\n\nx\n", "Subject: '{{v' is not closed" },
		{ "Subject: =?utf-8?Q?x?= {{v}}\n\nx\n", "Subject: has encoded words" },
		{ "Subject: \xff\n\nx\n", "Subject: is not UTF-8" },
		{ "Message-ID: <\xc3\xbc{{v}}@x>\n\nx\n", "Message-ID: may only have ASCII" },
		{ "To: g: {{v}};\n\nx\n", "To: 'g: {{v}};': groups" },
		{ "To: x <{{v}}\n\nx\n", "no closing >" },
		{ "To: ,  ,\xc3\xbc <>\n\nx\n", "To: '' is not an address" },
		{ "DKIM-Signature: v=1\n\nx\n",
			"DKIM-Signature: a signed message cannot be merged" },
		{ "Content-Type: text/plain\n\n{{v}}\n", "needs charset=utf-8" },
		{ "Content-Type: text/plain; charset=latin1\n\n{{v}}\n", "needs charset=utf-8" },
		{ "Content-Type: text/plain; charset=utf-8\n\n{{v}}\xff\n", "is not UTF-8" },
		{ "Content-Type: text/{{v}}\n\nx\n", "Content-Type: may not depend" },
		{ "Content-Type: text\n\nx\n", "Content-Type: 'text' is no Content-Type" },
		{ "Content-Type: text/plain\nContent-Type: text/plain\n\nx\n", "second time" },
		{ "Content-Type: multipart/mixed\n\n--\nx\n", "no boundary" },
		{ "Content-Type: multipart/mixed; boundary=b\n\nx\n",
			"without parts: no line --b" },
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n",
			"not closed: no line --b--" },
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\nX-Longship-If: a "
		  "b\n\nx\n--b--\n",
			"X-Longship-If: 'a b' is no name" },
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\nX-Longship-If: "
		  "a\nX-Longship-Unless: c\n\n"
		  "x\n--b--\n",
			"two conditions" },
		{ "Content-Transfer-Encoding: quoted-printable\n\n{{v}} =x\n",
			"is not quoted-printable" },
		{ "Subject: a\rb\n\n", "line 1: a CR" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum result result = compile(rows[i].file);
		if (result != RESULT_INVALID || strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s: %d %s", rows[i].file, (int)result, fail.text);
	}
}

static void parts_in_parts_have_a_limit(void **state)
{
	(void)state;
	char file[4096] = "";
	size_t len = 0;
	for (int i = 0; i <= TEMPLATE_PARTS_DEPTH_MAX; i++)
		len += (size_t)snprintf(file + len, sizeof file - len,
			"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	len += (size_t)snprintf(file + len, sizeof file - len, "\nx\n");
	for (int i = TEMPLATE_PARTS_DEPTH_MAX; i >= 0; i--)
		len += (size_t)snprintf(file + len, sizeof file - len, "--b%d--\n", i);
	assert_int_equal(compile(file), RESULT_LIMIT);
}

static void what_does_not_fit_is_too_long(void **state)
{
	(void)state;
	ok("Subject: {{v}}\n\n{{v}}\n");
	set("v", "Ann");
	const struct merge_input input = {
		.values = &values, .date = TEXT("d"), .message_id = TEXT("m")
	};
	buf_init(&out, memory, sizeof memory);
	buf_init(&scratch, scratch_memory, sizeof scratch_memory);
	struct scanned merged;
	scanned_init(&merged, &out);
	assert_int_equal(merge_message(&template, &input, &scratch, &merged, &fail), RESULT_OK);
	for (size_t size = 1; size < out.len; size++) {
		struct buf small;
		char little[512];
		buf_init(&small, little, size);
		scanned_init(&merged, &small);
		assert_int_equal(merge_message(&template, &input, &scratch, &merged, &fail),
			RESULT_TOO_LONG);
	}
	struct buf tiny;
	char two[2];
	buf_init(&tiny, two, sizeof two);
	buf_init(&out, memory, sizeof memory);
	scanned_init(&merged, &out);
	assert_int_equal(merge_message(&template, &input, &tiny, &merged, &fail), RESULT_TOO_LONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plain_message_gets_what_it_lacks),
		TEST(fields_that_are_there_stay),
		TEST(parts_are_merged_and_left_out_one_by_one),
		TEST(text_for_all_is_encoded_once_and_what_is_encoded_stays),
		TEST(a_value_that_would_break_a_header_refuses_its_recipient),
		TEST(a_template_that_nobody_can_get_is_refused),
		TEST(parts_in_parts_have_a_limit),
		TEST(what_does_not_fit_is_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
