#include "tls/tls_verifier.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/arena.h"
#include "engine/base/list.h"
#include "engine/base/policy.h"
#include "tls/dane_verify.h"
#include "tls/pkix_verify.h"
#include "tls/verdict_cache.h"

#define TLS_VERIFIER_MAGIC   0x71c7e21fu
#define TLS_VERIFY_JOB_MAGIC 0x71c710b5u

enum { JOB_ARENA_BYTES = 16 * 1024, JOB_ARENA_BYTES_MAX = 1024 * 1024 };

/* A connection that waits for a job. */
struct waiter {
	struct list_node node;
	struct tls_conn *conn;
};

struct tls_verify_job {
	uint32_t magic;
	struct list_node out; /* of the verifier */
	struct list waiters;  /* in the order in which they asked, without those destroyed meanwhile */
	const struct tls_roots *roots;
	struct arena arena;   /* of all that follows */
	struct tls_chain chain;
	struct security_demand demand;
	uint64_t now_s;
	atomic_bool is_cancelled; /* nobody waits for it any more: written by the verifier's thread */
	struct tls_verdict verdict;
	uint64_t valid_until_s;
};

struct tls_verifier {
	uint32_t magic;
	struct tls_verifier_config config;
	struct verdict_cache *cache;
	struct list jobs;
	uint32_t jobs_count;
	struct tls_verifier_counters counters;
};

/* ---- what a demand means ---- */

static bool needs_dane(const struct security_demand *demand)
{
	return demand->need == SECURITY_NEED_DANE || demand->need == SECURITY_NEED_DANE_STS ||
	       demand->need == SECURITY_NEED_DANE_SECURE;
}

static bool needs_root(const struct security_demand *demand)
{
	return security_demand_needs_proof(demand) && demand->need != SECURITY_NEED_DANE;
}

static bool has_anchors(const struct security_demand *demand)
{
	for (size_t i = 0; i < demand->tlsa_count; i++) {
		if (demand->tlsa[i].usage == TLSA_USAGE_DANE_TA)
			return true;
	}
	return false;
}

/* ---- verdicts ---- */

static struct tls_verdict rejected(enum tls_failure failure, const char *reason)
{
	struct tls_verdict verdict = { .kind = TLS_VERDICT_REJECTED, .failure = failure };
	snprintf(verdict.reason, sizeof verdict.reason, "%s", reason);
	return verdict;
}

static struct tls_verdict verdict_of_dane(const struct dane_verdict *dane)
{
	if (!dane->is_match)
		return rejected(dane->failure, dane->reason);
	return (struct tls_verdict){ .kind = TLS_VERDICT_ACCEPTED, .proved_dane = true };
}

static struct tls_verdict rejected_for_want_of_roots(void)
{
	return rejected(TLS_FAILURE_UNTRUSTED,
		"would need a public authority, and there is no store of roots");
}

/* One name of the set must be on the certificate. An empty set is no demand of its own. */
static void judge_root(const struct tls_chain *chain, const struct tls_roots *roots,
	const struct text *names, size_t names_count, uint64_t now_s, struct tls_verdict *verdict,
	uint64_t *until_s)
{
	struct pkix_verdict pkix;
	if (verdict->kind != TLS_VERDICT_ACCEPTED || names_count == 0)
		return;
	const struct pkix_question question = { chain, roots, names, names_count, now_s };
	pkix_verify(&question, &pkix);
	if (!pkix.is_match)
		*verdict = rejected(pkix.failure, pkix.reason);
	else if (pkix.valid_until_s < *until_s)
		*until_s = pkix.valid_until_s;
	verdict->proved_pkix = pkix.is_match;
}

/* With DANE the names are those of usage 2; without, both sets are for the public chain (policy.h). */
static void judge_roots(const struct tls_chain *chain, const struct security_demand *demand,
	const struct tls_roots *roots, uint64_t now_s, struct tls_verdict *verdict, uint64_t *until_s)
{
	if (roots == NULL) {
		*verdict = rejected_for_want_of_roots();
		return;
	}
	if (!needs_dane(demand))
		judge_root(chain, roots, demand->names, demand->names_count, now_s, verdict, until_s);
	judge_root(chain, roots, demand->root_names, demand->root_names_count, now_s, verdict, until_s);
	if (verdict->kind == TLS_VERDICT_ACCEPTED && !verdict->proved_pkix)
		*verdict = rejected(TLS_FAILURE_NAME, "has no name that its certificate could carry");
}

