/* Flags made into a configuration, and what is said of those that cannot be meant so. */
#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/run/config.h"

enum { FLAGS_MAX = 16 };

struct parsed {
	struct arena arena;
	struct send_options options;
	struct run_config config;
	struct fail fail;
	enum result result;
};

static char memory[4 * 1024 * 1024]; /* a file of flags is read into one piece */
static char words[FLAGS_MAX][128];

static void parse(struct parsed *p, const char *const *flags)
{
	char *argv[FLAGS_MAX + 1] = { words[0] };
	int argc = 1;
	memset(p, 0, sizeof *p);
	arena_init_fixed(&p->arena, memory, sizeof memory);
	for (; *flags != NULL; flags++, argc++) {
		snprintf(words[argc], sizeof words[argc], "%s", *flags);
		argv[argc] = words[argc];
	}
	assert_int_equal(options_parse(&send_option_table, &p->options, argc, argv, &p->arena, NULL,
				 &p->fail),
		RESULT_OK);
	p->result = run_config_init(&p->config, &p->options, &p->arena, &p->fail);
}

#define FLAGS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define GOOD       "--helo=mail.sender.example", "--spool=/spool"

static void every_flag_that_cannot_be_meant_so_is_told_in_words(void **state)
{
	(void)state;
	static const struct {
		const char *flags[4];
		const char *words;
	} table[] = {
		{ { "--helo=mail.sender.example" },
			"--spool DIR is needed: the directory that mail is put into" },
		{ { "--spool=/spool" },
			"--helo NAME is needed: the fully qualified name of this host, for EHLO" },
		{ { "--spool=/spool", "--helo=mail" }, /* SMTP-12: no FQDN, no start */
			"--helo: 'mail' is not a fully qualified name, such as mail.example.com" },
		{ { "--spool=/spool", "--helo=a..example" },
			"--helo: 'a..example' has an empty label" },
		{ { "--spool=/spool", "--helo=a b.example" }, "--helo: 'a b.example'" },
		{ { "--spool=/spool", "--helo=192.0.2.1" }, "--helo: '192.0.2.1'" },
		{ { GOOD, "--source=mx.example" },
			"--source: 'mx.example' is not an IP address of this machine" },
		{ { GOOD, "--source=" }, "--source: '' is not an IP address of this machine" },
		{ { GOOD, "--source=192.0.2.1,name=x" }, "--source: 'name=x' is not understood" },
		{ { GOOD, "--source=192.0.2.1", "--source=192.0.2.1 weight=2" },
			"--source: 192.0.2.1 is given twice" },
		{ { GOOD, "--source=192.0.2.1,helo=x" },
			"--helo: 'x' is not a fully qualified name, such as mail.example.com" },
		{ { GOOD, "--route=a.example" }, "a.example" },
		{ { GOOD, "--route=a.example=host:99999" },
			"\"99999\" is no port from 1 to 65535" },
		{ { GOOD, "--tls=a.example=strong" }, "strong" },
		{ { GOOD, "--tls=a.example" }, "a.example" },
	};
	static struct parsed p;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		const char *flags[FLAGS_MAX] = { NULL };
		for (size_t j = 0; j < COUNT_OF(table[i].flags) && table[i].flags[j] != NULL; j++)
			flags[j] = table[i].flags[j];
		parse(&p, flags);
		assert_int_equal(p.result, RESULT_INVALID);
		assert_int_equal(p.fail.result, RESULT_INVALID);
		if (strstr(p.fail.text, table[i].words) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", table[i].words, p.fail.text);
	}
}

static void without_a_source_the_system_chooses_one(void **state)
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD));
	assert_int_equal(p.result, RESULT_OK);
	assert_int_equal(p.config.sources_count, 1);
	assert_true(p.config.has_source_any);
	assert_false(p.config.has_source_4 || p.config.has_source_6);
	assert_int_equal(p.config.sources[0].address.family, IP_FAMILY_NONE);
	assert_string_equal(p.config.sources[0].text, "");
	assert_string_equal(p.config.sources[0].helo, "mail.sender.example");
	assert_true(p.config.workers_count >= 1);
}

