/* The ring: every op comes back exactly once, whatever happens to it, and nothing is called back
 * from inside the walk over the completion queue. */
#include "tests/unit/engine/io/io_test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "engine/io/socket.h"

/* An op that remembers what it was told. */
struct probe {
	struct io_op op;
	unsigned calls, ends;
	int32_t value;      /* of the last call */
	uint64_t bytes, sum;
	struct ring *ring;
	struct io_op *other;
};

static void probe_done(struct io_op *op, const struct io_result *result)
{
	struct probe *probe = CONTAINER_OF(op, struct probe, op);
	probe->calls++;
	probe->ends += !result->more;
	probe->value = result->value;
	assert_true(result->more == op->in_flight);
	if (result->data != NULL) {
		assert_true(result->value > 0);
		probe->bytes += (uint32_t)result->value;
		for (int32_t i = 0; i < result->value; i++)
			probe->sum += result->data[i];
	}
}

static void socket_pair(int out_fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out_fds), 0);
}

static void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void end_of(struct ring *ring)
{
	assert_int_equal(ring_ops_in_flight(ring), 0);
	ring_destroy(ring);
}



static void post_again(struct io_op *op, const struct io_result *result)
{
	struct probe *probe = CONTAINER_OF(op, struct probe, op);
	assert_int_equal(result->value, 0);
	assert_false(op->in_flight);
	if (++probe->calls < 3)
		ring_post(probe->ring, op, post_again);
}

static void a_posted_op_is_called_back_in_the_next_turn_and_may_post_again(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	struct probe probe = { .ring = ring };
	ring_post(ring, &probe.op, post_again);
	assert_int_equal(probe.calls, 0);
	for (unsigned turn = 1; turn <= 3; turn++) {
		assert_int_equal(ring_run_once(ring, RING_FOREVER), 1);
		assert_int_equal(probe.calls, turn);
	}
	assert_int_equal(ring_run_once(ring, RING_NO_WAIT), 0);
	end_of(ring);
}

static void a_turn_ends_at_its_deadline(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	int fd = eventfd(0, EFD_CLOEXEC);
	struct probe probe = { 0 };
	ring_poll(ring, &probe.op, fd, POLLIN, probe_done);
	uint64_t start_ns = clock_now_ns();
	assert_int_equal(ring_run_once(ring, start_ns + 30000000), 0);
	uint64_t took_ns = clock_now_ns() - start_ns;
	assert_in_range(took_ns, 30000000, 5000000000);
	assert_int_equal(ring_run_once(ring, RING_NO_WAIT), 0);
	assert_int_equal(ring_run_once(ring, 1), 0); /* long ago */
	ring_cancel(ring, &probe.op);
	RUN_UNTIL(ring, probe.ends == 1);
	assert_int_equal(probe.value, -ECANCELED);
	close(fd);
	end_of(ring);
}

static void an_eventfd_is_read_and_polled(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ .without_buffers = true });
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t number = 0, seven = 7;
	struct probe reader = { 0 }, poller = { 0 };
	ring_read(ring, &reader.op, fd, &number, sizeof number, RING_AT_CURSOR, probe_done);
	assert_int_equal(ring_run_once(ring, RING_NO_WAIT), 0);
	assert_int_equal(write(fd, &seven, sizeof seven), sizeof seven);
	RUN_UNTIL(ring, reader.ends == 1);
	assert_int_equal(reader.value, sizeof number);
	assert_int_equal(number, 7);
	ring_poll(ring, &poller.op, fd, POLLIN, probe_done);
	(void)ring_run_once(ring, RING_NO_WAIT);
	assert_int_equal(poller.calls, 0);
	assert_int_equal(write(fd, &seven, sizeof seven), sizeof seven);
	RUN_UNTIL(ring, poller.ends == 1);
	assert_true(poller.value & POLLIN);
	close(fd);
	end_of(ring);
}

