/* Two addresses, one connection: who wins, when the other begins, and that nothing of it is left. */
#include "tests/unit/engine/io/io_test.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/dial.h"
#include "engine/io/loop.h"
#include "engine/io/socket.h"

#define HOUR_NS 3600000000000ull
#define MS_NS 1000000ull

enum { FILLERS = 8 };

static struct loop loop;
static struct dial dial;
static unsigned connected, failed[2], closed, last;
static size_t winner;
static int fd = -1;
static enum result why;
static bool stops_in_failed;

static void on_connected(struct dial *d, size_t lane, int won)
{
	assert_ptr_equal(d->owner, &loop);
	connected++;
	winner = lane;
	fd = won;
}

static void on_failed(struct dial *d, size_t lane, const struct fail *fail, bool is_last)
{
	failed[lane]++;
	last += is_last;
	why = fail->result;
	assert_int_not_equal(fail->text[0], '\0');
	if (stops_in_failed)
		dial_stop(d);
}

static void on_closed(struct dial *d)
{
	(void)d;
	closed++;
}

static const struct dial_handlers handlers = { on_connected, on_failed, on_closed };

static struct ip_address address_of(const char *text)
{
	struct ip_address address;
	assert_int_equal(ip_address_parse(text_of(text), &address), RESULT_OK);
	return address;
}

static int listen_on(const char *text, uint16_t port, uint16_t *out_port)
{
	struct ip_address address = address_of(text);
	struct fail fail;
	int listener;
	assert_int_equal(socket_listen_tcp(&address, port, false, &listener, &fail), RESULT_OK);
	assert_true(socket_local(listener, &address, out_port));
	return listener;
}

/* A listener whose backlog is full: SYNs are not answered. */
struct silent {
	int listener, fillers[FILLERS];
};

static void silent_init(struct silent *s, const char *text, uint16_t port)
{
	s->listener = listen_on(text, port, &port);
	assert_int_equal(listen(s->listener, 0), 0);
	struct sockaddr_storage to;
	struct ip_address address = address_of(text);
	socklen_t len = ip_address_to_sockaddr(&address, port, &to);
	for (int i = 0; i < FILLERS; i++) {
		s->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(s->fillers[i] >= 0);
		(void)connect(s->fillers[i], (struct sockaddr *)&to, len);
	}
}

