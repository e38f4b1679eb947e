/* SipHash-2-4 (Aumasson, Bernstein): a keyed hash whose collisions nobody finds who does not know
 * the key. The key comes from the caller (engine/io makes random), so that a run can be repeated. */
#ifndef ENGINE_BASE_SIPHASH_H
#define ENGINE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/* The key of 16 bytes, as the published test vectors write it. */
struct siphash_key siphash_key_of(const uint8_t bytes[16]);
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
