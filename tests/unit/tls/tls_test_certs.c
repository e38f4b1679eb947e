#include "tests/unit/tls/tls_test_certs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include "engine/base/check.h"
#include "tls/boringssl.h"

enum {
	HUGE_EXTENSION_BYTES = 120 * 1024,
	VALID_S = 3600,
};

static EVP_PKEY *new_ec_key(int curve)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(curve);
	EVP_PKEY *key = EVP_PKEY_new();
	CHECK(ec != NULL && key != NULL && EC_KEY_generate_key(ec));
	CHECK(EVP_PKEY_assign_EC_KEY(key, ec));
	return key;
}

static EVP_PKEY *new_rsa_key(int bits)
{
	RSA *rsa = RSA_new();
	BIGNUM *exponent = BN_new();
	EVP_PKEY *key = EVP_PKEY_new();
	CHECK(rsa != NULL && exponent != NULL && key != NULL && BN_set_word(exponent, RSA_F4));
	CHECK(RSA_generate_key_ex(rsa, bits, exponent, NULL));
	CHECK(EVP_PKEY_assign_RSA(key, rsa));
	BN_free(exponent);
	return key;
}

static EVP_PKEY *new_ed25519_key(void)
{
	uint8_t seed[32];
	RAND_bytes(seed, sizeof seed);
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
	CHECK(key != NULL);
	return key;
}

EVP_PKEY *test_key_new(enum test_key kind)
{
	switch (kind) {
	case TEST_KEY_RSA: return new_rsa_key(2048);
	case TEST_KEY_RSA_1024: return new_rsa_key(1024);
	case TEST_KEY_P256: return new_ec_key(NID_X9_62_prime256v1);
	case TEST_KEY_P384: return new_ec_key(NID_secp384r1);
	case TEST_KEY_P521: return new_ec_key(NID_secp521r1);
	case TEST_KEY_ED25519: return new_ed25519_key();
	case TEST_KEY_COUNT: break;
	}
	UNREACHABLE("kind of key");
}

static void add_extension(X509 *cert, size_t bytes)
{
	uint8_t *zeros = calloc(1, bytes);
	ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	CHECK(zeros != NULL && object != NULL && value != NULL);
	CHECK(ASN1_STRING_set(value, zeros, (int)bytes));
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
	CHECK(extension != NULL && X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
	free(zeros);
}

static X509 *new_cert(EVP_PKEY *key, const char *name, size_t extension_bytes)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_NAME_new();
	uint32_t serial;
	RAND_bytes((uint8_t *)&serial, sizeof serial);
	CHECK(cert != NULL && subject != NULL && X509_set_version(cert, 2));
	CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)(serial >> 1)));
	CHECK(X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0));
	CHECK(X509_set_subject_name(cert, subject) && X509_set_issuer_name(cert, subject));
	CHECK(X509_gmtime_adj(X509_getm_notBefore(cert), -VALID_S));
	CHECK(X509_gmtime_adj(X509_getm_notAfter(cert), VALID_S));
	CHECK(X509_set_pubkey(cert, key));
	if (extension_bytes > 0)
		add_extension(cert, extension_bytes);
	CHECK(X509_sign(cert, key, EVP_PKEY_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()));
	X509_NAME_free(subject);
	return cert;
}

static void digest_key(EVP_PKEY *key, uint8_t out[32])
{
	uint8_t *der = NULL;
	int der_len = i2d_PUBKEY(key, &der);
	CHECK(der_len > 0);
	SHA256(der, (size_t)der_len, out);
	OPENSSL_free(der);
}

static BIO *open_for_writing(const char *path)
{
	BIO *file = BIO_new_file(path, "w");
	CHECK(file != NULL);
	return file;
}

static void make(struct test_certs *certs, struct test_cert *out, const char *label, EVP_PKEY *key,
	const char *name, size_t extension_bytes, size_t more_certs)
{
	snprintf(out->chain_path, sizeof out->chain_path, "%s/%s.crt", certs->folder, label);
	snprintf(out->key_path, sizeof out->key_path, "%s/%s.key", certs->folder, label);
	X509 *cert = new_cert(key, name, extension_bytes);
	int der_len = i2d_X509(cert, &out->der);
	CHECK(der_len > 0);
	out->der_len = (size_t)der_len;
	SHA256(out->der, out->der_len, out->cert_digest);
	digest_key(key, out->key_digest);

	BIO *file = open_for_writing(out->chain_path);
	CHECK(PEM_write_bio_X509(file, cert));
	for (size_t i = 0; i < more_certs; i++) {
		X509 *other = new_cert(key, "issuer.example", 0);
		CHECK(PEM_write_bio_X509(file, other));
		X509_free(other);
	}
	BIO_free(file);
	file = open_for_writing(out->key_path);
	CHECK(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	BIO_free(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void test_certs_init(struct test_certs *certs)
{
	static const char *const labels[TEST_KEY_COUNT] = {
		[TEST_KEY_RSA] = "rsa",
		[TEST_KEY_P256] = "p256",
		[TEST_KEY_P384] = "p384",
		[TEST_KEY_P521] = "p521",
		[TEST_KEY_ED25519] = "ed25519",
	};
	*certs = (struct test_certs){ .folder = "/tmp/longship-test-tls-XXXXXX" };
	CHECK(mkdtemp(certs->folder) != NULL);
	for (enum test_key kind = 0; kind < TEST_KEY_COUNT; kind++)
		make(certs, &certs->certs[kind], labels[kind], test_key_new(kind), "mx.example", 0, 0);
	make(certs, &certs->other, "other", test_key_new(TEST_KEY_P256), "other.example", 0, 0);
	make(certs, &certs->huge, "huge", test_key_new(TEST_KEY_P256), "mx.example",
		HUGE_EXTENSION_BYTES, 0);
	make(certs, &certs->many, "many", test_key_new(TEST_KEY_P256), "mx.example", 0,
		TLS_CHAIN_MAX - 1);
	make(certs, &certs->too_many, "toomany", test_key_new(TEST_KEY_P256), "mx.example", 0,
		TLS_CHAIN_MAX);
}

static void unmake(struct test_cert *cert)
{
	unlink(cert->chain_path);
	unlink(cert->key_path);
	OPENSSL_free(cert->der);
	cert->der = NULL;
}

void test_certs_deinit(struct test_certs *certs)
{
	for (enum test_key kind = 0; kind < TEST_KEY_COUNT; kind++)
		unmake(&certs->certs[kind]);
	unmake(&certs->other);
	unmake(&certs->huge);
	unmake(&certs->many);
	unmake(&certs->too_many);
	rmdir(certs->folder);
}
