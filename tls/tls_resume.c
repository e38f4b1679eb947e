/* Tickets of one connection: which one it offers, which of those that it is given are kept.
 *
 * Offered is only what lies under the same key. What is offered does not decide anything: the verifier
 * judges the chain of the first handshake again (TLS-13), and the peer may decline, which costs nothing.
 * Kept is what was given in a handshake that is done, accepted by the verdict and, under TLS 1.3, taken by
 * the peer, who has said something in it by then: a ticket that came with an alert behind it is worthless.
 * A connection that offered a ticket and came to nothing bars its key, so that the next ones make full
 * handshakes: neither an old chain nor a peer who mistakes its own tickets may stand in the way again. */
#include "engine/base/buf.h"
#include "tls/tls_crypto.h"
#include "tls/tls_internal.h"

enum {
	/* What a key is made of; a demand with larger records (Full(0) with a whole certificate) is rare
	 * and makes full handshakes. */
	KEY_BYTES_MAX = 4096,
};

/* (RFC 7627 5.3) A session of TLS 1.2 without the extended master secret is not to be resumed: what two
 * sides know does not say then that they are the same two. */
static bool may_be_resumed(const SSL *ssl, const SSL_SESSION *session)
{
	return SSL_SESSION_is_resumable(session) && SSL_get_extms_support(ssl);
}

int tls_resume_note(SSL *ssl, SSL_SESSION *session)
{
	struct tls_conn *conn = tls_conn_of_ssl(ssl);
	if (!conn->uses_tickets || conn->fresh_count == TLS_FRESH_TICKETS_MAX ||
		!may_be_resumed(ssl, session))
		return 0; /* BoringSSL frees it */
	conn->fresh[conn->fresh_count++] = session;
	return 1;
}

static bool make_key(const struct tls_conn *conn, const struct tls_place *place,
	uint8_t out_key[TLS_TICKET_KEY_LEN])
{
	uint8_t memory[KEY_BYTES_MAX];
	struct buf key;
	buf_init(&key, memory, sizeof memory);
	buf_put_text16(&key, place->where);
	buf_put_text16(&key, text_of(tls_conn_sni(conn)));
	security_demand_put_key(conn->demand, &key);
	if (key.overflow)
		return false;
	tls_sha256_of(key.data, key.len, out_key);
	return true;
}

void tls_conn_use_tickets(struct tls_conn *conn, const struct tls_place *place)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	CHECK(!conn->handshake_begun && !conn->is_server);
	conn->uses_tickets = conn->ctx->tickets != NULL && make_key(conn, place, conn->ticket_key);
	conn->ticket_now_s = place->now_s;
}

void tls_resume_offer(struct tls_conn *conn)
{
	if (!conn->uses_tickets)
		return;
	struct tls_ticket ticket =
		tls_tickets_take(conn->ctx->tickets, conn->ticket_key, conn->ticket_now_s);
	if (ticket.session == NULL)
		return;
	CHECK(SSL_set_session(conn->ssl, ticket.session));
	SSL_SESSION_free(ticket.session);
	conn->ticket_offered = true;
	conn->ticket_proved_s = ticket.proved_s;
}

static bool is_taken_by_the_peer(const struct tls_conn *conn)
{
	return conn->confirmed || SSL_version(conn->ssl) < TLS1_3_VERSION;
}

void tls_resume_keep(struct tls_conn *conn)
{
	if (conn->fresh_count == 0 || !conn->handshake_done || !is_taken_by_the_peer(conn))
		return;
	CHECK(conn->verdict.kind == TLS_VERDICT_ACCEPTED && conn->failure == TLS_FAILURE_NONE);
	struct tls_ticket ticket = { .proved_s = conn->ticket_now_s };
	if (SSL_session_reused(conn->ssl))
		ticket.proved_s = conn->ticket_proved_s;
	for (uint8_t i = 0; i < conn->fresh_count; i++) {
		ticket.session = conn->fresh[i];
		tls_tickets_put(conn->ctx->tickets, conn->ticket_key, ticket, conn->ticket_now_s);
	}
	conn->fresh_count = 0;
}

void tls_resume_end(struct tls_conn *conn)
{
	for (uint8_t i = 0; i < conn->fresh_count; i++)
		SSL_SESSION_free(conn->fresh[i]);
	conn->fresh_count = 0;
	if (conn->uses_tickets && conn->ticket_offered && !conn->confirmed)
		tls_tickets_bar(conn->ctx->tickets, conn->ticket_key, conn->ticket_now_s);
	conn->uses_tickets = false;
}
