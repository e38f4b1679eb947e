/* Event lines (DESIGN 1): all fields always there, each fate its kind. */
#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/run/record_event.h"
#include "tests/unit/engine/run/run_test.h"

#define WALL_US 1700000000123456

static struct message *message;
static struct attempt *attempt;
static struct buf out;

static const struct test_host hosts[] = {
	{ "mx.a.example", 10, 0, "192.0.2.1", 0, NULL, SECURITY_NEED_DANE },
	{ NULL, 0, 0, NULL, 0, NULL, 0 },
};

static int set_up(void **state)
{
	(void)state;
	const struct test_mail mail = {
		.name = "m1.eml",
		.rcpts = "ann@a.example bob@a.example",
		.job = "spring",
		.id = "<1@list.example>",
		.class = ENVELOPE_CLASS_TRANSACTIONAL,
		.message_bytes = 1234,
	};
	message = test_message(&mail);
	message->envelope = test_envelope(&mail);
	attempt = attempt_create(message, 2);
	attempt->rcpts[1].rcpt = 1;
	attempt->number = 3;
	uint8_t *memory = malloc(4 * EVENT_LINE_BYTES_MAX);
	buf_init(&out, memory, 4 * EVENT_LINE_BYTES_MAX);
	return memory == NULL || !attempt_begin_work(attempt);
}

static int tear_down(void **state)
{
	(void)state;
	attempt_destroy(attempt);
	message_destroy(message);
	free(out.data);
	return 0;
}

static void assert_line(const char *want)
{
	assert_false(out.overflow);
	out.data[out.len] = '\0';
	assert_string_equal((const char *)out.data, want);
	buf_reset(&out);
}

static void answer(struct attempt_rcpt *rcpt, uint16_t code, const char *text)
{
	struct attempt_work *work = attempt->work;
	work->facts[1] = (struct attempt_facts){
		.mx = "mx.a.example",
		.ip = test_ip("192.0.2.1"),
		.source = test_ip("198.51.100.7"),
		.helo = "mail.sender.example",
		.tls = "TLSv1.3",
		.session = 42,
		.security = SECURITY_DANE,
		.need = SECURITY_NEED_DANE,
		.authenticated = true,
	};
	work->facts_count = 2;
	rcpt->facts = 1;
	rcpt->code = code;
	rcpt->text_at = work->texts_used;
	rcpt->text_len = (uint16_t)strlen(text);
	memcpy(work->texts + work->texts_used, text, rcpt->text_len);
	work->texts_used += rcpt->text_len;
}

static void a_delivery_shows_where_and_how_it_was_heard(void **state)
{
	(void)state;
	struct attempt_rcpt *rcpt = &attempt->rcpts[1];
	rcpt->fate = ATTEMPT_DELIVERED;
	answer(rcpt, 250, "2.0.0 queued as \"4711\"");
	rcpt->status = attempt_status_of("2.0.0");
	record_event_rcpt(attempt, rcpt, 17, WALL_US, &out);
	assert_line(
		"{\"event\":\"delivered\",\"seq\":\"17\",\"time\":\"2023-11-14T22:13:20.123456Z\","
		"\"file\":\"m1.eml\",\"id\":\"<1@list.example>\",\"job\":\"spring\","
		"\"class\":\"transactional\",\"from\":\"news@list.example\",\"rcpt\":\"bob@a."
		"example\","
		"\"domain\":\"a.example\",\"mx\":\"mx.a.example\",\"ip\":\"192.0.2.1\","
		"\"source\":\"198.51.100.7\",\"helo\":\"mail.sender.example\",\"session\":\"42\","
		"\"reply\":\"250 2.0.0 queued as "
		"\\\"4711\\\"\",\"status\":\"2.0.0\",\"bounce_class\":\"\","
		"\"size\":\"1234\",\"tls\":\"TLSv1.3\",\"channel\":\"authenticated\","
		"\"security\":\"dane\",\"policy\":\"dane\",\"attempt\":\"3\",\"reason\":\"\","
		"\"result\":\"\"}\n");
}

