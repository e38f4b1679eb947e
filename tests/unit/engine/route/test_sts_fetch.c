/* One fetch against a policy host with TLS: what is asked, what is taken, and every way to fail. */
#include "tests/unit/engine/route/policy_host.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/socket.h"

static struct policy_host *host;
static struct sts_fetch fetch;
static unsigned done_count;

static int set_up(void **state)
{
	(void)state;
	host = policy_host_create();
	memset(&fetch, 0, sizeof fetch);
	done_count = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	policy_host_destroy(host);
	return 0;
}

static void done(struct sts_fetch *which)
{
	assert_ptr_equal(which, &fetch);
	done_count++;
}

static void start_at(const struct ip_address *addresses, size_t count, uint64_t timeout_ns)
{
	done_count = 0;
	sts_fetch_start(&fetch, &host->config, TEXT(POLICY_HOST), addresses, count,
		loop_now_ns(&host->loop) + timeout_ns, done);
	assert_int_equal(done_count, 0);
}

static void fetch_at(const struct ip_address *addresses, size_t count, uint64_t timeout_ns)
{
	start_at(addresses, count, timeout_ns);
	HOST_UNTIL(host, done_count == 1);
	if (fetch.fault == STS_FAULT_NONE)
		return;
	assert_int_equal(sts_fetch_body(&fetch).len, 0);
	assert_int_not_equal(fetch.fail.result, RESULT_OK);
	assert_true(strlen(fetch.fail.text) > 10);
}

static void fetch_it(void)
{
	struct ip_address address = address_of("127.0.0.1");
	fetch_at(&address, 1, 30 * SECOND_NS);
}

#define assert_fetched(want)                                                                       \
	do {                                                                                       \
		if (fetch.fault != STS_FAULT_NONE)                                                 \
			fail_msg("%s", fetch.fail.text);                                           \
		struct text got_ = sts_fetch_body(&fetch);                                         \
		assert_int_equal(got_.len, strlen(want));                                          \
		assert_memory_equal(got_.data, want, got_.len);                                    \
	} while (0)

#define assert_failed(want_fault, words)                                                           \
	do {                                                                                       \
		assert_int_equal(fetch.fault, want_fault);                                         \
		if (strstr(fetch.fail.text, words) == NULL)                                        \
			fail_msg("'%s' is not in '%s'", words, fetch.fail.text);                   \
	} while (0)

/* (STS-16, STS-17, STS-19, STS-21) */
static void the_request_is_the_one_that_the_rfc_wants(void **state)
{
	(void)state;
	char want[512];
	(void)snprintf(want, sizeof want,
		"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " POLICY_HOST
		":%u\r\nUser-Agent: longship\r\nAccept: text/plain\r\nAccept-Encoding: identity\r\n"
		"Connection: close\r\n\r\n",
		host->config.port);
	fetch_it();
	assert_fetched(POLICY);
	assert_string_equal(host->last_request, want);
	assert_string_equal(host->last_sni, POLICY_HOST);
	assert_int_equal(host->accepted, 1);
	fetch_it(); /* and again, wholly: nothing is kept */
	assert_fetched(POLICY);
	assert_string_equal(host->last_request, want);
	assert_int_equal(host->answered, 2);
}

static void a_body_is_taken_however_it_ends_and_is_cut(void **state)
{
	(void)state;
	static const struct {
		const char *answer;
		enum policy_host_end end;
	} rows[] = {
		{ POLICY_HEADER "\r\n" POLICY, POLICY_HOST_CLOSES },
		{ POLICY_HEADER "Content-Length: 67\r\n\r\n" POLICY, POLICY_HOST_STAYS },
		{ POLICY_HEADER "Content-Length: 67\r\n\r\n" POLICY, POLICY_HOST_CUTS },
		{ POLICY_HEADER "Transfer-Encoding: chunked\r\n\r\n43\r\n" POLICY "\r\n0\r\n\r\n",
			POLICY_HOST_STAYS },
	};
	assert_int_equal(strlen(POLICY), 67);
	static const size_t pieces[] = { 0, 1, 2, 13 };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t k = 0; k < COUNT_OF(pieces); k++) {
			policy_host_says(host, rows[i].answer, rows[i].end);
			host->piece = pieces[k];
			fetch_it();
			assert_fetched(POLICY);
		}
}

