/* What a worker remembers of those that it talked to: of an address that it was down; of a host name at an
 * address which TLS it can do there, which extensions turned out not to work (MX-18, TLS-03, EXT-CHUNK), and,
 * where that is of use, how often it refuses recipients.
 * Behind one address each name may lead to another server, chosen by SNI: what failed for one says nothing
 * of the others (MX-23). Forgotten by time and by number, so that a host which was mended is used as it is
 * now. One thread. */
#ifndef ENGINE_RUN_HOST_MEMORY_H
#define ENGINE_RUN_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/ip_address.h"
#include "engine/base/lru_map.h"

/* CONFORMANCE 0.4, TLS-03 and TLS-27: each rung on a fresh connection, the last only where nothing
 * demands TLS. */
enum tls_rung {
	TLS_RUNG_FULL,      /* 1.2 and 1.3 */
	TLS_RUNG_1_2,       /* 1.2 only */
	TLS_RUNG_CLEAR,     /* no STARTTLS */
};

struct host_memory {
	struct lru_map hosts;
	uint64_t down_first_ns;  /* the first wait for a dead address; doubles */
};

struct host_facts {
	enum tls_rung rung;      /* where to begin */
	unsigned avoid;          /* set of enum smtp_cap */
	bool seldom_refuses;     /* recipients: refusal_rate.h */
};

/* `down_first_ns`: see retry times; no host stays down longer than ten minutes. RESULT_MEMORY. */
MUST_USE enum result host_memory_init(struct host_memory *memory, uint64_t down_first_ns);
void host_memory_deinit(struct host_memory *memory);

/* True: do not connect now; *out_until_ns, which may be NULL, says until when. An address that nobody
 * remembers is up. */
bool host_memory_is_down(struct host_memory *memory, const struct ip_address *ip, uint16_t port,
	uint64_t now_ns, uint64_t *out_until_ns);
/* No connection could be made. */
void host_memory_down(struct host_memory *memory, const struct ip_address *ip, uint16_t port,
	uint64_t now_ns);
/* It greeted us. */
void host_memory_up(struct host_memory *memory, const struct ip_address *ip, uint16_t port);

/* `name`: of the host (A-labels, lower case), as the route has it. One that nobody remembers does
 * everything. */
struct host_facts host_memory_get(struct host_memory *memory, const char *name,
	const struct ip_address *ip, uint16_t port, uint64_t now_ns);
/* TLS failed at a rung: the next one is tried, and remembered for an hour. */
void host_memory_tls_failed(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, enum tls_rung rung, uint64_t now_ns);
/* It must be tried in full again. */
void host_memory_tls_works(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port);
/* `learned`: set of enum smtp_cap that failed there, in a session that was opened at `opened_ns`; remembered
 * for a day. PIPELINING is avoided when it fails again, in a session that was opened after that, and has not
 * worked meanwhile. */
void host_memory_avoid(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, unsigned learned, uint64_t opened_ns, uint64_t now_ns);
/* The same of what was not answered in time: remembered for an hour, since it may have been busy, or the
 * network broken. */
void host_memory_silent(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, unsigned learned, uint64_t opened_ns, uint64_t now_ns);
/* Set of enum smtp_cap that worked there. */
void host_memory_works(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, unsigned worked);

/* So many recipients had an answer there, and so many of them were refused. */
void host_memory_answered(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, uint32_t answers, uint32_t refusals);

#endif
