/* One fetch of an MTA-STS policy (RFC 8461 3.3): GET https://HOST/.well-known/mta-sts.txt, and the bytes that
 * came, or why none did. It does not look into the policy and remembers nothing.
 *
 * All of it runs on the loop of its config. The caller has looked the addresses up; they are tried in turn,
 * each for its share of the time that is left, until one answers: an answer is final, also one that is
 * no use. The peer must show a certificate of a public authority that names HOST (STS-17), so the context
 * needs a verifier with roots. Addresses that are not public are not connected to (STS-53). One deadline ends
 * it all (STS-21). No redirects, no proxies, no cookies, nothing kept for the next time (STS-18, STS-19).
 *
 * Embedded in its owner (72 KiB, most of it the body). From sts_fetch_start() to `done` it must not move or
 * be released. A zeroed one is ready for its first use, and may be started again from within `done`. */
#ifndef ENGINE_ROUTE_STS_FETCH_H
#define ENGINE_ROUTE_STS_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/domain_name.h"
#include "engine/base/ip_address.h"
#include "engine/base/policy.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/conn.h"
#include "engine/route/http_response.h"
#include "tls/sts_policy.h"

struct loop;
struct sts_fetch;
struct tls_context;

enum sts_fault {
#define STS_FAULT(name, result, text) STS_FAULT_##name,
#include "engine/route/sts_fault.def"
#undef STS_FAULT
	STS_FAULT_COUNT
};

enum {
	STS_FETCH_PORT = 443,
	/* One working host has a few; more would only thin out the time of each. */
	STS_FETCH_ADDRESSES_MAX = 8,
	STS_FETCH_REQUEST_MAX = DOMAIN_NAME_SIZE + 256,
};

/* What all fetches of a thread share; borrowed by each of them. */
struct sts_fetch_config {
	struct loop *loop;
	struct conn_pool *pool;    /* of the loop's ring */
	struct tls_context *tls;   /* client, with tickets or without; none is used */
	uint32_t trust_generation; /* tls_roots_generation() of its verifier's roots */
	uint16_t port;             /* 0: STS_FETCH_PORT; another one is for tests */
	bool allow_private;        /* --allow-private */
};

/* What came of it: `fault`, `fail` and sts_fetch_body() are there until it is started again. */
typedef void sts_fetch_done_fn(struct sts_fetch *fetch);

#define STS_FETCH_MAGIC 0x575fe7c4u

struct sts_fetch {
	uint32_t magic; /* while it runs */
	const struct sts_fetch_config *config;
	sts_fetch_done_fn *done;
	struct conn conn;
	struct timer timer; /* of this address, or of the end that comes later */
	uint64_t deadline_ns;
	bool ended; /* no other address is tried */
	char host[DOMAIN_NAME_SIZE];
	struct text name; /* host */
	struct security_demand demand;
	struct ip_address addresses[STS_FETCH_ADDRESSES_MAX]; /* those that may be connected to */
	uint8_t addresses_count, next;
	size_t request_len, request_written;
	char request[STS_FETCH_REQUEST_MAX];
	struct http_response response;
	struct buf body;
	uint8_t body_memory[STS_POLICY_BYTES_MAX];
	enum sts_fault fault;
	struct fail fail; /* with a fault: a sentence, after the address where there is one */
};

/* `host` is an A-label name in lower case ("mta-sts.example"), copied like the addresses; the first
 * STS_FETCH_ADDRESSES_MAX that may be used are. `deadline_ns` in the loop's time. `done` is called
 * once, never from inside this call. */
void sts_fetch_start(struct sts_fetch *fetch, const struct sts_fetch_config *config,
	struct text host, const struct ip_address *addresses, size_t addresses_count,
	uint64_t deadline_ns, sts_fetch_done_fn *done);
/* Ends it soon; `done` comes as always, with STS_FAULT_CANCELLED if it was not over already. */
void sts_fetch_cancel(struct sts_fetch *fetch);
/* The same with STS_FAULT_TIMEOUT: the host has had its time, and others wait. */
void sts_fetch_give_way(struct sts_fetch *fetch);

/* The policy as it was sent, empty unless fault is NONE. */
struct text sts_fetch_body(const struct sts_fetch *fetch);
/* "HTTP status other than 200". Static. */
const char *sts_fault_text(enum sts_fault fault);
enum tls_result sts_fault_result(enum sts_fault fault);

#endif
