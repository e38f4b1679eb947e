#include "tests/unit/tls/test_ca.h"
#include <string.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/x509v3.h>
#include "engine/base/check.h"
#include "tls/boringssl.h"

static void set_dates(X509 *cert, const struct test_node_spec *spec)
{
	bool given = spec->begin_days != 0 || spec->end_days != 0;
	int64_t begin = given ? spec->begin_days : -1, end = given ? spec->end_days : 1;
	CHECK(ASN1_TIME_set(X509_getm_notBefore(cert),
		      (time_t)(TEST_CA_NOW_S + begin * TEST_CA_DAY_S)) != NULL);
	CHECK(ASN1_TIME_set(X509_getm_notAfter(cert),
		      (time_t)(TEST_CA_NOW_S + end * TEST_CA_DAY_S)) != NULL);
}

static void add(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	CHECK(extension != NULL && X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
}

static void add_raw(X509 *cert, const char *oid, int critical, const void *bytes, size_t len)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	CHECK(object != NULL && value != NULL && ASN1_STRING_set(value, bytes, (int)len));
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
	CHECK(extension != NULL && X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

static void add_extensions(X509 *cert, X509 *issuer, const struct test_node_spec *spec)
{
	add(cert, issuer, NID_subject_alt_name, spec->alternatives);
	add(cert, issuer, NID_basic_constraints, spec->constraints);
	add(cert, issuer, NID_key_usage, spec->key_usage);
	add(cert, issuer, NID_ext_key_usage, spec->extended_key_usage);
	add(cert, issuer, NID_name_constraints, spec->name_constraints);
	if (spec->unknown_critical)
		add_raw(cert, "1.3.6.1.4.1.55555.2", 1, "\5", 1);
	if (spec->must_staple)
		add_raw(cert, "1.3.6.1.5.5.7.1.24", 0, "\x30\3\2\1\5", 5);
}

static void set_names(X509 *cert, const struct test_node_spec *spec)
{
	X509_NAME *subject = X509_NAME_new();
	CHECK(subject != NULL);
	if (spec->name != NULL)
		CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
			(const uint8_t *)spec->name, -1, -1, 0));
	CHECK(X509_set_subject_name(cert, subject));
	CHECK(X509_set_issuer_name(cert,
		spec->issuer != NULL ? X509_get_subject_name(spec->issuer->cert) : subject));
	X509_NAME_free(subject);
}

static void encode(struct test_node *node)
{
	uint8_t *der = NULL, *spki = NULL;
	int der_len = i2d_X509(node->cert, &der), spki_len = i2d_PUBKEY(node->key, &spki);
	CHECK(der_len > 0 && spki_len > 0);
	node->der = (struct tls_cert){ der, (size_t)der_len };
	node->spki = text_of_bytes(spki, (size_t)spki_len);
}

static EVP_PKEY *key_for(const struct test_node_spec *spec)
{
	if (spec->key_of == NULL)
		return test_key_new(spec->kind);
	EVP_PKEY_up_ref(spec->key_of->key);
	return spec->key_of->key;
}

struct test_node test_node_make(const struct test_node_spec *spec)
{
	struct test_node node = { .cert = X509_new(), .key = key_for(spec) };
	EVP_PKEY *signer = spec->issuer != NULL ? spec->issuer->key : node.key;
	uint32_t serial;
	RAND_bytes((uint8_t *)&serial, sizeof serial);
	CHECK(node.cert != NULL && X509_set_version(node.cert, 2));
	CHECK(ASN1_INTEGER_set(X509_get_serialNumber(node.cert), (long)(serial >> 1)));
	set_names(node.cert, spec);
	set_dates(node.cert, spec);
	CHECK(X509_set_pubkey(node.cert, node.key));
	add_extensions(node.cert, spec->issuer != NULL ? spec->issuer->cert : node.cert, spec);
	const EVP_MD *digest = EVP_PKEY_id(signer) == EVP_PKEY_ED25519 ? NULL
		: spec->sha1                                            ? EVP_sha1()
									: EVP_sha256();
	CHECK(X509_sign(node.cert, signer, digest));
	encode(&node);
	return node;
}

void test_node_free(struct test_node *node)
{
	X509_free(node->cert);
	EVP_PKEY_free(node->key);
	OPENSSL_free((void *)(uintptr_t)node->der.der);
	OPENSSL_free((void *)(uintptr_t)node->spki.data);
	*node = (struct test_node){ 0 };
}

struct test_node test_node_authority(const char *name, const struct test_node *issuer)
{
	const struct test_node_spec spec = {
		.name = name,
		.issuer = issuer,
		.kind = TEST_KEY_P256,
		.constraints = "critical,CA:TRUE",
		.key_usage = "critical,keyCertSign,cRLSign",
	};
	return test_node_make(&spec);
}

struct test_node test_node_host(const char *alternatives, const struct test_node *issuer)
{
	const struct test_node_spec spec = {
		.name = "a host",
		.issuer = issuer,
		.kind = TEST_KEY_P256,
		.alternatives = alternatives,
		.constraints = "critical,CA:FALSE",
		.key_usage = "critical,digitalSignature",
		.extended_key_usage = "serverAuth",
	};
	return test_node_make(&spec);
}

void test_node_write(const struct test_node *node, const struct test_node *issuer,
	const char *chain_path, const char *key_path)
{
	BIO *file = BIO_new_file(chain_path, "w");
	CHECK(file != NULL && PEM_write_bio_X509(file, node->cert));
	CHECK(issuer == NULL || PEM_write_bio_X509(file, issuer->cert));
	BIO_free(file);
	file = BIO_new_file(key_path, "w");
	CHECK(file != NULL &&
		PEM_write_bio_PrivateKey(file, node->key, NULL, NULL, 0, NULL, NULL));
	BIO_free(file);
}

struct tlsa_record test_node_record(const struct test_node *node, uint8_t usage, uint8_t selector,
	uint8_t matching, uint8_t storage[64])
{
	struct text whole = selector == TLSA_SELECTOR_SPKI
		? node->spki
		: text_of_bytes(node->der.der, node->der.der_len);
	struct tlsa_record record = { .usage = usage, .selector = selector, .matching = matching,
		.data = whole };
	if (matching == TLSA_MATCHING_SHA256) {
		SHA256((const uint8_t *)whole.data, whole.len, storage);
		record.data = text_of_bytes(storage, 32);
	} else if (matching == TLSA_MATCHING_SHA512) {
		SHA512((const uint8_t *)whole.data, whole.len, storage);
		record.data = text_of_bytes(storage, 64);
	}
	return record;
}
