/* The DANE verifier (RFC 7672 3, RFC 7671 5, RFC 6698 2.1): does a chain match a set of TLSA records?
 * Pure: the chain as it came, the records, the names and the time in, a verdict out.
 *
 *  - DANE-EE(3): the leaf must match a record; neither its names nor its dates nor anything else
 *    of it is looked at (DANE-37, DANE-38), and it need not be a certificate that BoringSSL can
 *    parse. Nothing is allocated.
 *  - DANE-TA(2): an anchor, which is a certificate behind the leaf that matches a record (TLSA-16,
 *    TLSA-19, TLSA-23), or one that a record holds (2 0 0, TLSA-17), or the key of a record by which
 *    a presented certificate is signed (2 1 0, TLSA-18), must lead to the leaf (cert_path.h), and the
 *    leaf must carry one of the names (DANE-31 to DANE-36; a common name counts where there is no
 *    alternative one, DANE-35). Public authorities play no part (TLSA-22).
 *
 * Any record that matches is enough (TLSA-10). Work is bounded (TLSA-28). Any thread. */
#ifndef TLS_DANE_VERIFY_H
#define TLS_DANE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/text.h"
#include "engine/base/tlsa.h"
#include "tls/tls_failure.h"
#include "tls/tls_verify.h"

struct security_demand;

struct dane_question {
	const struct tls_chain *chain;
	const struct tlsa_record *records; /* usable ones: tlsa_usable(); none: no match */
	size_t records_count;
	const struct text *names; /* lower-case A-labels without a dot at the end; for usage 2 */
	size_t names_count;
	uint64_t time_s; /* of the day, seconds since 1970 */
};

/* What a demand asks of a chain: its records, its names. Borrows all of it. */
struct dane_question dane_question_of(
	const struct tls_chain *chain, const struct security_demand *demand, uint64_t time_s);

struct dane_verdict {
	bool is_match;
	size_t record; /* is_match: index of the record that matched */
	/* is_match: where what it stands for is on the way from the leaf (0) up. The anchor that only
	 * the DNS has is one above the last certificate used. */
	size_t depth;
	/* is_match: until then the same answer holds; UINT64_MAX for DANE-EE. */
	uint64_t valid_until_s;
	enum tls_failure failure;            /* no match: CERTIFICATE, NAME, EXPIRED, UNTRUSTED, LOCAL */
	char reason[TLS_VERDICT_REASON_MAX]; /* no match: a sentence without its subject, the host */
};

void dane_verify(const struct dane_question *question, struct dane_verdict *out_verdict);

/* The part that costs next to nothing: true if a record of usage 3 matched, and the verdict is
 * filled. False: dane_verify() has to tell, which may build a path (milliseconds). */
bool dane_verify_leaf(const struct dane_question *question, struct dane_verdict *out_verdict);

#endif