static void each_source_has_its_address_and_name(void **state)
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD, "--source=192.0.2.1",
			  "--source= 2001:DB8:0::5 , helo=six.sender.example"));
	assert_int_equal(p.result, RESULT_OK);
	assert_int_equal(p.config.sources_count, 2);
	assert_false(p.config.has_source_any);
	assert_true(p.config.has_source_4 && p.config.has_source_6);
	assert_string_equal(p.config.sources[0].text, "192.0.2.1");
	assert_string_equal(p.config.sources[0].helo, "mail.sender.example");
	assert_text_equal(p.config.sources[0].smtp.helo, "mail.sender.example");
	assert_string_equal(p.config.sources[1].text, "2001:db8::5");
	assert_string_equal(p.config.sources[1].helo, "six.sender.example");
	assert_text_equal(p.config.sources[1].smtp.helo, "six.sender.example");
	assert_int_equal(p.config.sources[1].index, 1);
}

static void a_name_in_other_letters_is_given_in_a_labels(void **state) /* RFC 6531 3.7.1 */
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS("--spool=/spool", "--helo=Mail.B\xc3\xbc"
					  "cher.example."));
	assert_int_equal(p.result, RESULT_OK);
	assert_string_equal(p.config.sources[0].helo, "mail.xn--bcher-kva.example");
}

static void sources_of_both_families_under_one_name_are_one(void **state)
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD, "--source=192.0.2.1,helo=a.sender.example", "--source=192.0.2.2",
			  "--source=2001:db8::2", "--source=2001:db8::3,helo=b.sender.example"));
	assert_int_equal(p.result, RESULT_OK);
	assert_int_equal(p.config.sources_count, 3);
	assert_int_equal(p.config.sources[0].second.family, IP_FAMILY_NONE);
	assert_string_equal(p.config.sources[1].text, "192.0.2.2");
	assert_int_equal(p.config.sources[1].second.family, IP_FAMILY_6);
	assert_string_equal(p.config.sources[2].text, "2001:db8::3");
	assert_int_equal(p.config.sources[2].second.family, IP_FAMILY_NONE);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(p.config.sources[i].index, i);
}

static void too_many_sources_are_refused(void **state)
{
	(void)state;
	static struct parsed p;
	static char addresses[SOURCES_MAX + 1][16];
	static const char *items[SOURCES_MAX + 1];
	parse(&p, FLAGS(GOOD));
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		snprintf(addresses[i], sizeof addresses[i], "10.0.%zu.%zu", i / 256, i % 256);
		items[i] = addresses[i];
	}
	p.options.source = (struct option_list){ .items = items, .count = SOURCES_MAX };
	assert_int_equal(run_config_init(&p.config, &p.options, &p.arena, &p.fail), RESULT_OK);
	p.options.source.count++;
	assert_int_equal(run_config_init(&p.config, &p.options, &p.arena, &p.fail), RESULT_INVALID);
	assert_string_equal(p.fail.text, "--source: 257 addresses, at most 256");
}

static void time_limits_go_to_the_steps_they_are_meant_for(void **state) /* SMTP-02 */
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD, "--greeting-timeout=1s", "--command-timeout=2s", "--data-timeout=3s",
			  "--final-timeout=4s", "--idle-timeout=5s", "--tls-timeout=6s"));
	assert_int_equal(p.result, RESULT_OK);
	static const struct {
		enum smtp_step step;
		uint32_t ms;
	} table[] = {
		{ SMTP_STEP_GREETING, 1000 },
		{ SMTP_STEP_EHLO, 2000 },
		{ SMTP_STEP_HELO, 2000 },
		{ SMTP_STEP_MAIL, 2000 },
		{ SMTP_STEP_RCPT, 2000 },
		{ SMTP_STEP_RSET, 2000 },
		{ SMTP_STEP_DATA, 2000 },
		{ SMTP_STEP_QUIT, 2000 },
		{ SMTP_STEP_STARTTLS, 2000 },
		{ SMTP_STEP_HANDSHAKE, 6000 },
		{ SMTP_STEP_SENDING, 3000 },
		{ SMTP_STEP_BODY, 4000 },
		{ SMTP_STEP_BDAT, 4000 },
		{ SMTP_STEP_IDLE, 5000 },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++)
		assert_int_equal(p.config.sources[0].smtp.deadline_ms[table[i].step], table[i].ms);
	/* The shorter ones of the standard are not made longer. */
	parse(&p, FLAGS(GOOD, "--command-timeout=30m"));
	assert_int_equal(p.config.sources[0].smtp.deadline_ms[SMTP_STEP_MAIL], 30 * 60 * 1000);
	assert_int_equal(p.config.sources[0].smtp.deadline_ms[SMTP_STEP_DATA], 2 * 60 * 1000);
	assert_int_equal(p.config.sources[0].smtp.deadline_ms[SMTP_STEP_QUIT], 10 * 1000);
}

