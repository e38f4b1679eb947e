/* What many TLS connections of one thread share: versions, ciphers, keys, the verifier.
 *
 * A context belongs to one thread (its connections use one transport object of it in turn).
 * Files are read in create only. What a context was created with never changes; a connection
 * must be destroyed before its context is.
 *
 * The client context knows two settings and takes the one that a connection's demand asks for:
 *  - mandatory (some security is demanded): TLS 1.2 or 1.3 (TLS-01), ECDHE with AEAD only
 *    (TLS-04, TLS-05), no SHA-1 signature (TLS-08), no server without RFC 5746 (TLS-09);
 *  - opportunistic: also ECDHE with CBC, last; SHA-1 signatures; RFC 5746 not insisted on,
 *    since the choice is between that and cleartext.
 * In both: no ALPN (TLS-18), no early data (TLS-11), no renegotiation (TLS-09), no ticket and no
 * resumption (their place: sessions kept by pool, TLS-13 and TLS-14), X25519 first and alone in
 * the first key share, an empty certificate when one is asked for (TLS-19). */
#ifndef TLS_TLS_CONTEXT_H
#define TLS_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/policy.h"
#include "tls/tls_verify.h"

struct fail;
struct tls_context;

/* Certificates that many connections show are held once for the whole process. Created before
 * the worker threads, destroyed after the last context; safe to share between threads. */
struct tls_pool;
struct tls_pool *tls_pool_create(void);
void tls_pool_destroy(struct tls_pool *pool);

/* Versions stand as TLS writes them, in uint16_t; these two beside those of engine/base/policy.h. */
enum {
	TLS_VERSION_1_0 = 0x0301,
	TLS_VERSION_1_1 = 0x0302,
};

/* X25519 first: it is the cheapest and goes alone into the key share. The curves are also those that
 * a certificate's key may have under TLS 1.2, hence P-521 (TLS-08). No post-quantum group: its
 * share makes the ClientHello larger than a segment (TLS-26). */
#define TLS_GROUPS_DEFAULT "X25519:P-256:P-384:P-521"

struct tls_client_config {
	struct tls_pool *pool; /* borrowed until the context is destroyed */
	uint32_t conns_max;    /* connections at once; one more is refused */
	/* (TLS-02) A lower floor than the demand's 1.2, for SECURITY_NEED_MAY only; 0: none lower. */
	uint16_t may_version_min;
	const char *groups;    /* TLS_GROUPS_DEFAULT if NULL (TLS-26) */
	tls_verify_fn *verify; /* NULL: a demand of authentication always fails */
	/* NULL where `verify` never says TLS_VERDICT_WAIT, or its owner knows without. */
	tls_verify_cancel_fn *verify_cancel;
	void *verify_arg; /* of both */
};

/* One certificate that a server can show. */
struct tls_identity {
	const char *name;       /* SNI it answers to, any case; NULL: no name of its own */
	const char *chain_path; /* PEM, leaf first */
	const char *key_path;   /* PEM, not encrypted */
};

enum tls_client_cert {
	TLS_CLIENT_CERT_IGNORED,   /* not asked for */
	TLS_CLIENT_CERT_REQUESTED, /* asked for; none is fine (TLS-19) */
	/* None: alert, under TLS 1.3 after the client's end of the handshake (STLS-19). */
	TLS_CLIENT_CERT_REQUIRED,
};

struct tls_server_config {
	struct tls_pool *pool;
	uint32_t conns_max;
	const struct tls_identity *identities; /* [0] answers to all names that no other has */
	size_t identities_count;
	uint16_t version_min, version_max; /* 0: TLS 1.2, TLS 1.3 */
	const char *ciphers;               /* of TLS 1.2 and below, OpenSSL's syntax; NULL: all */
	const char *groups;                /* NULL: as the client's */
	const char *sigalgs;               /* "RSA+SHA1:…"; NULL: BoringSSL's default */
	enum tls_client_cert client_cert;
	bool tickets;               /* session tickets are given and taken */
	bool unknown_name_is_fatal; /* alert unrecognized_name when no identity has the SNI */
};

/* NULL with `fail` filled, and the file's name in its text. RESULT_INVALID: a list or a file does not
 * parse, key and certificate do not belong together; RESULT_IO: a file cannot be read;
 * RESULT_NOT_FOUND: no certificate is in it; RESULT_LIMIT: too many are; RESULT_MEMORY. */
MUST_USE struct tls_context *tls_context_create_client(
	const struct tls_client_config *config, struct fail *fail);
MUST_USE struct tls_context *tls_context_create_server(
	const struct tls_server_config *config, struct fail *fail);
void tls_context_destroy(struct tls_context *ctx);

uint32_t tls_context_conns_in_use(const struct tls_context *ctx);

#endif
