/* One client of longship-sink: a connection (engine/io/conn.h) with a session (sink_session.h) on it.
 *
 * The session says what it wants, this carries it out: TLS, waits, octets by drips, closing, and the
 * misbehaviour of the handshake. Lives in the slab of its worker from accept to `closed`. */
#ifndef BENCH_SINK_CONN_H
#define BENCH_SINK_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include "bench/sink_outbox.h"
#include "bench/sink_session.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/conn.h"

struct sink_listener;
struct sink_trace;
struct sink_worker;

#define SINK_CONN_MAGIC 0x51c0110eu

struct sink_conn {
	uint32_t magic;
	bool closing, started_tls, tls_told, half_closed, receive_stopped;
	uint8_t trap;                 /* enum sink_deed: how the ClientHello is answered, 0: by TLS */
	struct sink_worker *worker;
	struct sink_listener *listener;
	struct sink_trace *trace;     /* NULL: nobody looks */
	struct conn conn;
	struct timer timer;           /* of a wait, a drip, or the outbox */
	struct timer patience;        /* idle and silent clients */
	struct io_op shutdown_op;
	uint64_t heard_ns;            /* when the client last said something */
	struct sink_outbox outbox;
	uint8_t *stash;               /* what came while the session waited; NULL: nothing */
	size_t stash_len, stash_size;
	struct sink_session session;
};

/* Takes over an accepted descriptor. */
void sink_conn_open(struct sink_conn *conn, struct sink_worker *worker, struct sink_listener *listener,
	int fd);
/* The worker stops. */
void sink_conn_close(struct sink_conn *conn);

#endif