static void the_defaults_are_those_of_the_standard(void **state) /* SMTP-02, SMTP-36 */
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD));
	const uint32_t *deadline_ms = p.config.sources[0].smtp.deadline_ms;
	assert_int_equal(deadline_ms[SMTP_STEP_GREETING], 5 * 60 * 1000);
	assert_int_equal(deadline_ms[SMTP_STEP_MAIL], 5 * 60 * 1000);
	assert_int_equal(deadline_ms[SMTP_STEP_DATA], 2 * 60 * 1000);
	assert_int_equal(deadline_ms[SMTP_STEP_SENDING], 3 * 60 * 1000);
	assert_int_equal(deadline_ms[SMTP_STEP_BODY], 10 * 60 * 1000);
	assert_int_equal(p.config.sources[0].smtp.rcpts_max, 100); /* SMTP-30 */
	const struct retry_schedule *bulk = &p.config.retry[RETRY_BULK];
	assert_int_equal(bulk->first_ms, 15 * 60 * 1000);
	assert_int_equal(bulk->max_ms, 4 * 3600 * 1000);
	assert_int_equal(bulk->lifetime_ms, 2 * 24 * 3600 * 1000);
	const struct retry_schedule *transactional = &p.config.retry[RETRY_TRANSACTIONAL];
	assert_int_equal(transactional->first_ms, 5 * 60 * 1000);
	assert_int_equal(transactional->lifetime_ms, 5 * 24 * 3600 * 1000);
}

static void a_dead_host_is_left_alone_for_a_quarter_of_the_first_wait(void **state) /* MX-18 */
{
	(void)state;
	static const struct {
		const char *first;
		uint64_t wait_ms;
	} table[] = {
		{ "--retry-first=0", 15000 },
		{ "--retry-first=1m", 15000 },
		{ "--retry-first=20s", 5000 },
		{ "--retry-first=100ms", 25 },
		{ "--retry-first=1ms", 0 },
	};
	static struct parsed p;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		parse(&p, FLAGS(GOOD, table[i].first));
		assert_int_equal(p.result, RESULT_OK);
		/* Never 0, which would mean the default. */
		assert_int_equal(
			run_config_first_wait_ns(&p.config), table[i].wait_ms * 1000000 + 1);
	}
}

static void a_session_that_may_race_two_addresses_needs_two_descriptors(void **state) /* MX-17 */
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD, "--sessions=100"));
	assert_int_equal(run_config_session_files(&p.config), 100);
	parse(&p, FLAGS(GOOD, "--sessions=100", "--source=192.0.2.1,helo=a.example",
			  "--source=2001:db8::1,helo=b.example"));
	assert_int_equal(run_config_session_files(&p.config), 100); /* two sources of one family each */
	parse(&p, FLAGS(GOOD, "--sessions=100", "--source=192.0.2.9,helo=a.example", "--source=192.0.2.1",
			  "--source=2001:db8::1"));
	assert_int_equal(run_config_session_files(&p.config), 200);
}

