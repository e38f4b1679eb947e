/* Every fault of the sink, at every stage, against longship's own session: SMTP-05 to SMTP-11, SMTP-15 to
 * SMTP-19, SMTP-32, SMTP-33, SMTP-40, SMTP-42, STLS-03, STLS-04, STLS-07, STLS-10, EXT-PIPE-01 to 04,
 * EXT-CHUNK-01 to 03, EXT-SIZE-01, DATA-03, DATA-11 as far as a conversation without a network shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/bench/duel.h"

static struct duel duel;

static const char *const oddity_names[] = {
#define ODDITY(name, ids, text) #name,
#include "bench/sink_oddities.def"
#undef ODDITY
};

/* A client that gives up in mid-session has no way to say QUIT; nothing else may be odd, but where a
 * server that does not know BDAT reads the octets as commands (CONFORMANCE 0.4, EXT-CHUNK-05). */
static void assert_well_behaved(const char *rule)
{
	if (rule != NULL && strcmp(rule, "bdat-unknown") == 0)
		return;
	for (unsigned i = 0; i < SINK_ODDITY_COUNT; i++) {
		if (i == SINK_ODDITY_NO_QUIT || i == SINK_ODDITY_CLEARTEXT_MAIL)
			continue;
		if (duel_odd(&duel, (enum sink_oddity)i) > 0)
			fail_msg("%s: the client is found to be %s", rule, oddity_names[i]);
	}
}

static const size_t pieces[] = { 1, 7, 4096 };

/* Runs one rule in all ways to send; `decided` recipients must have come to an end in each. */
static void fight(const char *const *rules, uint32_t delivered_min)
{
	for (unsigned ways = 0; ways < 4 * COUNT_OF(pieces); ways++) {
		const struct duel_config config = { .rules = rules, .ahead = (ways & 1) != 0,
			.prefer_bdat = (ways & 2) != 0, .piece = pieces[ways / 4] };
		duel_run(&duel, &config);
		assert_well_behaved(rules[0]);
		if (duel_delivered(&duel) < delivered_min)
			fail_msg("%s: only %u of %d delivered, the last connection ended: %u",
				rules[0] != NULL ? rules[0] : "no fault", duel_delivered(&duel),
				DUEL_MAILS * DUEL_RCPTS, duel.ends[duel.connections - 1]);
		duel_deinit(&duel);
	}
}

static void without_faults_all_is_delivered_once_in_one_session(void **state)
{
	(void)state;
	static const char *const none[] = { NULL };
	for (unsigned ways = 0; ways < 8; ways++) {
		const struct duel_config config = { .rules = none, .ahead = (ways & 1) != 0,
			.prefer_bdat = (ways & 2) != 0, .has_8bit = (ways & 4) != 0, .piece = 4096 };
		duel_run(&duel, &config);
		assert_int_equal(duel.connections, 1);
		assert_int_equal(duel.ends[0], SMTP_END_QUIT);
		assert_int_equal(duel_delivered(&duel), DUEL_MAILS * DUEL_RCPTS);
		for (unsigned i = 0; i < DUEL_MAILS; i++)
			for (unsigned k = 0; k < DUEL_RCPTS; k++)
				assert_int_equal(duel_copies(&duel, i, k), 1);
		assert_int_equal(sink_counted(&duel.book.counters.messages_bdat),
			config.prefer_bdat ? DUEL_MAILS : 0);
		assert_int_equal(sink_counted(&duel.book.counters.messages_tls), DUEL_MAILS);
		for (unsigned i = 0; i < SINK_ODDITY_COUNT; i++)
			assert_int_equal(duel_odd(&duel, (enum sink_oddity)i), 0);
		duel_deinit(&duel);
	}
}

/* "STALL" and "EHLO_TLS" make "stall-ehlo-tls". */
static void spell(char *out, size_t size, const char *fault, const char *stage, const char *more)
{
	snprintf(out, size, "%s-%s%s", fault, stage, more);
	for (char *at = out; *at != '\0' && *at != ':'; at++)
		*at = *at == '_' ? '-' : (char)text_lower((uint8_t)*at);
}

static void every_fault_once_is_survived(void **state)
{
	(void)state;
	for (unsigned fault = 1; fault < SINK_FAULT_COUNT; fault++) {
		for (unsigned stage = 0; stage < SINK_STAGE_COUNT; stage++) {
			char rule[64];
			const char *const rules[] = { rule, NULL };
			spell(rule, sizeof rule, sink_deed_name((enum sink_deed)fault),
				sink_stage_name((enum sink_stage)stage), "*1");
			/* A 550 may be the end of a recipient, of a message, not of more. */
			bool refuses = fault == SINK_FAULT_REPLY;
			fight(rules, DUEL_RCPTS * (refuses ? DUEL_MAILS - 1 : DUEL_MAILS));
		}
	}
}

static void every_fault_for_ever_comes_to_an_end(void **state)
{
	(void)state;
	for (unsigned fault = 1; fault < SINK_FAULT_COUNT; fault++) {
		for (unsigned stage = 0; stage < SINK_STAGE_COUNT; stage++) {
			char rule[64];
			const char *const rules[] = { rule, NULL };
			spell(rule, sizeof rule, sink_deed_name((enum sink_deed)fault),
				sink_stage_name((enum sink_stage)stage), "");
			fight(rules, 0);
		}
	}
}

