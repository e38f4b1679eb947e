/* What our ClientHello offers, read byte by byte: the part of TLS that receivers and attackers see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/tls/tls_pair.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_internal.h"

enum {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_GROUPS = 10,
	EXTENSION_SIGALGS = 13,
	EXTENSION_ALPN = 16,
	EXTENSION_SERVER_CERT_TYPE = 20,
	EXTENSION_EXTENDED_MASTER_SECRET = 23,
	EXTENSION_SESSION_TICKET = 35,
	EXTENSION_PRE_SHARED_KEY = 41,
	EXTENSION_EARLY_DATA = 42,
	EXTENSION_VERSIONS = 43,
	EXTENSION_KEY_SHARE = 51,
	EXTENSION_RENEGOTIATION_INFO = 0xff01,
	NUMBERS_MAX = 64,
};

struct numbers {
	uint16_t n[NUMBERS_MAX];
	size_t count;
};

struct hello {
	struct numbers ciphers, groups, sigalgs, versions, key_shares, extensions;
	char server_name[256];
	size_t bytes;
};

static struct tls_pool *pool;

static int set_up(void **state)
{
	(void)state;
	pool = tls_pool_create();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_pool_destroy(pool);
	return 0;
}

static struct buf_reader part(struct buf_reader *reader, size_t len)
{
	struct buf_reader inner;
	const uint8_t *bytes = buf_reader_bytes(reader, len);
	assert_non_null(bytes);
	buf_reader_init(&inner, bytes, len);
	return inner;
}

static void take_numbers(struct buf_reader *list, struct numbers *out)
{
	while (buf_reader_left(list) > 0) {
		assert_true(out->count < NUMBERS_MAX);
		out->n[out->count++] = buf_reader_u16(list);
	}
	assert_true(buf_reader_done(list));
}

static void take_extension(struct hello *hello, uint16_t type, struct buf_reader *body)
{
	struct buf_reader list;
	hello->extensions.n[hello->extensions.count++] = type;
	switch (type) {
	case EXTENSION_SERVER_NAME: {
		buf_reader_bytes(body, 3); /* length of the list, host_name */
		struct text name = buf_reader_text16(body);
		memcpy(hello->server_name, name.data, name.len);
		break;
	}
	case EXTENSION_GROUPS:
		list = part(body, buf_reader_u16(body));
		take_numbers(&list, &hello->groups);
		break;
	case EXTENSION_SIGALGS:
		list = part(body, buf_reader_u16(body));
		take_numbers(&list, &hello->sigalgs);
		break;
	case EXTENSION_VERSIONS:
		list = part(body, buf_reader_u8(body));
		take_numbers(&list, &hello->versions);
		break;
	case EXTENSION_KEY_SHARE:
		list = part(body, buf_reader_u16(body));
		while (buf_reader_left(&list) > 0) {
			hello->key_shares.n[hello->key_shares.count++] = buf_reader_u16(&list);
			buf_reader_text16(&list);
		}
		break;
	default: return;
	}
	assert_true(buf_reader_done(body));
}

static struct hello read_hello(const uint8_t *data, size_t len)
{
	struct hello hello = { .bytes = len };
	struct buf_reader record, list;
	buf_reader_init(&record, data, len);
	assert_int_equal(buf_reader_u8(&record), 22); /* handshake */
	buf_reader_u16(&record);
	assert_int_equal(buf_reader_u16(&record), len - 5); /* all of it in one record */
	assert_int_equal(buf_reader_u8(&record), 1);        /* ClientHello */
	buf_reader_bytes(&record, 3 + 2 + 32);
	buf_reader_bytes(&record, buf_reader_u8(&record));
	list = part(&record, buf_reader_u16(&record));
	take_numbers(&list, &hello.ciphers);
	assert_int_equal(buf_reader_u8(&record), 1);
	assert_int_equal(buf_reader_u8(&record), 0); /* (TLS-12) no compression is all there is */
	list = part(&record, buf_reader_u16(&record));
	assert_true(buf_reader_done(&record));
	while (buf_reader_left(&list) > 0) {
		uint16_t type = buf_reader_u16(&list);
		struct buf_reader body = part(&list, buf_reader_u16(&list));
		take_extension(&hello, type, &body);
	}
	assert_true(buf_reader_done(&list));
	return hello;
}

