/* One TCP connection with TLS inside: what a session hands bytes to and gets bytes from.
 *
 *   conn_connect ─▶ opened ─▶ received* / sent* ─▶ conn_start_tls ─▶ tls_done ─▶ received* / sent*
 *   conn_adopt   ───────────▶ ...           any time: failed, then conn_close ─▶ closed
 *
 * Embedded in its owner, allocates nothing but the TLS state. All handlers run from ring_run_once()
 * on the thread of the pool, never from inside a call of the owner, and the owner may call anything
 * from within them. Receiving goes on while sending (EXT-PIPE-05, DATA-11). Timeouts are the
 * owner's: every state can be left by conn_close() or conn_abort(), and after `closed`, not before,
 * may the conn be released or used again. After `failed` nothing is received or sent any more; the
 * owner closes. */
#ifndef ENGINE_IO_CONN_H
#define ENGINE_IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/io/conn_pool.h"
#include "engine/io/io_op.h"

struct conn;
struct security_demand;
struct tls_context;
struct tls_place;
struct tls_verdict;

enum conn_end {
	CONN_END_NONE,
	CONN_END_CONNECT,   /* it never was: refused, unreachable, no socket, no such source */
	CONN_END_CLOSED,    /* orderly: FIN in cleartext, close_notify under TLS */
	CONN_END_TRUNCATED, /* (TLS-22) FIN under TLS without close_notify: maybe in mid-reply */
	CONN_END_BROKEN,    /* reset, or another error of the network */
	CONN_END_TLS,       /* handshake or record failed; tls_conn_describe() has the class */
	CONN_END_INJECTED,  /* (STLS-04, SEC-01) the peer spoke before our ClientHello */
	CONN_END_COUNT
};

struct conn_handlers {
	void (*opened)(struct conn *conn); /* connected; never after conn_adopt() and conn_take() */
	/* The peer is gone or cannot be trusted: conn->end, conn->fail say why. At most once. */
	void (*failed)(struct conn *conn);
	/* Plaintext, in pieces as they come; borrowed until the handler returns; len > 0. */
	void (*received)(struct conn *conn, const uint8_t *data, size_t len);
	/* Something went out and there is room again: produce more. When conn_unsent() is 0, all
	 * that was written is on its way. May be NULL. */
	void (*sent)(struct conn *conn);
	/* Our side of the handshake is done. May be NULL for who never starts TLS. */
	void (*tls_done)(struct conn *conn);
	/* The conn is the owner's again. */
	void (*closed)(struct conn *conn);
};

#define CONN_MAGIC 0xc0117ec7u

struct conn {
	uint32_t magic;
	uint8_t state;                       /* enum conn_state, see conn.c */
	uint8_t tls_state;                   /* enum conn_tls_state, see conn_tls.c */
	uint8_t end;                         /* enum conn_end: why `failed` was called */
	bool aborting, eof, write_broken;    /* after conn_abort; FIN came; sending failed before */
	bool flush_wanted, receive_stopped, output_awaited;
	bool failed_due, sent_due, resume_due; /* what event_op will see to */
	int fd;                              /* -1: none */
	struct fail fail;                    /* with `end`: the words for people */
	struct conn_pool *pool;
	const struct conn_handlers *handlers;
	void *owner;                         /* for the handlers */
	struct tls_conn *tls;                /* NULL: cleartext */
	struct flight *sending, *filling;    /* lent while they hold something */
	struct list_node flight_waiter;
	struct io_op receive_op, send_op, event_op;
	uint64_t sent_bytes, received_bytes; /* on the wire */
	struct sockaddr_storage peer;        /* until connected: what to connect to */
	uint8_t *held;                       /* ciphertext that must wait, see conn_tls.c */
	size_t held_len, held_max;
};

/* Starts to connect, from `source` if not NULL. A socket that cannot be made is `failed` as
 * well, so there is nothing to check here. A zeroed conn is ready for its first use. */
void conn_connect(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers,
	void *owner, const struct ip_address *peer, uint16_t port, const struct ip_address *source);
/* Takes an accepted (or other connected stream) socket over and starts to receive. */
void conn_adopt(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers,
	void *owner, int fd);
/* The same for a socket that was connected by us (dial.h), and counted as such. */
void conn_take(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers, void *owner,
	int fd);

/* How many bytes conn_write() takes at least; 0 while nothing may be written (`sent` will tell):
 * not connected, in a handshake, failed, or no flight to be had. */
size_t conn_room(struct conn *conn);
/* Takes as much as there is room for and returns how much; the rest may be written after `sent`.
 * Under TLS each call makes records of its own, so a group of commands is best written in one
 * call. Leaves with conn_flush(), or when a flight is full. */
size_t conn_write(struct conn *conn, const void *data, size_t len);
void conn_flush(struct conn *conn);
/* Written, and not yet taken by the kernel: bytes on the wire, with the overhead of TLS. */
size_t conn_unsent(const struct conn *conn);

/* Client: after the 220 to STARTTLS. RESULT_PROTOCOL, and conn_injected(), if anything has
 * arrived behind the 220 or came before our STARTTLS had left (STLS-04, SEC-02): the owner
 * closes. That is watched until the ClientHello has left; later finds are `failed`. `leftover`
 * is how many bytes of what `received` was given stand behind the 220. `demand`, `sni` and `place` as
 * in tls_conn.h; no session is resumed without a place, nor with `tls12_only`. Others: no TLS is to be
 * had (RESULT_LIMIT, RESULT_MEMORY, RESULT_INVALID); RESULT_CLOSED: already failed. */
MUST_USE enum result conn_start_tls(struct conn *conn, struct tls_context *ctx,
	const struct security_demand *demand, struct text sni, const struct tls_place *place,
	bool tls12_only, size_t leftover);
/* Server: after its 220 has been written (it leaves first). */
MUST_USE enum result conn_start_tls_server(struct conn *conn, struct tls_context *ctx);
/* The answer of a verifier that had said TLS_VERDICT_WAIT; the handshake goes on in a later
 * turn. */
void conn_resume_verify(struct conn *conn, const struct tls_verdict *verdict);
/* For tls_conn_describe() and the like; NULL in cleartext, and from `closed` on. */
static inline struct tls_conn *conn_tls(const struct conn *conn) { return conn->tls; }
static inline bool conn_injected(const struct conn *conn) { return conn->end == CONN_END_INJECTED; }

/* Back-pressure of a receiver of mail: no new bytes are taken from the kernel (what has been
 * taken is still given to `received`), until started again. */
void conn_stop_receiving(struct conn *conn);
void conn_start_receiving(struct conn *conn);

/* Ends it: what was written leaves if it can leave at once, close_notify with it; the peer gets
 * FIN. */
void conn_close(struct conn *conn);
/* Ends it with RST, nothing more is sent: for attacks and timeouts. */
void conn_abort(struct conn *conn);

/* Our end of an open connection; false when it is not connected. */
MUST_USE bool conn_local(
	const struct conn *conn, struct ip_address *out_address, uint16_t *out_port);
const char *conn_end_name(enum conn_end end);
/* "connecting", "open", "handshake" ...: for crash reports. */
const char *conn_state_name(const struct conn *conn);

#endif
