/* Rules for sites: how they are read, what is said about those that cannot be, and whom they hold for. */
#include "engine/plan/site_rules.h"
#include "engine/base/nanoseconds.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct site_rules rules;
static struct fail fail;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 65536, 1 << 24);
	rules = (struct site_rules){ .count = 0 };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result add(const char *file, bool is_flag)
{
	struct option_words words;
	struct text copy = arena_text_copy(&arena, text_of(file));
	char *text = arena_alloc(&arena, copy.len + 1);
	assert_non_null(text);
	memcpy(text, copy.data, copy.len);
	text[copy.len] = '\0';
	fail_clear(&fail);
	assert_int_equal(options_file_split(text, copy.len, &arena, &words, &fail), RESULT_OK);
	return site_rules_add(&rules, &words, is_flag, &arena, &fail);
}

static void ok(const char *file)
{
	if (add(file, false) != RESULT_OK)
		fail_msg("%s: %s", file, fail.text);
}

static const struct site_rule *rule(const char *name)
{
	for (size_t i = 0; i < rules.count; i++)
		if (strcmp(rules.items[i].key, name) == 0)
			return &rules.items[i];
	fail_msg("no rule for %s", name);
	return NULL;
}

static void a_rule_has_a_name_and_limits(void **state)
{
	(void)state;
	ok("# ours\n\ngoogle sessions=20 rate=100/s per-session=50\n"
	   "  Shop.EXAMPLE. rate=2000/h per-source # why\n* sessions=400\nb\xc3\xbc"
	   "cher.example per-session=1\n"
	   "mx:a.example+00112233 rate=5/min\n[192.0.2.1] rate=7/d\n");
	assert_int_equal(rules.count, 6);
	assert_int_equal(rule("google")->sessions, 20);
	assert_int_equal(rule("google")->per_session, 50);
	assert_int_equal(rule("google")->rate.count, 100);
	assert_int_equal(rule("google")->rate.period_ns, SECOND_NS);
	assert_false(rule("google")->per_source);
	assert_int_equal(rule("google")->line, 3);
	assert_int_equal(rule("shop.example")->rate.period_ns, 3600 * SECOND_NS);
	assert_true(rule("shop.example")->per_source);
	assert_int_equal(rule("*")->sessions, 400);
	assert_int_equal(rule("*")->rate.count, 0);
	assert_int_equal(rule("xn--bcher-kva.example")->per_session, 1);
	assert_int_equal(rule("mx:a.example+00112233")->rate.period_ns, 60 * SECOND_NS);
	assert_int_equal(rule("[192.0.2.1]")->rate.period_ns, 86400 * SECOND_NS);
}

static void a_rule_may_choose_single_flight_or_forbid_it(void **state) /* EXT-CHUNK-05 */
{
	(void)state;
	ok("* single-flight=on\na.example single-flight=off\nb.example sessions=3\n");
	assert_int_equal(rule("*")->single_flight, SITE_FLIGHT_ON);
	assert_int_equal(rule("a.example")->single_flight, SITE_FLIGHT_OFF);
	assert_int_equal(rule("b.example")->single_flight, SITE_FLIGHT_NOT_SAID);
}