static void a_fate_that_nobody_spoke_about_names_no_host(void **state)
{
	(void)state;
	attempt_add_reason(attempt, "", NULL, "the domain does not exist");
	attempt_settle(attempt, ATTEMPT_BOUNCED, BOUNCE_CLASS_DOMAIN, "5.1.2");
	record_event_rcpt(attempt, &attempt->rcpts[0], 1, WALL_US, &out);
	assert_line(
		"{\"event\":\"bounced\",\"seq\":\"1\",\"time\":\"2023-11-14T22:13:20.123456Z\","
		"\"file\":\"m1.eml\",\"id\":\"<1@list.example>\",\"job\":\"spring\","
		"\"class\":\"transactional\",\"from\":\"news@list.example\",\"rcpt\":\"ann@a."
		"example\","
		"\"domain\":\"a.example\",\"mx\":\"\",\"ip\":\"\",\"source\":\"\",\"helo\":\"\","
		"\"session\":\"\",\"reply\":\"\",\"status\":\"5.1.2\",\"bounce_class\":\"domain\","
		"\"size\":\"1234\",\"tls\":\"\",\"channel\":\"\",\"security\":\"\",\"policy\":\"\","
		"\"attempt\":\"3\",\"reason\":\"the domain does not exist\",\"result\":\"\"}\n");
}

static bool line_has(const char *words)
{
	out.data[out.len] = '\0';
	bool found = strstr((const char *)out.data, words) != NULL;
	buf_reset(&out);
	return found;
}

static void each_fate_is_a_kind_and_only_the_deferred_is_not_final(void **state)
{
	(void)state;
	static const struct {
		enum attempt_fate fate;
		const char *event;
		bool is_final;
	} table[] = {
		{ ATTEMPT_DELIVERED, "\"event\":\"delivered\"", true },
		{ ATTEMPT_DEFERRED, "\"event\":\"deferred\"", false },
		{ ATTEMPT_BOUNCED, "\"event\":\"bounced\"", true },
		{ ATTEMPT_EXPIRED, "\"event\":\"expired\"", true },
		{ ATTEMPT_WITHDRAWN, "\"event\":\"withdrawn\"", true },
		{ ATTEMPT_SUPPRESSED, "\"event\":\"suppressed\"", true },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		attempt->rcpts[0].fate = (uint8_t)table[i].fate;
		record_event_rcpt(attempt, &attempt->rcpts[0], 1, WALL_US, &out);
		assert_true(line_has(table[i].event));
		assert_int_equal(
			event_kind_is_final(record_event_kind(table[i].fate)), table[i].is_final);
	}
}

static void the_default_class_is_bulk(void **state)
{
	(void)state;
	static const enum envelope_class classes[] = { ENVELOPE_CLASS_NONE, ENVELOPE_CLASS_BULK };
	attempt->rcpts[0].fate = ATTEMPT_DELIVERED;
	for (size_t i = 0; i < COUNT_OF(classes); i++) {
		message->envelope->class = classes[i];
		record_event_rcpt(attempt, &attempt->rcpts[0], 1, WALL_US, &out);
		assert_true(line_has("\"class\":\"bulk\""));
	}
}

static void a_reply_on_an_open_channel_is_shown_as_unauthenticated(
	void **state) /* POL-14, POL-15 */
{
	(void)state;
	struct attempt_rcpt *rcpt = &attempt->rcpts[0];
	rcpt->fate = ATTEMPT_DEFERRED;
	answer(rcpt, 451, "later");
	attempt->work->facts[1].authenticated = false;
	attempt->work->facts[1].tls = "";
	attempt->work->facts[1].security = SECURITY_CLEARTEXT;
	attempt->work->facts[1].need = SECURITY_NEED_MAY;
	attempt->work->facts[1].source = (struct ip_address){ 0 };
	record_event_rcpt(attempt, rcpt, 1, WALL_US, &out);
	assert_true(line_has(
		"\"source\":\"\",\"helo\":\"mail.sender.example\",\"session\":\"42\","
		"\"reply\":\"451 later\",\"status\":\"\",\"bounce_class\":\"\",\"size\":\"1234\","
		"\"tls\":\"\",\"channel\":\"unauthenticated\",\"security\":\"cleartext\","
		"\"policy\":\"may\""));
}

