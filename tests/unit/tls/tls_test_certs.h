/* Keys and certificates for tests, made when the test starts: none is kept in the tree.
 * Written as PEM into a folder of their own, since the server context reads files. */
#ifndef TESTS_UNIT_TLS_TLS_TEST_CERTS_H
#define TESTS_UNIT_TLS_TLS_TEST_CERTS_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/base.h>
#include "tls/tls_context.h"

enum test_key {
	TEST_KEY_RSA,
	TEST_KEY_P256,
	TEST_KEY_P384,
	TEST_KEY_P521,
	TEST_KEY_ED25519,
	TEST_KEY_COUNT,
	TEST_KEY_RSA_1024, /* too short for most; not among those of struct test_certs */
};

struct test_cert {
	char chain_path[96], key_path[96];
	uint8_t key_digest[32]; /* SHA-256 of the SubjectPublicKeyInfo, by another code path */
	uint8_t cert_digest[32];
	uint8_t *der; /* freed by test_certs_deinit() */
	size_t der_len;
};

struct test_certs {
	char folder[48];
	struct test_cert certs[TEST_KEY_COUNT]; /* self-signed, for "mx.example" */
	struct test_cert other;                 /* P-256, for "other.example" */
	struct test_cert huge;                  /* P-256, with 120 KB of an extension */
	struct test_cert many;                  /* P-256, then 15 others: TLS_CHAIN_MAX */
	struct test_cert too_many;              /* one more */
};

/* A new private key, freed by EVP_PKEY_free(). */
EVP_PKEY *test_key_new(enum test_key kind);

void test_certs_init(struct test_certs *certs);
void test_certs_deinit(struct test_certs *certs);

static inline struct tls_identity test_identity(const struct test_cert *cert, const char *name)
{
	return (struct tls_identity){ name, cert->chain_path, cert->key_path };
}

#endif
