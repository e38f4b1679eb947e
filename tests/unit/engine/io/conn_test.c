#include "tests/unit/engine/io/conn_test.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/conn_internal.h"
#include "engine/io/socket.h"

static void append(uint8_t **data, size_t *len, size_t *max, const void *more, size_t more_len)
{
	if (*len + more_len > *max) {
		*max = (*len + more_len) * 2;
		*data = realloc(*data, *max);
		assert_non_null(*data);
	}
	memcpy(*data + *len, more, more_len);
	*len += more_len;
}

void pump(struct end *end)
{
	if (end->pending_len > 0) {
		size_t n = conn_write(&end->conn, end->pending, end->pending_len);
		memmove(end->pending, end->pending + n, end->pending_len - n);
		end->pending_len -= n;
	}
	if (end->written < end->to_send_len)
		end->written += conn_write(&end->conn, end->to_send + end->written,
			end->to_send_len - end->written);
	conn_flush(&end->conn);
	if (end->reads_slowly && end->pending_len == 0 && end->conn.receive_stopped)
		conn_start_receiving(&end->conn);
}

static void on_opened(struct conn *conn)
{
	struct end *end = conn->owner;
	end->opened++;
	if (end->on_opened != NULL)
		end->on_opened(end);
	else
		pump(end);
}

static void on_failed(struct conn *conn)
{
	struct end *end = conn->owner;
	end->failed++;
	assert_int_not_equal(conn->end, CONN_END_NONE);
	assert_int_equal(conn_room(conn), 0);
	assert_int_equal(conn_write(conn, "x", 1), 0);
	if (end->on_failed != NULL)
		end->on_failed(end);
}

static void on_received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct end *end = conn->owner;
	assert_true(len > 0);
	assert_int_equal(end->failed + end->closed, 0);
	if (end->on_received != NULL) {
		end->on_received(end, data, len);
		return;
	}
	append(&end->received, &end->received_len, &end->received_max, data, len);
	if (!end->echoes)
		return;
	append(&end->pending, &end->pending_len, &end->pending_max, data, len);
	pump(end);
	if (end->reads_slowly && end->pending_len > 0)
		conn_stop_receiving(conn);
}

static void on_sent(struct conn *conn)
{
	struct end *end = conn->owner;
	end->sent++;
	pump(end);
}

static void on_tls_done(struct conn *conn)
{
	struct end *end = conn->owner;
	end->tls_done++;
	if (end->on_tls_done != NULL)
		end->on_tls_done(end);
	else
		pump(end);
}

static void on_closed(struct conn *conn)
{
	struct end *end = conn->owner;
	end->closed++;
	assert_false(conn->receive_op.in_flight);
	assert_false(conn->send_op.in_flight);
	assert_false(conn->event_op.in_flight);
	assert_null(conn->sending);
	assert_null(conn->filling);
	assert_null(conn->tls);
	assert_false(list_node_is_linked(&conn->flight_waiter));
}

static const struct conn_handlers handlers = {
	.opened = on_opened,
	.failed = on_failed,
	.received = on_received,
	.sent = on_sent,
	.tls_done = on_tls_done,
	.closed = on_closed,
};

/* ---- the world ---- */

void world_init(struct world *world, struct world_options options)
{
	struct fail fail;
	memset(world, 0, sizeof *world);
	world->ring = ring_for_test(options.ring);
	assert_int_equal(
		conn_pool_init(&world->pool, world->ring,
			options.flights != 0 ? options.flights : 64, options.flight_bytes, &fail),
		RESULT_OK);
	assert_int_equal(ip_address_parse(TEXT("127.0.0.1"), &world->address), RESULT_OK);
	assert_int_equal(
		socket_listen_tcp(&world->address, 0, false, &world->listener, &fail), RESULT_OK);
	assert_true(socket_local(world->listener, &world->address, &world->port));
}

void world_deinit(struct world *world)
{
	ring_cancel(world->ring, &world->accept_op);
	WORLD_UNTIL(world, ring_ops_in_flight(world->ring) == 0);
	assert_int_equal(slab_in_use(&world->pool.flights.slab), 0);
	conn_pool_deinit(&world->pool);
	close(world->listener);
	ring_destroy(world->ring);
}

void end_adopt(struct world *world, struct end *end, int fd)
{
	end->world = world;
	conn_adopt(&end->conn, &world->pool, &handlers, end, fd);
	pump(end);
}

static void accepted(struct io_op *op, const struct io_result *result)
{
	struct world *world = CONTAINER_OF(op, struct world, accept_op);
	if (!result->more)
		return;
	assert_true(world->accepted < world->servers_count);
	end_adopt(world, &world->servers[world->accepted++], result->value);
}

void world_serve(struct world *world, struct end *servers, size_t count)
{
	world->servers = servers;
	world->servers_count = count;
	world->accepted = 0;
	if (!world->accept_op.in_flight)
		ring_accept(world->ring, &world->accept_op, world->listener, accepted);
}

void end_connect(struct world *world, struct end *end)
{
	end->world = world;
	conn_connect(&end->conn, &world->pool, &handlers, end, &world->address, world->port, NULL);
	assert_int_equal(end->opened + end->failed, 0); /* nothing from inside the call */
}

int raw_connect(struct world *world)
{
	struct fail fail;
	struct sockaddr_storage address;
	socklen_t len = ip_address_to_sockaddr(&world->address, world->port, &address);
	int fd;
	assert_int_equal(socket_open_tcp(IP_FAMILY_4, NULL, &fd, &fail), RESULT_OK);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, len), 0);
	return fd;
}

void end_close(struct end *end)
{
	if (end->conn.state == CONN_IDLE)
		return;
	if (end->conn.state != CONN_CLOSING) {
		unsigned before = end->closed;
		conn_close(&end->conn);
		assert_int_equal(end->closed, before); /* nothing from inside the call */
	}
	WORLD_UNTIL(end->world, end->conn.state == CONN_IDLE);
}

void end_free(struct end *end)
{
	assert_int_equal(end->closed, 1);
	free(end->received);
	free(end->pending);
	memset(end, 0, sizeof *end);
}

uint8_t *pattern(size_t len, unsigned seed)
{
	uint8_t *data = malloc(len + 1);
	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((i * 131 + (i >> 8) * 17 + seed) & 0xff);
	return data;
}