static void an_attempt_without_memory_for_words_still_has_its_line(void **state)
{
	(void)state;
	attempt_end_work(attempt);
	attempt_settle(attempt, ATTEMPT_EXPIRED, BOUNCE_CLASS_OTHER, "4.4.7");
	record_event_rcpt(attempt, &attempt->rcpts[0], 9, WALL_US, &out);
	assert_true(line_has("\"status\":\"4.4.7\",\"bounce_class\":\"other\""));
}

static void a_rejected_file_is_told_with_its_reason(void **state)
{
	(void)state;
	message->identity.bytes = 77;
	snprintf(message->reason, sizeof message->reason, "line 3: no receiver");
	record_event_rejected(message, 5, WALL_US, &out);
	assert_line("{\"event\":\"rejected-input\",\"seq\":\"5\",\"time\":\"2023-11-14T22:13:20."
		    "123456Z\","
		    "\"file\":\"m1.eml\",\"id\":\"\",\"job\":\"\",\"class\":\"\",\"from\":\"\","
		    "\"rcpt\":\"\","
		    "\"domain\":\"\",\"mx\":\"\",\"ip\":\"\",\"source\":\"\",\"helo\":\"\","
		    "\"session\":\"\","
		    "\"reply\":\"\",\"status\":\"5.6.0\",\"bounce_class\":\"input\",\"size\":"
		    "\"77\",\"tls\":\"\","
		    "\"channel\":\"\",\"security\":\"\",\"policy\":\"\",\"attempt\":\"\","
		    "\"reason\":\"line 3: no receiver\",\"result\":\"\"}\n");
}

static void a_session_is_told_with_the_result_of_rfc_8460(void **state) /* RPT-11 */
{
	(void)state;
	struct route *route = test_route("a.example", hosts, UINT64_MAX);
	struct session_report report = {
		.route = route,
		.host = &route->hosts[0],
		.ip = test_ip("192.0.2.1"),
		.source = test_ip("198.51.100.7"),
		.helo = "mail.sender.example",
		.tls = "",
		.session = 8,
		.wall_us = WALL_US,
		.need = SECURITY_NEED_DANE,
		.result = TLS_RESULT_STARTTLS_NOT_SUPPORTED,
		.code = 554,
		.reply = "go away",
		.reason = "STARTTLS is not offered",
	};
	record_event_session(&report, 6, &out);
	assert_line(
		"{\"event\":\"session\",\"seq\":\"6\",\"time\":\"2023-11-14T22:13:20.123456Z\","
		"\"file\":\"\",\"id\":\"\",\"job\":\"\",\"class\":\"\",\"from\":\"\",\"rcpt\":\"\","
		"\"domain\":\"a.example\",\"mx\":\"mx.a.example\",\"ip\":\"192.0.2.1\","
		"\"source\":\"198.51.100.7\",\"helo\":\"mail.sender.example\",\"session\":\"8\","
		"\"reply\":\"554 go "
		"away\",\"status\":\"\",\"bounce_class\":\"\",\"size\":\"\",\"tls\":\"\","
		"\"channel\":\"unauthenticated\",\"security\":\"cleartext\",\"policy\":\"dane\","
		"\"attempt\":\"\",\"reason\":\"STARTTLS is not offered\","
		"\"result\":\"starttls-not-supported\"}\n");
	report.code = 0;
	report.tls = "TLSv1.3";
	report.security = SECURITY_DANE;
	report.result = TLS_RESULT_SUCCESS;
	record_event_session(&report, 7, &out);
	assert_true(line_has(
		"\"reply\":\"\",\"status\":\"\",\"bounce_class\":\"\",\"size\":\"\","
		"\"tls\":\"TLSv1.3\",\"channel\":\"authenticated\",\"security\":\"dane\","
		"\"policy\":\"dane\",\"attempt\":\"\",\"reason\":\"STARTTLS is not offered\","
		"\"result\":\"success\""));
	report.security = SECURITY_ENCRYPTED; /* TLS, but nobody knows with whom */
	record_event_session(&report, 8, &out);
	assert_true(line_has("\"channel\":\"unauthenticated\",\"security\":\"encrypted\""));
	route_unref(route);
}

