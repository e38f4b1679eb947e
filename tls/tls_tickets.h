/* What is kept in order to resume TLS sessions: the tickets of one context, in memory only (TLS-15).
 *
 * A ticket lies under a key, the digest of everything that must be equal before it may be offered: address,
 * port, source, SNI and the canonical demand (DESIGN 2, TLS-14). Nothing is found under another key, so a
 * session that proved less, or proved it by other records, is never offered. What may be kept at all is
 * decided by tls_resume.c.
 *
 * A key is barred when a peer fails with a ticket of its own: what it gives next would fail as well.
 *
 * Bounds. A ticket is counted with what it takes when nothing of it is shared: TLS_TICKET_BASE_BYTES, the
 * ticket itself, and the certificates that it carries for the next verdict (tickets of one host share them
 * by the pool, so the real sum is smaller); a key with TLS_TICKET_KEY_BYTES. The sum stays within the budget
 * given at creation, and a key holds TLS_TICKETS_PER_KEY; beyond either, what was not used longest goes.
 * One thread. */
#ifndef TLS_TLS_TICKETS_H
#define TLS_TLS_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "tls/boringssl.h"

struct tls_tickets;

enum {
	TLS_TICKET_KEY_LEN = 32,
	/* What we keep for a key beside its tickets. */
	TLS_TICKET_KEY_BYTES = 192,
	/* A session of BoringSSL and ours around it: 800 bytes with a ticket (bench_tls_record prints it). */
	TLS_TICKET_BASE_BYTES = 1024,
	/* Tickets of OpenSSL, GnuTLS and Go have 130 to 300 bytes; one that holds the peer's whole state
	 * with a certificate chain of ours in it does not exist, since we show none. */
	TLS_TICKET_BYTES_MAX = 2048,
	/* TLS 1.3 wants one for each session; more than a site's default of sessions, and a spare few. */
	TLS_TICKETS_PER_KEY = 16,
	/* Less than the peer allows, so that certificates which were shown once do not decide for long:
	 * a ticket, and all that descend from one full handshake. */
	TLS_TICKET_LIFETIME_MAX_S = 4 * 3600,
	TLS_TICKET_LINEAGE_MAX_S = 24 * 3600,
	/* As long as a worker remembers that a host cannot do TLS in full. */
	TLS_TICKET_BAR_S = 3600,
};

struct tls_ticket {
	SSL_SESSION *session; /* NULL: none */
	uint64_t proved_s;    /* when the full handshake was that it descends from */
};

/* NULL without memory. */
MUST_USE struct tls_tickets *tls_tickets_create(size_t bytes_max);
void tls_tickets_destroy(struct tls_tickets *tickets);

/* The newest that is still good at `now_s`, as a reference of the caller's. One of TLS 1.3 is not in here
 * any more (TLS-15, RFC 8446 C.4); others are used again. */
struct tls_ticket tls_tickets_take(
	struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN], uint64_t now_s);
/* Takes over the reference to the session, also when it is not kept: too large, a lifetime that is over or
 * none at all, a key that is barred, no memory. Before TLS 1.3 it replaces what lies there. */
void tls_tickets_put(struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN],
	struct tls_ticket ticket, uint64_t now_s);
/* Forgets all under the key, and keeps nothing there for TLS_TICKET_BAR_S. Without memory, or when many other
 * keys have been used since, it is open again. */
void tls_tickets_bar(
	struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN], uint64_t now_s);

uint32_t tls_tickets_count(const struct tls_tickets *tickets);
/* As counted against the budget. */
size_t tls_tickets_bytes(const struct tls_tickets *tickets);

#endif
