#include "engine/mail/template_text.h"
#include <stdio.h>
#include "tests/unit/unit.h"

static struct arena arena;
static struct template_names names;
static struct template_values values;
static struct template_text text;
static struct fail fail;
static char memory[8192];
static struct buf out;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096, 1 << 22);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result compile(const char *source)
{
	names.count = 0;
	memset(&values, 0, sizeof values);
	fail_clear(&fail);
	return template_text_compile(text_of(source), &names, &arena, &text, &fail);
}

static void set(const char *name, const char *value)
{
	size_t place = template_names_find(&names, text_of(name));
	if (place == TEXT_NONE)
		return;
	values.items[place] = text_of(value);
	values.has[place] = true;
}

static enum result expand(enum template_context context)
{
	buf_init(&out, memory, sizeof memory);
	return template_text_expand(&text, &names, &values, context, &out, &fail);
}

/* With name = "Ann", html = "<b>&\"'", yes = "1", no = "false", empty = "". */
static void gives(const char *source, enum template_context context, const char *wanted)
{
	if (compile(source) != RESULT_OK)
		fail_msg("%s: %s", source, fail.text);
	set("name", "Ann");
	set("html", "<b>&\"'");
	set("yes", "1");
	set("no", "false");
	set("empty", "");
	if (expand(context) != RESULT_OK)
		fail_msg("%s: %s", source, fail.text);
	assert_false(out.overflow);
	assert_text_equal(buf_text(&out), wanted);
}

static void values_stand_where_their_names_stood(void **state)
{
	(void)state;
	gives("", TEMPLATE_PLAIN, "");
	gives("Hello", TEMPLATE_PLAIN, "Hello");
	assert_false(text.has_places);
	gives("Hello {{name}}!", TEMPLATE_PLAIN, "Hello Ann!");
	assert_true(text.has_places);
	gives("{{ name }}{{name}}", TEMPLATE_PLAIN, "AnnAnn");
	gives("{{{name}}} {{{ name }}}", TEMPLATE_PLAIN, "Ann Ann");
	gives("{name} } {", TEMPLATE_PLAIN, "{name} } {");
	gives("{{\"{{\"}}name}} {{\"}}\"}} {{ \"a|b\" }}", TEMPLATE_PLAIN, "{{name}} }} a|b");
	assert_false(text.has_places);
	gives("a{{! a note {name} }}b", TEMPLATE_PLAIN, "ab");
	gives("{{none|you}}, {{name|you}}{{none|}}", TEMPLATE_PLAIN, "you, Ann");
	gives("{{empty|you}}", TEMPLATE_PLAIN, "");
}

static void html_is_escaped_unless_it_is_said_otherwise(void **state)
{
	(void)state;
	gives("{{html}}", TEMPLATE_HTML, "&lt;b&gt;&amp;&quot;&#39;");
	gives("{{{html}}}", TEMPLATE_HTML, "<b>&\"'");
	gives("{{html}}", TEMPLATE_PLAIN, "<b>&\"'");
	gives("<i>{{none|<u>you</u>}}</i>", TEMPLATE_HTML, "<i><u>you</u></i>");
}

static void sections_are_for_those_whom_they_are_for(void **state)
{
	(void)state;
	gives("{{#yes}}a{{/yes}}{{^yes}}b{{/yes}}", TEMPLATE_PLAIN, "a");
	gives("{{#no}}a{{/no}}{{^no}}b{{/no}}", TEMPLATE_PLAIN, "b");
	gives("{{#empty}}a{{/empty}}{{^empty}}b{{/empty}}", TEMPLATE_PLAIN, "b");
	gives("{{#none}}a{{none}}{{/none}}{{^none}}b{{/none}}", TEMPLATE_PLAIN, "b");
	gives("{{#yes}}1{{#no}}2{{^none}}3{{/none}}{{/no}}4{{/yes}}5", TEMPLATE_PLAIN, "145");
	/* Alone on its line, a tag takes the line with it. */
	gives("a\n{{#yes}}\nb\n  {{/yes}}  \nc\n", TEMPLATE_PLAIN, "a\nb\nc\n");
	gives("a\r\n {{#no}}\r\nb\r\n{{/no}}\r\nc\r\n", TEMPLATE_PLAIN, "a\r\nc\r\n");
	gives("{{! note }}\nc\n", TEMPLATE_PLAIN, "c\n");
	gives("a {{#yes}}\nb{{/yes}}\n", TEMPLATE_PLAIN, "a \nb\n");
	gives("a\n{{name}}\n", TEMPLATE_PLAIN, "a\nAnn\n");
}

