/* What the answer to one question for the root's keys says about validation on this machine, in one
 * sentence for the operator (DNS-01). Pure. */
#ifndef DNS_DNS_TRUST_H
#define DNS_DNS_TRUST_H

#include <stdbool.h>
#include "dns/dns_resolver.h"
#include "engine/base/buf.h"
#include "engine/base/dns_answer.h"
#include "engine/base/text.h"

enum {
	DNS_TRUST_TYPE_DNSKEY = 48, /* RFC 4034 2; asked for by nobody else */
	DNS_TRUST_SENTENCE_BYTES = 1024,
};

struct dns_trust_facts {
	enum dns_class class;    /* of the answer */
	bool bogus;              /* it failed validation, rather than to come at all */
	const char *anchor_file; /* NULL: none was found */
	struct text why;         /* of a failure */
};

/* `out_sentence` has room for DNS_TRUST_SENTENCE_BYTES. */
enum dns_trust dns_trust_judge(const struct dns_trust_facts *facts, struct buf *out_sentence);

#endif
