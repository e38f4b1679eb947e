/* What the files of tls/ share and nobody outside sees: the two structs and how they find each other.
 *
 * All SSL objects of a context use one BIO between them. It points to the context, and the context
 * to the connection and the bytes of the call that is running (tls_conn.c sets both on entry and
 * takes them back on return): one transport object a thread instead of one a connection, and no
 * ex_data, which BoringSSL would have to allocate. */
#ifndef TLS_TLS_INTERNAL_H
#define TLS_TLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/slab.h"
#include "tls/boringssl.h"
#include "tls/tls_conn.h"
#include "tls/tls_context.h"
#include "tls/tls_tickets.h"
#include "tls/tls_verify.h"

#define TLS_CONTEXT_MAGIC 0x71c07e87u
#define TLS_CONN_MAGIC    0x71c0044eu

enum {
	/* Tickets that wait for the handshake's end: OpenSSL gives two, others up to four. */
	TLS_FRESH_TICKETS_MAX = 4,
};

enum tls_verify_state {
	TLS_VERIFY_NOT_ASKED,
	TLS_VERIFY_ASKED,    /* the verifier said WAIT */
	TLS_VERIFY_ANSWERED, /* `verdict` holds */
};

struct tls_conn {
	uint32_t magic;
	struct tls_context *ctx;
	SSL *ssl;
	const struct security_demand *demand; /* client only; borrowed */
	void *owner;
	struct tls_verdict verdict;
	enum tls_verify_state verify_state;
	enum tls_failure failure;
	uint8_t alert;
	bool alert_sent, alert_received;
	bool is_server;
	bool wants_authentication;
	bool is_mandatory; /* the setting of the context that it was made from */
	bool handshake_begun, handshake_done;
	bool confirmed;
	bool is_drained; /* all that was fed is given out: without more there is nothing to read */
	bool close_sent;
	bool uses_tickets;        /* tls_conn_use_tickets(), until it ends */
	bool ticket_offered;
	uint8_t fresh_count;
	uint64_t ticket_now_s;    /* when it began; the clock of all its tickets */
	uint64_t ticket_proved_s; /* of the one offered */
	uint8_t ticket_key[TLS_TICKET_KEY_LEN];
	SSL_SESSION *fresh[TLS_FRESH_TICKETS_MAX]; /* given, not yet kept */
};

/* One SSL_CTX a certificate (server), or one a setting (client). */
enum {
	TLS_CLIENT_OPPORTUNISTIC = 0,
	TLS_CLIENT_MANDATORY = 1,
	TLS_CLIENT_SETTINGS = 2,
};

struct tls_context {
	uint32_t magic;
	bool is_server;
	bool unknown_name_is_fatal;
	SSL_CTX **ssl_ctx;
	char **names; /* server: what each answers to, NULL for none */
	size_t ssl_ctx_count;
	uint16_t may_version_min;
	tls_verify_fn *verify;
	tls_verify_cancel_fn *verify_cancel;
	void *verify_arg;
	struct tls_tickets *tickets; /* client; NULL: none are kept */
	struct slab conns;
	BIO_METHOD *bio_method;
	BIO *bio;
	struct tls_conn *conn; /* of the running call, else NULL */
	struct tls_io *io;
};

struct tls_pool {
	CRYPTO_BUFFER_POOL *buffers;
};

/* tls_context.c: an empty context with slab and BIO, an SSL_CTX with all that both roles share. */
struct tls_context *tls_context_create_empty(
	size_t ssl_ctx_count, uint32_t conns_max, struct fail *fail);
SSL_CTX *tls_context_new_ssl_ctx(struct tls_pool *pool, const char *groups, struct fail *fail);
/* False when BoringSSL does not know the version. */
bool tls_context_set_versions(SSL_CTX *ssl_ctx, uint16_t min, uint16_t max);

/* tls_bio.c */
MUST_USE bool tls_bio_create(struct tls_context *ctx);
void tls_bio_destroy(struct tls_context *ctx);

/* The connection on whose behalf BoringSSL calls back. */
struct tls_conn *tls_conn_of_ssl(const SSL *ssl);

/* tls_verify.c: the callbacks for SSL_CTX_set_custom_verify(). */
enum ssl_verify_result_t tls_verify_server(SSL *ssl, uint8_t *out_alert);
enum ssl_verify_result_t tls_verify_client(SSL *ssl, uint8_t *out_alert);

/* tls_resume.c. The callback for SSL_CTX_sess_set_new_cb(): */
int tls_resume_note(SSL *ssl, SSL_SESSION *session);
/* Before the first byte. */
void tls_resume_offer(struct tls_conn *conn);
/* After each success: keeps what may be kept by now. */
void tls_resume_keep(struct tls_conn *conn);
/* After a failure, and at the end. */
void tls_resume_end(struct tls_conn *conn);

/* tls_pem.c: the certificates of a PEM file in its order, at most `max`; RESULT_IO, RESULT_INVALID (a
 * damaged block), RESULT_NOT_FOUND (none), RESULT_LIMIT (more than max), RESULT_MEMORY: then none. */
struct fail;
MUST_USE enum result tls_pem_read_chain(const char *path, CRYPTO_BUFFER_POOL *pool,
	CRYPTO_BUFFER **certs, size_t max, size_t *out_count, struct fail *fail);
void tls_pem_free_chain(CRYPTO_BUFFER **certs, size_t count);

/* tls_error.c: why the SSL call that returned failed, out of BoringSSL's error queue. Sets
 * conn->failure and `fail`; `stage` begins the text. */
void tls_error_explain(struct tls_conn *conn, const char *stage, struct fail *fail);

#endif