/* (STS-52) A body without a length is whole only when TLS says so. */
static void a_body_that_is_cut_short_is_a_failure(void **state)
{
	(void)state;
	policy_host_says(host, POLICY_HEADER "\r\n" POLICY, POLICY_HOST_CUTS);
	fetch_it();
	assert_failed(STS_FAULT_CUT, "127.0.0.1: the connection was cut inside the answer");
	policy_host_says(
		host, POLICY_HEADER "Content-Length: 68\r\n\r\n" POLICY, POLICY_HOST_CLOSES);
	fetch_it();
	assert_failed(STS_FAULT_CUT, "inside the answer, after 67 bytes");
	policy_host_says(
		host, POLICY_HEADER "Content-Length: 68\r\n\r\n" POLICY, POLICY_HOST_RESETS);
	fetch_it();
	assert_int_equal(fetch.fault, STS_FAULT_CUT);
	policy_host_says(host, "", POLICY_HOST_CLOSES);
	fetch_it();
	assert_failed(STS_FAULT_CUT, "before an answer");
	assert_int_equal(sts_fault_result(STS_FAULT_CUT), TLS_RESULT_STS_POLICY_FETCH_ERROR);
}

/* (STS-18, STS-20, STS-52) The address is not blamed for an answer: no other one is asked. */
static void an_answer_that_is_no_policy_is_final(void **state)
{
	(void)state;
	static const struct {
		const char *answer;
		enum sts_fault fault;
		enum tls_result result;
	} rows[] = {
		{ "HTTP/1.1 301 Moved\r\nLocation: https://" POLICY_HOST "/\r\n\r\n",
			STS_FAULT_STATUS, TLS_RESULT_STS_POLICY_FETCH_ERROR },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", STS_FAULT_STATUS,
			TLS_RESULT_STS_POLICY_FETCH_ERROR },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" POLICY, STS_FAULT_TYPE,
			TLS_RESULT_STS_POLICY_INVALID },
		{ POLICY_HEADER "Content-Encoding: gzip\r\n\r\nx", STS_FAULT_HTTP,
			TLS_RESULT_STS_POLICY_FETCH_ERROR },
		{ POLICY, STS_FAULT_HTTP, TLS_RESULT_STS_POLICY_FETCH_ERROR },
		{ POLICY_HEADER "Content-Length: 65537\r\n\r\n", STS_FAULT_TOO_LONG,
			TLS_RESULT_STS_POLICY_INVALID },
	};
	const struct ip_address addresses[] = { address_of("127.0.0.1"), address_of("127.0.0.1") };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		policy_host_says(host, rows[i].answer, POLICY_HOST_STAYS);
		unsigned before = host->accepted;
		fetch_at(addresses, 2, 30 * SECOND_NS);
		assert_int_equal(fetch.fault, rows[i].fault);
		assert_int_equal(sts_fault_result(fetch.fault), rows[i].result);
		assert_true(strlen(sts_fault_text(fetch.fault)) > 0);
		assert_int_equal(host->accepted, before + 1);
	}
}

/* (STS-21) */
static void sixty_four_kibibytes_are_taken_and_one_byte_more_is_not(void **state)
{
	(void)state;
	size_t header_len = strlen(POLICY_HEADER "\r\n");
	char *answer = malloc(header_len + STS_POLICY_BYTES_MAX + 1);
	assert_non_null(answer);
	memcpy(answer, POLICY_HEADER "\r\n", header_len);
	memset(answer + header_len, 'x', STS_POLICY_BYTES_MAX + 1);
	policy_host_says(host, answer, POLICY_HOST_CLOSES);
	host->answer_len = header_len + STS_POLICY_BYTES_MAX;
	fetch_it();
	assert_int_equal(fetch.fault, STS_FAULT_NONE);
	assert_int_equal(sts_fetch_body(&fetch).len, STS_POLICY_BYTES_MAX);
	host->answer_len++;
	fetch_it();
	assert_failed(STS_FAULT_TOO_LONG, "longer than 65536 bytes");
	free(answer);
}

