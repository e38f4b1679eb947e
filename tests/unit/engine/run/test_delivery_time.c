/* Time limits of a session: each step has its own, and one that is passed ends the session and no more
 * (SMTP-02, SMTP-03). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "tests/unit/engine/run/work_test.h"

static struct work w;
static struct peer peers[2];

static uint64_t now_ms(void) { return clock_now_ns() / TEST_MS_NS; }

static void set_up(const char *flag)
{
	const char *const flags[] = { "--connect-timeout=30s", "--greeting-timeout=30s",
		"--command-timeout=30s", "--tls-timeout=30s", "--data-timeout=30s",
		"--final-timeout=30s", "--idle-timeout=100ms", flag, NULL };
	work_init(&w, flags);
	peer_init(&peers[0], "127.0.0.1");
	peer_init(&peers[1], "127.0.0.2");
}

static void tear_down(void)
{
	work_end(&w);
	peer_deinit(&peers[0]);
	peer_deinit(&peers[1]);
}

struct slow {
	enum peer_stage stage;
	const char *flag;
	bool next_host; /* it is tried at once */
};

static const struct slow slows[] = {
	{ PEER_GREETING, "--greeting-timeout=300ms", true },
	{ PEER_EHLO, "--command-timeout=300ms", true },
	{ PEER_STARTTLS, "--command-timeout=300ms", true },
	{ PEER_MAIL, "--command-timeout=300ms", false },
	{ PEER_RCPT, "--command-timeout=300ms", false },
	{ PEER_DATA, "--command-timeout=300ms", false },
	{ PEER_FINAL, "--final-timeout=300ms", false },
};

static void each_step_has_its_time_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(slows); i++) {
		set_up(slows[i].flag);
		peers[0].rules[0] =
			(struct peer_rules){ .silent_at = slows[i].stage, .tls = PEER_TLS_GOOD };
		peers[0].rules_count = 1;
		struct peer *list[] = { &peers[0], &peers[1] };
		uint64_t start_ms = now_ms();
		struct attempt *attempt = work_send(&w, work_route(list, 2, SECURITY_NEED_MAY),
			&(struct test_mail){ .rcpts = "ann@a.example" });
		assert_ptr_equal(work_outcome(&w), attempt);
		print_message("row %zu: %s\n", i, work_reason(attempt));
		assert_in_range(now_ms() - start_ms, 290, 20000);
		assert_int_equal(peers[0].conns_count, 1);
		assert_int_equal(peers[1].conns_count, slows[i].next_host);
		assert_int_equal(attempt->rcpts[0].fate,
			slows[i].next_host ? ATTEMPT_DELIVERED : ATTEMPT_DEFERRED);
		assert_int_not_equal(work_reason(attempt)[0], '\0');
		work_done(&w, attempt);
		tear_down();
	}
}

static void a_handshake_that_hangs_is_a_failed_one(void **state) /* STLS-19 */
{
	(void)state;
	static const enum security_need needs[] = { SECURITY_NEED_MAY, SECURITY_NEED_ENCRYPT };
	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		set_up("--tls-timeout=300ms");
		peers[0].rules[0] =
			(struct peer_rules){ .silent_at = PEER_HANDSHAKE, .tls = PEER_TLS_GOOD };
		peers[0].rules_count = 1;
		struct peer *list[] = { &peers[0] };
		struct attempt *attempt = work_send(&w, work_route(list, 1, needs[i]),
			&(struct test_mail){ .rcpts = "ann@a.example" });
		assert_ptr_equal(work_outcome(&w), attempt);
		if (needs[i] == SECURITY_NEED_MAY) {
			assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
			assert_int_equal(peers[0].conns_count, 3);
		} else {
			assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
			assert_int_equal(peers[0].conns_count, 1);
			assert_int_equal(peers[0].mails, 0);
		}
		work_done(&w, attempt);
		tear_down();
		assert_int_equal(w.reports[0].result, TLS_RESULT_VALIDATION_FAILURE);
	}
}

/* A listener whose queue is full: the kernel answers no more connections. */
struct full_listener {
	int listener, waiting[8];
	uint16_t port;
};

static void full_listener_init(struct full_listener *full)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof name;
	assert_int_equal(inet_pton(AF_INET, "127.0.0.9", &name.sin_addr), 1);
	full->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(full->listener, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(full->listener, 0), 0);
	assert_int_equal(getsockname(full->listener, (struct sockaddr *)&name, &len), 0);
	full->port = ntohs(name.sin_port);
	for (size_t i = 0; i < COUNT_OF(full->waiting); i++) {
		full->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(full->waiting[i], (struct sockaddr *)&name, sizeof name);
	}
	clock_wait_ms(50);
}

