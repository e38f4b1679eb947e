#include "bench/body_digest.h"
#include <string.h>

/* XXH64 (the specification is doc/xxhash_spec.md of the xxHash project): four lanes eat stripes of
 * 32 octets, are merged, then the rest is mixed in by 8, 4 and 1 octets. Little endian. */
#define PRIME_1 0x9E3779B185EBCA87ull
#define PRIME_2 0xC2B2AE3D27D4EB4Full
#define PRIME_3 0x165667B19E3779F9ull
#define PRIME_4 0x85EBCA77C2B2AE63ull
#define PRIME_5 0x27D4EB2F165667C5ull

static uint64_t rotate(uint64_t value, unsigned bits)
{
	return (value << bits) | (value >> (64 - bits));
}

static uint64_t load_64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? value : __builtin_bswap64(value);
}

static uint32_t load_32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? value : __builtin_bswap32(value);
}

static uint64_t lane_round(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * PRIME_2, 31) * PRIME_1;
}

static uint64_t lane_merge(uint64_t hash, uint64_t lane)
{
	return (hash ^ lane_round(0, lane)) * PRIME_1 + PRIME_4;
}

void body_digest_init(struct body_digest *digest)
{
	*digest = (struct body_digest){
		.lanes = { PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1 },
	};
}

/* Whole stripes only; returns the first octet that is not eaten. */
static const uint8_t *eat_stripes(struct body_digest *digest, const uint8_t *at, const uint8_t *end)
{
	uint64_t a = digest->lanes[0], b = digest->lanes[1];
	uint64_t c = digest->lanes[2], d = digest->lanes[3];
	for (; end - at >= BODY_DIGEST_STRIPE; at += BODY_DIGEST_STRIPE) {
		a = lane_round(a, load_64(at));
		b = lane_round(b, load_64(at + 8));
		c = lane_round(c, load_64(at + 16));
		d = lane_round(d, load_64(at + 24));
	}
	digest->lanes[0] = a;
	digest->lanes[1] = b;
	digest->lanes[2] = c;
	digest->lanes[3] = d;
	return at;
}

void body_digest_add(struct body_digest *digest, const void *data, size_t len)
{
	const uint8_t *at = data, *end = at + len;
	digest->total_bytes += len;
	if (digest->rest_len > 0) {
		size_t wanted = (size_t)BODY_DIGEST_STRIPE - digest->rest_len;
		size_t n = len < wanted ? len : wanted;
		memcpy(digest->rest + digest->rest_len, at, n);
		digest->rest_len = (uint8_t)(digest->rest_len + n);
		at += n;
		if (digest->rest_len < BODY_DIGEST_STRIPE)
			return;
		(void)eat_stripes(digest, digest->rest, digest->rest + BODY_DIGEST_STRIPE);
		digest->rest_len = 0;
	}
	at = eat_stripes(digest, at, end);
	digest->rest_len = (uint8_t)(end - at);
	if (at < end)
		memcpy(digest->rest, at, (size_t)(end - at));
}

static uint64_t mix_rest(uint64_t hash, const uint8_t *at, size_t len)
{
	for (; len >= 8; at += 8, len -= 8)
		hash = rotate(hash ^ lane_round(0, load_64(at)), 27) * PRIME_1 + PRIME_4;
	if (len >= 4) {
		hash = rotate(hash ^ (load_32(at) * PRIME_1), 23) * PRIME_2 + PRIME_3;
		at += 4;
		len -= 4;
	}
	for (; len > 0; at++, len--)
		hash = rotate(hash ^ (*at * PRIME_5), 11) * PRIME_1;
	return hash;
}

uint64_t body_digest_finish(const struct body_digest *digest)
{
	const uint64_t *lanes = digest->lanes;
	uint64_t hash = PRIME_5;
	if (digest->total_bytes >= BODY_DIGEST_STRIPE) {
		hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) +
			rotate(lanes[3], 18);
		for (unsigned i = 0; i < 4; i++)
			hash = lane_merge(hash, lanes[i]);
	}
	hash = mix_rest(hash + digest->total_bytes, digest->rest, digest->rest_len);
	hash = (hash ^ (hash >> 33)) * PRIME_2;
	hash = (hash ^ (hash >> 29)) * PRIME_3;
	return hash ^ (hash >> 32);
}

uint64_t body_digest_of(const void *data, size_t len)
{
	struct body_digest digest;
	body_digest_init(&digest);
	body_digest_add(&digest, data, len);
	return body_digest_finish(&digest);
}
