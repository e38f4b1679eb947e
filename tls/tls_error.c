/* BoringSSL's error queue, read into a class for reports and a sentence for people. */
#include <ctype.h>
#include <stdio.h>
#include "engine/base/buf.h"
#include "tls/tls_internal.h"

/* Errors of BoringSSL that belong to another class than "the handshake failed", or that are better said
 * in other words than its own (NULL: its own). */
static const struct {
	int reason;
	enum tls_failure failure;
	const char *words;
} reasons[] = {
	{ SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAILURE_PROTOCOL_VERSION, "no TLS version in common" },
	{ SSL_R_NO_SUPPORTED_VERSIONS_ENABLED, TLS_FAILURE_PROTOCOL_VERSION,
		"no TLS version is left to offer" },
	{ SSL_R_UNKNOWN_SSL_VERSION, TLS_FAILURE_PROTOCOL_VERSION, NULL },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_FAILURE_PROTOCOL_VERSION, NULL },
	{ SSL_R_WRONG_VERSION_NUMBER, TLS_FAILURE_HANDSHAKE, "what the peer sent is not TLS" },
	{ SSL_R_ENCRYPTED_LENGTH_TOO_LONG, TLS_FAILURE_HANDSHAKE,
		"a record is longer than allowed" },
	{ SSL_R_EXCESSIVE_MESSAGE_SIZE, TLS_FAILURE_HANDSHAKE,
		"a handshake message, as a rule the certificates, is too large" },
	/* (TLSA-27) What BoringSSL refuses before any verifier is asked. */
	{ SSL_R_CANNOT_PARSE_LEAF_CERT, TLS_FAILURE_CERTIFICATE, NULL },
	{ SSL_R_BAD_ECC_CERT, TLS_FAILURE_CERTIFICATE,
		"the certificate's key is on a curve not offered" },
	{ SSL_R_ECC_CERT_NOT_FOR_SIGNING, TLS_FAILURE_CERTIFICATE, NULL },
	{ SSL_R_KEY_USAGE_BIT_INCORRECT, TLS_FAILURE_CERTIFICATE,
		"the certificate's keyUsage does not allow this key exchange" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_FAILURE_CERTIFICATE, NULL },
	{ SSL_R_UNKNOWN_CERTIFICATE_TYPE, TLS_FAILURE_CERTIFICATE, NULL },
	{ SSL_R_WRONG_CERTIFICATE_TYPE, TLS_FAILURE_CERTIFICATE, NULL },
};

static enum tls_failure class_of(const struct tls_conn *conn, uint32_t error)
{
	int reason = ERR_GET_REASON(error);
	if (reason == ERR_R_MALLOC_FAILURE)
		return TLS_FAILURE_LOCAL;
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return TLS_FAILURE_HANDSHAKE;
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return conn->verdict.failure;
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (reasons[i].reason == reason)
			return reasons[i].failure;
	}
	return reason > SSL_AD_REASON_OFFSET ? TLS_FAILURE_ALERT : TLS_FAILURE_HANDSHAKE;
}

/* Our words, else the name of BoringSSL as people write it: "BAD_DECRYPT" is "bad decrypt". */
static void reason_text(uint32_t error, char *out, size_t out_size)
{
	const char *name = ERR_reason_error_string(error);
	size_t len = 0;
	for (size_t i = 0; i < COUNT_OF(reasons) && ERR_GET_LIB(error) == ERR_LIB_SSL; i++) {
		if (reasons[i].reason == ERR_GET_REASON(error) && reasons[i].words != NULL) {
			snprintf(out, out_size, "%s", reasons[i].words);
			return;
		}
	}
	for (; name != NULL && name[len] != '\0' && len + 1 < out_size; len++)
		out[len] = name[len] == '_' ? ' ' : (char)tolower((unsigned char)name[len]);
	out[len] = '\0';
	if (len == 0)
		snprintf(out, out_size, "error %08x of BoringSSL", error);
}

/* The first error that says more than "the handshake failed"; else the first; 0 if there is none. */
static uint32_t take_error(struct tls_conn *conn)
{
	uint32_t chosen = 0, error;
	while ((error = ERR_get_error()) != 0) {
		enum tls_failure failure = class_of(conn, error);
		if (chosen == 0 ||
			(conn->failure == TLS_FAILURE_HANDSHAKE && failure != conn->failure)) {
			chosen = error;
			conn->failure = failure;
		}
	}
	return chosen;
}

/* "certificate is not trusted: ", where the class says more than the stage does. */
static void put_class(struct buf *text, enum tls_failure failure)
{
	if (failure == TLS_FAILURE_HANDSHAKE || failure == TLS_FAILURE_ALERT)
		return;
	buf_put_cstr(text, tls_failure_text(failure));
	buf_put_cstr(text, ": ");
}

void tls_error_explain(struct tls_conn *conn, const char *stage, struct fail *fail)
{
	char memory[sizeof fail->text], reason[96];
	struct buf text;
	buf_init(&text, memory, sizeof memory);
	conn->failure = TLS_FAILURE_HANDSHAKE;
	uint32_t error = take_error(conn);
	int number = ERR_GET_REASON(error);
	bool is_rejected = conn->verify_state == TLS_VERIFY_ANSWERED &&
			   conn->verdict.kind == TLS_VERDICT_REJECTED;
	if (ERR_GET_LIB(error) == ERR_LIB_SSL && number > SSL_AD_REASON_OFFSET) {
		conn->alert_received = true;
		conn->alert = (uint8_t)(number - SSL_AD_REASON_OFFSET);
		put_class(&text, conn->failure);
		buf_printf(&text, "peer sent alert %u (%s)", conn->alert,
			SSL_alert_desc_string_long(conn->alert));
	} else if (is_rejected) {
		put_class(&text, conn->failure);
		buf_put_cstr(&text, conn->verdict.reason);
	} else {
		reason_text(error, reason, sizeof reason);
		buf_put_cstr(&text, reason);
	}
	if (conn->alert_sent && !conn->alert_received)
		buf_printf(&text, ", we sent alert %u (%s)", conn->alert,
			SSL_alert_desc_string_long(conn->alert));
	fail_set(fail, RESULT_TLS, "%s: %.*s", stage, TEXT_ARG(buf_text(&text)));
}
