/* Connections for tests: an end that counts what it was told and does what the test wants, and a
 * world of one ring, one pool and one listening socket on loopback. */
#ifndef TESTS_UNIT_ENGINE_IO_CONN_TEST_H
#define TESTS_UNIT_ENGINE_IO_CONN_TEST_H

#include "tests/unit/engine/io/io_test.h"
#include "engine/io/conn.h"

struct world;

/* One end of a connection. Zeroed and ready for use; the wishes may be set before it is opened. */
struct end {
	struct conn conn;
	struct world *world;

	/* What it wishes. */
	bool echoes;                 /* sends back what it receives */
	bool reads_slowly;           /* stops receiving while it cannot write the echo */
	const uint8_t *to_send;      /* written as there is room, from the moment it is opened */
	size_t to_send_len;
	void (*on_received)(struct end *end, const uint8_t *data, size_t len);
	void (*on_opened)(struct end *end);
	void (*on_failed)(struct end *end);
	void (*on_tls_done)(struct end *end);

	/* What happened. */
	unsigned opened, failed, closed, sent, tls_done;
	size_t written;              /* of to_send */
	uint8_t *received;           /* what came, up to received_max */
	size_t received_len, received_max;
	uint8_t *pending;            /* of the echo, not yet written */
	size_t pending_len, pending_max;
};

struct world {
	struct ring *ring;
	struct conn_pool pool;
	struct ip_address address;
	uint16_t port;
	int listener;
	struct io_op accept_op;
	struct end *servers;         /* ends for those who connect, in order */
	size_t servers_count, accepted;
};

struct world_options {
	struct ring_options ring;
	uint32_t flights;            /* 64 if 0 */
	size_t flight_bytes;
};

void world_init(struct world *world, struct world_options options);
/* Everything is closed and given back (checked). */
void world_deinit(struct world *world);
/* Accepts from now on, into these ends. */
void world_serve(struct world *world, struct end *servers, size_t count);
void end_connect(struct world *world, struct end *end);
/* As if it had been accepted. */
void end_adopt(struct world *world, struct end *end, int fd);
/* A blocking socket connected to the first of world_serve()'s ends, or a pair without TCP. */
int raw_connect(struct world *world);
/* Closes if it is open, and runs until it is closed. */
void end_close(struct end *end);
void end_free(struct end *end);
void pump(struct end *end);          /* writes what is to be sent */
uint8_t *pattern(size_t len, unsigned seed); /* to be freed */

#define WORLD_UNTIL(world, expression) RUN_UNTIL((world)->ring, expression)

#endif