static struct hello hello_of(
	enum security_need need, const char *sni, const struct tls_client_config *config)
{
	struct tls_context *ctx = make_client(pool, *config);
	struct security_demand demand = demand_of(need);
	struct tls_pair pair;
	tls_pair_init(&pair, ctx, &demand, sni, NULL);
	tls_pair_run(&pair);
	assert_int_equal(pair.client.status, TLS_WANT_READ);
	struct hello hello = read_hello(pair.server.in.data, pipe_len(&pair.server.in));
	tls_pair_deinit(&pair);
	tls_context_destroy(ctx);
	return hello;
}

static bool has(const struct numbers *numbers, uint16_t n)
{
	for (size_t i = 0; i < numbers->count; i++) {
		if (numbers->n[i] == n)
			return true;
	}
	return false;
}

static void assert_numbers(const struct numbers *numbers, const uint16_t *want, size_t want_count)
{
	assert_int_equal(numbers->count, want_count);
	assert_memory_equal(numbers->n, want, want_count * sizeof *want);
}

static const struct tls_client_config defaults;

static void both_settings_offer_the_same_extensions(void **state)
{
	(void)state;
	static const enum security_need needs[] = { SECURITY_NEED_MAY, SECURITY_NEED_DANE };
	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		struct hello hello = hello_of(needs[i], "mx.example", &defaults);
		assert_string_equal(hello.server_name, "mx.example");
		assert_true(
			has(&hello.extensions, EXTENSION_EXTENDED_MASTER_SECRET)); /* (TLS-10) */
		assert_true(has(&hello.extensions, EXTENSION_RENEGOTIATION_INFO)); /* (TLS-09) */
		assert_false(has(&hello.extensions, EXTENSION_ALPN));              /* (TLS-18) */
		assert_false(has(&hello.extensions, EXTENSION_EARLY_DATA));        /* (TLS-11) */
		assert_false(has(&hello.extensions, EXTENSION_SERVER_CERT_TYPE));  /* (TLSA-25) */
		assert_false(has(&hello.extensions, EXTENSION_SESSION_TICKET));
		assert_false(has(&hello.extensions, EXTENSION_PRE_SHARED_KEY));
		/* (TLS-01) TLS 1.3 is offered and preferred, 1.2 is the least. */
		assert_numbers(&hello.versions, (const uint16_t[]){ 0x0304, 0x0303 }, 2);
		/* X25519 alone in the key share. */
		assert_numbers(&hello.groups, (const uint16_t[]){ 29, 23, 24, 25 }, 4);
		assert_numbers(&hello.key_shares, (const uint16_t[]){ 29 }, 1);
		assert_true(hello.bytes < 512); /* (TLS-26) far from the end of a segment */
	}
}

/* (TLS-11) Also when the ticket that is offered would allow it. */
static void a_resumed_session_brings_no_early_data(void **state)
{
	(void)state;
	static struct test_certs certs;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	struct tls_place place = { .where = TEXT("here"), .now_s = 1 };
	struct tls_pair pair;
	uint8_t plain[16];
	test_certs_init(&certs);
	struct tls_identity identity = test_identity(&certs.certs[TEST_KEY_P256], NULL);
	struct tls_context *client =
		make_client(pool, (struct tls_client_config){ .tickets_bytes_max = 65536 });
	struct tls_context *server =
		make_server(pool, (struct tls_server_config){ .tickets = true }, &identity, 1);
	SSL_CTX_set_early_data_enabled(server->ssl_ctx[0], 1);
	tls_pair_init(&pair, client, &demand, "mx.example", server);
	tls_conn_use_tickets(pair.client.conn, &place);
	tls_pair_run(&pair);
	assert_int_equal(tls_pair_write(&pair, &pair.server, "250 hello", 9), TLS_OK);
	assert_int_equal(tls_pair_read(&pair, &pair.client, plain, sizeof plain), 9);
	tls_pair_deinit(&pair);
	tls_pair_init(&pair, client, &demand, "mx.example", NULL);
	tls_conn_use_tickets(pair.client.conn, &place);
	tls_pair_run(&pair);
	struct hello hello = read_hello(pair.server.in.data, pipe_len(&pair.server.in));
	assert_true(has(&hello.extensions, EXTENSION_PRE_SHARED_KEY));
	assert_false(has(&hello.extensions, EXTENSION_EARLY_DATA));
	tls_pair_deinit(&pair);
	tls_context_destroy(client);
	tls_context_destroy(server);
	test_certs_deinit(&certs);
}

static void no_name_no_server_name(void **state)
{
	(void)state;
	struct hello hello = hello_of(SECURITY_NEED_MAY, "", &defaults);
	assert_false(has(&hello.extensions, EXTENSION_SERVER_NAME));
}

