/* The command itself: arguments, and what can be explained without asking the DNS. The lab asks it. */
#include "engine/run/explain.h"
#include "engine/run/explain_options.h"
#include "tests/unit/engine/run/command_test.h"
#include "tests/unit/engine/run/work_test.h"

static struct command_result result;

static void what_cannot_be_meant_so_is_told_in_one_line_with_status_2(void **state)
{
	(void)state;
	static const struct {
		const char *words[4];
		const char *said;
	} table[] = {
		{ { "--json" }, "one DOMAIN is needed" },
		{ { "a.example", "b.example" }, "one DOMAIN is needed" },
		{ { "a.example", "--spool=/spool" }, "unknown flag --spool" },
		{ { "a.example", "--connct" }, "did you mean --connect?" },
		{ { "a.example", "--connect" }, "--helo NAME is needed" },
		{ { "a.example", "--source=127.0.0.1" }, "--helo NAME is needed" },
		{ { "a.example", "--helo=mail" }, "not a fully qualified name" }, /* SMTP-12 */
		{ { "a.example", "--tls=a.example=strong" }, "strong" },
		{ { "a.example", "--route=nonsense" }, "nonsense" },
		{ { "a.example", "--port=0" }, "--port" },
		{ { "a.example", "--trust-anchor=/nowhere/root.key" }, "/nowhere/root.key" },
		{ { "a.example", "--resolver=nonsense" }, "nonsense" },
		{ { "a.example", "--store=/nowhere/store" }, "--store: " },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		command_run(run_explain, table[i].words, &result);
		if (result.status != 2 || strstr(result.err, table[i].said) == NULL)
			fail_msg("%s %s: status %d: %s", table[i].words[0],
				table[i].words[1] != NULL ? table[i].words[1] : "", result.status, result.err);
		assert_string_equal(result.out, "");
		assert_ptr_equal(strchr(result.err, '\n'), result.err + strlen(result.err) - 1);
	}
}

static void help_has_the_flags_that_decide_routes_and_no_others(void **state)
{
	(void)state;
	static const char *const there[] = { "DOMAIN", "--connect", "--json", "--helo", "--source", "--port",
		"--route", "--store", "--allow-private", "--resolver", "--trust-anchor", "--dns-timeout", "--tls",
		"--ca-file", "--connect-timeout", "--greeting-timeout", "--tls-timeout",
		"--command-timeout" };
	static const char *const absent[] = { "--spool", "--events", "--once", "--workers", "--retry-first",
		"--data-timeout" };
	COMMAND(run_explain, &result, "--help");
	assert_int_equal(result.status, 0);
	for (size_t i = 0; i < COUNT_OF(there); i++)
		if (strstr(result.out, there[i]) == NULL)
			fail_msg("no %s in %s", there[i], result.out);
	for (size_t i = 0; i < COUNT_OF(absent); i++)
		assert_null(strstr(result.out, absent[i]));
}

static void what_has_no_flag_here_stands_at_the_default_of_send(void **state)
{
	(void)state;
	static char memory[64 * 1024];
	char *argv[] = { (char[]){ "explain" }, (char[]){ "--port=2525" }, (char[]){ "a.example" } };
	struct arena arena;
	struct explain_options options;
	struct send_options defaults;
	struct option_list operands;
	struct fail fail;
	arena_init_fixed(&arena, memory, sizeof memory);
	assert_int_equal(explain_options_parse(&options, 3, argv, &arena, &operands, &fail), RESULT_OK);
	options_set_defaults(&send_option_table, &defaults);
	assert_int_equal(operands.count, 1);
	assert_int_equal(options.send.port, 2525);
	assert_int_equal(options.send.final_ms, defaults.final_ms);
	assert_int_equal(options.send.rcpts, defaults.rcpts);
	assert_int_equal(options.send.session_messages, defaults.session_messages);
	assert_false(options.connect || options.json || options.help);
}

/* MX-01, MX-16, MX-19 */
static void what_needs_no_look_up_is_decided_at_once(void **state)
{
	(void)state;
	COMMAND(run_explain, &result, "[192.0.2.1]");
	assert_int_equal(result.status, 1);
	assert_non_null(strstr(result.out, "refused: mail for [192.0.2.1] bounces (5.4.4)"));
	COMMAND(run_explain, &result, "[192.0.2.1]", "--allow-private", "--json");
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "\"verdict\":\"deliverable\",\"exit\":0,\"host\":\"192.0.2.1\""));
	assert_non_null(strstr(result.out, "\"origin\":\"literal\""));
	COMMAND(run_explain, &result, "a..b");
	assert_int_equal(result.status, 1);
	assert_non_null(strstr(result.out, "refused: mail for a..b bounces (5.1.2)"));
	assert_string_equal(result.err, "");
}

static void explain_peer(const char *level, bool json)
{
	static struct peer peer;
	char route[64];
	peer_init(&peer, "127.0.0.1");
	peer.rules[0] = (struct peer_rules){ .tls = PEER_TLS_GARBAGE };
	peer.rules[1] = (struct peer_rules){ .tls = PEER_TLS_GARBAGE };
	peer.rules[2] = (struct peer_rules){ .tls = PEER_TLS_GARBAGE };
	peer.rules_count = 3;
	snprintf(route, sizeof route, "--route=*=127.0.0.1:%u", peer.port);
	COMMAND(run_explain, &result, "a.example", "--connect", "--helo=mail.sender.example", "--allow-private",
		route, level, json ? "--json" : "--json=no");
	peer_deinit(&peer);
	assert_int_equal(peer.mails, 0);
}

/* TLS-03, TLS-27, POL-12: as a delivery does it, rung by rung, unless TLS is demanded. */
static void connecting_goes_down_the_rungs_of_tls_only_where_nothing_is_demanded(void **state)
{
	(void)state;
	explain_peer("--tls=*=dane", false);
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "connection  127.0.0.1: failed"));
	assert_non_null(strstr(result.out, "127.0.0.1, again with TLS 1.2: failed"));
	assert_non_null(strstr(result.out, "127.0.0.1, again in cleartext: passed, cleartext"));
	explain_peer("--tls=*=encrypt", true);
	assert_int_equal(result.status, 1);
	assert_non_null(strstr(result.out, "\"verdict\":\"refused\",\"exit\":1,\"host\":\"\""));
	assert_non_null(strstr(result.out, "\"result\":\"validation-failure\""));
	assert_null(strstr(result.out, "\"passed\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_meant_so_is_told_in_one_line_with_status_2),
		cmocka_unit_test(help_has_the_flags_that_decide_routes_and_no_others),
		cmocka_unit_test(what_has_no_flag_here_stands_at_the_default_of_send),
		cmocka_unit_test(what_needs_no_look_up_is_decided_at_once),
		cmocka_unit_test(connecting_goes_down_the_rungs_of_tls_only_where_nothing_is_demanded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