static void a_line_that_is_no_rule_is_told_with_its_number(void **state)
{
	(void)state;
	static const struct {
		const char *line, *words;
	} table[] = {
		{ "google", "line 1: 'google' has no limit" },
		{ "\n\ngoogle per-source", "line 3: 'google' has no limit" },
		{ "sessions=5", "'sessions=5' stands where the NAME" },
		{ "a..b sessions=5", "'a..b' has an empty label" },
		{ "192.0.2.1 sessions=5", "'192.0.2.1'" },
		{ "a sessions=0", "'sessions=0' is no number of sessions from 1 to 100000" },
		{ "a sessions=100001", "'sessions=100001' is no number" },
		{ "a sessions=-1", "'sessions=-1' is no number" },
		{ "a sessions=", "'sessions=' is no number" },
		{ "a sessions", "'sessions' is none of" },
		{ "a sessions=1 sessions=2",
			"'sessions=2' is no number of sessions from 1 to 100000, given once" },
		{ "a per-session=0", "'per-session=0' is no number of messages" },
		{ "a rate=5", "'rate=5' is no rate such as" },
		{ "a rate=5/", "'rate=5/' is no rate" },
		{ "a rate=0/s", "'rate=0/s' is no rate" },
		{ "a rate=5/week", "'rate=5/week' is no rate" },
		{ "a rate=1000001/s", "'rate=1000001/s' is no rate" },
		{ "a rate=5/s rate=6/s", "'rate=6/s' is no rate" },
		{ "a rate=18446744073709551616/s", "is no rate" },
		{ "a speed=5",
			"'speed=5' is none of sessions=N, rate=N/s, per-session=N, single-flight=on, per-source" },
		{ "a single-flight", "'single-flight' is none of" },
		{ "a single-flight=yes", "'single-flight=yes' is neither on nor off" },
		{ "a single-flight=on single-flight=off", "'single-flight=off' is neither on nor off, given once" },
		{ "a sessions=1\nb sessions=2\nA. sessions=3",
			"line 3: 'a' has a rule already, in line 1" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		rules.count = 0;
		assert_int_equal(add(table[i].line, false), RESULT_INVALID);
		if (strstr(fail.text, table[i].words) == NULL)
			fail_msg("%s: %s", table[i].line, fail.text);
	}
}

static void what_a_flag_says_stands_beside_the_file_and_not_against_it(void **state)
{
	(void)state;
	assert_int_equal(add("google sessions=20", true), RESULT_OK);
	assert_int_equal(add("yahoo sessions=5\n\n* rate=9/s", false), RESULT_OK);
	assert_int_equal(rules.count, 3);
	assert_int_equal(rule("google")->line, 0);
	assert_int_equal(add("x rate=1/s\ngoogle sessions=2", false), RESULT_INVALID);
	assert_string_equal(fail.text, "line 2: 'google' has a rule by --site already");
	rules.count = 0;
	assert_int_equal(add("google speed=2", true), RESULT_INVALID);
	assert_int_equal(strncmp(fail.text, "'speed=2' is none of", 20), 0);
}

/* ---- whom they hold for ---- */

/* The names of the rules that match, and the one that sets apart behind a slash. */
static const char *match(
	const char *provider, bool is_known, const char *const *hosts, const char *domain)
{
	static char words[512];
	size_t count = 0, len = 0;
	while (hosts[count] != NULL)
		count++;
	const struct site_place place = { provider, is_known, hosts, count, domain };
	struct site_match found;
	site_rules_match(&rules, &place, &found);
	words[0] = '\0';
	for (size_t i = 0; i < found.count; i++)
		len += (size_t)snprintf(words + len, sizeof words - len, "%s%s", i > 0 ? " " : "",
			found.rules[i]->key);
	if (found.apart != NULL)
		snprintf(words + len, sizeof words - len, " / %s%s", found.apart->key,
			found.apart_by_domain ? " domain" : "");
	return words;
}
#define HOSTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void a_rule_matches_provider_host_domain_and_all(void **state)
{
	(void)state;
	ok("google sessions=1\ngmail.com sessions=1\n* sessions=1\nhoster.example sessions=1\n"
	   "mx2.hoster.example rate=1/s\nshop.example rate=1/s\nmx:mx.lone.example rate=1/s\n");
	assert_string_equal(
		match("google", true, HOSTS("smtp.google.com"), "corp.example"), "google *");
	assert_string_equal(match("google", true, HOSTS("smtp.google.com"), "gmail.com"),
		"gmail.com google * / gmail.com domain");
	assert_string_equal(match("mx:x", false, HOSTS("mx1.hoster.example", "mx2.hoster.example"),
				    "b.example"),
		"hoster.example mx2.hoster.example *");
	assert_string_equal(match("mx:x", false, HOSTS("mx1.hoster.example"), "shop.example"),
		"shop.example hoster.example * / shop.example domain");
	assert_string_equal(
		match("mx:mx.lone.example", false, HOSTS("mx.lone.example"), "c.example"),
		"mx:mx.lone.example *");
	assert_string_equal(match("mx:x", false, HOSTS("nothoster.example"), "d.example"), "*");
	/* Whose hosts lie below its own name is matched once, and is no part of a larger site. */
	assert_string_equal(match("mx:x", false, HOSTS("mx.hoster.example"), "hoster.example"),
		"hoster.example *");
}

static void a_rule_for_some_hosts_of_a_known_provider_sets_them_apart(void **state)
{
	(void)state;
	ok("microsoft sessions=5\ncontoso-com.mail.protection.outlook.com rate=1/s\noutlook.com "
	   "sessions=9");
	assert_string_equal(
		match("microsoft", true, HOSTS("contoso-com.mail.protection.outlook.com"),
			"contoso.com"),
		"contoso-com.mail.protection.outlook.com outlook.com microsoft / "
		"contoso-com.mail.protection.outlook.com");
	assert_string_equal(
		match("microsoft", true, HOSTS("x.mail.protection.outlook.com"), "x.example"),
		"outlook.com microsoft / outlook.com");
	assert_string_equal(
		match("microsoft", true, HOSTS("x.mx.microsoft", "b.outlook.com"), "x.example"),
		"microsoft"); /* of known providers the best host counts */
}

static void however_many_match_the_widest_are_among_them(void **state)
{
	(void)state;
	ok("j.i.h.g.f.e.d.c.b.a rate=1/s\ni.h.g.f.e.d.c.b.a rate=1/s\nh.g.f.e.d.c.b.a rate=1/s\n"
	   "g.f.e.d.c.b.a rate=1/s\nf.e.d.c.b.a rate=1/s\ne.d.c.b.a rate=1/s\nd.c.b.a rate=1/s\n"
	   "c.b.a rate=1/s\nb.a rate=1/s\na rate=1/s\n* rate=1/s\ngoogle rate=1/s");
	assert_string_equal(match("google", true, HOSTS("j.i.h.g.f.e.d.c.b.a"), "x.example"),
		"j.i.h.g.f.e.d.c.b.a i.h.g.f.e.d.c.b.a h.g.f.e.d.c.b.a g.f.e.d.c.b.a f.e.d.c.b.a "
		"e.d.c.b.a "
		"google * / j.i.h.g.f.e.d.c.b.a");
}

static void without_rules_nothing_matches(void **state)
{
	(void)state;
	assert_string_equal(match("google", true, HOSTS("smtp.google.com"), "gmail.com"), "");
	ok("");
	assert_string_equal(match("google", true, HOSTS("smtp.google.com"), "gmail.com"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_rule_has_a_name_and_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_rule_may_choose_single_flight_or_forbid_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_line_that_is_no_rule_is_told_with_its_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_a_flag_says_stands_beside_the_file_and_not_against_it, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			a_rule_matches_provider_host_domain_and_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_rule_for_some_hosts_of_a_known_provider_sets_them_apart, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			however_many_match_the_widest_are_among_them, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_rules_nothing_matches, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
