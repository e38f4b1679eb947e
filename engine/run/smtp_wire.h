/* Between an SMTP session and its connection: what each says to the other, whoever owns them (a delivery,
 * or a probe of `explain`). The owner calls its own step afterwards. */
#ifndef ENGINE_RUN_SMTP_WIRE_H
#define ENGINE_RUN_SMTP_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct conn;
struct smtp_session;

/* Everything that may be said now leaves in as few writes as the connection has room for. `memory` is
 * scratch of `size` octets; WORKER_OUTPUT_BYTES make a full TLS record. */
void smtp_wire_produce(
	struct smtp_session *smtp, struct conn *conn, uint8_t *memory, size_t size);

/* How the session ends when... conn_start_tls() gave no TLS; */
void smtp_wire_refused_tls(struct smtp_session *smtp, const struct conn *conn);
/* ... the connection is gone, conn->end says why; */
void smtp_wire_failed(struct smtp_session *smtp, const struct conn *conn);
/* ... its time is up. STLS-19: what breaks or stands still before anything was heard inside TLS is a failed
 * handshake. */
void smtp_wire_timed_out(struct smtp_session *smtp, const struct conn *conn);

#endif