static void files_are_opened_looked_at_written_read_synced_and_closed(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	char dir[] = "/tmp/longship-ring-XXXXXX";
	assert_non_null(mkdtemp(dir));
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct probe probe = { 0 };
	char text[] = "hello", back[16] = "";
	ring_open(ring, &probe.op, dir_fd, "f", O_CREAT | O_RDWR, 0600, probe_done);
	RUN_UNTIL(ring, probe.ends == 1);
	int fd = probe.value;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ring_write(ring, &probe.op, fd, text, 5, 3, probe_done);
	RUN_UNTIL(ring, probe.ends == 2);
	assert_int_equal(probe.value, 5);
	ring_sync(ring, &probe.op, fd, true, probe_done);
	RUN_UNTIL(ring, probe.ends == 3);
	assert_int_equal(probe.value, 0);
	struct statx status = { 0 };
	ring_statx(ring, &probe.op, dir_fd, "f", 0, STATX_SIZE, &status, probe_done);
	RUN_UNTIL(ring, probe.ends == 4);
	assert_int_equal(probe.value, 0);
	assert_int_equal(status.stx_size, 8);
	ring_read(ring, &probe.op, fd, back, sizeof back, 0, probe_done);
	RUN_UNTIL(ring, probe.ends == 5);
	assert_int_equal(probe.value, 8);
	assert_memory_equal(back, "\0\0\0hello", 8);
	ring_close(ring, &probe.op, fd, probe_done);
	RUN_UNTIL(ring, probe.ends == 6);
	assert_int_equal(probe.value, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	ring_open(ring, &probe.op, dir_fd, "none", O_RDONLY, 0, probe_done);
	RUN_UNTIL(ring, probe.ends == 7);
	assert_int_equal(probe.value, -ENOENT);
	unlinkat(dir_fd, "f", 0);
	close(dir_fd);
	rmdir(dir);
	end_of(ring);
}

/* Also with the flags of older kernels, with a kernel that knows no multishot receive, and waiting by
 * poll(). */
static void a_receive_stays_until_the_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RING_RUNGS * 4; i++) {
		struct ring *ring = ring_for_test((struct ring_options){
			.rung_first = (uint8_t)(i / 4), .single_shot = i % 2,
			.waits_by_poll = i / 2 % 2 });
		int fds[2];
		socket_pair(fds);
		struct probe probe = { 0 };
		ring_receive(ring, &probe.op, fds[0], probe_done);
		for (unsigned n = 1; n <= 20; n++) {
			assert_int_equal(send(fds[1], "abc", 3, 0), 3);
			RUN_UNTIL(ring, probe.bytes == n * 3);
			assert_int_equal(probe.ends, 0);
			assert_true(probe.op.in_flight);
		}
		assert_int_equal(send(fds[1], "d", 1, 0), 1);
		close(fds[1]);
		RUN_UNTIL(ring, probe.ends == 1);
		assert_int_equal(probe.value, 0);
		assert_int_equal(probe.bytes, 61);
		assert_int_equal(probe.sum, 20 * ('a' + 'b' + 'c') + 'd');
		close(fds[0]);
		end_of(ring);
	}
}

static void a_receive_that_breaks_says_so(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	int fds[2];
	socket_pair(fds);
	struct probe probe = { 0 };
	ring_receive(ring, &probe.op, fds[0], probe_done);
	assert_int_equal(send(fds[0], "unread", 6, 0), 6);
	close(fds[1]); /* with bytes unread: a reset */
	RUN_UNTIL(ring, probe.ends == 1);
	assert_int_equal(probe.value, -ECONNRESET);
	close(fds[0]);
	end_of(ring);
}

enum { PRESSED = 40, PRESSED_BYTES = 20000 };

/* (MEASURED 3d) Four small buffers, forty busy connections: every byte still comes, in order,
 * and none of the connections is left behind. */
static void receives_without_a_buffer_go_on_when_one_is_back(void **state)
{
	(void)state;
	for (int single_shot = 0; single_shot < 2; single_shot++) {
		struct ring *ring = ring_for_test((struct ring_options){
			.buffers = 4, .buffer_bytes = 64, .single_shot = single_shot });
		int fds[PRESSED][2];
		struct probe probes[PRESSED] = { 0 };
		static uint8_t data[PRESSED_BYTES];
		uint64_t sum = 0;
		for (size_t i = 0; i < sizeof data; i++)
			sum += data[i] = (uint8_t)(i * 7);
		for (int i = 0; i < PRESSED; i++) {
			socket_pair(fds[i]);
			ring_receive(ring, &probes[i].op, fds[i][0], probe_done);
			assert_int_equal(send(fds[i][1], data, sizeof data, 0), sizeof data);
			close(fds[i][1]);
		}
		for (int i = 0; i < PRESSED; i++) {
			RUN_UNTIL(ring, probes[i].ends == 1);
			assert_int_equal(probes[i].value, 0);
			assert_int_equal(probes[i].bytes, sizeof data);
			assert_int_equal(probes[i].sum, sum);
			close(fds[i][0]);
		}
		if (!single_shot)
			assert_true(ring_counters(ring)->starved > 0);
		assert_int_equal(ring_counters(ring)->received_bytes, PRESSED * sizeof data);
		end_of(ring);
	}
}