/* (STS-17, STS-48) Only a name in the certificate and a way to a trusted root count. */
static void a_certificate_that_does_not_prove_the_host_is_a_failure(void **state)
{
	(void)state;
	policy_host_show_names(host, "DNS:*.policy.example");
	fetch_it();
	assert_fetched(POLICY);

	policy_host_show_names(host, "DNS:policy.example,DNS:*.example,DNS:provider.example");
	fetch_it();
	assert_failed(STS_FAULT_CERTIFICATE, "127.0.0.1: ");
	assert_int_equal(sts_fault_result(fetch.fault), TLS_RESULT_STS_WEBPKI_INVALID);

	struct test_node_spec spec = {
		.name = POLICY_HOST, .issuer = &host->authority, .kind = TEST_KEY_P256
	};
	policy_host_show(host, test_node_make(&spec)); /* the common name is no name */
	fetch_it();
	assert_int_equal(fetch.fault, STS_FAULT_CERTIFICATE);

	spec.alternatives = "DNS:" POLICY_HOST;
	spec.begin_days = -20;
	spec.end_days = -1;
	policy_host_show(host, test_node_make(&spec));
	fetch_it();
	assert_failed(STS_FAULT_CERTIFICATE, "expired");

	policy_host_show(host, test_node_host("DNS:" POLICY_HOST, NULL));
	fetch_it();
	assert_int_equal(fetch.fault, STS_FAULT_CERTIFICATE);
	assert_int_equal(host->answered, 1); /* none of these was asked for the policy */
}

static void a_host_that_speaks_before_our_hello_or_no_tls_is_a_failure(void **state)
{
	(void)state;
	host->speaks_first = true;
	fetch_it();
	assert_int_equal(fetch.fault, STS_FAULT_TLS);
	assert_int_equal(sts_fault_result(fetch.fault), TLS_RESULT_STS_POLICY_FETCH_ERROR);
}

/* (STS-53) The filter applies to what is connected to. */
static void an_address_that_is_not_public_is_not_connected_to(void **state)
{
	(void)state;
	const struct ip_address addresses[] = { address_of("127.0.0.1"),
		address_of("169.254.169.254"), address_of("10.0.0.1"), address_of("::1"),
		address_of("::ffff:127.0.0.1"), address_of("0.0.0.0") };
	host->config.allow_private = false;
	fetch_at(addresses, COUNT_OF(addresses), 30 * SECOND_NS);
	assert_failed(STS_FAULT_ADDRESS, "no address of the policy host is a public one");
	fetch_at(NULL, 0, 30 * SECOND_NS);
	assert_failed(STS_FAULT_ADDRESS, "the policy host has no address");
	assert_int_equal(host->accepted, 0);
	host->config.allow_private = true;
	fetch_it();
	assert_fetched(POLICY);
}

static void addresses_are_tried_in_turn_until_one_answers(void **state)
{
	(void)state;
	/* Nobody listens at the first two. */
	const struct ip_address addresses[] = { address_of("127.0.0.2"), address_of("127.0.0.3"),
		address_of("127.0.0.1"), address_of("127.0.0.4") };
	fetch_at(addresses, COUNT_OF(addresses), 30 * SECOND_NS);
	assert_fetched(POLICY);
	assert_int_equal(host->accepted, 1);
	fetch_at(addresses, 2, 30 * SECOND_NS);
	assert_failed(STS_FAULT_NETWORK, "127.0.0.3: cannot connect: Connection refused");
}

