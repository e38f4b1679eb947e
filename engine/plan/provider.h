/* Which provider runs a set of MX hosts: the key of learning and, with a source, of the throttle.
 *
 * Known providers are told by the suffix of the best MX host (provider.def); all others by the set
 * of their MX hosts, so that ten thousand domains at one small hoster share one throttle (DESIGN 2,
 * "four keys"). Pure: no allocation, no clock. */
#ifndef ENGINE_PLAN_PROVIDER_H
#define ENGINE_PLAN_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* "mx:" and the host name of a set of one, or a name out of provider.def. */
	PROVIDER_KEY_MAX = 3 + 255 + 1 + 16 + 1,
};

/* What a large provider takes from an address that it knows, unless the operator says otherwise. */
struct provider_limits {
	uint32_t sessions;    /* at once; 0: nothing is known */
	uint32_t per_session; /* messages in one session; 0: nothing is known */
};

/* Writes the key of the provider into out_key, NUL-terminated. `hosts` are the names of the MX
 * hosts, best first, lower case, without trailing dot; at least one. A known suffix gives the
 * provider's name; a single other host "mx:HOST"; several "mx:FIRST+HASH", where FIRST is the first
 * in the alphabet and HASH covers the whole set, so that the order and shuffling do not matter.
 * True: it is one of provider.def. */
bool provider_key(const char *const *hosts, size_t hosts_count, char out_key[PROVIDER_KEY_MAX]);

/* The row of provider_limits.def for a name out of provider.def; zeros for all others. */
struct provider_limits provider_limits_of(const char *name);

#endif