static void full_listener_deinit(struct full_listener *full)
{
	for (size_t i = 0; i < COUNT_OF(full->waiting); i++)
		(void)close(full->waiting[i]);
	(void)close(full->listener);
}

static void a_connection_that_does_not_come_about_ends_in_time(void **state)
{
	(void)state;
	struct full_listener full;
	full_listener_init(&full);
	set_up("--connect-timeout=400ms");
	const struct test_host hosts[] = {
		{ "mx0.test", 10, full.port, "127.0.0.9", 0, NULL, 0 },
		{ "mx1.test", 20, peers[0].port, "127.0.0.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	uint64_t start_ms = now_ms();
	struct attempt *attempt = work_send(&w, test_route("a.example", hosts, UINT64_MAX),
		&(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_in_range(now_ms() - start_ms, 390, 20000);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_non_null(strstr(
		work_reason(attempt), "mx0.test [127.0.0.9]: no connection within the time"));
	work_done(&w, attempt);
	tear_down();
	full_listener_deinit(&full);
}

static void an_idle_session_is_closed_in_good_order_and_its_slot_comes_back(void **state)
{
	(void)state;
	set_up("--idle-timeout=300ms");
	struct attempt *attempt = work_send(
		&w, work_route_to(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	uint64_t start_ms = now_ms();
	work_done(&w, attempt);
	assert_int_equal(w.slots, 1);
	WORK_WAIT(&w, w.slots == 0);
	assert_in_range(now_ms() - start_ms, 250, 20000);
	assert_int_equal(peers[0].quits, 1);
	tear_down();
	assert_string_equal(w.reports[0].reason, "");
}

static void an_old_session_takes_no_new_message(void **state)
{
	(void)state;
	set_up("--session-timeout=1s");
	struct attempt *attempt = work_send(
		&w, work_route_to(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	work_done(&w, attempt);
	uint64_t end_ms = now_ms() + 1100;
	while (now_ms() < end_ms) { /* kept from idling */
		attempt = work_send_slots(&w, work_route_to(&peers[0]),
			&(struct test_mail){ .rcpts = "ann@a.example" }, w.slots == 0);
		WORK_WAIT(&w, !list_is_empty(&w.outcomes) || !list_is_empty(&w.returned));
		if (!list_is_empty(&w.returned)) { /* the slot was on its way back */
			work_done(&w, work_returned(&w));
			continue;
		}
		assert_ptr_equal(work_outcome(&w), attempt);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
		work_done(&w, attempt);
		clock_wait_ms(20);
	}
	WORK_WAIT(&w, w.reports_count >= 1);
	assert_true(peers[0].quits >= 1);
	tear_down();
}

static void a_host_that_is_silent_behind_mail_twice_gets_its_commands_one_by_one(void **state) /* EXT-PIPE-01 */
{
	(void)state;
	const struct peer_rules silent = { .silent_at = PEER_RCPT, .pipelining = true };
	const struct peer_rules none = { .rcpt = "450 4.2.0 later", .pipelining = true };
	for (size_t times = 1; times <= 2; times++) {
		set_up("--command-timeout=200ms");
		for (size_t i = 0; i < times; i++)
			peers[0].rules[i] = silent;
		peers[0].rules[times] = none;
		peers[0].rules_count = times + 1;
		for (size_t i = 0; i <= times; i++) {
			struct attempt *attempt =
				work_send(&w, work_route_to(&peers[0]), &(struct test_mail){ 0 });
			assert_ptr_equal(work_outcome(&w), attempt);
			assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
			work_done(&w, attempt);
		}
		assert_int_equal(peers[0].conns_count, times + 1);
		assert_int_equal(peer_said(&peers[0], times, "DATA"), times == 1);
		tear_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_has_its_time_limit),
		cmocka_unit_test(a_handshake_that_hangs_is_a_failed_one),
		cmocka_unit_test(a_connection_that_does_not_come_about_ends_in_time),
		cmocka_unit_test(an_idle_session_is_closed_in_good_order_and_its_slot_comes_back),
		cmocka_unit_test(an_old_session_takes_no_new_message),
		cmocka_unit_test(a_host_that_is_silent_behind_mail_twice_gets_its_commands_one_by_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
