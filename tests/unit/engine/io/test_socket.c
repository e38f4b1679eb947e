/* Sockets, clocks, random numbers and the limits of the process. */
#include "tests/unit/engine/io/io_test.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/limits_process.h"
#include "engine/io/random.h"
#include "engine/io/socket.h"

static struct ip_address address_of(const char *text)
{
	struct ip_address address;
	assert_int_equal(ip_address_parse(text_of(text), &address), RESULT_OK);
	return address;
}

static int listen_on(const char *text, uint16_t *out_port)
{
	struct ip_address address = address_of(text);
	struct fail fail;
	int fd;
	assert_int_equal(socket_listen_tcp(&address, 0, false, &fd, &fail), RESULT_OK);
	assert_true(socket_local(fd, &address, out_port));
	return fd;
}

static void a_taken_port_is_named_and_may_be_shared(void **state)
{
	(void)state;
	struct ip_address loopback = address_of("127.0.0.1");
	struct fail fail;
	uint16_t port, shared_port;
	int first = listen_on("127.0.0.1", &port), second, third;
	assert_int_equal(socket_listen_tcp(&loopback, port, false, &second, &fail), RESULT_BUSY);
	assert_int_equal(second, -1);
	assert_non_null(strstr(fail.text, "127.0.0.1"));
	close(first);
	assert_int_equal(socket_listen_tcp(&loopback, 0, true, &second, &fail), RESULT_OK);
	assert_true(socket_local(second, &loopback, &shared_port));
	assert_int_equal(socket_listen_tcp(&loopback, shared_port, true, &third, &fail), RESULT_OK);
	close(second);
	close(third);
}

static void a_source_without_a_port_leaves_all_ports_to_each_receiver(void **state)
{
	(void)state;
	struct ip_address source = address_of("127.0.0.1"), seen;
	struct fail fail;
	uint16_t port;
	int fd;
	assert_int_equal(socket_open_tcp(IP_FAMILY_4, &source, &fd, &fail), RESULT_OK);
	assert_true(socket_local(fd, &seen, &port));
	assert_true(ip_address_equal(&seen, &source));
	assert_int_equal(port, 0); /* chosen when it connects */
	int no_delay = 0;
	socklen_t len = sizeof no_delay;
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
	assert_int_equal(no_delay, 1);
	close(fd);
	source = address_of("::1");
	if (socket_open_tcp(IP_FAMILY_6, &source, &fd, &fail) == RESULT_OK) {
		assert_true(socket_local(fd, &seen, &port));
		assert_int_equal(port, 0);
		close(fd);
	}
}

static void what_is_in_a_socket_can_be_looked_at(void **state)
{
	(void)state;
	int fds[2];
	char byte;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(socket_peek(fds[0]), 0);
	assert_int_equal(send(fds[1], "x", 1, 0), 1);
	assert_true(socket_peek(fds[0]) > 0);
	assert_true(socket_peek(fds[0]) > 0); /* it is still there */
	assert_int_equal(recv(fds[0], &byte, 1, 0), 1);
	close(fds[1]);
	assert_int_equal(socket_peek(fds[0]), -1);
	close(fds[0]);
	struct ip_address address;
	uint16_t port;
	assert_false(socket_peer(-1, &address, &port));
	assert_false(socket_local(-1, &address, &port));
}

static void both_families_are_told_apart(void **state)
{
	(void)state;
	struct fail fail;
	int fd;
	struct ip_address any = address_of("::");
	if (socket_listen_tcp(&any, 0, false, &fd, &fail) != RESULT_OK)
		skip(); /* no IPv6 on this machine */
	uint16_t port;
	assert_true(socket_local(fd, &any, &port));
	/* IPv6 only: the same port of IPv4 is free. */
	struct ip_address any4 = address_of("0.0.0.0");
	int fd4;
	assert_int_equal(socket_listen_tcp(&any4, port, false, &fd4, &fail), RESULT_OK);
	close(fd4);
	close(fd);
}

