/* xoshiro256** (Blackman and Vigna), its state filled by splitmix64 when it comes from a seed. */
#include "engine/io/random.h"
#include <errno.h>
#include <sys/random.h>
#include "engine/base/check.h"

void random_secret(void *out, size_t len)
{
	uint8_t *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0) {
			CHECK(errno == EINTR);
			continue;
		}
		at += got;
		len -= (size_t)got;
	}
}

void random_init(struct random_state *random)
{
	uint64_t seed;
	random_secret(&seed, sizeof seed);
	random_init_seed(random, seed);
}

void random_init_seed(struct random_state *random, uint64_t seed)
{
	for (size_t i = 0; i < COUNT_OF(random->s); i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15u;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		random->s[i] = z ^ (z >> 31);
	}
}

static uint64_t rotate_left(uint64_t x, int by) { return x << by | x >> (64 - by); }

uint64_t random_u64(struct random_state *random)
{
	uint64_t *s = random->s;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t random_below(struct random_state *random, uint64_t bound)
{
	CHECK(bound > 0);
	/* The numbers from here on are a multiple of `bound`, so no remainder is favoured. */
	uint64_t first_fair = (0 - bound) % bound;
	uint64_t number;
	do
		number = random_u64(random);
	while (number < first_fair);
	return number % bound;
}

struct siphash_key random_siphash_key(void)
{
	uint8_t secret[16];
	random_secret(secret, sizeof secret);
	return siphash_key_of(secret);
}