static void any_code_at_any_stage_is_survived(void **state)
{
	(void)state;
	static const char *const codes[] = { "100", "199", "220", "221", "250", "251", "252", "299",
		"334", "354", "399", "421", "450", "451", "452", "454", "500", "501", "502", "503",
		"521", "550", "552", "553", "554", "555", "556", "571", "599" };
	for (size_t code = 0; code < COUNT_OF(codes); code++) {
		for (unsigned stage = 0; stage < SINK_STAGE_COUNT; stage++) {
			char rule[64], more[16];
			const char *const rules[] = { rule, NULL };
			snprintf(more, sizeof more, "*1:%s", codes[code]);
			spell(rule, sizeof rule, "REPLY", sink_stage_name((enum sink_stage)stage), more);
			fight(rules, DUEL_RCPTS * (DUEL_MAILS - 1));
		}
	}
}

/* Bugs and settings with a place of their own; how many recipients must be delivered all the same. */
static const struct {
	const char *rule, *second;
	uint32_t delivered_min;
} bugs[] = {
	{ "without:PIPELINING", NULL, 6 },
	{ "without:CHUNKING", NULL, 6 },
	{ "without:SIZE", NULL, 6 },
	{ "without:STARTTLS", NULL, 6 },
	{ "without:ENHANCEDSTATUSCODES,8BITMIME,SMTPUTF8,DSN", NULL, 6 },
	{ "without-tls:PIPELINING,CHUNKING", NULL, 6 },
	{ "offer-plain:LIMITS RCPTMAX=1", NULL, 6 },
	{ "offer:LIMITS RCPTMAX=0 MAILMAX=5 FOO", NULL, 6 },
	{ "offer:SIZE abc", NULL, 6 },
	{ "keyword-case", NULL, 6 },
	{ "hello:STARTTLS.example", "without:STARTTLS", 6 },
	{ "size:100", NULL, 0 },
	{ "size:0", NULL, 6 },
	{ "rcpts-max:1", NULL, 6 },
	{ "rcpts-max:1/552", NULL, 6 },
	{ "mail-max:1", NULL, 6 },
	{ "close-after:1", NULL, 6 },
	{ "limit-mail:1", NULL, 6 },
	{ "limit-rcpt:1", NULL, 6 },
	{ "limit-domain:1", NULL, 6 },
	{ "starttls-in-tls", NULL, 6 },
	{ "data-no-rcpts", "reply-rcpt*2:550", 4 },
	{ "bdat-unknown", NULL, 6 },
	{ "body-reply*1:500", NULL, 4 },
	{ "body-close*1:500", NULL, 6 },
	{ "body-reset*1:500", NULL, 6 },
	{ "body-stall*1:500", NULL, 6 },
	{ "inject*1", NULL, 6 },
	{ "inject-late*1", NULL, 6 },
	{ "greet-tls*1", NULL, 6 },
	{ "tls-garbage*1", NULL, 6 },
	{ "tls-stall*1", NULL, 6 },
	{ "tls-drop*1", NULL, 6 },
	{ "tolerant-ends", NULL, 6 },
	{ "d0.lab/reply-rcpt:550", NULL, 3 },
	{ "r1.0@d0.lab/reply-dot:554", NULL, 4 },
};

static void every_bug_is_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bugs); i++) {
		const char *const rules[] = { bugs[i].rule, bugs[i].second, NULL };
		fight(rules, bugs[i].delivered_min);
	}
}

/* Any fault but TWICE: under BDAT all replies are 250, so that one reply too many, which comes when the
 * client has just sent its BDAT, cannot be told from the answer to it. (Under DATA the 354 tells.) */
static const char *any_fault_name(struct random_state *random)
{
	enum sink_fault fault = SINK_FAULT_TWICE;
	while (fault == SINK_FAULT_TWICE)
		fault = (enum sink_fault)(1 + random_below(random, SINK_FAULT_COUNT - 1));
	return sink_deed_name((enum sink_deed)fault);
}

/* Several faults at once, each now and then, by seed; the books must be right whatever happens. */
static void faults_by_chance_never_break_the_books(void **state)
{
	(void)state;
	struct random_state random;
	random_init_seed(&random, 2);
	for (unsigned round = 0; round < 400; round++) {
		char rules[3][64];
		const char *const list[] = { rules[0], rules[1], rules[2], NULL };
		for (unsigned i = 0; i < 3; i++)
			spell(rules[i], sizeof rules[i], any_fault_name(&random),
				sink_stage_name((enum sink_stage)random_below(&random, SINK_STAGE_COUNT)),
				"%20");
		fight(list, 0);
	}
}

static int forget(void **state)
{
	(void)state;
	duel_forget(&duel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults_all_is_delivered_once_in_one_session),
		cmocka_unit_test(every_fault_once_is_survived),
		cmocka_unit_test(every_fault_for_ever_comes_to_an_end),
		cmocka_unit_test(any_code_at_any_stage_is_survived),
		cmocka_unit_test(every_bug_is_survived),
		cmocka_unit_test(faults_by_chance_never_break_the_books),
	};
	return cmocka_run_group_tests(tests, NULL, forget);
}