static void a_site_is_told_with_its_provider_and_source(void **state)
{
	(void)state;
	const struct site_report report = {
		.wall_us = WALL_US,
		.provider = "google",
		.source = "198.51.100.7",
		.reason = "resumed; 4 sessions",
	};
	record_event_site(&report, 3, &out);
	assert_true(line_has("{\"event\":\"site-changed\",\"seq\":\"3\","
			     "\"time\":\"2023-11-14T22:13:20.123456Z\",\"file\":\"\""));
	record_event_site(&report, 3, &out);
	assert_true(line_has("\"mx\":\"google\",\"ip\":\"\",\"source\":\"198.51.100.7\""));
	record_event_site(&report, 3, &out);
	assert_true(line_has("\"reason\":\"resumed; 4 sessions\""));
}

static void a_policy_that_changed_is_told_with_domain_host_and_both_states(void **state)
{
	(void)state;
	const struct policy_report report = {
		.wall_us = WALL_US,
		.domain = "a.example",
		.host = "mx.a.example",
		.before = "dane",
		.now = "none",
		.reason = "there are no TLSA records any more at _25._tcp.mx.a.example",
	};
	record_event_policy(&report, 3, &out);
	assert_true(line_has("{\"event\":\"policy-changed\",\"seq\":\"3\""));
	record_event_policy(&report, 3, &out);
	assert_true(line_has("\"domain\":\"a.example\",\"mx\":\"mx.a.example\",\"ip\":\"\""));
	record_event_policy(&report, 3, &out);
	assert_true(line_has("\"policy\":\"none\",\"attempt\":\"\",\"reason\":\"dane before, none now: "
			     "there are no TLSA records any more at _25._tcp.mx.a.example\""));
}

static void lines_follow_each_other_and_the_longest_fits(void **state)
{
	(void)state;
	struct attempt_rcpt *rcpt = &attempt->rcpts[0];
	char text[400];
	memset(text, '"', sizeof text); /* twice as long in JSON */
	text[sizeof text - 1] = '\0';
	answer(rcpt, 550, text);
	rcpt->fate = ATTEMPT_BOUNCED;
	for (uint64_t seq = 1; seq <= 2; seq++) {
		size_t before = out.len;
		record_event_rcpt(attempt, rcpt, seq, WALL_US, &out);
		assert_in_range(out.len - before, 800, EVENT_LINE_BYTES_MAX);
		assert_int_equal(out.data[out.len - 1], '\n');
	}
	assert_false(out.overflow);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_delivery_shows_where_and_how_it_was_heard),
		TEST(a_fate_that_nobody_spoke_about_names_no_host),
		TEST(each_fate_is_a_kind_and_only_the_deferred_is_not_final),
		TEST(the_default_class_is_bulk),
		TEST(a_reply_on_an_open_channel_is_shown_as_unauthenticated),
		TEST(an_attempt_without_memory_for_words_still_has_its_line),
		TEST(a_rejected_file_is_told_with_its_reason),
		TEST(a_session_is_told_with_the_result_of_rfc_8460),
		TEST(a_site_is_told_with_its_provider_and_source),
		TEST(a_policy_that_changed_is_told_with_domain_host_and_both_states),
		TEST(lines_follow_each_other_and_the_longest_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