/* All that the demand wants, however long it takes. */
static struct tls_verdict judge(const struct tls_chain *chain, const struct security_demand *demand,
	const struct tls_roots *roots, uint64_t now_s, uint64_t *out_until_s)
{
	struct tls_verdict verdict = { .kind = TLS_VERDICT_ACCEPTED };
	*out_until_s = UINT64_MAX;
	if (needs_dane(demand)) {
		struct dane_verdict dane;
		const struct dane_question question = dane_question_of(chain, demand, now_s);
		dane_verify(&question, &dane);
		verdict = verdict_of_dane(&dane);
		*out_until_s = dane.valid_until_s;
	}
	if (verdict.kind == TLS_VERDICT_ACCEPTED && needs_root(demand))
		judge_roots(chain, demand, roots, now_s, &verdict, out_until_s);
	return verdict;
}

/* What can be told without building a path. */
static bool judge_at_once(const struct tls_chain *chain, const struct security_demand *demand,
	uint64_t now_s, struct tls_verdict *out_verdict)
{
	struct dane_verdict dane;
	if (demand->need != SECURITY_NEED_DANE)
		return false;
	const struct dane_question question = dane_question_of(chain, demand, now_s);
	if (!has_anchors(demand))
		dane_verify(&question, &dane);
	else if (!dane_verify_leaf(&question, &dane))
		return false;
	*out_verdict = verdict_of_dane(&dane);
	return true;
}

static struct tls_verdict count(struct tls_verifier *verifier, struct tls_verdict verdict)
{
	if (verdict.kind == TLS_VERDICT_REJECTED)
		verifier->counters.refused++;
	return verdict;
}

static void keep(struct tls_verifier *verifier, const struct tls_chain *chain,
	const struct security_demand *demand, uint64_t now_s, uint64_t until_s,
	const struct tls_verdict *verdict)
{
	const struct verdict_cache_value value = { verdict->proved_dane, verdict->proved_pkix,
		now_s, until_s };
	if (verdict->kind == TLS_VERDICT_ACCEPTED)
		verdict_cache_add(verifier->cache, chain, demand, &value);
}

static struct tls_verdict judge_in_place(struct tls_verifier *verifier,
	const struct tls_chain *chain, const struct security_demand *demand, uint64_t now_s)
{
	uint64_t until_s;
	struct tls_verdict verdict = judge(chain, demand, verifier->config.roots, now_s, &until_s);
	keep(verifier, chain, demand, now_s, until_s, &verdict);
	verifier->counters.built++;
	return count(verifier, verdict);
}

/* ---- jobs ---- */

static bool copy_chain(struct tls_verify_job *job, const struct tls_chain *chain)
{
	job->chain.certs_count = chain->certs_count;
	job->chain.is_cut = chain->is_cut;
	for (size_t i = 0; i < chain->certs_count; i++) {
		struct text der = arena_text_copy(
			&job->arena, text_of_bytes(chain->certs[i].der, chain->certs[i].der_len));
		if (der.data == NULL)
			return false;
		job->chain.certs[i] = (struct tls_cert){ (const uint8_t *)der.data, der.len };
	}
	return true;
}

static bool add_waiter(struct tls_verify_job *job, struct tls_conn *conn)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (waiter == NULL)
		return false;
	waiter->conn = conn;
	list_push_back(&job->waiters, &waiter->node);
	return true;
}

static struct tls_conn *take_waiter(struct waiter *waiter)
{
	struct tls_conn *conn = waiter->conn;
	list_remove(&waiter->node);
	free(waiter);
	return conn;
}

static void free_job(struct tls_verify_job *job)
{
	LIST_FOR_EACH_SAFE(node, &job->waiters)
	(void)take_waiter(CONTAINER_OF(node, struct waiter, node));
	arena_deinit(&job->arena);
	job->magic = 0;
	free(job);
}

