/* Target: tls_conn_handshake, tls_conn_read, tls_verify, tls_error, tls_der of the client, against a
 * server that says anything.
 *
 * Input: one byte of settings, one byte of piece size, then either all bytes of the "server" (bit 0),
 * or changes to what a real server sends, three bytes each: a distance from the last change (two
 * bytes) and what is mixed into the byte there. The second kind gets past the keys. Whatever comes,
 * plaintext that the client is given is what the server wrote, or nothing. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "tests/unit/tls/tls_pair.h"
#include "tests/unit/tls/tls_test_certs.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	SETTING_RAW = 1, /* all bytes are the fuzzer's */
	SETTING_TLS_1_2 = 2,
	SETTING_PROOF = 4, /* the verifier is asked */
	SETTING_VERDICT_WAITS = 8,
	SETTING_REJECTED = 16,
	SETTING_RSA = 32,
	SETTING_OUT_IS_SMALL = 64,
	SETTING_ASKS_CLIENT_CERT = 128,
};

static const char greeting[] = "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n";

static struct tls_pool *pool;
static struct tls_context *client_ctx;
static struct tls_context *servers[8]; /* by the bits TLS_1_2, RSA, ASKS_CLIENT_CERT */
static uint8_t settings;

static struct tls_verdict final_verdict(void)
{
	if (settings & SETTING_REJECTED)
		return (struct tls_verdict){ .kind = TLS_VERDICT_REJECTED,
			.failure = TLS_FAILURE_UNTRUSTED,
			.reason = "as told" };
	return (struct tls_verdict){ .kind = TLS_VERDICT_ACCEPTED, .proved_dane = true };
}

static struct tls_verdict verify(void *arg, struct tls_conn *conn, const struct tls_chain *chain,
	const struct security_demand *demand)
{
	uint8_t digest[TLS_DIGEST_LEN];
	(void)arg;
	CHECK(demand->need == SECURITY_NEED_DANE);
	CHECK(chain->certs_count > 0 && chain->certs_count <= TLS_CHAIN_MAX);
	CHECK(tls_conn_leaf_digest(conn, digest));
	(void)tls_conn_leaf_key_digest(conn, digest);
	if (settings & SETTING_VERDICT_WAITS)
		return (struct tls_verdict){ .kind = TLS_VERDICT_WAIT };
	return final_verdict();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	struct test_certs certs;
	test_certs_init(&certs);
	pool = tls_pool_create();
	client_ctx = make_client(pool, (struct tls_client_config){ .verify = verify });
	for (size_t i = 0; i < COUNT_OF(servers); i++) {
		struct tls_identity identity =
			test_identity(&certs.certs[i & 2 ? TEST_KEY_RSA : TEST_KEY_P256], NULL);
		servers[i] = make_server(pool,
			(struct tls_server_config){
				.version_max = i & 1 ? TLS_VERSION_1_2 : TLS_VERSION_1_3,
				.client_cert =
					i & 4 ? TLS_CLIENT_CERT_REQUESTED : TLS_CLIENT_CERT_IGNORED,
				.tickets = true },
			&identity, 1);
	}
	test_certs_deinit(&certs); /* no file is read any more */
	return 0;
}

/* The changes still to be made to the stream that the server sends. */
struct changes {
	const uint8_t *data;
	size_t len;
	size_t next_at;   /* place in the stream of the next one */
	size_t stream_at; /* bytes of the stream that went by */
};

static void changes_advance(struct changes *changes)
{
	if (changes->len >= 3)
		changes->next_at += (size_t)(changes->data[0] << 8 | changes->data[1]);
}

static void change(struct changes *changes, struct pipe *pipe, size_t from)
{
	size_t end_at = changes->stream_at + (pipe->tail - from);
	while (changes->len >= 3 && changes->next_at < end_at) {
		pipe->data[from + changes->next_at - changes->stream_at] ^= changes->data[2];
		changes->data += 3;
		changes->len -= 3;
		changes_advance(changes);
	}
	changes->stream_at = end_at;
}

static void run_handshake(struct tls_pair *pair, struct changes *changes)
{
	bool moved = true;
	while (moved && !pair->client.handshaken && pair->client.status != TLS_FAILED) {
		moved = tls_pair_handshake_once(pair, &pair->client);
		if (pair->client.status == TLS_WAIT_VERIFY) {
			struct tls_verdict verdict = final_verdict();
			tls_conn_resume_verify(pair->client.conn, &verdict);
			moved = true;
		}
		if (pair->server.conn == NULL || pair->server.handshaken ||
			pair->server.status == TLS_FAILED)
			continue;
		size_t left = pipe_len(&pair->client.in);
		moved |= tls_pair_handshake_once(pair, &pair->server);
		change(changes, &pair->client.in, pair->client.in.head + left);
	}
}

static void read_greeting(struct tls_pair *pair, struct changes *changes)
{
	uint8_t plain[256];
	if (pair->server.conn != NULL && pair->server.handshaken) {
		size_t left = pipe_len(&pair->client.in);
		if (tls_pair_write(pair, &pair->server, greeting, sizeof greeting - 1) == TLS_OK)
			tls_pair_close(pair, &pair->server);
		change(changes, &pair->client.in, pair->client.in.head + left);
	}
	pair->client.in.eof = true;
	size_t len = tls_pair_read(pair, &pair->client, plain, sizeof plain);
	CHECK(len == 0 || (len == sizeof greeting - 1 && memcmp(plain, greeting, len) == 0));
	CHECK(pair->client.status == TLS_CLOSED || pair->client.status == TLS_FAILED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2 || len > PIPE_SIZE / 2)
		return 0;
	settings = data[0];
	struct security_demand demand =
		demand_of(settings & SETTING_PROOF ? SECURITY_NEED_DANE : SECURITY_NEED_MAY);
	struct changes changes = { .data = data + 2, .len = len - 2 };
	struct tls_context *server = NULL;
	struct tls_pair pair;
	if (!(settings & SETTING_RAW))
		server = servers[(settings & SETTING_TLS_1_2 ? 1 : 0) |
				 (settings & SETTING_RSA ? 2 : 0) |
				 (settings & SETTING_ASKS_CLIENT_CERT ? 4 : 0)];
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server);
	pair.piece = data[1] == 0 ? PIPE_SIZE : data[1];
	if (settings & SETTING_OUT_IS_SMALL)
		pair.out_room = TLS_OUT_ROOM_MIN;
	if (server == NULL)
		pipe_put(&pair.client.in, data + 2, len - 2);
	changes_advance(&changes);
	run_handshake(&pair, &changes);
	struct tls_info info;
	tls_conn_describe(pair.client.conn, &info);
	CHECK(!(info.proved_dane && (settings & SETTING_REJECTED)));
	if (pair.client.handshaken) {
		CHECK(server != NULL); /* nobody guesses our keys */
		CHECK(!(settings & SETTING_PROOF) || !(settings & SETTING_REJECTED));
		read_greeting(&pair, &changes);
	}
	tls_pair_deinit(&pair);
	return 0;
}
