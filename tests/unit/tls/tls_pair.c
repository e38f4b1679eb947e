#include "tests/unit/tls/tls_pair.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"

static struct side *other_side(struct tls_pair *pair, const struct side *side)
{
	return side == &pair->client ? &pair->server : &pair->client;
}

static void pipe_init(struct pipe *pipe)
{
	*pipe = (struct pipe){ .data = malloc(PIPE_SIZE) };
	CHECK(pipe->data != NULL);
}

void pipe_put(struct pipe *pipe, const void *data, size_t len)
{
	if (pipe->head == pipe->tail)
		pipe->head = pipe->tail = 0;
	CHECK(len <= PIPE_SIZE - pipe->tail);
	memcpy(pipe->data + pipe->tail, data, len);
	pipe->tail += len;
}

size_t pipe_count_records(const struct pipe *pipe)
{
	size_t count = 0;
	for (size_t at = pipe->head; at < pipe->tail; count++) {
		CHECK(pipe->tail - at >= 5);
		at += 5 + (size_t)(pipe->data[at + 3] << 8 | pipe->data[at + 4]);
		CHECK(at <= pipe->tail);
	}
	return count;
}

void tls_pair_init(struct tls_pair *pair, struct tls_context *client_ctx,
	const struct security_demand *demand, const char *sni, struct tls_context *server_ctx)
{
	*pair = (struct tls_pair){ .piece = PIPE_SIZE, .out_room = OUT_SIZE };
	pair->out_memory = malloc(OUT_SIZE);
	CHECK(pair->out_memory != NULL);
	pipe_init(&pair->client.in);
	pipe_init(&pair->server.in);
	if (client_ctx != NULL)
		pair->client.conn = tls_conn_create_client(
			client_ctx, demand, text_of(sni), &pair->client.fail);
	if (server_ctx != NULL)
		pair->server.conn = tls_conn_create_server(server_ctx, &pair->server.fail);
	CHECK((client_ctx == NULL) == (pair->client.conn == NULL));
	CHECK((server_ctx == NULL) == (pair->server.conn == NULL));
}

void tls_pair_deinit(struct tls_pair *pair)
{
	tls_conn_destroy(pair->client.conn);
	tls_conn_destroy(pair->server.conn);
	free(pair->out_memory);
	free(pair->client.in.data);
	free(pair->server.in.data);
}

/* What one call is given: the next piece, an empty buffer of the size wanted. */
static struct tls_io begin(struct tls_pair *pair, struct side *side, struct buf *out)
{
	size_t len = pipe_len(&side->in);
	if (len > pair->piece)
		len = pair->piece;
	buf_init(out, pair->out_memory, pair->out_room);
	return (struct tls_io){
		.in = side->in.data + side->in.head,
		.in_len = len,
		.in_eof = side->in.eof && len == pipe_len(&side->in),
		.out = out,
	};
}

/* What the call left goes on its way; true if anything moved. */
static bool end(struct tls_pair *pair, struct side *side, const struct tls_io *io)
{
	size_t eaten = (size_t)(io->in - (side->in.data + side->in.head));
	if (side->status == TLS_WANT_READ)
		CHECK(io->in_len == 0);
	if (side->status == TLS_WANT_ROOM) {
		CHECK(io->out->len > 0);
		side->rooms++;
	}
	side->in.head += eaten;
	pipe_put(&other_side(pair, side)->in, io->out->data, io->out->len);
	return eaten > 0 || io->out->len > 0;
}

bool tls_pair_handshake_once(struct tls_pair *pair, struct side *side)
{
	struct buf out;
	struct tls_io io = begin(pair, side, &out);
	side->status = tls_conn_handshake(side->conn, &io, &side->fail);
	side->handshaken = side->status == TLS_OK;
	bool moved = end(pair, side, &io);
	return moved || side->status == TLS_OK;
}

static bool can_go_on(const struct side *side)
{
	return side->conn != NULL && !side->handshaken && side->status != TLS_FAILED &&
	       side->status != TLS_WAIT_VERIFY;
}

void tls_pair_run(struct tls_pair *pair)
{
	bool moved = true;
	while (moved) {
		moved = false;
		if (can_go_on(&pair->client))
			moved |= tls_pair_handshake_once(pair, &pair->client);
		if (can_go_on(&pair->server))
			moved |= tls_pair_handshake_once(pair, &pair->server);
	}
}

enum tls_status tls_pair_write(
	struct tls_pair *pair, struct side *from, const void *data, size_t len)
{
	size_t done = 0;
	do {
		struct buf out;
		size_t taken;
		struct tls_io io = begin(pair, from, &out);
		from->status = tls_conn_write(from->conn, &io, (const uint8_t *)data + done,
			len - done, &taken, &from->fail);
		done += taken;
		end(pair, from, &io);
	} while (from->status == TLS_WANT_ROOM);
	CHECK(from->status != TLS_OK || done == len);
	return from->status;
}

size_t tls_pair_read(struct tls_pair *pair, struct side *side, uint8_t *plain, size_t plain_max)
{
	size_t total = 0;
	bool moved = true;
	while (moved) {
		struct buf out;
		size_t len;
		struct tls_io io = begin(pair, side, &out);
		side->status = tls_conn_read(
			side->conn, &io, plain + total, plain_max - total, &len, &side->fail);
		total += len;
		CHECK((side->status == TLS_OK) == (len > 0));
		moved = end(pair, side, &io) || len > 0;
		if (side->status == TLS_CLOSED || side->status == TLS_FAILED)
			break;
		if (total == plain_max)
			break;
	}
	return total;
}

enum tls_status tls_pair_close(struct tls_pair *pair, struct side *side)
{
	do {
		struct buf out;
		struct tls_io io = begin(pair, side, &out);
		side->status = tls_conn_close_notify(side->conn, &io, &side->fail);
		end(pair, side, &io);
	} while (side->status == TLS_WANT_ROOM);
	return side->status;
}

struct tls_context *make_client(struct tls_pool *pool, struct tls_client_config config)
{
	struct fail fail;
	config.pool = pool;
	config.conns_max = config.conns_max != 0 ? config.conns_max : 4;
	struct tls_context *ctx = tls_context_create_client(&config, &fail);
	CHECK(ctx != NULL);
	return ctx;
}

struct tls_context *make_server(struct tls_pool *pool, struct tls_server_config config,
	const struct tls_identity *identities, size_t identities_count)
{
	struct fail fail;
	config.pool = pool;
	config.conns_max = config.conns_max != 0 ? config.conns_max : 4;
	config.identities = identities;
	config.identities_count = identities_count;
	struct tls_context *ctx = tls_context_create_server(&config, &fail);
	CHECK(ctx != NULL);
	return ctx;
}

struct security_demand demand_of(enum security_need need)
{
	return (struct security_demand){
		.need = need,
		.cleartext_allowed = need == SECURITY_NEED_MAY,
		.tls_version_min = TLS_VERSION_1_2,
	};
}

struct tls_info info_of(const struct side *side)
{
	struct tls_info info;
	tls_conn_describe(side->conn, &info);
	return info;
}
