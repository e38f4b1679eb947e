/* What a worker remembers of hosts that have addresses of both families, while we have both: which family
 * worked there, and how fast. It says who goes first in the race, and with which head start (RFC 8305 5).
 *
 * Nothing known: IPv6, a quarter of a second ahead. Whoever won, or was left when the other failed, goes
 * first for ten minutes, so that a family which was mended is found again. A host far away gets a longer head
 * start, so that what is slow in both is not connected to twice. Bounded by number and time. One thread. */
#ifndef ENGINE_RUN_FAMILY_MEMORY_H
#define ENGINE_RUN_FAMILY_MEMORY_H

#include <stdint.h>
#include "engine/base/lru_map.h"
#include "engine/base/result.h"

/* RFC 8305 5, 8: a quarter of a second between attempts, two seconds at most. RFC 6555 4.2 remembers a choice
 * for ten minutes. */
#define FAMILY_HEAD_START_MIN_NS (250ull * 1000 * 1000)
#define FAMILY_HEAD_START_MAX_NS (2000ull * 1000 * 1000)
#define FAMILY_REMEMBERED_NS (600ull * 1000 * 1000 * 1000)

enum {
	/* Hosts with both families, from both families of ours. Who mails to more of them within ten minutes
	 * has the longest unused one raced anew. */
	FAMILY_MEMORY_MAX = 8192,
};

struct family_memory {
	struct lru_map hosts;
};

/* Who is meant: a host as the route names it, reached from one of our sources, whose network may have one
 * family only. */
struct family_host {
	const char *name;
	uint16_t port;
	uint32_t source; /* index */
};

struct family_plan {
	uint8_t first; /* enum ip_family, 4 or 6 */
	uint64_t head_start_ns;
};

/* RESULT_MEMORY. */
MUST_USE enum result family_memory_init(struct family_memory *memory);
void family_memory_deinit(struct family_memory *memory);

struct family_plan family_memory_plan(
	struct family_memory *memory, const struct family_host *host, uint64_t now_ns);
/* A connection was made there, after so long. */
void family_memory_won(struct family_memory *memory, const struct family_host *host, uint8_t family,
	uint64_t took_ns, uint64_t now_ns);
/* It cannot be reached by that family. */
void family_memory_failed(struct family_memory *memory, const struct family_host *host, uint8_t family,
	uint64_t now_ns);

#endif
