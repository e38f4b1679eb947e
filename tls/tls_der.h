/* The little DER that is read without parsing a certificate: where its public key stands, its names,
 * and whether bytes are a certificate or a key at all. Pure; works on bytes of a peer. */
#ifndef TLS_TLS_DER_H
#define TLS_TLS_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"

/* The complete SubjectPublicKeyInfo element of a Certificate (TLSA-09: with its AlgorithmIdentifier),
 * borrowed from `der`. Only the outer structure on the way to it is walked; the key itself may be of
 * an algorithm that nobody here knows (ruling TLSA-05). RESULT_INVALID when `der` is not one
 * Certificate from its first byte to its last. */
MUST_USE enum result tls_der_find_key(
	const uint8_t *der, size_t der_len, const uint8_t **out_key, size_t *out_key_len);

/* Borrowed from the certificate. */
struct tls_der_names {
	const uint8_t *subject; /* the RDNs of the subject, without the header of their SEQUENCE */
	size_t subject_len;
	const uint8_t *alternatives; /* the GeneralNames of subjectAltName, likewise; empty: none */
	size_t alternatives_len;
};

/* RESULT_INVALID: not one Certificate, its extensions cannot be read, or two of them are a
 * subjectAltName (RFC 5280 4.2 allows one of each). */
MUST_USE enum result tls_der_find_names(
	const uint8_t *der, size_t der_len, struct tls_der_names *out_names);

/* True if the bytes are one whole Certificate, or one whole SubjectPublicKeyInfo, and nothing behind
 * it. By the outer structure alone, as above: the signature and the key are not looked into. */
bool tls_der_is_certificate(const uint8_t *der, size_t der_len);
bool tls_der_is_key(const uint8_t *der, size_t der_len);

#endif
