/* Who waits for a job of the verifier, and what comes of those who do not any more. */
#include "tests/unit/tls/verifier_fixture.h"

/* The job may outlive everything that it was asked about. */
static void a_job_needs_nothing_of_the_connection(void **state)
{
	(void)state;
	struct tls_cert copy = { malloc(leaf.der.der_len), leaf.der.der_len };
	struct tlsa_record *published = malloc(sizeof *published);
	char *host = strdup("mx.example.com");
	struct text host_text = text_of(host);
	assert_true(copy.der != NULL && published != NULL && host != NULL);
	memcpy((uint8_t *)(uintptr_t)copy.der, leaf.der.der, copy.der_len);
	*published = records[0];
	chain.certs[0] = copy;
	demand.tlsa = published;
	demand.names = &host_text;
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	free((uint8_t *)(uintptr_t)copy.der);
	free(published);
	free(host);
	finish_jobs();
	assert_int_equal(answer.kind, TLS_VERDICT_ACCEPTED);
}

static void a_connection_that_went_is_not_answered(void **state)
{
	(void)state;
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	tls_verify_job_run(submitted[0]);
	tls_verifier_cancel(verifier, CONN(1));
	tls_verifier_cancel(verifier, CONN(5)); /* who never asked */
	tls_verifier_finish(verifier, submitted[0]);
	submitted_count = 0;
	assert_int_equal(answers_count, 0);
	assert_int_equal(ask(2).kind, TLS_VERDICT_ACCEPTED); /* its verdict was kept */
}

/* What others wait for is not put off for it. */
static void a_chain_that_nobody_waits_for_is_not_looked_at(void **state)
{
	(void)state;
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	tls_verifier_cancel(verifier, CONN(1));
	finish_jobs();
	assert_int_equal(answers_count, 0);
	assert_int_equal(ask(2).kind, TLS_VERDICT_WAIT); /* nothing is known of it */
	finish_jobs();
	assert_ptr_equal(answered, CONN(2));
	assert_int_equal(answer.kind, TLS_VERDICT_ACCEPTED);
}

static void who_asks_the_same_meanwhile_gets_the_same_verdict(void **state)
{
	(void)state;
	static const char *const names[] = { "mx.example.com", "other.example.com" };
	for (unsigned i = 0; i < 2; i++) {
		name = text_of(names[i]);
		for (size_t conn = 1; conn <= 4; conn++)
			assert_int_equal(ask(conn).kind, TLS_VERDICT_WAIT);
		assert_int_equal(submitted_count, 1);
		tls_verifier_cancel(verifier, CONN(1)); /* who asked first */
		tls_verifier_cancel(verifier, CONN(3));
		answers_count = 0;
		finish_jobs();
		assert_int_equal(answers_count, 2);
		assert_ptr_equal(answered, CONN(4));
		assert_int_equal(answer.kind, i == 0 ? TLS_VERDICT_ACCEPTED : TLS_VERDICT_REJECTED);
	}
	assert_int_equal(tls_verifier_counters(verifier)->built, 2);
	assert_int_equal(tls_verifier_counters(verifier)->joined, 6);
	assert_int_equal(tls_verifier_jobs(verifier), 0);
}

/* (TLS-13, TLS-14) Nothing that was asked for one demand, chain or time answers another. */
static void who_asks_anything_else_waits_for_a_job_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	name = TEXT("other.example.com");
	assert_int_equal(ask(2).kind, TLS_VERDICT_WAIT);
	assert_int_equal(submitted_count, 2);
	finish_jobs();
	assert_ptr_equal(answered, CONN(2));
	assert_int_equal(answer.kind, TLS_VERDICT_REJECTED);
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	chain.certs[0] = stranger.der;
	assert_int_equal(ask(2).kind, TLS_VERDICT_WAIT);
	assert_int_equal(submitted_count, 2);
	finish_jobs();
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	time_s++;
	assert_int_equal(ask(2).kind, TLS_VERDICT_WAIT);
	assert_int_equal(submitted_count, 2);
	finish_jobs();
	assert_int_equal(tls_verifier_counters(verifier)->joined, 0);
}

/* Its job is not run any more. */
static void nobody_joins_a_job_that_was_given_up(void **state)
{
	(void)state;
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	tls_verifier_cancel(verifier, CONN(1));
	assert_int_equal(ask(2).kind, TLS_VERDICT_WAIT);
	assert_int_equal(submitted_count, 2);
	finish_jobs();
	assert_int_equal(answers_count, 1);
	assert_ptr_equal(answered, CONN(2));
	assert_int_equal(answer.kind, TLS_VERDICT_ACCEPTED);
}

/* As when a session that fails takes others of its host with it. */
static void an_answer_may_destroy_one_who_waits_too(void **state)
{
	(void)state;
	for (size_t conn = 1; conn <= 3; conn++)
		assert_int_equal(ask(conn).kind, TLS_VERDICT_WAIT);
	destroyed_by_answer = CONN(2);
	finish_jobs();
	assert_int_equal(answers_count, 2);
	assert_ptr_equal(answered, CONN(3));
}

static void more_jobs_than_are_allowed_are_trouble_of_our_own(void **state)
{
	(void)state;
	static const char *const names[JOBS_MAX + 1] = { "a.example", "b.example", "c.example" };
	for (size_t i = 0; i < JOBS_MAX; i++) {
		name = text_of(names[i]);
		assert_int_equal(ask(i).kind, TLS_VERDICT_WAIT);
	}
	name = text_of(names[JOBS_MAX]);
	struct tls_verdict verdict = ask(3);
	assert_int_equal(verdict.kind, TLS_VERDICT_REJECTED);
	assert_int_equal(verdict.failure, TLS_FAILURE_LOCAL);
	assert_int_equal(submitted_count, JOBS_MAX);
	finish_jobs();
	assert_int_equal(answers_count, JOBS_MAX);
}

static void jobs_that_are_out_at_the_end_are_freed(void **state)
{
	(void)state;
	assert_int_equal(ask(1).kind, TLS_VERDICT_WAIT);
	assert_int_equal(ask(2).kind, TLS_VERDICT_WAIT);
	tls_verify_job_run(submitted[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_job_needs_nothing_of_the_connection),
		TEST(a_connection_that_went_is_not_answered),
		TEST(a_chain_that_nobody_waits_for_is_not_looked_at),
		TEST(who_asks_the_same_meanwhile_gets_the_same_verdict),
		TEST(who_asks_anything_else_waits_for_a_job_of_its_own),
		TEST(nobody_joins_a_job_that_was_given_up),
		TEST(an_answer_may_destroy_one_who_waits_too),
		TEST(more_jobs_than_are_allowed_are_trouble_of_our_own),
		TEST(jobs_that_are_out_at_the_end_are_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
