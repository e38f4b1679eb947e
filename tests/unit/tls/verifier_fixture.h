/* A verifier whose jobs are kept until the test has them run, and a chain to ask it about. */
#ifndef TESTS_UNIT_TLS_VERIFIER_FIXTURE_H
#define TESTS_UNIT_TLS_VERIFIER_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/policy.h"
#include "tests/unit/tls/test_ca.h"
#include "tls/tls_verifier.h"

enum { JOBS_MAX = 2 };

/* The verifier never looks into a connection, so any address stands for one. */
static uint8_t connections[8];
#define CONN(i) ((struct tls_conn *)(void *)&connections[i])

static struct tls_verifier *verifier;
static struct tls_verify_job *submitted[8];
static size_t submitted_count;
static struct tls_conn *answered;
static struct tls_verdict answer;
static unsigned answers_count;
static struct tls_conn *destroyed_by_answer; /* NULL: none */
static uint64_t time_s;
static struct test_node root, middle, leaf, stranger;
static struct tls_chain chain;
static struct text name;
static struct tlsa_record records[2];
static uint8_t digests[2][64];
static struct security_demand demand;

static inline uint64_t now_s(void) { return time_s; }

static inline void take(void *arg, struct tls_verify_job *job)
{
	assert_ptr_equal(arg, &connections);
	submitted[submitted_count++] = job;
}

static inline void hear(void *arg, struct tls_conn *conn, const struct tls_verdict *verdict)
{
	assert_ptr_equal(arg, &connections);
	answered = conn;
	answer = *verdict;
	answers_count++;
	if (destroyed_by_answer != NULL)
		tls_verifier_cancel(verifier, destroyed_by_answer);
}

static inline void make_verifier(bool with_thread)
{
	struct fail fail = { 0 };
	const struct tls_verifier_config config = {
		.now_s = now_s,
		.submit = with_thread ? take : NULL,
		.answer = hear,
		.arg = connections,
		.jobs_max = JOBS_MAX,
		.cache_bytes = TLS_VERIFIER_CACHE_BYTES,
	};
	assert_int_equal(tls_verifier_create(&config, &verifier, &fail), RESULT_OK);
}

static inline int set_up(void **state)
{
	(void)state;
	time_s = TEST_CA_NOW_S;
	name = TEXT("mx.example.com");
	submitted_count = 0;
	answers_count = 0;
	answered = NULL;
	destroyed_by_answer = NULL;
	root = test_node_authority("root", NULL);
	middle = test_node_authority("middle", &root);
	leaf = test_node_host("DNS:mx.example.com", &middle);
	stranger = test_node_host("DNS:mx.example.com", NULL);
	chain = (struct tls_chain){ .certs = { leaf.der, middle.der }, .certs_count = 2 };
	records[0] = test_node_record(&middle, 2, 1, 1, digests[0]);
	demand = (struct security_demand){ .need = SECURITY_NEED_DANE,
		.tls_version_min = TLS_VERSION_1_2,
		.names = &name,
		.names_count = 1,
		.tlsa = records,
		.tlsa_count = 1 };
	make_verifier(true);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	tls_verifier_destroy(verifier);
	test_node_free(&leaf);
	test_node_free(&middle);
	test_node_free(&root);
	test_node_free(&stranger);
	return 0;
}

static inline struct tls_verdict ask(size_t conn)
{
	return tls_verifier_ask(verifier, CONN(conn), &chain, &demand);
}

static inline void *run_jobs(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < submitted_count; i++)
		tls_verify_job_run(submitted[i]);
	return NULL;
}

static inline void finish_jobs(void)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, run_jobs, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (size_t i = 0; i < submitted_count; i++)
		tls_verifier_finish(verifier, submitted[i]);
	submitted_count = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