static void a_receive_can_be_cancelled_while_it_waits_for_a_buffer(void **state)
{
	(void)state;
	struct ring *ring =
		ring_for_test((struct ring_options){ .buffers = 1, .buffer_bytes = 16 });
	int fds[PRESSED][2];
	struct probe probes[PRESSED] = { 0 };
	for (int i = 0; i < PRESSED; i++) {
		socket_pair(fds[i]);
		ring_receive(ring, &probes[i].op, fds[i][0], probe_done);
		assert_int_equal(send(fds[i][1], "0123456789abcdef0123456789abcdef", 32, 0), 32);
	}
	(void)ring_run_once(ring, RING_NO_WAIT); /* one has the buffer, the others nothing */
	assert_true(ring_counters(ring)->starved > 0);
	for (int i = 0; i < PRESSED; i++)
		ring_cancel(ring, &probes[i].op);
	RUN_UNTIL(ring, ring_ops_in_flight(ring) == 0);
	for (int i = 0; i < PRESSED; i++) {
		assert_int_equal(probes[i].ends, 1);
		assert_int_equal(probes[i].value, -ECANCELED);
		close_pair(fds[i]);
	}
	end_of(ring);
}

static void cancelling_twice_or_what_is_not_in_flight_does_nothing(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	int fds[2];
	socket_pair(fds);
	struct probe probe = { 0 };
	ring_cancel(ring, &probe.op);
	ring_receive(ring, &probe.op, fds[0], probe_done);
	ring_cancel(ring, &probe.op);
	ring_cancel(ring, &probe.op);
	RUN_UNTIL(ring, probe.ends == 1);
	assert_int_equal(probe.value, -ECANCELED);
	ring_cancel(ring, &probe.op);
	run_for_ms(ring, 5);
	assert_int_equal(probe.calls, 1);
	/* Started again right behind a cancel that came too late for the one before. */
	assert_int_equal(send(fds[1], "x", 1, 0), 1);
	ring_receive(ring, &probe.op, fds[0], probe_done);
	RUN_UNTIL(ring, probe.bytes == 1);
	ring_cancel(ring, &probe.op);
	RUN_UNTIL(ring, probe.ends == 2);
	close_pair(fds);
	end_of(ring);
}

static void cancel_all_brings_every_op_home(void **state)
{
	(void)state;
	struct ring *ring =
		ring_for_test((struct ring_options){ .buffers = 2, .buffer_bytes = 16 });
	int fds[PRESSED][2];
	struct probe receives[PRESSED] = { 0 }, others[PRESSED] = { 0 };
	uint64_t number;
	for (int i = 0; i < PRESSED; i++) {
		socket_pair(fds[i]);
		ring_receive(ring, &receives[i].op, fds[i][0], probe_done);
		assert_int_equal(send(fds[i][1], "0123456789abcdef0123456789abcdef", 32, 0), 32);
		if (i % 2)
			ring_poll(ring, &others[i].op, fds[i][1], POLLIN, probe_done);
		else
			ring_read(ring, &others[i].op, fds[i][1], &number, sizeof number,
				RING_AT_CURSOR, probe_done);
	}
	(void)ring_run_once(ring, RING_NO_WAIT);
	ring_cancel_all(ring);
	RUN_UNTIL(ring, ring_ops_in_flight(ring) == 0);
	for (int i = 0; i < PRESSED; i++) {
		assert_int_equal(receives[i].ends, 1);
		assert_int_equal(others[i].ends, 1);
		close_pair(fds[i]);
	}
	end_of(ring);
}

enum { MANY = 600 };

/* A queue of 8 entries, hundreds of ops started in one turn, and completions far beyond the
 * queue. */
static void a_full_queue_is_handed_over_in_mid_turn(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){
		.submissions = 8, .completions = 16, .buffers = 64, .buffer_bytes = 64 });
	static struct probe sends[MANY], receives[MANY];
	static int fds[MANY][2];
	memset(sends, 0, sizeof sends);
	memset(receives, 0, sizeof receives);
	for (int i = 0; i < MANY; i++) {
		socket_pair(fds[i]);
		ring_receive(ring, &receives[i].op, fds[i][0], probe_done);
	}
	for (int i = 0; i < MANY; i++)
		ring_send(ring, &sends[i].op, fds[i][1], "0123456789", 10, probe_done);
	assert_true(ring_counters(ring)->queue_full > 0);
	for (int i = 0; i < MANY; i++) {
		RUN_UNTIL(ring, sends[i].ends == 1 && receives[i].bytes == 10);
		assert_int_equal(sends[i].value, 10);
		ring_cancel(ring, &receives[i].op);
	}
	RUN_UNTIL(ring, ring_ops_in_flight(ring) == 0);
	assert_int_equal(ring_counters(ring)->sent_bytes, MANY * 10);
	for (int i = 0; i < MANY; i++)
		close_pair(fds[i]);
	end_of(ring);
}

