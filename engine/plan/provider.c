#include "engine/plan/provider.h"
#include <stdio.h>
#include <string.h>
#include "engine/base/check.h"

static const struct {
	const char *name, *suffix;
} providers[] = {
#define PROVIDER(name_, suffix_) { name_, suffix_ },
#include "engine/plan/provider.def"
#undef PROVIDER
};

static bool has_suffix(const char *host, const char *suffix)
{
	size_t host_len = strlen(host), suffix_len = strlen(suffix);
	if (host_len < suffix_len || strcmp(host + host_len - suffix_len, suffix) != 0)
		return false;
	return host_len == suffix_len || host[host_len - suffix_len - 1] == '.';
}

static const char *known_provider(const char *host)
{
	const char *name = NULL;
	size_t longest = 0;
	for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
		size_t len = strlen(providers[i].suffix);
		if (len > longest && has_suffix(host, providers[i].suffix)) {
			name = providers[i].name;
			longest = len;
		}
	}
	return name;
}

/* FNV-1a with a final mix; the sum over the set does not depend on the order. Nobody gains by a
 * collision: it only puts two sets under one limit. */
static uint64_t host_hash(const char *host)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (; *host != '\0'; host++)
		h = (h ^ (uint8_t)*host) * 0x100000001b3u;
	h ^= h >> 29;
	return h * 0xbf58476d1ce4e5b9u;
}

bool provider_key(const char *const *hosts, size_t hosts_count, char out_key[PROVIDER_KEY_MAX])
{
	CHECK(hosts_count > 0);
	const char *name = known_provider(hosts[0]);
	if (name != NULL) {
		snprintf(out_key, PROVIDER_KEY_MAX, "%s", name);
		return true;
	}
	const char *first = hosts[0];
	uint64_t sum = 0;
	for (size_t i = 0; i < hosts_count; i++) {
		sum += host_hash(hosts[i]);
		if (strcmp(hosts[i], first) < 0)
			first = hosts[i];
	}
	if (hosts_count == 1)
		snprintf(out_key, PROVIDER_KEY_MAX, "mx:%.255s", first);
	else
		snprintf(out_key, PROVIDER_KEY_MAX, "mx:%.255s+%016llx", first, (unsigned long long)sum);
	return false;
}

struct provider_limits provider_limits_of(const char *name)
{
	static const struct {
		const char *name;
		struct provider_limits limits;
	} rows[] = {
#define PROVIDER_LIMITS(name_, sessions_, per_session_) { name_, { sessions_, per_session_ } },
#include "engine/plan/provider_limits.def"
#undef PROVIDER_LIMITS
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].limits;
	return (struct provider_limits){ 0 };
}