/* NULL: no memory. */
static struct tls_verify_job *new_job(struct tls_conn *conn, const struct tls_chain *chain,
	const struct security_demand *demand, uint64_t now_s)
{
	struct tls_verify_job *job = calloc(1, sizeof *job);
	if (job == NULL)
		return NULL;
	job->magic = TLS_VERIFY_JOB_MAGIC;
	job->now_s = now_s;
	list_init(&job->waiters);
	arena_init(&job->arena, JOB_ARENA_BYTES, JOB_ARENA_BYTES_MAX);
	if (!add_waiter(job, conn) || !copy_chain(job, chain) ||
		!security_demand_copy(&job->demand, demand, &job->arena)) {
		free_job(job);
		return NULL;
	}
	return job;
}

static bool is_same_chain(const struct tls_chain *a, const struct tls_chain *b)
{
	if (a->certs_count != b->certs_count || a->is_cut != b->is_cut)
		return false;
	for (size_t i = 0; i < a->certs_count; i++) {
		if (a->certs[i].der_len != b->certs[i].der_len ||
			memcmp(a->certs[i].der, b->certs[i].der, a->certs[i].der_len) != 0)
			return false;
	}
	return true;
}

/* The job that answers this question already. Of the same second, since certificates end with one. */
static struct tls_verify_job *find_job(const struct tls_verifier *verifier,
	const struct tls_chain *chain, const struct security_demand *demand, uint64_t now_s)
{
	LIST_FOR_EACH(node, &verifier->jobs)
	{
		struct tls_verify_job *job = CONTAINER_OF(node, struct tls_verify_job, out);
		if (job->now_s == now_s &&
			!atomic_load_explicit(&job->is_cancelled, memory_order_relaxed) &&
			is_same_chain(&job->chain, chain) &&
			security_demand_equal(&job->demand, demand))
			return job;
	}
	return NULL;
}

/* Sessions to one host begin together, and building its path costs more than a handshake. */
static bool join(struct tls_verifier *verifier, struct tls_conn *conn,
	const struct tls_chain *chain, const struct security_demand *demand, uint64_t now_s)
{
	struct tls_verify_job *job = find_job(verifier, chain, demand, now_s);
	if (job == NULL || !add_waiter(job, conn))
		return false;
	verifier->counters.joined++;
	return true;
}

static struct tls_verdict submit(struct tls_verifier *verifier, struct tls_conn *conn,
	const struct tls_chain *chain, const struct security_demand *demand, uint64_t now_s)
{
	struct tls_verify_job *job = NULL;
	if (join(verifier, conn, chain, demand, now_s))
		return (struct tls_verdict){ .kind = TLS_VERDICT_WAIT };
	if (verifier->jobs_count < verifier->config.jobs_max)
		job = new_job(conn, chain, demand, now_s);
	if (job == NULL)
		return count(verifier, rejected(TLS_FAILURE_LOCAL,
			"cannot be judged now: too many chains of certificates wait"));
	job->roots = verifier->config.roots;
	list_push_back(&verifier->jobs, &job->out);
	verifier->jobs_count++;
	verifier->config.submit(verifier->config.arg, job);
	return (struct tls_verdict){ .kind = TLS_VERDICT_WAIT };
}

void tls_verify_job_run(struct tls_verify_job *job)
{
	CHECK_OBJ(job, TLS_VERIFY_JOB_MAGIC);
	/* Whoever makes connections and drops them must not keep others waiting for their turn. */
	if (atomic_load_explicit(&job->is_cancelled, memory_order_relaxed)) {
		job->verdict = rejected(TLS_FAILURE_LOCAL, "was not looked at");
		return;
	}
	job->verdict = judge(&job->chain, &job->demand, job->roots, job->now_s, &job->valid_until_s);
}

void tls_verifier_finish(struct tls_verifier *verifier, struct tls_verify_job *job)
{
	CHECK_OBJ(verifier, TLS_VERIFIER_MAGIC);
	CHECK_OBJ(job, TLS_VERIFY_JOB_MAGIC);
	keep(verifier, &job->chain, &job->demand, job->now_s, job->valid_until_s, &job->verdict);
	verifier->counters.built++;
	count(verifier, job->verdict);
	/* An answer may destroy another one of them, which is then taken out. */
	while (!list_is_empty(&job->waiters)) {
		struct waiter *waiter = CONTAINER_OF(job->waiters.head.next, struct waiter, node);
		verifier->config.answer(verifier->config.arg, take_waiter(waiter), &job->verdict);
	}
	list_remove(&job->out);
	verifier->jobs_count--;
	free_job(job);
}

/* ---- the two that TLS calls ---- */

