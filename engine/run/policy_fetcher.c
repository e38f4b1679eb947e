#include "engine/run/policy_fetcher.h"
#include <stdlib.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/io/loop.h"
#include "engine/io/random.h"
#include "engine/route/sts_fetches.h"
#include "engine/run/config.h"
#include "tls/sts_policy.h"
#include "tls/tls_context.h"
#include "tls/tls_roots.h"
#include "tls/tls_verifier.h"

enum {
	/* A question beyond waits for none: the domain is asked for again with its next route. */
	DOMAINS_MAX = 4096,
	/* 400 bytes each. More domains with broken policy hosts are tried again too early. */
	FAILURES_MAX = 65536,
};

struct policy_fetcher {
	struct loop *loop;
	struct conn_pool conns;
	struct tls_verifier *verifier;
	struct tls_context *tls;
	struct sts_fetches *fetches;
};

static uint64_t wall_s(void) { return (uint64_t)clock_wall_us() / 1000000; }

static bool is_policy(struct text body, struct fail *fail)
{
	struct sts_policy policy;
	return sts_policy_parse(body, &policy, fail) == RESULT_OK;
}

/* Paths are built in place: a policy host is met about once a day, and only the routes wait. */
static enum result make_tls(struct policy_fetcher *fetcher, const struct run_config *config,
	struct tls_pool *tls_pool, uint32_t fetches_max, struct fail *fail)
{
	const struct tls_verifier_config verifier = {
		.now_s = wall_s,
		.cache_bytes = TLS_VERIFIER_CACHE_BYTES,
		.roots = config->roots,
	};
	enum result r = tls_verifier_create(&verifier, &fetcher->verifier, fail);
	if (r != RESULT_OK)
		return r;
	const struct tls_client_config tls = {
		.pool = tls_pool,
		.conns_max = fetches_max,
		.verify = tls_verifier_ask,
		.verify_cancel = tls_verifier_cancel,
		.verify_arg = fetcher->verifier,
	};
	fetcher->tls = tls_context_create_client(&tls, fail);
	return fetcher->tls != NULL ? RESULT_OK : fail->result;
}

static enum result make_fetches(struct policy_fetcher *fetcher, const struct run_config *config,
	uint32_t fetches_max, struct fail *fail)
{
	const struct sts_fetches_config fetches = {
		.fetch = {
			.loop = fetcher->loop,
			.pool = &fetcher->conns,
			.tls = fetcher->tls,
			.trust_generation = tls_roots_generation(config->roots),
			.allow_private = config->options->allow_private,
		},
		.fetches_max = fetches_max,
		.domains_max = fetches_max > DOMAINS_MAX ? fetches_max : DOMAINS_MAX,
		.failures_max = FAILURES_MAX,
		.validate = is_policy,
		.key = random_siphash_key(),
	};
	if (sts_fetches_create(&fetches, &fetcher->fetches) != RESULT_OK)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the fetches of policies");
	return RESULT_OK;
}

enum result policy_fetcher_create(struct loop *loop, const struct run_config *config,
	struct tls_pool *tls_pool, uint32_t fetches_max, struct policy_fetcher **out_fetcher,
	struct fail *fail)
{
	struct policy_fetcher *fetcher = calloc(1, sizeof *fetcher);
	if (fetcher == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the fetches of policies");
	fetcher->loop = loop;
	enum result r = conn_pool_init(&fetcher->conns, loop->ring, fetches_max, 0, fail);
	if (r != RESULT_OK) {
		free(fetcher);
		return r;
	}
	r = make_tls(fetcher, config, tls_pool, fetches_max, fail);
	if (r == RESULT_OK)
		r = make_fetches(fetcher, config, fetches_max, fail);
	if (r != RESULT_OK) {
		policy_fetcher_destroy(fetcher);
		return r;
	}
	*out_fetcher = fetcher;
	return RESULT_OK;
}

void policy_fetcher_destroy(struct policy_fetcher *fetcher)
{
	if (fetcher == NULL)
		return;
	if (fetcher->fetches != NULL) {
		sts_fetches_stop(fetcher->fetches);
		while (!sts_fetches_is_idle(fetcher->fetches))
			loop_run_once(fetcher->loop, clock_now_ns() + SECOND_NS);
		sts_fetches_destroy(fetcher->fetches);
	}
	tls_context_destroy(fetcher->tls);
	tls_verifier_destroy(fetcher->verifier);
	conn_pool_deinit(&fetcher->conns);
	free(fetcher);
}

struct sts_fetches *policy_fetcher_fetches(struct policy_fetcher *fetcher) { return fetcher->fetches; }
