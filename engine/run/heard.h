/* What a worker heard during an attempt, as far as the throttle is concerned: comes straight back to the
 * scheduler in POST_HEARD, before the recorder has made the outcome durable. Bits and counts, packed into
 * the message; the words of a refusal wait in the lease (lease->why). */
#ifndef ENGINE_RUN_HEARD_H
#define ENGINE_RUN_HEARD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* 17 minutes: longer than any reply is waited for by default, and slow beyond doubt. */
	HEARD_LATENCY_MS_MAX = (1 << 20) - 1,
};

struct heard {
	uint16_t good;      /* recipients delivered, up to 65535 */
	uint16_t blocks;    /* replies of the policy or block class */
	bool slow_down, back_off, suspend;
	uint32_t latency_ms; /* its slowest reply, rounded up; 0: not known. At most HEARD_LATENCY_MS_MAX */
};

static inline uint64_t heard_pack(struct heard heard)
{
	return (uint64_t)heard.good | (uint64_t)heard.blocks << 16 |
		(uint64_t)heard.slow_down << 32 | (uint64_t)heard.back_off << 33 |
		(uint64_t)heard.suspend << 34 | (uint64_t)heard.latency_ms << 35;
}

static inline struct heard heard_unpack(uint64_t packed)
{
	return (struct heard){
		.good = (uint16_t)packed,
		.blocks = (uint16_t)(packed >> 16),
		.slow_down = packed >> 32 & 1,
		.back_off = packed >> 33 & 1,
		.suspend = packed >> 34 & 1,
		.latency_ms = (uint32_t)(packed >> 35) & HEARD_LATENCY_MS_MAX,
	};
}

#endif