static void use_up_descriptors(void *arg)
{
	(void)arg;
	struct rlimit limit = { 3, 3 };
	struct fail fail;
	int fd;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		_exit(2);
	if (socket_open_tcp(IP_FAMILY_4, NULL, &fd, &fail) != RESULT_LIMIT || fd != -1)
		_exit(1);
	_exit(strstr(fail.text, "LimitNOFILE=") != NULL ? 0 : 3);
}

static void missing_descriptors_are_named(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(use_up_descriptors, NULL), 0);
}

/* ---- the process ---- */

static void raise_from_little(void *arg)
{
	(void)arg;
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		_exit(2);
	limit.rlim_cur = 10;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		_exit(3);
	uint64_t got = limits_process_raise_files();
	struct rlimit now;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		_exit(4);
	_exit(got == limit.rlim_max && now.rlim_cur == limit.rlim_max ? 0 : 1);
}

static void files_are_raised_to_the_hard_limit(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(raise_from_little, NULL), 0);
	assert_in_range(limits_process_cpus(), 1, 1024);
}

/* ---- clock and random ---- */

static void clocks_go_on(void **state)
{
	(void)state;
	uint64_t a = clock_now_ns(), cpu = clock_thread_cpu_ns();
	int64_t wall = clock_wall_us();
	clock_wait_ms(20);
	assert_in_range(clock_now_ns() - a, 20000000, 5000000000);
	assert_in_range(clock_wall_us() - wall, 19000, 5000000);
	assert_true(clock_thread_cpu_ns() >= cpu);
	assert_in_range(wall, 1700000000000000, 4102444800000000); /* 2023 to 2100 */
}

static void a_seed_gives_a_sequence_and_the_kernel_another_each_time(void **state)
{
	(void)state;
	struct random_state a, b;
	random_init_seed(&a, 42);
	random_init_seed(&b, 42);
	for (int i = 0; i < 100; i++)
		assert_int_equal(random_u64(&a), random_u64(&b));
	random_init_seed(&b, 43);
	assert_int_not_equal(random_u64(&a), random_u64(&b));
	random_init(&a);
	random_init(&b);
	assert_int_not_equal(random_u64(&a), random_u64(&b));
	uint8_t secret[64] = { 0 }, other[64] = { 0 };
	random_secret(secret, sizeof secret);
	random_secret(other, sizeof other);
	assert_memory_not_equal(secret, other, sizeof secret);
}

/* The known values of xoshiro256** for the state 1, 2, 3, 4. */
static void the_generator_is_the_one_that_it_says(void **state)
{
	(void)state;
	static const uint64_t want[] = { 11520, 0, 1509978240, 1215971899390074240 };
	struct random_state random = { .s = { 1, 2, 3, 4 } };
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_true(random_u64(&random) == want[i]);
}

static void no_number_below_a_bound_is_favoured(void **state)
{
	(void)state;
	struct random_state random;
	random_init_seed(&random, 7);
	unsigned counts[10] = { 0 };
	for (int i = 0; i < 100000; i++)
		counts[random_below(&random, 10)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(counts[i], 9500, 10500);
	assert_int_equal(random_below(&random, 1), 0);
	/* Two thirds of all numbers as a bound: cutting by remainder would favour the lower half
	 * twofold. */
	uint64_t bound = UINT64_MAX / 3 * 2;
	unsigned lower = 0;
	for (int i = 0; i < 10000; i++) {
		uint64_t number = random_below(&random, bound);
		assert_true(number < bound);
		lower += number < bound / 2;
	}
	assert_in_range(lower, 4700, 5300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_taken_port_is_named_and_may_be_shared),
		cmocka_unit_test(a_source_without_a_port_leaves_all_ports_to_each_receiver),
		cmocka_unit_test(what_is_in_a_socket_can_be_looked_at),
		cmocka_unit_test(both_families_are_told_apart),
		cmocka_unit_test(missing_descriptors_are_named),
		cmocka_unit_test(files_are_raised_to_the_hard_limit),
		cmocka_unit_test(clocks_go_on),
		cmocka_unit_test(a_seed_gives_a_sequence_and_the_kernel_another_each_time),
		cmocka_unit_test(the_generator_is_the_one_that_it_says),
		cmocka_unit_test(no_number_below_a_bound_is_favoured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
