/* The digest by which longship-sink sees that a message body arrived whole: XXH64 with seed 0.
 *
 * Chosen because it is cheap enough to be run on every message of a benchmark (8 KB in well under
 * a microsecond, where CRC-32 of zlib takes several), because every single damaged octet changes
 * it, and because `xxhsum -H64` computes the same outside of this project.
 * Not a defence against forgers. Plain memory, nothing to free. */
#ifndef BENCH_BODY_DIGEST_H
#define BENCH_BODY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { BODY_DIGEST_STRIPE = 32 };

struct body_digest {
	uint64_t lanes[4];
	uint64_t total_bytes;
	uint8_t rest[BODY_DIGEST_STRIPE];       /* less than a stripe, waits for more */
	uint8_t rest_len;
};

/* Init, add any number of pieces, finish; after finish more may be added and finished again. */
void body_digest_init(struct body_digest *digest);
void body_digest_add(struct body_digest *digest, const void *data, size_t len);
uint64_t body_digest_finish(const struct body_digest *digest);

/* The same in one call. */
uint64_t body_digest_of(const void *data, size_t len);

#endif
