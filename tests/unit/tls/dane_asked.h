/* What the tests of the verifier ask with: a chain, records, a name, and the certificates that they are made
 * of. For test_dane_verify.c and test_dane_anchor.c, which read best with short names. */
#ifndef TESTS_UNIT_TLS_DANE_ASKED_H
#define TESTS_UNIT_TLS_DANE_ASKED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/tls/test_ca.h"
#include "tls/boringssl.h"
#include "tls/dane_verify.h"

enum { NODES_MAX = 24 };

/* What a test asks: a chain, records, names. */
struct asked {
	struct test_node nodes[NODES_MAX];
	size_t nodes_count;
	struct tls_chain chain;
	struct tlsa_record records[8];
	uint8_t digests[8][64];
	size_t records_count;
	struct text name;
	uint64_t time_s;
	struct dane_verdict verdict;
};
/* Root, intermediate and leaf; what else is presented and published is the test's. */
struct three {
	struct test_node *root, *middle, *leaf;
};

/* Around each test. */
int set_up(void **state);
int tear_down(void **state);

/* Certificates that live as long as the test. */
struct test_node *keep(struct asked *a, struct test_node node);
struct test_node *authority(struct asked *a, const char *name, struct test_node *issuer);
struct test_node *host(struct asked *a, struct test_node *issuer);
struct test_node *node(struct asked *a, struct test_node_spec spec);

/* Behind what is there. */
void present(struct asked *a, const struct test_node *cert);
void publish(struct asked *a, const struct test_node *cert, uint8_t usage, uint8_t selector,
	uint8_t matching);
/* With the leaf presented. */
struct three make_three(struct asked *a);

bool verify(struct asked *a);
void assert_match(struct asked *a, size_t record, size_t depth);
void assert_rejected(struct asked *a, enum tls_failure failure, const char *reason);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
