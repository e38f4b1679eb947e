/* A certificate authority for tests: certificates of every shape, made in memory, at a time of the
 * day that the tests choose. */
#ifndef TESTS_UNIT_TLS_TEST_CA_H
#define TESTS_UNIT_TLS_TEST_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/x509.h>
#include "engine/base/tlsa.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_verify.h"

enum { TEST_CA_DAY_S = 86400 };
/* Now, for all that is made here: valid from a day before to a day after, unless said otherwise. */
#define TEST_CA_NOW_S 1800000000u

struct test_node {
	X509 *cert;
	EVP_PKEY *key;
	struct tls_cert der;
	struct text spki;
};

struct test_node_spec {
	const char *name;               /* the common name; NULL: an empty subject */
	const struct test_node *issuer; /* NULL: signs itself */
	const struct test_node *key_of; /* NULL: a key of its own */
	enum test_key kind;             /* of that */
	int64_t begin_days, end_days;   /* from now; both 0: one day each way */
	bool sha1;                      /* signed so */
	/* Extensions, as OpenSSL's configuration writes them; NULL: none. */
	const char *alternatives;       /* "DNS:mx.example,DNS:*.example" */
	const char *constraints;        /* "critical,CA:TRUE,pathlen:0" */
	const char *key_usage, *extended_key_usage, *name_constraints;
	bool unknown_critical;
	bool must_staple; /* the TLS feature status_request (RFC 7633) */
};

struct test_node test_node_make(const struct test_node_spec *spec);
void test_node_free(struct test_node *node);

/* An authority and a host's certificate as they usually look. */
struct test_node test_node_authority(const char *name, const struct test_node *issuer);
struct test_node test_node_host(const char *alternatives, const struct test_node *issuer);

/* The node and what follows it as a server shows them: files at paths that the caller removes. */
void test_node_write(const struct test_node *node, const struct test_node *issuer,
	const char *chain_path, const char *key_path);

/* The record that stands for the node. Its digest is written into `storage`, which it borrows. */
struct tlsa_record test_node_record(const struct test_node *node, uint8_t usage, uint8_t selector,
	uint8_t matching, uint8_t storage[64]);

#endif
