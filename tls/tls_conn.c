/* The connection: each call lends the transport to BoringSSL, runs one of its functions until it has
 * eaten all input or filled all room, and says in our words how it ended.
 *
 * Life: create, handshake until TLS_OK, read and write in any order, close_notify, destroy. Memory:
 * BoringSSL sheds the configuration of the handshake and holds record buffers only while a record is
 * incomplete, so an idle session has its keys, its session object and our struct, nothing else. */
#include "tls/tls_conn.h"
#include <limits.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "tls/tls_crypto.h"
#include "tls/tls_der.h"
#include "tls/tls_internal.h"

enum {
	/* A record with less plaintext is not begun while the rest of a larger one waits: better to
	 * send what is there, and fill the next buffer whole. */
	RECORD_PLAIN_WORTHWHILE = 2048,
	/* BoringSSL puts the answer to a KeyUpdate, and nothing else, before our next record: a header
	 * of 5, a message of 5, content type and tag (RFC 8446 4.6.3, 5.2), 27 bytes in all. Kept free,
	 * so that a record that was sealed always fits whole and no half of one has to be remembered. */
	KEY_UPDATE_ROOM = 64,
};

static_assert(KEY_UPDATE_ROOM * 2 < TLS_OUT_ROOM_MIN, "an empty buffer of the least size has room");

/* ---- the border to BoringSSL ---- */

static void enter(struct tls_conn *conn, struct tls_io *io)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	CHECK(conn->ctx->io == NULL);
	CHECK(io->out->size >= TLS_OUT_ROOM_MIN && !io->out->overflow);
	conn->ctx->conn = conn;
	conn->ctx->io = io;
}

static void leave(struct tls_conn *conn)
{
	conn->ctx->conn = NULL;
	conn->ctx->io = NULL;
}

/* (STLS-19, RPT-27) Under TLS 1.3 we are done before the server has judged us, so that what it says
 * first may still belong to the handshake. */
static const char *stage_name(const struct tls_conn *conn)
{
	if (!conn->handshake_done)
		return "TLS handshake";
	return conn->confirmed ? "TLS" : "TLS, just after the handshake";
}

static enum tls_status fail_closed(struct tls_conn *conn, const char *how, struct fail *fail)
{
	conn->failure = TLS_FAILURE_CLOSED;
	tls_resume_end(conn);
	fail_set(fail, RESULT_CLOSED, "%s: peer closed the connection%s", stage_name(conn), how);
	return TLS_FAILED;
}

/* What a return value <= 0 of an SSL call means. */
static enum tls_status status_of(struct tls_conn *conn, int ret, struct fail *fail)
{
	struct tls_io *io = conn->ctx->io;
	switch (SSL_get_error(conn->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		CHECK(io->in_len == 0);
		if (io->in_eof)
			return fail_closed(
				conn, conn->handshake_done ? " without close_notify" : "", fail);
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WANT_ROOM;
	case SSL_ERROR_WANT_CERTIFICATE_VERIFY: return TLS_WAIT_VERIFY;
	case SSL_ERROR_ZERO_RETURN:
		if (conn->handshake_done)
			return TLS_CLOSED;
		return fail_closed(conn, " by close_notify", fail);
	default: /* SSL_ERROR_SSL, and what only asynchronous features that we do not use return */
		tls_error_explain(conn, stage_name(conn), fail);
		tls_resume_end(conn);
		return TLS_FAILED;
	}
}

/* A failure is final. */
static bool has_failed(const struct tls_conn *conn, struct fail *fail)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	if (conn->failure == TLS_FAILURE_NONE)
		return false;
	fail_set(fail, RESULT_TLS, "%s failed before: %s", stage_name(conn),
		tls_failure_text(conn->failure));
	return true;
}

/* ---- life ---- */

