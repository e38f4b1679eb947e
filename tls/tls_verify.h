/* The border between a handshake and those who judge certificates.
 *
 * A context is given one tls_verify_fn at creation (DANE and PKIX stand behind it). It is asked
 * once in every handshake, resumed ones included, whenever the demand wants the peer to be
 * authenticated; its verdict decides (SEC-21). A demand that wants no authentication is never
 * brought before it: any chain passes (SEC-37). A demand that wants authentication in a context
 * without a verifier fails the handshake.
 *
 * All runs on the thread of the context. Spans are borrowed, see each field. */
#ifndef TLS_TLS_VERIFY_H
#define TLS_TLS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tls/tls_failure.h"

struct security_demand;
struct tls_conn;

enum {
	/* TLSA-28: work per handshake is bounded. Chains in the wild have 1 to 5 certificates. A
	 * longer one is cut: its leaf may match by DANE-EE (DANE-39), and no path is built. */
	TLS_CHAIN_MAX = 16,
	TLS_VERDICT_REASON_MAX = 160,
};

struct tls_cert {
	const uint8_t *der; /* the exact bytes of the Certificate message (TLSA-08) */
	size_t der_len;
};

/* What the peer presented, leaf first, in its order. The bytes live as long as the connection. */
struct tls_chain {
	struct tls_cert certs[TLS_CHAIN_MAX];
	size_t certs_count;
	bool is_cut; /* there were more */
};

enum tls_verdict_kind {
	TLS_VERDICT_REJECTED, /* the handshake ends with an alert */
	TLS_VERDICT_ACCEPTED,
	TLS_VERDICT_WAIT, /* comes later by tls_conn_resume_verify() */
};

struct tls_verdict {
	enum tls_verdict_kind kind;
	bool proved_dane;                    /* accepted: a TLSA record matched */
	bool proved_pkix;                    /* accepted: a chain to a trusted root, and the name */
	enum tls_failure failure;            /* rejected: CERTIFICATE, NAME, EXPIRED or UNTRUSTED */
	char reason[TLS_VERDICT_REASON_MAX]; /* rejected: for people, '\0' at its end */
};

/* `demand` is the one given to tls_conn_create_client(). After TLS_VERDICT_WAIT the connection
 * stands at TLS_WAIT_VERIFY until it is answered; one that is destroyed meanwhile is told to the
 * tls_verify_cancel_fn. It may ask `conn` for digests, and give its answer by
 * tls_conn_resume_verify() later, nothing else. */
typedef struct tls_verdict tls_verify_fn(void *verify_arg, struct tls_conn *conn,
	const struct tls_chain *chain, const struct security_demand *demand);

/* A connection that stands at TLS_WAIT_VERIFY is being destroyed: it must not be answered. */
typedef void tls_verify_cancel_fn(void *verify_arg, struct tls_conn *conn);

#endif
