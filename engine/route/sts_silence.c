#include "engine/route/sts_silence.h"
#include "engine/base/nanoseconds.h"

void sts_silence_note(struct sts_silence *silence, struct text domain, uint64_t now_ns)
{
	uint64_t hash = siphash(&silence->key, domain.data, domain.len);
	silence->places[hash % STS_SILENCE_PLACES].hash = hash;
	silence->places[hash % STS_SILENCE_PLACES].until_ns = now_ns + STS_SILENCE_S * SECOND_NS;
}

bool sts_silence_lasts(const struct sts_silence *silence, struct text domain, uint64_t now_ns)
{
	uint64_t hash = siphash(&silence->key, domain.data, domain.len);
	return silence->places[hash % STS_SILENCE_PLACES].hash == hash &&
	       now_ns < silence->places[hash % STS_SILENCE_PLACES].until_ns;
}