static struct tls_conn *create(struct tls_context *ctx, size_t setting, struct fail *fail)
{
	CHECK_OBJ(ctx, TLS_CONTEXT_MAGIC);
	struct tls_conn *conn = slab_acquire(&ctx->conns);
	if (conn == NULL) {
		fail_set(fail, RESULT_LIMIT, "all TLS connections of this thread are in use");
		return NULL;
	}
	*conn = (struct tls_conn){ .magic = TLS_CONN_MAGIC, .ctx = ctx };
	conn->ssl = SSL_new(ctx->ssl_ctx[setting]);
	if (conn->ssl == NULL) {
		ERR_clear_error();
		tls_conn_destroy(conn);
		fail_set(fail, RESULT_MEMORY, "no memory for a TLS connection");
		return NULL;
	}
	BIO_up_ref(ctx->bio); /* SSL_set_bio takes one for both directions */
	SSL_set_bio(conn->ssl, ctx->bio, ctx->bio);
	SSL_set_shed_handshake_config(conn->ssl, 1);
	return conn;
}

static enum result set_sni(struct tls_conn *conn, struct text sni, struct fail *fail)
{
	char name[DOMAIN_BYTES_MAX + 1];
	if (text_is_empty(sni))
		return RESULT_OK;
	if (sni.len > DOMAIN_BYTES_MAX || !text_is_printable(sni))
		return fail_set(fail, RESULT_INVALID, "the name for SNI cannot be sent");
	memcpy(name, sni.data, sni.len);
	name[sni.len] = '\0';
	if (!SSL_set_tlsext_host_name(conn->ssl, name)) {
		ERR_clear_error();
		return fail_set(fail, RESULT_MEMORY, "no memory for the name for SNI");
	}
	return RESULT_OK;
}

struct tls_conn *tls_conn_create_client(struct tls_context *ctx,
	const struct security_demand *demand, struct text sni, struct fail *fail)
{
	CHECK(!ctx->is_server);
	CHECK(demand->need != SECURITY_NEED_NONE);
	bool is_mandatory = security_demand_needs_tls(demand);
	struct tls_conn *conn =
		create(ctx, is_mandatory ? TLS_CLIENT_MANDATORY : TLS_CLIENT_OPPORTUNISTIC, fail);
	if (conn == NULL)
		return NULL;
	conn->demand = demand;
	conn->is_mandatory = is_mandatory;
	conn->wants_authentication = security_demand_needs_proof(demand);
	uint16_t version_min = demand->tls_version_min;
	if (is_mandatory) /* (TLS-01) */
		CHECK(version_min >= TLS_VERSION_1_2);
	else if (ctx->may_version_min != 0 && ctx->may_version_min < version_min) /* (TLS-02) */
		version_min = ctx->may_version_min;
	CHECK(SSL_set_min_proto_version(conn->ssl, version_min));
	SSL_set_connect_state(conn->ssl);
	if (set_sni(conn, sni, fail) != RESULT_OK) {
		tls_conn_destroy(conn);
		return NULL;
	}
	return conn;
}

struct tls_conn *tls_conn_create_server(struct tls_context *ctx, struct fail *fail)
{
	CHECK(ctx->is_server);
	struct tls_conn *conn = create(ctx, 0, fail);
	if (conn == NULL)
		return NULL;
	conn->is_server = true;
	SSL_set_accept_state(conn->ssl);
	return conn;
}

void tls_conn_destroy(struct tls_conn *conn)
{
	if (conn == NULL)
		return;
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	struct tls_context *ctx = conn->ctx;
	if (conn->verify_state == TLS_VERIFY_ASKED && ctx->verify_cancel != NULL)
		ctx->verify_cancel(ctx->verify_arg, conn);
	CHECK(ctx->conn != conn);
	tls_resume_end(conn);
	SSL_free(conn->ssl);
	conn->magic = 0;
	slab_release(&ctx->conns, conn);
}

/* Without TLS_FALLBACK_SCSV (RFC 7507), on purpose: what would follow a refusal is cleartext. */
void tls_conn_limit_to_tls12(struct tls_conn *conn)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	CHECK(!conn->handshake_begun && !conn->is_server && !conn->is_mandatory);
	CHECK(!conn->uses_tickets);
	CHECK(SSL_set_max_proto_version(conn->ssl, TLS1_2_VERSION));
}