static void silent_deinit(struct silent *s)
{
	for (int i = 0; i < FILLERS; i++)
		close(s->fillers[i]);
	close(s->listener);
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static int set_up(void **state)
{
	(void)state;
	static const struct loop_handlers none = { 0 };
	const struct ring_options options = { 0 };
	struct fail fail;
	assert_int_equal(loop_init(&loop, &options, NULL, &none, NULL, &fail), RESULT_OK);
	connected = failed[0] = failed[1] = closed = last = 0;
	stops_in_failed = false;
	winner = 9;
	why = RESULT_OK;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (fd >= 0)
		close(fd);
	fd = -1;
	loop_deinit(&loop);
	return 0;
}

static void start_from(const char *source, uint16_t port, uint64_t head_start_ns)
{
	struct dial_to to[] = { { .peer = address_of("127.0.0.1") }, { .peer = address_of("127.0.0.2") } };
	if (source != NULL)
		to[0].source = address_of(source);
	dial_start(&dial, &loop, &handlers, &loop, to, port, head_start_ns);
	assert_int_equal(connected + failed[0] + closed, 0); /* nobody is called from inside */
}

static void until_closed(void)
{
	uint64_t give_up_ns = clock_now_ns() + IO_TEST_PATIENCE_NS;
	while (closed == 0) {
		assert_true(clock_now_ns() < give_up_ns);
		loop_run_once(&loop, clock_now_ns() + 20 * MS_NS);
	}
	/* What is closed and forgotten is on its way. */
	while (ring_ops_in_flight(loop.ring) > 0)
		loop_run_once(&loop, RING_NO_WAIT);
	loop_run_once(&loop, clock_now_ns() + MS_NS);
}

static void the_second_address_is_left_alone_when_the_first_answers_in_time(void **state)
{
	(void)state;
	uint16_t port;
	int first = listen_on("127.0.0.1", 0, &port), second = listen_on("127.0.0.2", port, &port);
	start_from(NULL, port, HOUR_NS);
	until_closed();
	assert_int_equal(connected, 1);
	assert_int_equal(winner, 0);
	assert_false(dial_lane_began(&dial, 1));
	(void)fcntl(second, F_SETFL, O_NONBLOCK);
	assert_int_equal(accept(second, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	close(first);
	close(second);
}

static void the_second_address_comes_at_once_when_the_first_fails(void **state) /* MX-17, RFC 8305 5 */
{
	(void)state;
	uint16_t port;
	int second = listen_on("127.0.0.2", 0, &port);
	start_from(NULL, port, HOUR_NS);
	until_closed();
	assert_int_equal(failed[0], 1);
	assert_int_equal(last, 0);
	assert_int_equal(why, RESULT_REFUSED);
	assert_int_equal(connected, 1);
	assert_int_equal(winner, 1);
	close(second);
}

static void the_second_address_comes_after_the_head_start_when_the_first_is_silent(void **state)
{
	(void)state;
	uint16_t port;
	int second = listen_on("127.0.0.2", 0, &port);
	struct silent first;
	silent_init(&first, "127.0.0.1", port);
	unsigned before = open_descriptors();
	start_from(NULL, port, 50 * MS_NS);
	until_closed();
	assert_true(dial.lanes[1].begun_ns - dial.lanes[0].begun_ns >= 50 * MS_NS);
	assert_int_equal(connected, 1);
	assert_int_equal(winner, 1);
	assert_int_equal(failed[0] + failed[1], 0);
	assert_int_equal(open_descriptors(), before + 1); /* the winner's */
	silent_deinit(&first);
	close(second);
}

static void of_two_that_answer_one_is_given_and_the_other_closed(void **state)
{
	(void)state;
	uint16_t port;
	int first = listen_on("127.0.0.1", 0, &port), second = listen_on("127.0.0.2", port, &port);
	for (int i = 0; i < 50; i++) {
		connected = closed = 0;
		unsigned before = open_descriptors();
		start_from(NULL, port, 0);
		until_closed();
		assert_int_equal(connected, 1);
		assert_int_equal(failed[0] + failed[1], 0);
		assert_int_equal(open_descriptors(), before + 1);
		close(fd);
		fd = -1;
	}
	close(first);
	close(second);
}

static void drain(int listener)
{
	int accepted;
	while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		close(accepted);
}

/* Both answer a SYN only when it comes again, a second later. */
static void of_two_that_are_slow_one_is_given_and_the_other_closed(void **state)
{
	(void)state;
	uint16_t port;
	close(listen_on("127.0.0.1", 0, &port));
	struct silent silent[2];
	silent_init(&silent[0], "127.0.0.1", port);
	silent_init(&silent[1], "127.0.0.2", port);
	unsigned before = open_descriptors();
	start_from(NULL, port, MS_NS);
	while (!dial_lane_began(&dial, 1))
		loop_run_once(&loop, clock_now_ns() + 20 * MS_NS);
	for (int i = 0; i < 2; i++)
		(void)fcntl(silent[i].listener, F_SETFL, O_NONBLOCK);
	while (closed == 0) {
		drain(silent[0].listener);
		drain(silent[1].listener);
		loop_run_once(&loop, clock_now_ns() + 5 * MS_NS);
	}
	until_closed();
	assert_int_equal(connected, 1);
	assert_int_equal(failed[0] + failed[1], 0);
	assert_int_equal(open_descriptors(), before + 1);
	silent_deinit(&silent[0]);
	silent_deinit(&silent[1]);
}

static void when_both_fail_the_last_one_says_so(void **state)
{
	(void)state;
	uint16_t port;
	close(listen_on("127.0.0.1", 0, &port));
	unsigned before = open_descriptors();
	start_from(NULL, port, HOUR_NS);
	until_closed();
	assert_int_equal(failed[0], 1);
	assert_int_equal(failed[1], 1);
	assert_int_equal(last, 1);
	assert_int_equal(connected, 0);
	assert_int_equal(open_descriptors(), before);
}

static void a_socket_that_cannot_be_made_is_a_failed_address(void **state)
{
	(void)state;
	uint16_t port;
	int second = listen_on("127.0.0.2", 0, &port);
	start_from("192.0.2.77", port, HOUR_NS);
	until_closed();
	assert_int_equal(failed[0], 1);
	assert_int_equal(why, RESULT_UNAVAILABLE);
	assert_int_equal(winner, 1);
	close(second);
}

/* So many more can be opened. */
static struct rlimit leave_descriptors(unsigned count)
{
	struct rlimit before;
	int next = dup(STDERR_FILENO); /* all below are taken */
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	const struct rlimit few = { (rlim_t)next + count, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	return before;
}

static void without_a_descriptor_for_both_the_second_address_comes_when_the_first_has_failed(void **state)
{
	(void)state;
	uint16_t port;
	int second = listen_on("127.0.0.2", 0, &port);
	struct silent first;
	silent_init(&first, "127.0.0.1", port);
	struct rlimit before = leave_descriptors(1);
	start_from(NULL, port, MS_NS);
	while (timer_is_running(&dial.timer))
		loop_run_once(&loop, clock_now_ns() + 20 * MS_NS);
	for (int i = 0; i < 5; i++)
		loop_run_once(&loop, clock_now_ns() + 5 * MS_NS);
	assert_int_equal(failed[0] + failed[1] + connected, 0); /* the first has all the time it wants */
	assert_false(dial_lane_began(&dial, 1));
	(void)shutdown(first.listener, SHUT_RDWR); /* the next SYN is refused */
	until_closed();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(failed[0], 1);
	assert_int_equal(failed[1], 0);
	assert_int_equal(why, RESULT_REFUSED);
	assert_int_equal(connected, 1);
	assert_int_equal(winner, 1);
	silent_deinit(&first);
	close(second);
}

static void without_any_descriptor_both_addresses_fail(void **state)
{
	(void)state;
	uint16_t port;
	close(listen_on("127.0.0.1", 0, &port));
	struct rlimit before = leave_descriptors(0);
	start_from(NULL, port, MS_NS);
	until_closed();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(failed[0] + failed[1], 2);
	assert_int_equal(last, 1);
	assert_int_equal(why, RESULT_LIMIT);
}

static void what_is_given_up_leaves_nothing_behind(void **state)
{
	(void)state;
	uint16_t port;
	close(listen_on("127.0.0.1", 0, &port));
	struct silent first, second;
	silent_init(&first, "127.0.0.1", port);
	silent_init(&second, "127.0.0.2", port);
	unsigned before = open_descriptors();
	start_from(NULL, port, MS_NS);
	while (!dial_lane_began(&dial, 1))
		loop_run_once(&loop, clock_now_ns() + 20 * MS_NS);
	dial_stop(&dial);
	dial_stop(&dial);
	assert_int_equal(closed, 0);
	until_closed();
	assert_int_equal(connected + failed[0] + failed[1], 0);
	assert_int_equal(closed, 1);
	assert_int_equal(open_descriptors(), before);
	silent_deinit(&first);
	silent_deinit(&second);
}

static void it_may_be_given_up_when_the_first_address_fails(void **state)
{
	(void)state;
	uint16_t port;
	int second = listen_on("127.0.0.2", 0, &port);
	stops_in_failed = true;
	start_from(NULL, port, HOUR_NS);
	until_closed();
	assert_int_equal(failed[0], 1);
	assert_int_equal(connected, 0);
	assert_int_equal(closed, 1);
	assert_false(dial_lane_began(&dial, 1));
	close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_second_address_is_left_alone_when_the_first_answers_in_time),
		TEST(the_second_address_comes_at_once_when_the_first_fails),
		TEST(the_second_address_comes_after_the_head_start_when_the_first_is_silent),
		TEST(of_two_that_answer_one_is_given_and_the_other_closed),
		TEST(of_two_that_are_slow_one_is_given_and_the_other_closed),
		TEST(when_both_fail_the_last_one_says_so),
		TEST(a_socket_that_cannot_be_made_is_a_failed_address),
		TEST(without_a_descriptor_for_both_the_second_address_comes_when_the_first_has_failed),
		TEST(without_any_descriptor_both_addresses_fail),
		TEST(what_is_given_up_leaves_nothing_behind),
		TEST(it_may_be_given_up_when_the_first_address_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
