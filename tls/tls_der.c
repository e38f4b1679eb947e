#include "tls/tls_der.h"
#include "tls/boringssl.h"

/* Tags of BoringSSL do not fit an enum. */
static const unsigned tag_version = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
static const unsigned tag_issuer_unique_id = CBS_ASN1_CONTEXT_SPECIFIC | 1;
static const unsigned tag_subject_unique_id = CBS_ASN1_CONTEXT_SPECIFIC | 2;
static const unsigned tag_extensions = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 3;

/* The TBSCertificate of a Certificate that is nothing but it. */
static bool open_certificate(const uint8_t *der, size_t der_len, CBS *out_tbs)
{
	CBS whole, cert;
	CBS_init(&whole, der, der_len);
	return CBS_get_asn1(&whole, &cert, CBS_ASN1_SEQUENCE) && CBS_len(&whole) == 0 &&
	       CBS_get_asn1(&cert, out_tbs, CBS_ASN1_SEQUENCE);
}

/* RFC 5280 4.1: TBSCertificate ::= SEQUENCE {
 *     version [0] EXPLICIT OPTIONAL, serialNumber INTEGER, signature SEQUENCE, issuer SEQUENCE,
 *     validity SEQUENCE, subject SEQUENCE, subjectPublicKeyInfo SEQUENCE, ... } */
static bool skip_to_subject(CBS *tbs)
{
	return CBS_get_optional_asn1(tbs, NULL, NULL, tag_version) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_INTEGER) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE);
}

enum result tls_der_find_key(
	const uint8_t *der, size_t der_len, const uint8_t **out_key, size_t *out_key_len)
{
	CBS tbs, key;
	if (!open_certificate(der, der_len, &tbs) || !skip_to_subject(&tbs) ||
		!CBS_get_asn1(&tbs, NULL, CBS_ASN1_SEQUENCE) ||
		!CBS_get_asn1_element(&tbs, &key, CBS_ASN1_SEQUENCE))
		return RESULT_INVALID;
	*out_key = CBS_data(&key);
	*out_key_len = CBS_len(&key);
	return RESULT_OK;
}

/* ... subjectPublicKeyInfo, issuerUniqueID [1] OPTIONAL, subjectUniqueID [2] OPTIONAL,
 *     extensions [3] EXPLICIT SEQUENCE OPTIONAL } */
static bool skip_to_extensions(CBS *tbs, CBS *out_extensions)
{
	CBS wrapped;
	int present;
	CBS_init(out_extensions, NULL, 0);
	if (!CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE) ||
		!CBS_get_optional_asn1(tbs, NULL, NULL, tag_issuer_unique_id) ||
		!CBS_get_optional_asn1(tbs, NULL, NULL, tag_subject_unique_id) ||
		!CBS_get_optional_asn1(tbs, &wrapped, &present, tag_extensions))
		return false;
	return CBS_len(tbs) == 0 &&
	       (!present || (CBS_get_asn1(&wrapped, out_extensions, CBS_ASN1_SEQUENCE) &&
				    CBS_len(&wrapped) == 0));
}

/* Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE,
 *     extnValue OCTET STRING } */
static bool next_extension(CBS *extensions, CBS *out_id, CBS *out_value)
{
	CBS extension;
	return CBS_get_asn1(extensions, &extension, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(&extension, out_id, CBS_ASN1_OBJECT) &&
	       CBS_get_optional_asn1(&extension, NULL, NULL, CBS_ASN1_BOOLEAN) &&
	       CBS_get_asn1(&extension, out_value, CBS_ASN1_OCTETSTRING) &&
	       CBS_len(&extension) == 0;
}

static bool find_alternatives(CBS *extensions, struct tls_der_names *names)
{
	static const uint8_t subject_alt_name[] = { 0x55, 0x1d, 0x11 }; /* 2.5.29.17 */
	bool found = false;
	while (CBS_len(extensions) > 0) {
		CBS id, value, general_names;
		if (!next_extension(extensions, &id, &value))
			return false;
		if (!CBS_mem_equal(&id, subject_alt_name, sizeof subject_alt_name))
			continue;
		if (found || !CBS_get_asn1(&value, &general_names, CBS_ASN1_SEQUENCE) ||
			CBS_len(&value) != 0)
			return false;
		found = true;
		names->alternatives = CBS_data(&general_names);
		names->alternatives_len = CBS_len(&general_names);
	}
	return true;
}

enum result tls_der_find_names(const uint8_t *der, size_t der_len, struct tls_der_names *out_names)
{
	CBS tbs, subject, extensions;
	*out_names = (struct tls_der_names){ 0 };
	if (!open_certificate(der, der_len, &tbs) || !skip_to_subject(&tbs) ||
		!CBS_get_asn1(&tbs, &subject, CBS_ASN1_SEQUENCE) ||
		!skip_to_extensions(&tbs, &extensions) || !find_alternatives(&extensions, out_names))
		return RESULT_INVALID;
	out_names->subject = CBS_data(&subject);
	out_names->subject_len = CBS_len(&subject);
	return RESULT_OK;
}

/* What ends both: an AlgorithmIdentifier, a BIT STRING. */
static bool is_algorithm_and_bits(CBS *rest)
{
	return CBS_get_asn1(rest, NULL, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(rest, NULL, CBS_ASN1_BITSTRING) && CBS_len(rest) == 0;
}

/* RFC 5280 4.1: SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } */
bool tls_der_is_certificate(const uint8_t *der, size_t der_len)
{
	const uint8_t *key;
	size_t key_len;
	if (tls_der_find_key(der, der_len, &key, &key_len) != RESULT_OK)
		return false;
	CBS whole, cert;
	CBS_init(&whole, der, der_len);
	return CBS_get_asn1(&whole, &cert, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(&cert, NULL, CBS_ASN1_SEQUENCE) && is_algorithm_and_bits(&cert);
}

/* RFC 5280 4.1: SEQUENCE { algorithm, subjectPublicKey } */
bool tls_der_is_key(const uint8_t *der, size_t der_len)
{
	CBS whole, key;
	CBS_init(&whole, der, der_len);
	return CBS_get_asn1(&whole, &key, CBS_ASN1_SEQUENCE) && CBS_len(&whole) == 0 &&
	       is_algorithm_and_bits(&key);
}
