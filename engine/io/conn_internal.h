/* The inside of a connection, shared by conn.c (life and receiving), conn_output.c (flights and
 * sending) and conn_tls.c. Nobody else includes it. */
#ifndef ENGINE_IO_CONN_INTERNAL_H
#define ENGINE_IO_CONN_INTERNAL_H

#include "engine/io/conn.h"

/*   IDLE ─▶ CONNECTING ─▶ OPEN ─▶ FAILED ─▶ CLOSING ─▶ IDLE
 *     └── conn_adopt ──────▲        (CONNECTING may fail, and each may be closed) */
enum conn_state {
	CONN_IDLE,       /* the owner's: zeroed, or after `closed` */
	CONN_CONNECTING,
	CONN_OPEN,
	CONN_FAILED,     /* `failed` was called or is due; waits for conn_close() */
	CONN_CLOSING,    /* until no op is in flight */
};

enum conn_tls_state {
	CONN_TLS_OFF,
	CONN_TLS_HELLO,     /* client: our ClientHello has not left; nothing may arrive (STLS-04) */
	CONN_TLS_HANDSHAKE,
	CONN_TLS_VERIFY,    /* the verifier thinks; what arrives is held */
	CONN_TLS_UP,
};

/* conn.c */
/* From a completion: tells the owner at once. From a call of the owner: in a later turn. */
void conn_fail(struct conn *conn, enum conn_end end);
void conn_fail_later(struct conn *conn, enum conn_end end);
void conn_post_event(struct conn *conn);
void conn_try_finish(struct conn *conn); /* while closing: when no op is in flight any more */
/* Starts or stops the receive as the flags and what is held want it. */
void conn_arrange_receive(struct conn *conn);

/* conn_output.c */
/* Where TLS may append: at least TLS_OUT_ROOM_MIN bytes; NULL: not now, conn_tls_resume() will
 * be called when there is room. */
struct buf *conn_output_prepare(struct conn *conn);
/* Appends what TLS answered while reading; false when it cannot be kept. */
MUST_USE bool conn_output_append(struct conn *conn, const struct buf *bytes);
void conn_output_trim(struct conn *conn); /* gives an empty flight back */
void conn_output_drop(struct conn *conn); /* all that is not in flight */
void conn_output_last(struct conn *conn); /* while closing: what is left, if it leaves at once */
void conn_output_tell(struct conn *conn); /* there is room again */
flight_ready_fn conn_output_ready;

/* conn_tls.c */
void conn_tls_input(struct conn *conn, const uint8_t *data, size_t len);
void conn_tls_resume(struct conn *conn);     /* goes on with what is held */
void conn_tls_hello_left(struct conn *conn); /* the first flight is on the wire */
void conn_tls_ended(struct conn *conn);      /* EOF, or an error of the network */
void conn_tls_goodbye(struct conn *conn);    /* appends close_notify if that can be */
void conn_tls_deinit(struct conn *conn);
static inline bool conn_is_held(const struct conn *conn) { return conn->held_len > 0; }
static inline bool conn_may_write(const struct conn *conn)
{
	return conn->state == CONN_OPEN && !conn->write_broken &&
		(conn->tls_state == CONN_TLS_OFF || conn->tls_state == CONN_TLS_UP);
}

#endif
