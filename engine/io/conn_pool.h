/* What all connections of a thread share: the ring, the output flights, room for plaintext. */
#ifndef ENGINE_IO_CONN_POOL_H
#define ENGINE_IO_CONN_POOL_H

#include <stdint.h>
#include "engine/base/result.h"
#include "engine/io/flight.h"
#include "engine/io/ring.h"
#include "tls/tls_conn.h"

enum {
	/* A TLS record of full size must fit with something to spare, so that one write of a
	 * message is mostly one record and one send. */
	CONN_FLIGHT_BYTES_MIN = TLS_RECORD_ROOM,
	CONN_FLIGHT_BYTES_DEFAULT = 36 * 1024, /* two full records */
	/* Decrypted at once: a full record. */
	CONN_PLAIN_BYTES = TLS_RECORD_PLAIN_MAX,
};

struct conn_counters {
	uint64_t opened, accepted, failed, closed; /* connections */
	uint64_t handshakes, handshakes_failed;
	uint64_t injected;                         /* (STLS-04) */
};

struct conn_pool {
	struct ring *ring; /* borrowed */
	struct flight_pool flights;
	struct conn_counters counters;
	uint32_t conns;    /* not yet closed */
	uint8_t *plain;    /* CONN_PLAIN_BYTES: what `received` is given under TLS */
	uint8_t reply[TLS_OUT_ROOM_MIN]; /* what reading makes TLS answer, before it has a flight */
};

/* `flights` of `flight_bytes` each (0: the default); a thread with as many as sessions cannot
 * starve. RESULT_MEMORY. */
MUST_USE enum result conn_pool_init(struct conn_pool *pool, struct ring *ring, uint32_t flights,
	size_t flight_bytes, struct fail *fail);
/* All connections are closed. */
void conn_pool_deinit(struct conn_pool *pool);

#endif