/* (TLS-04, TLS-05, TLS-06; DANE-45: no anonymous suite) The three of TLS 1.3 come first, their order is the processor's. */
static void ciphers_are_those_that_the_setting_allows(void **state)
{
	(void)state;
	static const uint16_t wanted[] = {
		0xc02f, 0xc02b, 0xc030, 0xc02c, 0xcca8, 0xcca9, /* ECDHE with AEAD */
		0xc013, 0xc009, 0xc014, 0xc00a,                 /* ECDHE with CBC, last */
	};
	struct hello may = hello_of(SECURITY_NEED_MAY, "mx.example", &defaults);
	struct hello encrypt = hello_of(SECURITY_NEED_ENCRYPT, "mx.example", &defaults);
	const struct hello *hellos[] = { &may, &encrypt };
	const size_t counts[] = { 10, 6 };
	for (size_t i = 0; i < COUNT_OF(hellos); i++) {
		const struct numbers *ciphers = &hellos[i]->ciphers;
		assert_int_equal(ciphers->count, 3 + counts[i]);
		for (size_t c = 0; c < 3; c++)
			assert_int_equal(ciphers->n[c] >> 8, 0x13);
		assert_memory_equal(ciphers->n + 3, wanted, counts[i] * sizeof *wanted);
	}
}

/* (TLS-08) */
static void signatures_of_all_keys_are_taken_and_sha_1_only_without_demand(void **state)
{
	(void)state;
	struct hello may = hello_of(SECURITY_NEED_MAY, "mx.example", &defaults);
	struct hello sts = hello_of(SECURITY_NEED_STS, "mx.example", &defaults);
	assert_true(has(&may.sigalgs, 0x0807) && has(&sts.sigalgs, 0x0807)); /* Ed25519 */
	assert_true(has(&may.sigalgs, 0x0603) && has(&sts.sigalgs, 0x0603)); /* P-521 */
	assert_int_equal(may.sigalgs.n[may.sigalgs.count - 1], 0x0201); /* RSA with SHA-1, last */
	assert_false(has(&sts.sigalgs, 0x0201));
	assert_false(has(&may.sigalgs, 0x0203) || has(&sts.sigalgs, 0x0203)); /* ECDSA with SHA-1 */
}

/* (TLS-26) */
static void the_groups_can_be_chosen(void **state)
{
	(void)state;
	struct hello hello = hello_of(SECURITY_NEED_MAY, "mx.example",
		&(struct tls_client_config){ .groups = "P-256:X25519" });
	assert_numbers(&hello.groups, (const uint16_t[]){ 23, 29 }, 2);
	assert_numbers(&hello.key_shares, (const uint16_t[]){ 23 }, 1);
}

/* (TLS-02) */
static void the_low_floor_is_offered_where_nothing_is_demanded(void **state)
{
	(void)state;
	const struct tls_client_config low = { .may_version_min = TLS_VERSION_1_0 };
	struct hello may = hello_of(SECURITY_NEED_MAY, "mx.example", &low);
	struct hello dane = hello_of(SECURITY_NEED_DANE, "mx.example", &low);
	assert_numbers(&may.versions, (const uint16_t[]){ 0x0304, 0x0303, 0x0302, 0x0301 }, 4);
	assert_numbers(&dane.versions, (const uint16_t[]){ 0x0304, 0x0303 }, 2);
}

static void a_demand_can_raise_the_floor(void **state)
{
	(void)state;
	struct tls_context *ctx = make_client(pool, defaults);
	struct security_demand demand = demand_of(SECURITY_NEED_ENCRYPT);
	struct tls_pair pair;
	demand.tls_version_min = TLS_VERSION_1_3;
	tls_pair_init(&pair, ctx, &demand, "mx.example", NULL);
	tls_pair_run(&pair);
	struct hello hello = read_hello(pair.server.in.data, pipe_len(&pair.server.in));
	assert_numbers(&hello.versions, (const uint16_t[]){ 0x0304 }, 1);
	assert_int_equal(hello.ciphers.count, 3);
	tls_pair_deinit(&pair);
	tls_context_destroy(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_settings_offer_the_same_extensions),
		cmocka_unit_test(a_resumed_session_brings_no_early_data),
		cmocka_unit_test(no_name_no_server_name),
		cmocka_unit_test(ciphers_are_those_that_the_setting_allows),
		cmocka_unit_test(signatures_of_all_keys_are_taken_and_sha_1_only_without_demand),
		cmocka_unit_test(the_groups_can_be_chosen),
		cmocka_unit_test(the_low_floor_is_offered_where_nothing_is_demanded),
		cmocka_unit_test(a_demand_can_raise_the_floor),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
