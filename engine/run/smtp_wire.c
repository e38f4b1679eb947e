#include "engine/run/smtp_wire.h"
#include <stdbool.h>
#include "engine/io/conn.h"
#include "engine/smtp/smtp_session.h"

void smtp_wire_produce(
	struct smtp_session *smtp, struct conn *conn, uint8_t *memory, size_t size)
{
	size_t room, len;
	bool any = false;
	while ((room = conn_room(conn)) > 0) {
		len = smtp_session_output(smtp, memory, room < size ? room : size);
		if (len == 0)
			break;
		any = true;
		/* It takes what it had room for, unless TLS itself broke: then `failed` comes. */
		if (conn_write(conn, memory, len) != len)
			break;
	}
	if (any)
		conn_flush(conn);
}

static bool in_handshake(const struct smtp_session *smtp, const struct conn *conn)
{
	return conn->tls != NULL && !smtp->heard_in_tls;
}

void smtp_wire_refused_tls(struct smtp_session *smtp, const struct conn *conn)
{
	smtp_session_lost(smtp, conn_injected(conn) ? SMTP_END_INJECTION : SMTP_END_TLS_FAILED);
}

void smtp_wire_failed(struct smtp_session *smtp, const struct conn *conn)
{
	enum smtp_end why = SMTP_END_LOST;
	if (conn->end == CONN_END_INJECTED)
		why = SMTP_END_INJECTION;
	else if (in_handshake(smtp, conn))
		why = SMTP_END_TLS_FAILED;
	smtp_session_lost(smtp, why);
}

void smtp_wire_timed_out(struct smtp_session *smtp, const struct conn *conn)
{
	smtp_session_lost(
		smtp, in_handshake(smtp, conn) ? SMTP_END_TLS_FAILED : SMTP_END_TIMEOUT);
}
