#include "engine/run/host_memory.h"
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/random.h"
#include "engine/plan/refusal_rate.h"
#include "engine/smtp/smtp_caps.h"

#define DOWN_MAX_NS (600 * SECOND_NS)
#define RUNG_NS (3600 * SECOND_NS)
#define AVOID_NS (24 * 3600 * SECOND_NS)
#define SILENT_NS (3600 * SECOND_NS)

/* What fails once may be the fault of the network, and to do without it costs each message round trips:
 * avoided when it fails again within the time, and did not work in between. A host that takes much mail
 * breaks some session in a group every day. */
#define SUSPECTED_FIRST ((unsigned)SMTP_CAP_PIPELINING)

enum {
	/* Addresses, and hosts, with something to remember. Most have nothing, so this is a lot. */
	HOST_MEMORY_MAX = 16384,
};

/* Family, address, port, and the name of the host: "" for what is known of the address itself. */
struct host_key {
	size_t len;
	char bytes[1 + 16 + 2 + DOMAIN_BYTES_MAX];
};

/* An address or a host at an address: each uses its own fields only. */
struct host {
	uint32_t failures;       /* of the address: connections in a row that did not come about */
	uint64_t down_until_ns;
	uint64_t rung_until_ns, avoid_until_ns, silent_until_ns; /* of the host */
	enum tls_rung rung;
	unsigned avoid, silent, suspected;
	uint64_t suspected_ns;        /* since when */
	struct refusal_rate refusals; /* of the host */
};

static struct host_key make_key(const char *name, const struct ip_address *ip, uint16_t port)
{
	struct host_key key;
	struct text host = text_cut(text_of(name), DOMAIN_BYTES_MAX);
	key.bytes[0] = (char)ip->family;
	memcpy(key.bytes + 1, ip->bytes, 16);
	memcpy(key.bytes + 17, &port, 2);
	memcpy(key.bytes + 19, host.data, host.len);
	key.len = 19 + host.len;
	return key;
}

enum result host_memory_init(struct host_memory *memory, uint64_t down_first_ns)
{
	struct siphash_key key = random_siphash_key();
	memory->down_first_ns = down_first_ns;
	return lru_map_init(&memory->hosts, HOST_MEMORY_MAX, sizeof(struct host), &key);
}

void host_memory_deinit(struct host_memory *memory) { lru_map_deinit(&memory->hosts); }

/* To ask is no use: what was not heard of for longest goes. */
static struct host *find(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port)
{
	struct host_key key = make_key(name, ip, port);
	return lru_map_peek(&memory->hosts, text_of_bytes(key.bytes, key.len));
}

/* NULL: no memory to remember it in, which costs a repeated try and nothing else. */
static struct host *find_or_add(struct host_memory *memory, const char *name,
	const struct ip_address *ip, uint16_t port)
{
	struct host_key key = make_key(name, ip, port);
	return lru_map_use_or_add(&memory->hosts, text_of_bytes(key.bytes, key.len));
}

/* ---- addresses ---- */

bool host_memory_is_down(struct host_memory *memory, const struct ip_address *ip, uint16_t port,
	uint64_t now_ns, uint64_t *out_until_ns)
{
	const struct host *host = find(memory, "", ip, port);
	if (host == NULL || now_ns >= host->down_until_ns)
		return false;
	if (out_until_ns != NULL)
		*out_until_ns = host->down_until_ns;
	return true;
}

void host_memory_down(struct host_memory *memory, const struct ip_address *ip, uint16_t port,
	uint64_t now_ns)
{
	struct host *host = find_or_add(memory, "", ip, port);
	if (host == NULL || now_ns < host->down_until_ns)
		return; /* sessions that fail together are one failure */
	uint64_t wait_ns = memory->down_first_ns;
	for (uint32_t i = 0; i < host->failures && wait_ns < DOWN_MAX_NS; i++)
		wait_ns *= 2;
	host->failures++;
	host->down_until_ns = now_ns + (wait_ns < DOWN_MAX_NS ? wait_ns : DOWN_MAX_NS);
}

