#include "tls/tls_der.h"
#include "tls/boringssl.h"

/* RFC 5280 4.1: TBSCertificate ::= SEQUENCE {
 *     version [0] EXPLICIT OPTIONAL, serialNumber INTEGER, signature SEQUENCE, issuer SEQUENCE,
 *     validity SEQUENCE, subject SEQUENCE, subjectPublicKeyInfo SEQUENCE, ... } */
static bool skip_to_key(CBS *tbs)
{
	return CBS_get_optional_asn1(
		       tbs, NULL, NULL, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_INTEGER) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(tbs, NULL, CBS_ASN1_SEQUENCE);
}

enum result tls_der_find_key(
	const uint8_t *der, size_t der_len, const uint8_t **out_key, size_t *out_key_len)
{
	CBS whole, cert, tbs, key;
	CBS_init(&whole, der, der_len);
	if (!CBS_get_asn1(&whole, &cert, CBS_ASN1_SEQUENCE) || CBS_len(&whole) != 0 ||
		!CBS_get_asn1(&cert, &tbs, CBS_ASN1_SEQUENCE) || !skip_to_key(&tbs) ||
		!CBS_get_asn1_element(&tbs, &key, CBS_ASN1_SEQUENCE))
		return RESULT_INVALID;
	*out_key = CBS_data(&key);
	*out_key_len = CBS_len(&key);
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
