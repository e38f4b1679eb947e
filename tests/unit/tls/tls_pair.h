/* A client and a server in memory, and the bytes that travel between them, cut as a test wants.
 *
 *   tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
 *   pair.piece = 1; pair.out_room = 512;
 *   tls_pair_run(&pair);            until neither side can go on
 *   assert_int_equal(pair.client.status, TLS_OK);
 */
#ifndef TESTS_UNIT_TLS_TLS_PAIR_H
#define TESTS_UNIT_TLS_TLS_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/policy.h"
#include "engine/base/result.h"
#include "tls/tls_conn.h"
#include "tls/tls_context.h"

enum {
	PIPE_SIZE = 512 * 1024,
	OUT_SIZE = 64 * 1024,
};

/* Bytes on their way to one side. */
struct pipe {
	uint8_t *data;
	size_t head, tail;
	bool eof;
};

struct side {
	struct tls_conn *conn;
	struct pipe in;         /* what the other side sent */
	enum tls_status status; /* of the last call */
	bool handshaken;
	struct fail fail;
	unsigned rooms; /* how often TLS_WANT_ROOM was seen */
};

struct tls_pair {
	struct side client, server;
	size_t piece;        /* bytes a call is given at most */
	size_t out_room;     /* size of the buffer that a call may fill */
	uint8_t *out_memory; /* OUT_SIZE */
};

void tls_pair_init(struct tls_pair *pair, struct tls_context *client_ctx,
	const struct security_demand *demand, const char *sni, struct tls_context *server_ctx);
void tls_pair_deinit(struct tls_pair *pair);

/* Handshake of both sides, until both are done, one failed, or neither has bytes left to read. The
 * bytes of the side that is not there (conn NULL) stay in the pipe of the other. */
void tls_pair_run(struct tls_pair *pair);

/* One call of the handshake for one side with one piece; true if bytes moved in or out. */
bool tls_pair_handshake_once(struct tls_pair *pair, struct side *side);

/* All of `data` from one side into the pipe of the other; the status of the last call. */
enum tls_status tls_pair_write(
	struct tls_pair *pair, struct side *from, const void *data, size_t len);

/* Decrypts what is in the side's pipe, piece by piece, until it wants more, is closed or fails; returns
 * how many bytes of plaintext came. */
size_t tls_pair_read(struct tls_pair *pair, struct side *side, uint8_t *plain, size_t plain_max);

enum tls_status tls_pair_close(struct tls_pair *pair, struct side *side);

/* What most tests begin with; checked, never NULL. conns_max is 4 if it is 0. */
struct tls_context *make_client(struct tls_pool *pool, struct tls_client_config config);
struct tls_context *make_server(struct tls_pool *pool, struct tls_server_config config,
	const struct tls_identity *identities, size_t identities_count);
struct security_demand demand_of(enum security_need need);
struct tls_info info_of(const struct side *side);

/* Records in the pipe, by their plaintext headers. */
size_t pipe_count_records(const struct pipe *pipe);
void pipe_put(struct pipe *pipe, const void *data, size_t len);
static inline size_t pipe_len(const struct pipe *pipe) { return pipe->tail - pipe->head; }

#endif
