/* The verifier that a client context is given: it judges what a demand wants to be proved.
 *
 *   DANE-EE ........................ at once, in less time than a look into the cache
 *   anything with a path to build .. from the cache of verdicts, else by a job that another thread
 *                                    runs (a signature alone may take 0.6 ms), or where there is none
 *                                    in place; who asks what a job is about already waits for that job
 *
 * A verifier belongs to the thread of its context and may serve one context. A job holds copies of
 * all it needs, so it may outlive its connection, and is run on any thread:
 *
 *   tls_verifier_ask() ─▶ config.submit ─▶ [other thread] tls_verify_job_run() ─▶ back
 *   ─▶ tls_verifier_finish() ─▶ config.answer for each connection that still waits
 *
 * A demand that needs a public authority is refused where there is no store of roots. */
#ifndef TLS_TLS_VERIFIER_H
#define TLS_TLS_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "tls/tls_verify.h"

struct tls_roots;
struct tls_verifier;
struct tls_verify_job;

enum {
	/* 5,000 chains of 3 KB each: a worker has fewer receivers under usage 2. */
	TLS_VERIFIER_CACHE_BYTES = 16 * 1024 * 1024,
};

typedef uint64_t tls_verifier_clock_fn(void);
/* Takes the job to a thread that runs it. */
typedef void tls_verifier_submit_fn(void *arg, struct tls_verify_job *job);
/* The verdict for a connection that stands at TLS_WAIT_VERIFY. */
typedef void tls_verifier_answer_fn(
	void *arg, struct tls_conn *conn, const struct tls_verdict *verdict);

struct tls_verifier_config {
	tls_verifier_clock_fn *now_s; /* seconds since 1970 */
	tls_verifier_submit_fn
		*submit; /* NULL: paths are built in place, and `answer` not called */
	tls_verifier_answer_fn *answer;
	void *arg;         /* of both */
	uint32_t jobs_max; /* out at once; one more is refused, as trouble of our own */
	size_t cache_bytes;
	const struct tls_roots *roots;  /* borrowed; NULL: none */
};

struct tls_verifier_counters {
	uint64_t leaf; /* verdicts at once: DANE-EE that matched or was all there was */
	uint64_t cached;
	uint64_t joined;  /* waited for the job of another connection */
	uint64_t built;   /* by a job, or in place */
	uint64_t refused; /* of leaf and built */
};

/* RESULT_MEMORY. */
MUST_USE enum result tls_verifier_create(const struct tls_verifier_config *config,
	struct tls_verifier **out_verifier, struct fail *fail);
/* NULL is allowed. Frees the jobs that are still out: whoever runs them has ended. */
void tls_verifier_destroy(struct tls_verifier *verifier);

/* For tls_client_config.verify and .verify_cancel, with the verifier as their argument. */
tls_verify_fn tls_verifier_ask;
tls_verify_cancel_fn tls_verifier_cancel;

/* The same verdict for who only wants to know (--tls audit): never WAIT, a path is built in place. */
struct tls_verdict tls_verifier_judge(struct tls_verifier *verifier, const struct tls_chain *chain,
	const struct security_demand *demand);

/* Any thread. */
void tls_verify_job_run(struct tls_verify_job *job);
/* On the verifier's thread, with a job that has been run: keeps the verdict, gives it to the
 * connections that still wait, and frees the job. */
void tls_verifier_finish(struct tls_verifier *verifier, struct tls_verify_job *job);

const struct tls_verifier_counters *tls_verifier_counters(const struct tls_verifier *verifier);
/* Jobs that were submitted and have not come back. */
uint32_t tls_verifier_jobs(const struct tls_verifier *verifier);

#endif
