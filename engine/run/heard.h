/* What a worker heard during an attempt, as far as the throttle is concerned: comes straight back to the
 * scheduler in POST_HEARD, before the recorder has made the outcome durable. A set of bits and a
 * count, packed into the message. */
#ifndef ENGINE_RUN_HEARD_H
#define ENGINE_RUN_HEARD_H

#include <stdbool.h>
#include <stdint.h>

struct heard {
	uint16_t good;      /* recipients delivered, up to 65535 */
	uint16_t blocks;    /* replies of the policy or block class */
	bool slow_down, back_off, suspend;
};

static inline uint64_t heard_pack(struct heard heard)
{
	return (uint64_t)heard.good | (uint64_t)heard.blocks << 16 |
		(uint64_t)heard.slow_down << 32 | (uint64_t)heard.back_off << 33 |
		(uint64_t)heard.suspend << 34;
}

static inline struct heard heard_unpack(uint64_t packed)
{
	return (struct heard){
		.good = (uint16_t)packed,
		.blocks = (uint16_t)(packed >> 16),
		.slow_down = packed >> 32 & 1,
		.back_off = packed >> 33 & 1,
		.suspend = packed >> 34 & 1,
	};
}

#endif