static void a_missing_value_refuses_its_recipient_unless_it_may_be_empty(void **state)
{
	(void)state;
	assert_int_equal(compile("a {{none}} b"), RESULT_OK);
	assert_int_equal(expand(TEMPLATE_PLAIN), RESULT_INVALID);
	assert_string_equal(fail.text, "there is no value for 'none'");
	values.missing_is_empty = true;
	assert_int_equal(expand(TEMPLATE_PLAIN), RESULT_OK);
	assert_text_equal(buf_text(&out), "a  b");
}

static void values_that_break_where_they_stand_refuse_their_recipient(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		bool plain, token;
	} rows[] = {
		{ "Ann", true, true },
		{ "a-b_c.d=e+f@g:h/i?j&k", true, true },
		{ "a b", true, false },
		{ "a\nb", true, false },
		{ "a\r\n\tb", true, false },
		{ "a<b", true, false },
		{ "a>b", true, false },
		{ "a\"b", true, false },
		{ "a\\b", true, false },
		{ "a,b", true, false },
		{ "a;b", true, false },
		{ "(a)", true, false },
		{ "\xc3\xbc", true, false },
		{ "\x1b[m", false, false },
		{ "\x7f", false, false },
		{ "\xff", false, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(compile("{{name}}"), RESULT_OK);
		set("name", rows[i].value);
		assert_int_equal(
			expand(TEMPLATE_PLAIN), rows[i].plain ? RESULT_OK : RESULT_INVALID);
		assert_int_equal(expand(TEMPLATE_HTML), rows[i].plain ? RESULT_OK : RESULT_INVALID);
		assert_int_equal(
			expand(TEMPLATE_TOKEN), rows[i].token ? RESULT_OK : RESULT_INVALID);
		if (!rows[i].token)
			assert_non_null(strstr(fail.text, "the value of 'name'"));
	}
}

static void what_is_no_template_is_refused_with_the_place(void **state)
{
	(void)state;
	static const struct {
		const char *source, *says;
	} rows[] = {
		{ "a {{name", "'{{name' is not closed" },
		{ "a {{{name}} b", "'{{{name}} b' is not closed" },
		{ "{{}}", "'' is no name" },
		{ "{{a b}}", "'a b' is no name" },
		{ "{{\xc3\xbc}}", "is no name" },
		{ "{{#a}}x", "the section 'a' is not closed" },
		{ "{{/a}}", "'a' is closed, but was not opened" },
		{ "{{#a}}{{#b}}{{/a}}", "'a' is closed where 'b' is open" },
		{ "{{\"x}}", "is not closed" },
		{ "{{\"x\"y}}", "no closing quote" },
		{ "{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}",
			"is no name" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(compile(rows[i].source), RESULT_INVALID);
		if (strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].source, fail.text);
	}
}

static void there_are_limits_of_names_and_depth(void **state)
{
	(void)state;
	static char source[TEMPLATE_NAMES_MAX * 16 + 32];
	size_t len = 0;
	for (int i = 0; i < TEMPLATE_NAMES_MAX; i++)
		len += (size_t)snprintf(source + len, sizeof source - len, "{{n%d}}", i);
	assert_int_equal(compile(source), RESULT_OK);
	(void)snprintf(source + len, sizeof source - len, "{{n}}");
	assert_int_equal(compile(source), RESULT_LIMIT);
	len = 0;
	for (int i = 0; i < TEMPLATE_DEPTH_MAX; i++)
		len += (size_t)snprintf(source + len, sizeof source - len, "{{#a}}");
	(void)snprintf(source + len, sizeof source - len, "{{#a}}");
	assert_int_equal(compile(source), RESULT_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_stand_where_their_names_stood),
		TEST(html_is_escaped_unless_it_is_said_otherwise),
		TEST(sections_are_for_those_whom_they_are_for),
		TEST(a_missing_value_refuses_its_recipient_unless_it_may_be_empty),
		TEST(values_that_break_where_they_stand_refuse_their_recipient),
		TEST(what_is_no_template_is_refused_with_the_place),
		TEST(there_are_limits_of_names_and_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