/* What needs no path to be built now. */
static bool know(struct tls_verifier *verifier, const struct tls_chain *chain,
	const struct security_demand *demand, uint64_t now_s, struct tls_verdict *out_verdict)
{
	struct verdict_cache_value value;
	if (judge_at_once(chain, demand, now_s, out_verdict)) {
		verifier->counters.leaf++;
		*out_verdict = count(verifier, *out_verdict);
		return true;
	}
	if (!verdict_cache_find(verifier->cache, chain, demand, now_s, &value))
		return false;
	verifier->counters.cached++;
	*out_verdict = (struct tls_verdict){ .kind = TLS_VERDICT_ACCEPTED,
		.proved_dane = value.proved_dane,
		.proved_pkix = value.proved_pkix };
	return true;
}

struct tls_verdict tls_verifier_ask(void *verify_arg, struct tls_conn *conn,
	const struct tls_chain *chain, const struct security_demand *demand)
{
	struct tls_verifier *verifier = verify_arg;
	struct tls_verdict verdict;
	CHECK_OBJ(verifier, TLS_VERIFIER_MAGIC);
	uint64_t now_s = verifier->config.now_s();
	if (know(verifier, chain, demand, now_s, &verdict))
		return verdict;
	return verifier->config.submit != NULL ? submit(verifier, conn, chain, demand, now_s)
					       : judge_in_place(verifier, chain, demand, now_s);
}

struct tls_verdict tls_verifier_judge(struct tls_verifier *verifier, const struct tls_chain *chain,
	const struct security_demand *demand)
{
	struct tls_verdict verdict;
	CHECK_OBJ(verifier, TLS_VERIFIER_MAGIC);
	uint64_t now_s = verifier->config.now_s();
	if (know(verifier, chain, demand, now_s, &verdict))
		return verdict;
	return judge_in_place(verifier, chain, demand, now_s);
}

/* With the last one who waits goes the question. */
static void leave(struct tls_verify_job *job, const struct tls_conn *conn)
{
	LIST_FOR_EACH_SAFE(node, &job->waiters)
	{
		struct waiter *waiter = CONTAINER_OF(node, struct waiter, node);
		if (waiter->conn != conn)
			continue;
		(void)take_waiter(waiter);
		if (list_is_empty(&job->waiters))
			atomic_store_explicit(&job->is_cancelled, true, memory_order_relaxed);
	}
}

void tls_verifier_cancel(void *verify_arg, struct tls_conn *conn)
{
	struct tls_verifier *verifier = verify_arg;
	CHECK_OBJ(verifier, TLS_VERIFIER_MAGIC);
	LIST_FOR_EACH(node, &verifier->jobs)
	leave(CONTAINER_OF(node, struct tls_verify_job, out), conn);
}

/* ---- life ---- */

enum result tls_verifier_create(const struct tls_verifier_config *config,
	struct tls_verifier **out_verifier, struct fail *fail)
{
	struct tls_verifier *verifier = calloc(1, sizeof *verifier);
	*out_verifier = NULL;
	if (verifier == NULL ||
		verdict_cache_create(config->cache_bytes, &verifier->cache) != RESULT_OK) {
		free(verifier);
		return fail_set(fail, RESULT_MEMORY, "no memory for a verifier of certificates");
	}
	verifier->magic = TLS_VERIFIER_MAGIC;
	verifier->config = *config;
	list_init(&verifier->jobs);
	*out_verifier = verifier;
	return RESULT_OK;
}

void tls_verifier_destroy(struct tls_verifier *verifier)
{
	if (verifier == NULL)
		return;
	CHECK_OBJ(verifier, TLS_VERIFIER_MAGIC);
	LIST_FOR_EACH_SAFE(node, &verifier->jobs)
	free_job(CONTAINER_OF(node, struct tls_verify_job, out));
	verdict_cache_destroy(verifier->cache);
	verifier->magic = 0;
	free(verifier);
}

const struct tls_verifier_counters *tls_verifier_counters(const struct tls_verifier *verifier)
{
	CHECK_OBJ(verifier, TLS_VERIFIER_MAGIC);
	return &verifier->counters;
}

uint32_t tls_verifier_jobs(const struct tls_verifier *verifier)
{
	CHECK_OBJ(verifier, TLS_VERIFIER_MAGIC);
	return verifier->jobs_count;
}
