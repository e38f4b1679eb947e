#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/sink_rules.h"

static struct sink_rules rules;

static struct sink_rule *parse(const char *spec)
{
	struct fail fail;
	sink_rules_init(&rules);
	assert_int_equal(sink_rules_add(&rules, spec, &fail), RESULT_OK);
	return &rules.rules[0];
}

static void a_rule_says_where_what_and_how_often(void **state)
{
	(void)state;
	struct sink_rule *rule = parse("reply-rcpt:452 4.2.2 Full/really: yes");
	assert_int_equal(sink_deed_fault(rule->deed), SINK_FAULT_REPLY);
	assert_int_equal(rule->stage, SINK_STAGE_RCPT);
	assert_int_equal(rule->where, SINK_WHERE_ALL);
	assert_int_equal(rule->number, 452);
	assert_string_equal(rule->argument, "452 4.2.2 Full/really: yes");

	rule = parse("ann@full.lab/delay-dot%10*3:250");
	assert_int_equal(sink_deed_fault(rule->deed), SINK_FAULT_DELAY);
	assert_int_equal(rule->stage, SINK_STAGE_DOT);
	assert_int_equal(rule->where, SINK_WHERE_RCPT);
	assert_int_equal(rule->percent, 10);
	assert_true(rule->counted);
	assert_int_equal(atomic_load(&rule->times_left), 3);
	assert_int_equal(rule->number, 250);

	rule = parse("[::1]:2525/stall-ehlo-tls");
	assert_int_equal(rule->stage, SINK_STAGE_EHLO_TLS);
	assert_int_equal(rule->where, SINK_WHERE_LISTENER);
	assert_int_equal(rule->port, 2525);

	assert_int_equal(parse("127.0.0.7/tls-drip")->deed, SINK_BUG_TLS_DRIP);
	assert_int_equal(parse("127.0.0.7/tls-drip")->number, 100);
	assert_int_equal(parse("slow@/drip-dot:5")->where, SINK_WHERE_LOCAL);
	assert_int_equal(parse("full.lab/greylist")->where, SINK_WHERE_DOMAIN);
	assert_string_equal(parse("offer:LIMITS RCPTMAX=0 FOO")->argument, "LIMITS RCPTMAX=0 FOO");
	assert_string_equal(parse("tls-cert:/a/b.pem,/a/c.pem")->argument, "/a/b.pem,/a/c.pem");
}

static void what_is_no_rule_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"stall",
		"stall-nowhere",
		"nonsense-rcpt",
		"reply-rcpt:no",
		"reply-rcpt:45",
		"reply-rcpt%0:450",
		"reply-rcpt%101:450",
		"reply-rcpt*x:450",
		"without",
		"without*2:PIPELINING",      /* a setting knows no chance */
		"full.lab/without:CHUNKING", /* nor recipients */
		"full.lab/stall-ehlo",       /* too early to know the recipient */
		"/stall-rcpt",
		"300.0.0.1:99999/stall-banner",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct fail fail;
		sink_rules_init(&rules);
		assert_int_equal(sink_rules_add(&rules, bad[i], &fail), RESULT_INVALID);
		assert_int_equal(rules.count, 0);
	}
}

static void a_rule_concerns_whom_it_names(void **state)
{
	(void)state;
	struct ip_address seven, eight;
	assert_int_equal(ip_address_parse(TEXT("127.0.0.7"), &seven), RESULT_OK);
	assert_int_equal(ip_address_parse(TEXT("127.0.0.8"), &eight), RESULT_OK);
	struct sink_rule *rule = parse("127.0.0.7/stall-mail");
	assert_true(sink_rule_is_for_listener(rule, &seven, 25));
	assert_false(sink_rule_is_for_listener(rule, &eight, 25));
	rule = parse("127.0.0.7:2525/stall-mail");
	assert_false(sink_rule_is_for_listener(rule, &seven, 25));
	rule = parse("full.lab/stall-rcpt");
	assert_false(sink_rule_is_for_listener(rule, &seven, 25));
	assert_true(sink_rule_is_for_rcpt(rule, TEXT("ann@FULL.lab")));
	assert_false(sink_rule_is_for_rcpt(rule, TEXT("ann@notfull.lab")));
	rule = parse("ann@/stall-rcpt");
	assert_true(sink_rule_is_for_rcpt(rule, TEXT("ann@full.lab")));
	assert_false(sink_rule_is_for_rcpt(rule, TEXT("joann@full.lab")));
}

static void a_counted_rule_strikes_so_often(void **state)
{
	(void)state;
	struct sink_rule *rule = parse("close-dot*2");
	assert_true(sink_rule_strikes(rule, 0));
	assert_true(sink_rule_strikes(rule, 99));
	assert_false(sink_rule_strikes(rule, 0));
	rule = parse("close-dot%25");
	unsigned struck = 0;
	for (uint64_t dice = 0; dice < 1000; dice++)
		struck += sink_rule_strikes(rule, dice);
	assert_int_equal(struck, 250);
}

static void a_recipient_may_bring_a_bug(void **state)
{
	(void)state;
	struct sink_rule rule;
	assert_true(sink_rule_of_local_part(TEXT("bug.reply-rcpt.450+17"), &rule));
	assert_int_equal(sink_deed_fault(rule.deed), SINK_FAULT_REPLY);
	assert_string_equal(rule.argument, "450");
	assert_true(sink_rule_of_local_part(TEXT("bug.close-dot"), &rule));
	assert_false(sink_rule_of_local_part(TEXT("bug.stall-ehlo"), &rule));
	assert_false(sink_rule_of_local_part(TEXT("bug.reply-rcpt.abc"), &rule));
	assert_false(sink_rule_of_local_part(TEXT("bug.nothing"), &rule));
	assert_false(sink_rule_of_local_part(TEXT("ann"), &rule));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_says_where_what_and_how_often),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(a_rule_concerns_whom_it_names),
		cmocka_unit_test(a_counted_rule_strikes_so_often),
		cmocka_unit_test(a_recipient_may_bring_a_bug),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