/* ---- bytes ---- */

/* A server's tickets (TLS 1.3) would leave together with its first record, of which then some would
 * have no room; so they leave now, by a write of nothing. */
static enum tls_status flush_tickets(struct tls_conn *conn, struct fail *fail)
{
	static const uint8_t nothing[1];
	int ret = SSL_write(conn->ssl, nothing, 0);
	return ret < 0 ? status_of(conn, ret, fail) : TLS_OK;
}

enum tls_status tls_conn_handshake(struct tls_conn *conn, struct tls_io *io, struct fail *fail)
{
	enum tls_status status = TLS_OK;
	if (has_failed(conn, fail))
		return TLS_FAILED;
	enter(conn, io);
	if (!conn->handshake_begun)
		tls_resume_offer(conn);
	conn->handshake_begun = true;
	int ret = SSL_do_handshake(conn->ssl);
	if (ret <= 0)
		status = status_of(conn, ret, fail);
	else if (conn->is_server)
		status = flush_tickets(conn, fail);
	if (status == TLS_OK) {
		conn->handshake_done = true;
		tls_resume_keep(conn);
	}
	leave(conn);
	return status;
}

enum tls_status tls_conn_read(struct tls_conn *conn, struct tls_io *io, uint8_t *plain,
	size_t plain_max, size_t *out_len, struct fail *fail)
{
	enum tls_status status = TLS_OK;
	*out_len = 0;
	if (has_failed(conn, fail))
		return TLS_FAILED;
	CHECK(conn->handshake_done && plain_max > 0);
	if (conn->is_drained && io->in_len == 0 && !io->in_eof)
		return TLS_WANT_READ; /* asked again, BoringSSL would say so again */
	conn->is_drained = false;
	enter(conn, io);
	while (*out_len < plain_max) {
		size_t max = plain_max - *out_len;
		int ret = SSL_read(conn->ssl, plain + *out_len, max > INT_MAX ? INT_MAX : (int)max);
		if (ret > 0) {
			*out_len += (size_t)ret;
			continue;
		}
		/* What ends the reading is told by the next call, when there is data to give first:
		 * BoringSSL repeats it. */
		if (*out_len == 0)
			status = status_of(conn, ret, fail);
		else
			conn->is_drained = SSL_get_error(conn->ssl, ret) == SSL_ERROR_WANT_READ;
		break;
	}
	if (*out_len > 0)
		conn->confirmed = true;
	if (status != TLS_FAILED)
		tls_resume_keep(conn);
	leave(conn);
	return status;
}

/* How much plaintext the next record takes: all that is left, up to a whole record, as far as the room
 * goes; 0 if it is better to wait for room. */
static size_t record_len(const struct tls_conn *conn, const struct buf *out, size_t left)
{
	size_t overhead = SSL_max_seal_overhead(conn->ssl) + KEY_UPDATE_ROOM;
	size_t wanted = left < TLS_RECORD_PLAIN_MAX ? left : TLS_RECORD_PLAIN_MAX;
	size_t room = buf_room(out) > overhead ? buf_room(out) - overhead : 0;
	if (room >= wanted)
		return wanted;
	if (room < RECORD_PLAIN_WORTHWHILE && out->len > 0)
		return 0;
	CHECK(room > 0);
	return room;
}

enum tls_status tls_conn_write(struct tls_conn *conn, struct tls_io *io, const uint8_t *plain,
	size_t len, size_t *out_taken, struct fail *fail)
{
	enum tls_status status = TLS_OK;
	*out_taken = 0;
	if (has_failed(conn, fail))
		return TLS_FAILED;
	CHECK(conn->handshake_done && !conn->close_sent);
	enter(conn, io);
	while (*out_taken < len && status == TLS_OK) {
		size_t n = record_len(conn, io->out, len - *out_taken);
		if (n == 0) {
			status = TLS_WANT_ROOM;
			break;
		}
		int ret = SSL_write(conn->ssl, plain + *out_taken, (int)n);
		if (ret > 0) {
			CHECK((size_t)ret == n);
			*out_taken += n;
			continue;
		}
		status = status_of(conn, ret, fail);
		CHECK(status == TLS_FAILED); /* the record fitted, nothing has to be read first */
	}
	leave(conn);
	return status;
}

