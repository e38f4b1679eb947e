/* What a verdict of DANE costs: for 3 1 1 nothing but a digest; for 2 1 1 with three certificates little
 * more than the signatures themselves the first time, and a look into the cache from then on. */
#include <stdlib.h>
#include "bench/micro/micro.h"
#include "bench/micro/micro_chain.h"
#include "engine/base/check.h"
#include "engine/base/policy.h"
#include "tls/dane_verify.h"
#include "tls/tls_verifier.h"

struct dane_bench {
	struct micro_chain *chain;
	struct tls_verifier *verifier;
	struct tlsa_record record;
	uint8_t digest[32];
	struct text name;
	struct security_demand demand;
};

static uint64_t now_s(void) { return MICRO_CHAIN_NOW_S; }

static struct dane_bench *make(uint8_t usage, size_t which)
{
	struct fail fail;
	struct dane_bench *b = calloc(1, sizeof *b);
	CHECK(b != NULL);
	const struct tls_verifier_config config = { .now_s = now_s, .cache_bytes = 1 << 20 };
	CHECK(tls_verifier_create(&config, &b->verifier, &fail) == RESULT_OK);
	b->chain = micro_chain_create();
	b->name = TEXT(MICRO_CHAIN_NAME);
	micro_chain_key_digest(b->chain, which, b->digest);
	b->record = (struct tlsa_record){ .usage = usage,
		.selector = TLSA_SELECTOR_SPKI,
		.matching = TLSA_MATCHING_SHA256,
		.data = text_of_bytes(b->digest, sizeof b->digest) };
	b->demand = (struct security_demand){
		.need = SECURITY_NEED_DANE,
		.tls_version_min = TLS_VERSION_1_2,
		.sni = b->name,
		.names = &b->name,
		.names_count = 1,
		.tlsa = &b->record,
		.tlsa_count = 1,
	};
	return b;
}

static void *set_up_leaf(void) { return make(TLSA_USAGE_DANE_EE, 0); }
static void *set_up_root(void) { return make(TLSA_USAGE_DANE_TA, 2); }

static void tear_down(void *state)
{
	struct dane_bench *b = state;
	tls_verifier_destroy(b->verifier);
	micro_chain_destroy(b->chain);
	free(b);
}

/* As a handshake asks. */
static void run_verifier(void *state, uint64_t times)
{
	struct dane_bench *b = state;
	const struct tls_chain *chain = micro_chain_presented(b->chain);
	for (uint64_t i = 0; i < times; i++) {
		struct tls_verdict verdict = tls_verifier_ask(b->verifier, NULL, chain, &b->demand);
		CHECK(verdict.kind == TLS_VERDICT_ACCEPTED && verdict.proved_dane);
	}
}

static void run_signatures(void *state, uint64_t times)
{
	const struct dane_bench *b = state;
	for (uint64_t i = 0; i < times; i++)
		micro_chain_check_signatures(b->chain);
}

static void run_path(void *state, uint64_t times)
{
	const struct dane_bench *b = state;
	const struct dane_question question = { micro_chain_presented(b->chain), &b->record, 1,
		&b->name, 1, MICRO_CHAIN_NOW_S };
	for (uint64_t i = 0; i < times; i++) {
		struct dane_verdict verdict;
		dane_verify(&question, &verdict);
		CHECK(verdict.is_match && verdict.depth == 2);
	}
}

static const struct micro_case cases[] = {
	{ .name = "dane: 3 1 1", .bound_ns = 2000, .setup = set_up_leaf, .run = run_verifier,
		.teardown = tear_down },
	{ .name = "dane: the two signatures of a chain of three, bare", .setup = set_up_root,
		.run = run_signatures, .teardown = tear_down },
	{ .name = "dane: 2 1 1, the chain seen for the first time", .bound_times = 1.3,
		.setup = set_up_root, .run = run_path, .teardown = tear_down },
	{ .name = "dane: 2 1 1, from the cache of verdicts", .bound_ns = 5000, .setup = set_up_root,
		.run = run_verifier, .teardown = tear_down },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
