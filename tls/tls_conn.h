/* One TLS connection as a filter: ciphertext in, plaintext out and back, no socket, no clock.
 *
 * The owner holds the transport. Each call is given the bytes that arrived (`in`, eaten from the
 * front, no copy is made before they are needed) and a bounded buffer to append ciphertext to
 * (`out`, the owner sends and resets it). Whatever a call returns, `out` may have grown and must
 * be sent: also TLS_FAILED leaves an alert there.
 *
 * After TLS_WANT_READ all of `in` was eaten, so that the receive buffer can go back at once. After
 * tls_conn_handshake() returned TLS_OK bytes may be left: hand them to tls_conn_read() until it
 * wants more (one notice of the ring may hold the handshake's end and data).
 *
 * A failure is final: all later calls return TLS_FAILED. One thread, that of the context. */
#ifndef TLS_TLS_CONN_H
#define TLS_TLS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tls/tls_failure.h"

struct buf;
struct fail;
struct security_demand;
struct tls_conn;
struct tls_chain;
struct tls_context;
struct tls_verdict;

enum {
	/* With this much room in an empty `out` every call makes progress; a full record (16 KiB of
	 * plaintext) needs TLS_RECORD_ROOM. */
	TLS_OUT_ROOM_MIN = 512,
	TLS_RECORD_PLAIN_MAX = 16384,
	TLS_RECORD_ROOM = TLS_RECORD_PLAIN_MAX + 512,
	TLS_DIGEST_LEN = 32,
};

struct tls_io {
	const uint8_t *in; /* eaten: moves on */
	size_t in_len;
	bool in_eof; /* nothing comes after these bytes (set by the owner) */
	struct buf *out;
};

enum tls_status {
	TLS_OK,
	TLS_WANT_READ, /* all of `in` is eaten, the peer must say more */
	TLS_WANT_ROOM, /* `out` is full: send it, call again in the same way */
	/* Handshake only: after tls_conn_resume_verify() call again, with what is left of `in`. */
	TLS_WAIT_VERIFY,
	TLS_CLOSED, /* the peer ended the stream by close_notify */
	TLS_FAILED, /* `fail` says why */
};

struct tls_info {
	const char *protocol; /* "TLSv1.3"; "" before it is agreed on. Static text */
	const char *cipher;   /* "TLS_AES_128_GCM_SHA256", "" */
	const char *group;    /* "X25519", "" */
	/* Application data came, so the peer took our handshake. A failure before that counts as one of
	 * the handshake (STLS-19, RPT-27). */
	bool confirmed;
	bool proved_dane, proved_pkix; /* what the verdict achieved */
	bool resumed;
	enum tls_failure failure; /* NONE, unless a call returned TLS_FAILED */
	uint8_t alert;            /* number of the alert, if one was sent or received */
	bool alert_sent, alert_received;
};

/* `demand` is borrowed until destroy. `sni`, as a rule demand->sni: an A-label in lower case, no dot
 * at its end (TLS-16), empty for none; copied. NULL with RESULT_LIMIT when conns_max are open, with
 * RESULT_MEMORY, or with RESULT_INVALID for an SNI that cannot be sent. */
MUST_USE struct tls_conn *tls_conn_create_client(struct tls_context *ctx,
	const struct security_demand *demand, struct text sni, struct fail *fail);
MUST_USE struct tls_conn *tls_conn_create_server(struct tls_context *ctx, struct fail *fail);
/* NULL is allowed. Sends nothing. */
void tls_conn_destroy(struct tls_conn *conn);

/* Before the first byte only: TLS 1.2 at most, for the one fresh retry before cleartext (ruling TLS-03);
 * so the demand must be one that allows cleartext. */
void tls_conn_limit_to_tls12(struct tls_conn *conn);

/* TLS_OK once our side of the handshake is done; never TLS_CLOSED. */
MUST_USE enum tls_status tls_conn_handshake(
	struct tls_conn *conn, struct tls_io *io, struct fail *fail);

/* The verdict that a verifier had promised by TLS_VERDICT_WAIT (this one cannot wait again). */
void tls_conn_resume_verify(struct tls_conn *conn, const struct tls_verdict *verdict);

/* Decrypts into `plain`, as much as is there and fits. TLS_OK: `*out_len` > 0 and there may be
 * more; else `*out_len` is 0. EOF without close_notify is TLS_FAILED with TLS_FAILURE_CLOSED
 * (RFC 8446 6.1, TLS-22). TLS_WANT_ROOM only when an answer to the peer (KeyUpdate) has no room. */
MUST_USE enum tls_status tls_conn_read(struct tls_conn *conn, struct tls_io *io, uint8_t *plain,
	size_t plain_max, size_t *out_len, struct fail *fail);

/* Encrypts from `plain` in as few records as `out` has room for. TLS_OK: all is taken.
 * TLS_WANT_ROOM: only `*out_taken` bytes are, the rest is the caller's to give again or to change. */
MUST_USE enum tls_status tls_conn_write(struct tls_conn *conn, struct tls_io *io,
	const uint8_t *plain, size_t len, size_t *out_taken, struct fail *fail);

/* Appends close_notify; nothing may be written after it, reading goes on. TLS_OK, TLS_WANT_ROOM
 * or TLS_FAILED. During a handshake it does nothing. */
MUST_USE enum tls_status tls_conn_close_notify(
	struct tls_conn *conn, struct tls_io *io, struct fail *fail);

/* Whose it is, for those who are given the connection alone (tls_verify_fn); NULL at first. */
void tls_conn_set_owner(struct tls_conn *conn, void *owner);
void *tls_conn_owner(const struct tls_conn *conn);

/* Any time; texts are static. */
void tls_conn_describe(const struct tls_conn *conn, struct tls_info *out_info);

/* SHA-256 of the peer's leaf certificate, or of its SubjectPublicKeyInfo; computed when asked.
 * False when there is no such certificate or its DER does not hold one. */
MUST_USE bool tls_conn_leaf_digest(const struct tls_conn *conn, uint8_t out[TLS_DIGEST_LEN]);
MUST_USE bool tls_conn_leaf_key_digest(const struct tls_conn *conn, uint8_t out[TLS_DIGEST_LEN]);

/* What the peer presented, as the verifier sees it; no certificates before it did. */
void tls_conn_peer_chain(const struct tls_conn *conn, struct tls_chain *out_chain);

/* The name that the client asked for (server side), "" if none. Until destroy. */
const char *tls_conn_sni(const struct tls_conn *conn);

#endif
