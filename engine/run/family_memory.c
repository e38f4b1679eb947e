#include "engine/run/family_memory.h"
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/ip_address.h"
#include "engine/base/limits.h"
#include "engine/io/random.h"

struct host_key {
	size_t len;
	char bytes[4 + 2 + DOMAIN_BYTES_MAX];
};

struct host {
	uint64_t until_ns; /* so long `first` counts */
	uint64_t took_ns;  /* how long a connection by `first` takes, smoothed; 0: unknown */
	uint8_t first;
};

static struct host_key make_key(const struct family_host *of)
{
	struct host_key key;
	struct text name = text_cut(text_of(of->name), DOMAIN_BYTES_MAX);
	memcpy(key.bytes, &of->source, 4);
	memcpy(key.bytes + 4, &of->port, 2);
	memcpy(key.bytes + 6, name.data, name.len);
	key.len = 6 + name.len;
	return key;
}

enum result family_memory_init(struct family_memory *memory)
{
	struct siphash_key key = random_siphash_key();
	return lru_map_init(&memory->hosts, FAMILY_MEMORY_MAX, sizeof(struct host), &key);
}

void family_memory_deinit(struct family_memory *memory) { lru_map_deinit(&memory->hosts); }

static struct host *find(struct family_memory *memory, const struct family_host *of)
{
	struct host_key key = make_key(of);
	return lru_map_use(&memory->hosts, text_of_bytes(key.bytes, key.len));
}

/* NULL: no memory to remember it in; the next one is raced as if nothing was known. */
static struct host *find_or_add(struct family_memory *memory, const struct family_host *of)
{
	struct host_key key = make_key(of);
	return lru_map_use_or_add(&memory->hosts, text_of_bytes(key.bytes, key.len));
}

static uint8_t other(uint8_t family) { return family == IP_FAMILY_6 ? IP_FAMILY_4 : IP_FAMILY_6; }

/* Twice what it took: a SYN that was lost comes again after a second, that is the other's chance. */
static uint64_t head_start_ns(uint64_t took_ns)
{
	uint64_t wait_ns = 2 * took_ns;
	if (wait_ns < FAMILY_HEAD_START_MIN_NS)
		return FAMILY_HEAD_START_MIN_NS;
	return wait_ns < FAMILY_HEAD_START_MAX_NS ? wait_ns : FAMILY_HEAD_START_MAX_NS;
}

struct family_plan family_memory_plan(
	struct family_memory *memory, const struct family_host *of, uint64_t now_ns)
{
	const struct host *host = find(memory, of);
	/* RFC 6724 2.1 prefers IPv6. */
	if (host == NULL || now_ns >= host->until_ns)
		return (struct family_plan){ IP_FAMILY_6, FAMILY_HEAD_START_MIN_NS };
	return (struct family_plan){ host->first, head_start_ns(host->took_ns) };
}

static void decide(struct family_memory *memory, const struct family_host *of, uint8_t first,
	uint64_t took_ns, uint64_t now_ns)
{
	struct host *host = find_or_add(memory, of);
	if (host == NULL)
		return;
	host->first = first;
	host->took_ns = took_ns;
	host->until_ns = now_ns + FAMILY_REMEMBERED_NS;
}

void family_memory_won(struct family_memory *memory, const struct family_host *of, uint8_t family,
	uint64_t took_ns, uint64_t now_ns)
{
	CHECK(family == IP_FAMILY_4 || family == IP_FAMILY_6);
	if (took_ns == 0)
		took_ns = 1;
	struct host *host = find(memory, of);
	if (host == NULL || now_ns >= host->until_ns || host->first != family)
		decide(memory, of, family, took_ns, now_ns);
	else if (host->took_ns == 0)
		host->took_ns = took_ns;
	else
		host->took_ns = (host->took_ns * 3 + took_ns) / 4;
	/* A success does not make the choice last longer: what is second must have its turn. */
}

void family_memory_failed(
	struct family_memory *memory, const struct family_host *of, uint8_t family, uint64_t now_ns)
{
	CHECK(family == IP_FAMILY_4 || family == IP_FAMILY_6);
	const struct host *host = find(memory, of);
	bool counts = host != NULL && now_ns < host->until_ns;
	if (counts && host->first != family)
		return; /* as was known */
	decide(memory, of, other(family), 0, now_ns);
}
