#include "bench/micro/micro_chain.h"
#include <stdlib.h>
#include <string.h>
#include <openssl/digest.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "engine/base/check.h"
#include "tls/tls_crypto.h"
#include "tls/tls_der.h"

enum { LEAF, MIDDLE, ROOT, CERTS };

struct micro_chain {
	X509 *certs[CERTS];
	EVP_PKEY *keys[CERTS];
	uint8_t *der[CERTS];
	struct tls_chain presented;
};

static EVP_PKEY *new_key(void)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EVP_PKEY *key = EVP_PKEY_new();
	CHECK(ec != NULL && key != NULL && EC_KEY_generate_key(ec));
	CHECK(EVP_PKEY_assign_EC_KEY(key, ec));
	return key;
}

static void set_name(X509_NAME *name, const char *text)
{
	CHECK(X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const uint8_t *)text, -1, -1, 0));
}

static void add(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	CHECK(extension != NULL && X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
}

static X509 *new_cert(const char *name, const char *issuer, EVP_PKEY *key, EVP_PKEY *signer)
{
	X509 *cert = X509_new();
	CHECK(cert != NULL && X509_set_version(cert, 2));
	CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), name[0]));
	set_name(X509_get_subject_name(cert), name);
	set_name(X509_get_issuer_name(cert), issuer);
	CHECK(ASN1_TIME_set(X509_getm_notBefore(cert), MICRO_CHAIN_NOW_S - 1000) != NULL);
	CHECK(ASN1_TIME_set(X509_getm_notAfter(cert), MICRO_CHAIN_NOW_S + 1000) != NULL);
	CHECK(X509_set_pubkey(cert, key));
	if (strcmp(name, MICRO_CHAIN_NAME) == 0) {
		add(cert, NID_subject_alt_name, "DNS:" MICRO_CHAIN_NAME);
		add(cert, NID_ext_key_usage, "serverAuth");
	} else {
		add(cert, NID_basic_constraints, "critical,CA:TRUE");
		add(cert, NID_key_usage, "critical,keyCertSign");
	}
	CHECK(X509_sign(cert, signer, EVP_sha256()));
	return cert;
}

struct micro_chain *micro_chain_create(void)
{
	static const char *const names[CERTS + 1] = { MICRO_CHAIN_NAME, "middle", "root", "root" };
	struct micro_chain *chain = calloc(1, sizeof *chain);
	CHECK(chain != NULL);
	for (size_t i = 0; i < CERTS; i++)
		chain->keys[i] = new_key();
	for (size_t i = 0; i < CERTS; i++) {
		EVP_PKEY *signer = chain->keys[i < ROOT ? i + 1 : i];
		chain->certs[i] = new_cert(names[i], names[i + 1], chain->keys[i], signer);
		int len = i2d_X509(chain->certs[i], &chain->der[i]);
		CHECK(len > 0);
		chain->presented.certs[i] = (struct tls_cert){ chain->der[i], (size_t)len };
	}
	chain->presented.certs_count = CERTS;
	return chain;
}

void micro_chain_destroy(struct micro_chain *chain)
{
	for (size_t i = 0; i < CERTS; i++) {
		X509_free(chain->certs[i]);
		EVP_PKEY_free(chain->keys[i]);
		OPENSSL_free(chain->der[i]);
	}
	free(chain);
}

const struct tls_chain *micro_chain_presented(const struct micro_chain *chain)
{
	return &chain->presented;
}

void micro_chain_key_digest(const struct micro_chain *chain, size_t which, uint8_t out[32])
{
	const struct tls_cert *cert = &chain->presented.certs[which];
	const uint8_t *key;
	size_t key_len;
	CHECK(tls_der_find_key(cert->der, cert->der_len, &key, &key_len) == RESULT_OK);
	tls_sha256_of(key, key_len, out);
}

void micro_chain_check_signatures(const struct micro_chain *chain)
{
	for (size_t i = 0; i < ROOT; i++)
		CHECK(X509_verify(chain->certs[i], chain->keys[i + 1]) == 1);
}
