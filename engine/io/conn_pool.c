#include "engine/io/conn_pool.h"
#include <stdlib.h>
#include "engine/base/check.h"
#include "engine/io/conn_internal.h"

enum result conn_pool_init(struct conn_pool *pool, struct ring *ring, uint32_t flights,
	size_t flight_bytes, struct fail *fail)
{
	if (flight_bytes == 0)
		flight_bytes = CONN_FLIGHT_BYTES_DEFAULT;
	CHECK(flight_bytes >= CONN_FLIGHT_BYTES_MIN);
	*pool = (struct conn_pool){ .ring = ring };
	pool->plain = malloc(CONN_PLAIN_BYTES);
	if (pool->plain == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for connections");
	if (flight_pool_init(&pool->flights, flight_bytes, flights, conn_output_ready) !=
		RESULT_OK) {
		free(pool->plain);
		pool->plain = NULL;
		return fail_set(fail, RESULT_MEMORY, "no memory for %u output buffers of %zu bytes",
			flights, flight_bytes);
	}
	return RESULT_OK;
}

void conn_pool_deinit(struct conn_pool *pool)
{
	CHECK(pool->conns == 0);
	flight_pool_deinit(&pool->flights);
	free(pool->plain);
	pool->plain = NULL;
}