static void of_several_failures_the_one_that_came_furthest_is_told(void **state)
{
	(void)state;
	const struct ip_address addresses[] = { address_of("127.0.0.1"), address_of("127.0.0.2") };
	policy_host_show_names(host, "DNS:other.example");
	fetch_at(addresses, COUNT_OF(addresses), 30 * SECOND_NS);
	assert_failed(STS_FAULT_CERTIFICATE, "127.0.0.1: ");
}

/* (SEC-15) A silent address has its share of the time, and the next one the rest. */
static void an_address_that_says_nothing_leaves_time_for_the_next(void **state)
{
	(void)state;
	struct ip_address silent = address_of("127.0.0.2");
	struct fail fail;
	int listener;
	assert_int_equal(
		socket_listen_tcp(&silent, host->config.port, false, &listener, &fail), RESULT_OK);
	const struct ip_address addresses[] = { silent, address_of("127.0.0.1") };
	fetch_at(addresses, COUNT_OF(addresses), 30 * SECOND_NS / 25);
	assert_fetched(POLICY);
	assert_int_equal(close(listener), 0);
}

/* (STS-21, SEC-15) One deadline for all: a host that trickles does not renew it. */
static void the_deadline_ends_a_fetch_in_every_state(void **state)
{
	(void)state;
	struct ip_address address = address_of("127.0.0.1");
	host->is_mute = true;
	uint64_t begin_ns = loop_now_ns(&host->loop);
	fetch_at(&address, 1, 50 * MS_NS);
	assert_failed(STS_FAULT_TIMEOUT, "handshake");
	assert_true(clock_now_ns() - begin_ns >= 50 * MS_NS);
	host->is_mute = false;

	policy_host_says(
		host, POLICY_HEADER "Content-Length: 68\r\n\r\n" POLICY, POLICY_HOST_STAYS);
	fetch_at(&address, 1, 500 * MS_NS);
	assert_failed(STS_FAULT_TIMEOUT, "67 bytes of the policy");
	fetch_at(&address, 1, 0); /* over before it began */
	assert_int_equal(fetch.fault, STS_FAULT_TIMEOUT);
}

static void a_fetch_can_be_cancelled_in_every_state(void **state)
{
	(void)state;
	struct ip_address address = address_of("127.0.0.1");
	start_at(&address, 1, 30 * SECOND_NS);
	sts_fetch_cancel(&fetch);
	assert_int_equal(done_count, 0);
	HOST_UNTIL(host, done_count == 1);
	assert_failed(STS_FAULT_CANCELLED, "given up");

	host->holds = true;
	start_at(&address, 1, 30 * SECOND_NS);
	HOST_UNTIL(host, host->last_request[0] != '\0');
	sts_fetch_cancel(&fetch);
	sts_fetch_cancel(&fetch);
	HOST_UNTIL(host, done_count == 1);
	assert_int_equal(fetch.fault, STS_FAULT_CANCELLED);
	host->holds = false;

	start_at(NULL, 0, 30 * SECOND_NS);
	sts_fetch_cancel(&fetch);
	HOST_UNTIL(host, done_count == 1);
	assert_int_equal(fetch.fault, STS_FAULT_ADDRESS);
	fetch_it();
	assert_fetched(POLICY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_request_is_the_one_that_the_rfc_wants),
		TEST(a_body_is_taken_however_it_ends_and_is_cut),
		TEST(a_body_that_is_cut_short_is_a_failure),
		TEST(an_answer_that_is_no_policy_is_final),
		TEST(sixty_four_kibibytes_are_taken_and_one_byte_more_is_not),
		TEST(a_certificate_that_does_not_prove_the_host_is_a_failure),
		TEST(a_host_that_speaks_before_our_hello_or_no_tls_is_a_failure),
		TEST(an_address_that_is_not_public_is_not_connected_to),
		TEST(addresses_are_tried_in_turn_until_one_answers),
		TEST(of_several_failures_the_one_that_came_furthest_is_told),
		TEST(an_address_that_says_nothing_leaves_time_for_the_next),
		TEST(the_deadline_ends_a_fetch_in_every_state),
		TEST(a_fetch_can_be_cancelled_in_every_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
