/* Random numbers for shuffling, jitter and identifiers: fast, one generator a thread. Not for
 * keys (those come from tls/tls_crypto.h). A given seed gives a given sequence, for tests and
 * simulation. */
#ifndef ENGINE_IO_RANDOM_H
#define ENGINE_IO_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/siphash.h"

struct random_state {
	uint64_t s[4];
};

/* From the kernel; cannot fail. */
void random_init(struct random_state *random);
void random_init_seed(struct random_state *random, uint64_t seed);

uint64_t random_u64(struct random_state *random);
/* 0 to bound - 1, each as likely as any other; bound > 0. */
uint64_t random_below(struct random_state *random, uint64_t bound);

/* Bytes from the kernel that nobody can predict, for the keys of hash tables; cannot fail. */
void random_secret(void *out, size_t len);
/* A new key for a hash table. */
struct siphash_key random_siphash_key(void);

#endif
