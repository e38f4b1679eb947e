#include "tests/unit/engine/io/conn_tls_test.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/conn_internal.h"

/* One set of keys for the whole run: RSA keys take time to make. */
static struct test_certs made_certs;

static void remove_certs(void) { test_certs_deinit(&made_certs); }

static struct test_certs *certs(void)
{
	static bool is_made;
	if (!is_made) {
		test_certs_init(&made_certs);
		(void)atexit(remove_certs);
	}
	is_made = true;
	return &made_certs;
}

static struct tls_verdict verify(void *arg, struct tls_conn *conn, const struct tls_chain *chain,
	const struct security_demand *demand)
{
	struct tls_world *tls_world = arg;
	assert_non_null(conn);
	assert_true(chain->certs_count > 0);
	assert_ptr_equal(demand, &tls_world->demand);
	tls_world->asked++;
	return tls_world->verdict;
}

void tls_world_init(struct tls_world *tls_world, struct tls_world_options options)
{
	struct fail fail;
	memset(tls_world, 0, sizeof *tls_world);
	world_init(&tls_world->world, options.world);
	tls_world->tls_pool = tls_pool_create();
	assert_non_null(tls_world->tls_pool);
	struct tls_identity identity = test_identity(&certs()->certs[TEST_KEY_P256], NULL);
	const struct tls_server_config server = {
		.pool = tls_world->tls_pool,
		.conns_max = 512,
		.identities = &identity,
		.identities_count = 1,
		.version_min = options.server_version_min,
		.version_max = options.server_version_max,
	};
	const struct tls_client_config client = {
		.pool = tls_world->tls_pool,
		.conns_max = 512,
		.verify = verify,
		.verify_arg = tls_world,
	};
	tls_world->server = tls_context_create_server(&server, &fail);
	assert_non_null(tls_world->server);
	tls_world->client = tls_context_create_client(&client, &fail);
	assert_non_null(tls_world->client);
	tls_world->verdict =
		(struct tls_verdict){ .kind = TLS_VERDICT_ACCEPTED, .proved_dane = true };
	tls_world->demand = (struct security_demand){
		.need = options.need,
		.cleartext_allowed = options.need == SECURITY_NEED_MAY,
		.tls_version_min = TLS_VERSION_1_2,
	};
}

void tls_world_deinit(struct tls_world *tls_world)
{
	world_deinit(&tls_world->world);
	assert_int_equal(tls_context_conns_in_use(tls_world->client), 0);
	assert_int_equal(tls_context_conns_in_use(tls_world->server), 0);
	tls_context_destroy(tls_world->client);
	tls_context_destroy(tls_world->server);
	tls_pool_destroy(tls_world->tls_pool);
}

static struct tls_end *tls_end_of(struct end *end)
{
	return CONTAINER_OF(end, struct tls_end, end);
}

/* The client: a line, which must be the 220; what stands behind it is told to conn_start_tls(). */
static void client_received(struct end *end, const uint8_t *data, size_t len)
{
	struct tls_end *client = tls_end_of(end);
	size_t used = 0;
	while (used < len && (client->line_len < 2 || client->line[client->line_len - 1] != '\n')) {
		assert_true(client->line_len < sizeof client->line - 1);
		client->line[client->line_len++] = (char)data[used++];
	}
	if (client->line[client->line_len - 1] != '\n')
		return;
	assert_false(client->started);
	client->started = true;
	end->on_received = NULL;
	client->start_result = conn_start_tls(&end->conn, client->tls_world->client,
		&client->tls_world->demand, TEXT("mx.example"), NULL, false, len - used);
	assert_int_equal(end->tls_done + end->failed, 0); /* nothing from inside the call */
}

static void do_nothing(struct end *end) { (void)end; }

void tls_client_init(struct tls_end *client, struct tls_world *tls_world)
{
	memset(client, 0, sizeof *client);
	client->tls_world = tls_world;
	client->end.on_opened = do_nothing; /* what it has to send is for TLS */
	client->end.on_received = client_received;
}

void tls_server_init(struct tls_end *server, struct tls_world *tls_world)
{
	memset(server, 0, sizeof *server);
	server->tls_world = tls_world;
}

static void server_accepted(struct io_op *op, const struct io_result *result)
{
	struct world *world = CONTAINER_OF(op, struct world, accept_op);
	if (!result->more)
		return;
	struct tls_end *server = tls_end_of(&world->servers[0]);
	world->accepted++;
	const uint8_t *to_send = server->end.to_send;
	server->end.to_send = NULL;
	size_t len = server->end.to_send_len;
	server->end.to_send_len = 0;
	end_adopt(world, &server->end, result->value);
	server->end.to_send = to_send;
	server->end.to_send_len = len;
	assert_int_equal(conn_write(&server->end.conn, GO, strlen(GO)), strlen(GO));
	conn_flush(&server->end.conn);
	if (!server->does_not_start)
		server->start_result = conn_start_tls_server(
			&server->end.conn, server->tls_world->server);
}

void tls_serve(struct tls_world *tls_world, struct tls_end *server)
{
	struct world *world = &tls_world->world;
	world->servers = &server->end;
	world->servers_count = 1;
	world->accepted = 0;
	ring_cancel(world->ring, &world->accept_op);
	TLS_UNTIL(tls_world, !world->accept_op.in_flight);
	ring_accept(world->ring, &world->accept_op, world->listener, server_accepted);
}

void tls_pair_up(struct tls_world *tls_world, struct tls_end *client, struct tls_end *server)
{
	tls_serve(tls_world, server);
	end_connect(&tls_world->world, &client->end);
	TLS_UNTIL(tls_world, client->end.tls_done == 1 && server->end.tls_done == 1);
	assert_int_equal(client->start_result, RESULT_OK);
	assert_int_equal(server->start_result, RESULT_OK);
	assert_int_equal(client->end.failed, 0);
}

void tls_client_to_raw(struct tls_world *tls_world, struct tls_end *client, int *out_raw)
{
	end_connect(&tls_world->world, &client->end);
	(void)ring_run_once(tls_world->world.ring, RING_NO_WAIT);
	*out_raw = accept(tls_world->world.listener, NULL, NULL);
	assert_true(*out_raw >= 0);
	TLS_UNTIL(tls_world, client->end.opened == 1);
}
