/* A path of certificates from a leaf to one of some anchors (RFC 5280 6, by BoringSSL's own
 * X509_verify_cert), found in a chain that may be unordered and hold doubles and strangers
 * (RFC 8446 4.4.2, TLSA-24). Seen by tls/ only: it speaks of X509.
 *
 * Signatures, dates (those of the anchor too, TLSA-31), CA flags, key usage, path lengths, name
 * constraints, critical extensions and the purpose of a TLS server (TLS-24) are checked; the names
 * of the leaf are the caller's. An anchor need not be self-signed (TLSA-22). Either anchors or
 * a store of roots is given, and nothing else is trusted (SEC-23); paths to roots are not partial ones. */
#ifndef TLS_CERT_PATH_H
#define TLS_CERT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/x509.h>
#include "tls/tls_failure.h"
#include "tls/tls_verify.h"

enum {
	/* TLSA-28: checks of signatures for one chain, whatever it consists of. An honest one costs one
	 * or two a path. */
	CERT_PATH_SIGNATURES_MAX = 32,
	/* Names of all certificates times subtrees of all name constraints: each pair may have to be
	 * compared. The largest public certificates have some hundred names, constraints a handful of
	 * subtrees. */
	CERT_PATH_CONSTRAINTS_MAX = 16384,
	CERT_PATH_CERTS_MAX = 32,
};

/* A chain as X509. */
struct cert_path_certs {
	X509 *leaf; /* NULL: it cannot be parsed */
	X509 *others[TLS_CHAIN_MAX]; /* what stands behind the leaf, but for copies of it and what
				      * cannot be parsed */
	size_t others_at[TLS_CHAIN_MAX]; /* where in the chain each of them stands */
	size_t others_count;
};

/* The chain has at least a leaf. */
void cert_path_parse(const struct tls_chain *chain, struct cert_path_certs *out_certs);
void cert_path_free(struct cert_path_certs *certs);
/* One whole certificate, owned by the caller; NULL when the bytes are not one. */
X509 *cert_path_parse_one(const struct tls_cert *cert);
/* Byte by byte. */
bool cert_path_same(const struct tls_cert *a, const struct tls_cert *b);

struct cert_path_question {
	X509 *leaf;
	X509 *const *others; /* what was presented behind the leaf */
	size_t others_count;
	X509 *const *anchors; /* CERT_PATH_CERTS_MAX at most, as `others`. The leaf may be one */
	size_t anchors_count;
	X509_STORE *roots; /* instead of anchors; NULL: none */
	uint64_t time_s; /* of the day, seconds since 1970 */
	unsigned *signatures_left; /* counted down; 0: no path is found any more */
};

struct cert_path {
	X509 *anchor;           /* the one at its end, borrowed from the question; NULL: a root */
	size_t length;          /* certificates, leaf and anchor counted */
	uint64_t valid_until_s; /* the first notAfter in it */
	unsigned rsa_bits_min;  /* of the RSA keys in it; UINT_MAX: there is none */
	bool has_exclusions;    /* an authority in it excludes names (RFC 5280 4.2.1.10) */
	bool has_sha1;          /* a signature in it, that of the last not counted, is made with SHA-1 */
};

struct cert_path_fault {
	enum tls_failure failure; /* EXPIRED or UNTRUSTED; LOCAL: no memory */
	const char *text;         /* static; what BoringSSL calls it */
	size_t depth;             /* of the certificate at fault, 0 is the leaf */
};

/* False with the fault of the likeliest path when there is none. */
bool cert_path_find(const struct cert_path_question *question, struct cert_path *out_path,
	struct cert_path_fault *out_fault);

/* True if the key has signed the certificate; counts one signature, false when none is left. */
bool cert_path_is_signed(X509 *cert, EVP_PKEY *key, unsigned *signatures_left);

#endif
