/* The names of hosts in a certificate, and whether they cover a reference name (RFC 6125 6, as
 * RFC 7672 3.2.3 takes it up). Pure; reads the DER of a peer itself, parses nothing else of it.
 *
 *  - Subject alternative names of type dNSName count. If the certificate has no alternative names of
 *    any type, and only where the caller says so, the last common name of the subject does (DANE-35:
 *    for DANE-TA, not for PKIX). Beside alternative names of other types it does not: name constraints
 *    are not applied to it there, so that an authority could issue beyond its own.
 *  - "*" stands for exactly one label, is the whole first one, and has at least two labels behind it
 *    (DANE-36). "smtp*.example" covers nothing.
 *  - Compared as A-labels, without regard to case; bytes, so that a name with a NUL inside is just
 *    another name (SEC-30). */
#ifndef TLS_CERT_NAME_H
#define TLS_CERT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/buf.h"
#include "engine/base/text.h"

struct tls_cert;

enum cert_name_rule {
	CERT_NAME_ALTERNATIVE_ONLY,      /* RFC 8461 4.2, RFC 9525 */
	CERT_NAME_ALTERNATIVE_OR_COMMON, /* RFC 7672 3.2.3 */
};

/* How wildcards count. */
enum cert_name_wildcards {
	CERT_NAME_WILDCARDS,
	/* Under an authority that excludes names: "*.example" is not excluded where mx.example is,
	 * and would cover it. */
	CERT_NAME_NO_WILDCARDS,
};

/* True if a name that the certificate presents covers one of `names` (lower case, no dot at the
 * end). False as well for a certificate that cannot be read, or that has two extensions of names. */
bool cert_name_matches(const struct tls_cert *cert, enum cert_name_rule rule,
	enum cert_name_wildcards wildcards, const struct text *names, size_t names_count);

/* True if the presented name, which may begin with "*.", covers the reference name. */
bool cert_name_covers(struct text presented, struct text name);

/* For people: the names that count, "a.example, b.example and 3 more", or "no name"; bytes that are
 * not printable appear as "?", one without any as "an empty name". Writes what fits. */
void cert_name_put(struct buf *buf, const struct tls_cert *cert, enum cert_name_rule rule);
/* "presents a certificate for a.example, not for b.example": the first of the names that it lacks. */
void cert_name_put_mismatch(struct buf *buf, const struct tls_cert *cert, enum cert_name_rule rule,
	const struct text *names, size_t names_count);

#endif
