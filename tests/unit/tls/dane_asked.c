#include "tests/unit/tls/dane_asked.h"

int set_up(void **state)
{
	struct asked *a = calloc(1, sizeof *a);
	assert_non_null(a);
	a->name = TEXT("mx.example.com");
	a->time_s = TEST_CA_NOW_S;
	*state = a;
	return 0;
}

int tear_down(void **state)
{
	struct asked *a = *state;
	for (size_t i = 0; i < a->nodes_count; i++)
		test_node_free(&a->nodes[i]);
	free(a);
	return 0;
}

struct test_node *keep(struct asked *a, struct test_node node)
{
	assert_true(a->nodes_count < NODES_MAX);
	a->nodes[a->nodes_count] = node;
	return &a->nodes[a->nodes_count++];
}

struct test_node *authority(struct asked *a, const char *name, struct test_node *issuer)
{
	return keep(a, test_node_authority(name, issuer));
}

struct test_node *host(struct asked *a, struct test_node *issuer)
{
	return keep(a, test_node_host("DNS:mx.example.com", issuer));
}

struct test_node *node(struct asked *a, struct test_node_spec spec)
{
	return keep(a, test_node_make(&spec));
}

void present(struct asked *a, const struct test_node *cert)
{
	assert_true(a->chain.certs_count < TLS_CHAIN_MAX);
	a->chain.certs[a->chain.certs_count++] = cert->der;
}

void publish(struct asked *a, const struct test_node *cert, uint8_t usage, uint8_t selector,
	uint8_t matching)
{
	size_t i = a->records_count++;
	a->records[i] = test_node_record(cert, usage, selector, matching, a->digests[i]);
}

bool verify(struct asked *a)
{
	const struct dane_question question = { &a->chain, a->records, a->records_count, &a->name,
		1, a->time_s };
	memset(&a->verdict, 0xa5, sizeof a->verdict);
	dane_verify(&question, &a->verdict);
	assert_int_equal(ERR_peek_error(), 0);
	return a->verdict.is_match;
}

void assert_match(struct asked *a, size_t record, size_t depth)
{
	if (!verify(a))
		fail_msg("%s", a->verdict.reason);
	assert_int_equal(a->verdict.record, record);
	assert_int_equal(a->verdict.depth, depth);
}

void assert_rejected(struct asked *a, enum tls_failure failure, const char *reason)
{
	if (verify(a))
		fail_msg("record %zu matches at depth %zu, and not \"%s\"", a->verdict.record,
			a->verdict.depth, reason);
	assert_int_equal(a->verdict.failure, failure);
	if (strstr(a->verdict.reason, reason) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", reason, a->verdict.reason);
}

struct three make_three(struct asked *a)
{
	struct three t;
	t.root = authority(a, "root", NULL);
	t.middle = authority(a, "middle", t.root);
	t.leaf = host(a, t.middle);
	present(a, t.leaf);
	return t;
}