enum tls_status tls_conn_close_notify(struct tls_conn *conn, struct tls_io *io, struct fail *fail)
{
	enum tls_status status = TLS_OK;
	if (has_failed(conn, fail))
		return TLS_FAILED;
	/* A second SSL_shutdown() would read, and throw away what it reads. */
	if (!conn->handshake_done || conn->close_sent)
		return TLS_OK;
	enter(conn, io);
	int ret = SSL_shutdown(conn->ssl);
	if (ret < 0)
		status = status_of(conn, ret, fail);
	conn->close_sent = status == TLS_OK;
	leave(conn);
	return status;
}

/* ---- what is known ---- */

void tls_conn_describe(const struct tls_conn *conn, struct tls_info *out_info)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	bool accepted = conn->verdict.kind == TLS_VERDICT_ACCEPTED;
	*out_info = (struct tls_info){
		.protocol = "",
		.cipher = "",
		.group = "",
		.confirmed = conn->confirmed,
		.proved_dane = accepted && conn->handshake_done && conn->verdict.proved_dane,
		.proved_pkix = accepted && conn->handshake_done && conn->verdict.proved_pkix,
		.failure = conn->failure,
		.alert = conn->alert,
		.alert_sent = conn->alert_sent,
		.alert_received = conn->alert_received,
		.ticket_offered = conn->ticket_offered,
	};
	if (!conn->handshake_done)
		return;
	const char *group = boringssl_group_name(conn->ssl);
	out_info->protocol = SSL_get_version(conn->ssl);
	out_info->cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(conn->ssl));
	out_info->group = group != NULL ? group : "";
	out_info->resumed = SSL_session_reused(conn->ssl) == 1;
}

void tls_conn_set_owner(struct tls_conn *conn, void *owner)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	conn->owner = owner;
}

void *tls_conn_owner(const struct tls_conn *conn)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	return conn->owner;
}

void tls_conn_peer_chain(const struct tls_conn *conn, struct tls_chain *out_chain)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	const STACK_OF(CRYPTO_BUFFER) *certs = SSL_get0_peer_certificates(conn->ssl);
	size_t count = certs != NULL ? sk_CRYPTO_BUFFER_num(certs) : 0;
	out_chain->is_cut = count > TLS_CHAIN_MAX;
	out_chain->certs_count = out_chain->is_cut ? TLS_CHAIN_MAX : count;
	for (size_t i = 0; i < out_chain->certs_count; i++) {
		const CRYPTO_BUFFER *cert = sk_CRYPTO_BUFFER_value(certs, i);
		out_chain->certs[i] = (struct tls_cert){
			.der = CRYPTO_BUFFER_data(cert),
			.der_len = CRYPTO_BUFFER_len(cert),
		};
	}
}

bool tls_conn_leaf_digest(const struct tls_conn *conn, uint8_t out[TLS_DIGEST_LEN])
{
	struct tls_chain chain;
	tls_conn_peer_chain(conn, &chain);
	if (chain.certs_count == 0)
		return false;
	tls_sha256_of(chain.certs[0].der, chain.certs[0].der_len, out);
	return true;
}

bool tls_conn_leaf_key_digest(const struct tls_conn *conn, uint8_t out[TLS_DIGEST_LEN])
{
	struct tls_chain chain;
	const uint8_t *key;
	size_t key_len;
	tls_conn_peer_chain(conn, &chain);
	if (chain.certs_count == 0 || tls_der_find_key(chain.certs[0].der, chain.certs[0].der_len,
					      &key, &key_len) != RESULT_OK)
		return false;
	tls_sha256_of(key, key_len, out);
	return true;
}

const char *tls_conn_sni(const struct tls_conn *conn)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	const char *name = SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name);
	return name != NULL ? name : "";
}
