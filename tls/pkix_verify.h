/* The verifier for public authorities (RFC 5280, RFC 8461 4.2, RFC 9525): does a chain lead from a
 * certificate that carries one of the names to a trusted root? Pure; any thread.
 *
 * Beside what cert_path.h checks: only subject alternative names count, never a common name (STS-32,
 * TLS-23, SEC-22); no RSA key under 2048 bits (TLS-25) and no SHA-1 signature on the path below the
 * root. Revocation and must-staple are not looked at (TLS-28). */
#ifndef TLS_PKIX_VERIFY_H
#define TLS_PKIX_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/text.h"
#include "tls/tls_failure.h"
#include "tls/tls_verify.h"

struct tls_roots;

struct pkix_question {
	const struct tls_chain *chain;
	const struct tls_roots *roots;
	const struct text *names; /* lower-case A-labels without a dot at the end */
	size_t names_count;
	uint64_t time_s; /* of the day, seconds since 1970 */
};

struct pkix_verdict {
	bool is_match;
	uint64_t valid_until_s;   /* is_match */
	enum tls_failure failure; /* no match: CERTIFICATE, NAME, EXPIRED, UNTRUSTED, LOCAL */
	char reason
		[TLS_VERDICT_REASON_MAX]; /* no match: a sentence without its subject, the host */
};

void pkix_verify(const struct pkix_question *question, struct pkix_verdict *out_verdict);

#endif
