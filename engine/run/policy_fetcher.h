/* What policies of MTA-STS are fetched with: connections, TLS with the public authorities, the fetches
 * themselves (sts_fetches.h), on the loop of the thread that makes the routes. */
#ifndef ENGINE_RUN_POLICY_FETCHER_H
#define ENGINE_RUN_POLICY_FETCHER_H

#include <stdint.h>
#include "engine/base/result.h"

struct loop;
struct policy_fetcher;
struct run_config;
struct sts_fetches;
struct tls_pool;

/* `fetches_max` at once. The loop's ring must be able to receive. All is borrowed but what comes out.
 * RESULT_MEMORY and what the parts say. */
MUST_USE enum result policy_fetcher_create(struct loop *loop, const struct run_config *config,
	struct tls_pool *tls_pool, uint32_t fetches_max, struct policy_fetcher **out_fetcher,
	struct fail *fail);
/* Ends what is under way, and turns the loop until it is over. Nobody waits for an answer any more
 * (route_builder_destroy()). NULL is fine. */
void policy_fetcher_destroy(struct policy_fetcher *fetcher);

struct sts_fetches *policy_fetcher_fetches(struct policy_fetcher *fetcher);

#endif