static void a_turn_calls_back_a_limited_number(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	static struct probe sends[MANY];
	static int fds[MANY][2];
	memset(sends, 0, sizeof sends);
	for (int i = 0; i < MANY; i++) {
		socket_pair(fds[i]);
		ring_send(ring, &sends[i].op, fds[i][1], "0123456789", 10, probe_done);
	}
	unsigned total = 0;
	while (total < MANY) {
		unsigned count = ring_run_once(ring, RING_FOREVER);
		assert_in_range(count, 1, RING_TURN_COMPLETIONS_MAX);
		total += count;
	}
	assert_true(ring_counters(ring)->cut_turns > 0);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(sends[i].ends, 1);
		close_pair(fds[i]);
	}
	end_of(ring);
}

/* The callbacks may be slow: then a turn is over by the clock, and the rest is not lost. */
static void take_a_millisecond(struct io_op *op, const struct io_result *result)
{
	uint64_t end_ns = clock_now_ns() + 1000000;
	while (clock_now_ns() < end_ns)
		;
	probe_done(op, result);
}

static void a_turn_is_over_after_some_milliseconds(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ .without_buffers = true });
	struct probe probes[60] = { 0 };
	int fd = eventfd(0, EFD_CLOEXEC);
	for (size_t i = 0; i < COUNT_OF(probes); i++)
		ring_poll(ring, &probes[i].op, fd, POLLOUT, take_a_millisecond);
	unsigned count = ring_run_once(ring, RING_FOREVER);
	assert_in_range(count, 1, COUNT_OF(probes) / 2);
	assert_true(ring_has_work(ring));
	for (size_t i = 0; i < COUNT_OF(probes); i++)
		RUN_UNTIL(ring, probes[i].ends == 1);
	close(fd);
	end_of(ring);
}

static void posted_ops_are_limited_too_and_keep_their_order(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ .without_buffers = true });
	static struct probe probes[MANY];
	memset(probes, 0, sizeof probes);
	for (int i = 0; i < MANY; i++)
		ring_post(ring, &probes[i].op, probe_done);
	for (int done = 0; done < MANY;) {
		unsigned count = ring_run_once(ring, RING_FOREVER);
		assert_in_range(count, 1, RING_TURN_COMPLETIONS_MAX);
		for (int i = 0; i < MANY; i++)
			assert_int_equal(probes[i].ends, i < done + (int)count);
		done += (int)count;
	}
	end_of(ring);
}

static void a_send_never_raises_sigpipe_and_at_once_means_at_once(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	int fds[2];
	socket_pair(fds);
	static uint8_t data[1 << 20];
	struct probe probe = { 0 };
	/* More than the socket holds: a part is taken, and then nothing. */
	ring_send_at_once(ring, &probe.op, fds[0], data, sizeof data, probe_done);
	RUN_UNTIL(ring, probe.ends == 1);
	assert_in_range(probe.value, 1, sizeof data - 1);
	ring_send_at_once(ring, &probe.op, fds[0], data, sizeof data, probe_done);
	RUN_UNTIL(ring, probe.ends == 2);
	assert_int_equal(probe.value, -EAGAIN);
	ring_send(ring, &probe.op, fds[0], data, 10, probe_done);
	run_for_ms(ring, 5);
	assert_int_equal(probe.ends, 2); /* it waits for room */
	ring_cancel(ring, &probe.op);
	RUN_UNTIL(ring, probe.ends == 3);
	assert_int_equal(probe.value, -ECANCELED);
	close(fds[1]);
	ring_send(ring, &probe.op, fds[0], data, 10, probe_done);
	RUN_UNTIL(ring, probe.ends == 4);
	assert_int_equal(probe.value, -EPIPE);
	close(fds[0]);
	end_of(ring);
}

struct accepts {
	struct io_op op;
	unsigned count, ends;
	int fds[PRESSED];
	int32_t last;
};

