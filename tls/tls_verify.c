/* The callbacks in which a handshake stands or falls (SEC-21). */
#include "tls/tls_verify.h"
#include <string.h>
#include "engine/base/text.h"
#include "tls/tls_internal.h"

/* What the peer is told. The alerts of RFC 8446 6.2 which stand nearest. */
static uint8_t alert_of(enum tls_failure failure)
{
	switch (failure) {
	case TLS_FAILURE_CERTIFICATE: return SSL_AD_BAD_CERTIFICATE;
	case TLS_FAILURE_NAME: return SSL_AD_CERTIFICATE_UNKNOWN;
	case TLS_FAILURE_EXPIRED: return SSL_AD_CERTIFICATE_EXPIRED;
	case TLS_FAILURE_UNTRUSTED: return SSL_AD_UNKNOWN_CA;
	case TLS_FAILURE_LOCAL: return SSL_AD_INTERNAL_ERROR;
	case TLS_FAILURE_HANDSHAKE: return SSL_AD_HANDSHAKE_FAILURE;
	case TLS_FAILURE_NONE:
	case TLS_FAILURE_PROTOCOL_VERSION:
	case TLS_FAILURE_ALERT:
	case TLS_FAILURE_CLOSED:
	case TLS_FAILURE_COUNT: break;
	}
	UNREACHABLE("not a reason to reject a certificate");
}

static struct tls_verdict rejection(enum tls_failure failure, const char *reason)
{
	struct tls_verdict verdict = { .kind = TLS_VERDICT_REJECTED, .failure = failure };
	struct text text = text_cut(text_of(reason), sizeof verdict.reason - 1);
	memcpy(verdict.reason, text.data, text.len);
	return verdict;
}

/* What is known without a verifier: nobody is there to ask, or nothing to show. */
static struct tls_verdict ask_verifier(struct tls_conn *conn)
{
	struct tls_chain chain;
	tls_conn_peer_chain(conn, &chain);
	if (conn->ctx->verify == NULL)
		return rejection(TLS_FAILURE_UNTRUSTED,
			"authentication is demanded and there is no verifier for it");
	return conn->ctx->verify(conn->ctx->verify_arg, conn, &chain, conn->demand);
}

/* (TLS-09) RFC 9325 3.5: a TLS 1.2 server without renegotiation_info is refused where security is
 * demanded. By now its ServerHello has been read. (TLS 1.3 has no renegotiation; yes there.) */
static bool is_open_to_renegotiation_attack(const struct tls_conn *conn)
{
	return conn->is_mandatory && !SSL_get_secure_renegotiation_support(conn->ssl);
}

static struct tls_verdict judge(struct tls_conn *conn)
{
	if (is_open_to_renegotiation_attack(conn))
		return rejection(
			TLS_FAILURE_HANDSHAKE, "the server lacks secure renegotiation (RFC 5746)");
	if (!conn->wants_authentication) /* (SEC-37) no demand, no bar */
		return (struct tls_verdict){ .kind = TLS_VERDICT_ACCEPTED };
	return ask_verifier(conn);
}

enum ssl_verify_result_t tls_verify_server(SSL *ssl, uint8_t *out_alert)
{
	struct tls_conn *conn = tls_conn_of_ssl(ssl);
	if (conn->verify_state == TLS_VERIFY_NOT_ASKED) {
		conn->verdict = judge(conn);
		conn->verify_state = conn->verdict.kind == TLS_VERDICT_WAIT ? TLS_VERIFY_ASKED
									    : TLS_VERIFY_ANSWERED;
	}
	if (conn->verify_state == TLS_VERIFY_ASKED)
		return ssl_verify_retry;
	switch (conn->verdict.kind) {
	case TLS_VERDICT_ACCEPTED: return ssl_verify_ok;
	case TLS_VERDICT_REJECTED:
		*out_alert = alert_of(conn->verdict.failure);
		return ssl_verify_invalid;
	case TLS_VERDICT_WAIT: break;
	}
	UNREACHABLE("a verdict that still waits");
}

enum ssl_verify_result_t tls_verify_client(SSL *ssl, uint8_t *out_alert)
{
	(void)ssl;
	(void)out_alert;
	return ssl_verify_ok; /* the sink asks in order to see who answers, and believes all */
}

void tls_conn_resume_verify(struct tls_conn *conn, const struct tls_verdict *verdict)
{
	CHECK_OBJ(conn, TLS_CONN_MAGIC);
	CHECK(conn->verify_state == TLS_VERIFY_ASKED);
	CHECK(verdict->kind != TLS_VERDICT_WAIT);
	conn->verdict = *verdict;
	conn->verify_state = TLS_VERIFY_ANSWERED;
}
