/* For which domains nobody answered about the record of MTA-STS a short time ago. Their routes would wait out
 * the deadline of a look-up each time they are built, and their mail with them, for an answer that does not
 * come: name servers that drop questions for TXT are not rare.
 *
 * (DNS-18) Remembered for five minutes at most. Of two domains that fall on one place the later stays: the
 * other is asked again too early. Pure; one thread. */
#ifndef ENGINE_ROUTE_STS_SILENCE_H
#define ENGINE_ROUTE_STS_SILENCE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/siphash.h"
#include "engine/base/text.h"

enum {
	STS_SILENCE_S = 300,
	STS_SILENCE_PLACES = 4096, /* as many routes as may be built at once, twice */
};

struct sts_silence {
	struct siphash_key key; /* so that nobody chooses whom he shares a place with */
	struct {
		uint64_t hash, until_ns;
	} places[STS_SILENCE_PLACES];
};

void sts_silence_note(struct sts_silence *silence, struct text domain, uint64_t now_ns);
bool sts_silence_lasts(const struct sts_silence *silence, struct text domain, uint64_t now_ns);

#endif