static void accepted(struct io_op *op, const struct io_result *result)
{
	struct accepts *accepts = CONTAINER_OF(op, struct accepts, op);
	accepts->last = result->value;
	if (result->more)
		accepts->fds[accepts->count++] = result->value;
	else
		accepts->ends++;
}

static void an_accept_stays_for_all_that_connect(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){ 0 });
	struct ip_address loopback;
	struct fail fail;
	int listener;
	uint16_t port;
	assert_int_equal(ip_address_parse(TEXT("127.0.0.1"), &loopback), RESULT_OK);
	assert_int_equal(socket_listen_tcp(&loopback, 0, false, &listener, &fail), RESULT_OK);
	assert_true(socket_local(listener, &loopback, &port));
	struct accepts accepts = { 0 };
	struct probe connects[PRESSED] = { 0 };
	int clients[PRESSED];
	struct sockaddr_storage address;
	socklen_t len = ip_address_to_sockaddr(&loopback, port, &address);
	ring_accept(ring, &accepts.op, listener, accepted);
	for (int i = 0; i < PRESSED; i++) {
		assert_int_equal(socket_open_tcp(IP_FAMILY_4, NULL, &clients[i], &fail), RESULT_OK);
		ring_connect(ring, &connects[i].op, clients[i], &address, len, probe_done);
	}
	RUN_UNTIL(ring, accepts.count == PRESSED);
	for (int i = 0; i < PRESSED; i++) {
		assert_int_equal(connects[i].value, 0);
		assert_true(fcntl(accepts.fds[i], F_GETFD) & FD_CLOEXEC);
		ring_close_and_forget(ring, accepts.fds[i]);
		close(clients[i]);
	}
	ring_cancel(ring, &accepts.op);
	RUN_UNTIL(ring, accepts.ends == 1);
	assert_int_equal(accepts.last, -ECANCELED);
	assert_int_equal(fcntl(accepts.fds[0], F_GETFD), -1);
	close(listener);
	end_of(ring);
}

/* A callback that starts hundreds of ops more than the queue holds, from inside the delivery. */
static struct probe *fan_out;

static void start_many(struct io_op *op, const struct io_result *result)
{
	struct probe *probe = CONTAINER_OF(op, struct probe, op);
	(void)result;
	probe->calls++;
	for (int i = 0; i < MANY; i++)
		ring_poll(probe->ring, &fan_out[i].op, probe->value, POLLOUT, probe_done);
}

static void a_callback_may_start_more_than_the_queue_holds(void **state)
{
	(void)state;
	struct ring *ring = ring_for_test((struct ring_options){
		.submissions = 8, .completions = 16, .without_buffers = true });
	int fd = eventfd(0, EFD_CLOEXEC);
	fan_out = calloc(MANY, sizeof *fan_out);
	assert_non_null(fan_out);
	struct probe first = { .ring = ring, .value = fd };
	ring_post(ring, &first.op, start_many);
	RUN_UNTIL(ring, first.calls == 1 && ring_ops_in_flight(ring) == 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(fan_out[i].ends, 1);
	free(fan_out);
	close(fd);
	end_of(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_posted_op_is_called_back_in_the_next_turn_and_may_post_again),
		cmocka_unit_test(a_turn_ends_at_its_deadline),
		cmocka_unit_test(an_eventfd_is_read_and_polled),
		cmocka_unit_test(files_are_opened_looked_at_written_read_synced_and_closed),
		cmocka_unit_test(a_receive_stays_until_the_end),
		cmocka_unit_test(a_receive_that_breaks_says_so),
		cmocka_unit_test(receives_without_a_buffer_go_on_when_one_is_back),
		cmocka_unit_test(a_receive_can_be_cancelled_while_it_waits_for_a_buffer),
		cmocka_unit_test(cancelling_twice_or_what_is_not_in_flight_does_nothing),
		cmocka_unit_test(cancel_all_brings_every_op_home),
		cmocka_unit_test(a_full_queue_is_handed_over_in_mid_turn),
		cmocka_unit_test(a_turn_calls_back_a_limited_number),
		cmocka_unit_test(a_turn_is_over_after_some_milliseconds),
		cmocka_unit_test(posted_ops_are_limited_too_and_keep_their_order),
		cmocka_unit_test(a_send_never_raises_sigpipe_and_at_once_means_at_once),
		cmocka_unit_test(an_accept_stays_for_all_that_connect),
		cmocka_unit_test(a_callback_may_start_more_than_the_queue_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