static void ceilings_of_tls_are_warned_about_and_floors_are_not(void **state) /* DESIGN 1 */
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD, "--tls=a.example=encrypt",
			  "--tls=b.example=secure:x.example|y.example"));
	assert_int_equal(p.result, RESULT_OK);
	assert_int_equal(p.config.tls_count, 2);
	assert_int_equal(p.config.tls[0].level, TLS_LEVEL_ENCRYPT);
	assert_int_equal(p.config.tls[1].level, TLS_LEVEL_SECURE);
	assert_false(tls_level_is_ceiling(p.config.tls[0].level));
	assert_false(tls_level_is_ceiling(p.config.tls[1].level));
}

static void routes_are_kept_in_their_order(void **state)
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD, "--route=a.example=relay.example:2525", "--route=*=[192.0.2.9]"));
	assert_int_equal(p.result, RESULT_OK);
	assert_int_equal(p.config.routes_count, 2);
}

static void what_the_flags_say_reaches_dns_and_route(void **state)
{
	(void)state;
	static struct parsed p;
	const char *names[2];
	parse(&p, FLAGS(GOOD, "--source=192.0.2.1,helo=a.sender.example", "--source=192.0.2.2",
			  "--resolver=192.0.2.53", "--port=2525", "--allow-private", "--half-dane=ignore", "--dns-timeout=7s",
			  "--tls=a.example=encrypt", "--route=b.example=relay.example"));
	assert_int_equal(p.result, RESULT_OK);
	struct dns_resolver_config dns = run_config_dns(&p.config);
	assert_string_equal(dns.forward, "192.0.2.53");
	assert_null(dns.trust_anchor_file); /* the system's */
	assert_true(dns.allow_private);
	struct route_builder_config routes = run_config_routes(&p.config, names);
	assert_int_equal(routes.port, 2525);
	assert_int_equal(routes.lookup_ns, 7000000000);
	assert_true(routes.allow_private && routes.ignore_half_dane);
	assert_false(routes.keep_steps);
	assert_int_equal(routes.options_count, 1);
	assert_int_equal(routes.tls_options_count, 1);
	assert_int_equal(routes.own_names_count, 2); /* MX-15 */
	assert_string_equal(routes.own_names[0], "a.sender.example");
	assert_string_equal(routes.own_names[1], "mail.sender.example");
}

static void receivers_are_found_without_a_name_of_our_own(void **state)
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS("--port=2525")); /* send wants more than that */
	assert_int_equal(p.result, RESULT_INVALID);
	assert_int_equal(run_config_init_receivers(&p.config, &p.options, &p.arena, &p.fail), RESULT_OK);
	assert_int_equal(p.config.sources_count, 0);
	assert_int_equal(run_config_routes(&p.config, NULL).own_names_count, 0);
	parse(&p, FLAGS("--source=192.0.2.1"));
	assert_int_equal(
		run_config_init_receivers(&p.config, &p.options, &p.arena, &p.fail), RESULT_INVALID);
	assert_non_null(strstr(p.fail.text, "--helo NAME is needed"));
}

static void rules_for_replies_are_read_from_their_file(void **state)
{
	(void)state;
	struct parsed p;
	char path[] = "/tmp/longship_test_rules.XXXXXX", flag[96];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	static const char text[] = "# ours\nblock 5 suspend \"our own list\"\n";
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	snprintf(flag, sizeof flag, "--reply-rules=%s", path);
	parse(&p, FLAGS(GOOD, flag));
	assert_int_equal(p.result, RESULT_OK);
	assert_int_equal(p.config.reply_rules.count, 1);
	assert_int_equal(p.config.reply_rules.items[0].bounce_class, BOUNCE_CLASS_BLOCK);
	assert_int_equal(write(fd, "x", 1), 1);
	parse(&p, FLAGS(GOOD, flag));
	assert_int_equal(p.result, RESULT_INVALID);
	assert_non_null(strstr(p.fail.text, ": line 3: a rule is"));
	assert_non_null(strstr(p.fail.text, "--reply-rules /tmp/"));
	(void)close(fd);
	(void)unlink(path);
	parse(&p, FLAGS(GOOD, flag));
	assert_int_equal(p.result, RESULT_NOT_FOUND);
	parse(&p, FLAGS(GOOD));
	assert_int_equal(p.config.reply_rules.count, 0);
}