void host_memory_up(struct host_memory *memory, const struct ip_address *ip, uint16_t port)
{
	struct host *host = find(memory, "", ip, port);
	if (host == NULL)
		return;
	host->failures = 0;
	host->down_until_ns = 0;
}

/* ---- hosts ---- */

struct host_facts host_memory_get(struct host_memory *memory, const char *name,
	const struct ip_address *ip, uint16_t port, uint64_t now_ns)
{
	struct host_facts facts = { .rung = TLS_RUNG_FULL };
	CHECK(*name != '\0');
	const struct host *host = find(memory, name, ip, port);
	if (host == NULL)
		return facts;
	if (now_ns < host->rung_until_ns)
		facts.rung = host->rung;
	if (now_ns < host->avoid_until_ns)
		facts.avoid |= host->avoid;
	if (now_ns < host->silent_until_ns)
		facts.avoid |= host->silent;
	facts.seldom_refuses = refusal_rate_is_low(&host->refusals);
	return facts;
}

void host_memory_tls_failed(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, enum tls_rung rung, uint64_t now_ns)
{
	struct host *host = find_or_add(memory, name, ip, port);
	if (host == NULL)
		return;
	enum tls_rung next = rung == TLS_RUNG_FULL ? TLS_RUNG_1_2 : TLS_RUNG_CLEAR;
	if (now_ns < host->rung_until_ns && host->rung >= next)
		return;
	host->rung = next;
	host->rung_until_ns = now_ns + RUNG_NS;
}

void host_memory_tls_works(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port)
{
	struct host *host = find(memory, name, ip, port);
	if (host != NULL)
		host->rung_until_ns = 0;
}

/* What is certain of what failed now. */
static unsigned certain(struct host *host, unsigned learned, uint64_t opened_ns, uint64_t now_ns)
{
	if (now_ns - host->suspected_ns >= AVOID_NS)
		host->suspected = 0;
	/* Sessions that fail together are one failure. */
	unsigned again = opened_ns >= host->suspected_ns ? host->suspected : 0;
	if (learned & SUSPECTED_FIRST & ~host->suspected)
		host->suspected_ns = now_ns;
	host->suspected |= learned & SUSPECTED_FIRST;
	return learned & (~SUSPECTED_FIRST | again);
}

static void avoid_until(
	unsigned *set, uint64_t *until_ns, unsigned learned, uint64_t keep_ns, uint64_t now_ns)
{
	if (learned == 0)
		return;
	*set = (now_ns < *until_ns ? *set : 0) | learned;
	*until_ns = now_ns + keep_ns;
}

void host_memory_avoid(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, unsigned learned, uint64_t opened_ns, uint64_t now_ns)
{
	struct host *host = find_or_add(memory, name, ip, port);
	if (host == NULL)
		return;
	unsigned avoid = certain(host, learned, opened_ns, now_ns);
	avoid_until(&host->avoid, &host->avoid_until_ns, avoid, AVOID_NS, now_ns);
}

void host_memory_silent(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, unsigned learned, uint64_t opened_ns, uint64_t now_ns)
{
	struct host *host = find_or_add(memory, name, ip, port);
	if (host == NULL)
		return;
	unsigned silent = certain(host, learned, opened_ns, now_ns);
	avoid_until(&host->silent, &host->silent_until_ns, silent, SILENT_NS, now_ns);
}

void host_memory_works(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, unsigned worked)
{
	struct host *host = find(memory, name, ip, port);
	if (host != NULL)
		host->suspected &= ~worked;
}

void host_memory_answered(struct host_memory *memory, const char *name, const struct ip_address *ip,
	uint16_t port, uint32_t answers, uint32_t refusals)
{
	struct host *host = find_or_add(memory, name, ip, port);
	if (host != NULL)
		refusal_rate_add(&host->refusals, answers, refusals);
}
