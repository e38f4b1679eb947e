/* BoringSSL's error queue, read into a class for reports and a sentence for people. */
#include <ctype.h>
#include <stdio.h>
#include "tls/tls_internal.h"

static const struct {
	int reason;
	enum tls_failure failure;
} reasons[] = {
	{ SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAILURE_PROTOCOL_VERSION },
	{ SSL_R_NO_SUPPORTED_VERSIONS_ENABLED, TLS_FAILURE_PROTOCOL_VERSION },
	{ SSL_R_UNKNOWN_SSL_VERSION, TLS_FAILURE_PROTOCOL_VERSION },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_FAILURE_PROTOCOL_VERSION },
	/* (TLSA-27) What BoringSSL refuses before any verifier is asked. */
	{ SSL_R_CANNOT_PARSE_LEAF_CERT, TLS_FAILURE_CERTIFICATE },
	{ SSL_R_CERTIFICATE_AND_PRIVATE_KEY_MISMATCH, TLS_FAILURE_CERTIFICATE },
	{ SSL_R_BAD_ECC_CERT, TLS_FAILURE_CERTIFICATE },
	{ SSL_R_ECC_CERT_NOT_FOR_SIGNING, TLS_FAILURE_CERTIFICATE },
	{ SSL_R_KEY_USAGE_BIT_INCORRECT, TLS_FAILURE_CERTIFICATE },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_FAILURE_CERTIFICATE },
	{ SSL_R_UNKNOWN_CERTIFICATE_TYPE, TLS_FAILURE_CERTIFICATE },
	{ SSL_R_WRONG_CERTIFICATE_TYPE, TLS_FAILURE_CERTIFICATE },
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

/* "DECRYPTION_FAILED_OR_BAD_RECORD_MAC" as people write it. */
static void reason_text(uint32_t error, char *out, size_t out_size)
{
	const char *name = ERR_reason_error_string(error);
	size_t len = 0;
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
		if (chosen == 0 || (conn->failure == TLS_FAILURE_HANDSHAKE && failure != conn->failure)) {
			chosen = error;
			conn->failure = failure;
		}
	}
	return chosen;
}

void tls_error_explain(struct tls_conn *conn, const char *stage, struct fail *fail)
{
	char reason[96], sent[64] = "";
	conn->failure = TLS_FAILURE_HANDSHAKE;
	uint32_t error = take_error(conn);
	int number = ERR_GET_REASON(error);
	if (ERR_GET_LIB(error) == ERR_LIB_SSL && number > SSL_AD_REASON_OFFSET) {
		conn->alert_received = true;
		conn->alert = (uint8_t)(number - SSL_AD_REASON_OFFSET);
		fail_set(fail, RESULT_TLS, "%s: peer sent alert %u (%s)", stage, conn->alert,
			SSL_alert_desc_string_long(conn->alert));
		return;
	}
	if (conn->alert_sent)
		snprintf(sent, sizeof sent, ", we sent alert %u (%s)", conn->alert,
			SSL_alert_desc_string_long(conn->alert));
	if (conn->verdict.kind == TLS_VERDICT_REJECTED && conn->verify_state == TLS_VERIFY_ANSWERED) {
		fail_set(fail, RESULT_TLS, "%s: %s: %s%s", stage, tls_failure_text(conn->failure),
			conn->verdict.reason, sent);
		return;
	}
	reason_text(error, reason, sizeof reason);
	fail_set(fail, RESULT_TLS, "%s: %s%s", stage, reason, sent);
}