static void rules_for_sites_come_from_flags_and_a_file(void **state)
{
	(void)state;
	static struct parsed p;
	struct site_rules again;
	char path[] = "/tmp/longship_test_rules.XXXXXX", flag[96];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	static const char text[] = "# ours\nyahoo sessions=3\n";
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	snprintf(flag, sizeof flag, "--site-rules=%s", path);
	parse(&p, FLAGS(GOOD, "--site=google sessions=20 rate=100/s", "--site", "* rate=5/s", flag));
	assert_int_equal(p.result, RESULT_OK);
	assert_int_equal(p.config.site_rules.count, 3);
	assert_int_equal(site_rules_find(&p.config.site_rules, "google")->sessions, 20);
	assert_int_equal(site_rules_find(&p.config.site_rules, "yahoo")->sessions, 3);
	/* What is read again is the file as it is then, beside the flags. */
	assert_int_equal(write(fd, "google per-session=1\n", 21), 21);
	assert_int_equal(run_config_read_site_rules(&p.options, &p.arena, &again, &p.fail), RESULT_INVALID);
	assert_non_null(strstr(p.fail.text, "--site-rules /tmp/"));
	assert_non_null(strstr(p.fail.text, ": line 3: 'google' has a rule by --site already"));
	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(run_config_read_site_rules(&p.options, &p.arena, &again, &p.fail), RESULT_NOT_FOUND);
	parse(&p, FLAGS(GOOD, "--site=google sessions=x"));
	assert_int_equal(p.result, RESULT_INVALID);
	assert_string_equal(p.fail.text, "--site 'google sessions=x': 'sessions=x' is no number of sessions "
					 "from 1 to 100000, given once");
	parse(&p, FLAGS(GOOD, "--site="));
	assert_string_equal(p.fail.text, "--site '': a rule is NAME and its limits");
	parse(&p, FLAGS(GOOD));
	assert_int_equal(p.config.site_rules.count, 0);
}

static void a_thread_has_its_name_in_its_lines(void **state)
{
	(void)state;
	static struct parsed p;
	parse(&p, FLAGS(GOOD, "--log-level=debug", "--workers=3", "--memory=64m"));
	assert_int_equal(p.result, RESULT_OK);
	struct logger log = run_config_logger(&p.config, "worker");
	assert_string_equal(log.thread, "worker");
	assert_int_equal(log.level, LOG_LEVEL_DEBUG);
	assert_non_null(log.clock);
	assert_int_equal(p.config.workers_count, 3);
	assert_int_equal(p.config.messages_max, 64 * 1024 * 1024 / CONFIG_MESSAGE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flag_that_cannot_be_meant_so_is_told_in_words),
		cmocka_unit_test(without_a_source_the_system_chooses_one),
		cmocka_unit_test(each_source_has_its_address_and_name),
		cmocka_unit_test(a_name_in_other_letters_is_given_in_a_labels),
		cmocka_unit_test(sources_of_both_families_under_one_name_are_one),
		cmocka_unit_test(too_many_sources_are_refused),
		cmocka_unit_test(time_limits_go_to_the_steps_they_are_meant_for),
		cmocka_unit_test(the_defaults_are_those_of_the_standard),
		cmocka_unit_test(a_dead_host_is_left_alone_for_a_quarter_of_the_first_wait),
		cmocka_unit_test(a_session_that_may_race_two_addresses_needs_two_descriptors),
		cmocka_unit_test(ceilings_of_tls_are_warned_about_and_floors_are_not),
		cmocka_unit_test(routes_are_kept_in_their_order),
		cmocka_unit_test(what_the_flags_say_reaches_dns_and_route),
		cmocka_unit_test(receivers_are_found_without_a_name_of_our_own),
		cmocka_unit_test(rules_for_replies_are_read_from_their_file),
		cmocka_unit_test(rules_for_sites_come_from_flags_and_a_file),
		cmocka_unit_test(a_thread_has_its_name_in_its_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
