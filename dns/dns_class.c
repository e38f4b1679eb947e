#include "dns/dns_class.h"

enum dns_class dns_class_of(const struct dns_bits *bits)
{
	/* Before everything else: a bogus answer can come with rcode NOERROR and data, and
	 * who looks at the data first takes a forgery for an unsigned zone (DNS-02). */
	if (bits->bogus)
		return DNS_FAILURE;
	/* DNS-03: SERVFAIL, REFUSED, NOTIMP, FORMERR, no answer: one and the same. */
	if (bits->error)
		return DNS_FAILURE;
	if (bits->rcode != DNS_RCODE_NOERROR && bits->rcode != DNS_RCODE_NXDOMAIN)
		return DNS_FAILURE;
	/* A name that does not exist and has data is a malformed answer. */
	if (bits->have_data && bits->rcode == DNS_RCODE_NXDOMAIN)
		return DNS_FAILURE;
	/* DNS-04, DNS-05, DNS-20, DNS-22: whether for want of a signature, of a trust anchor, of a
	 * known algorithm or by opt-out: not secure is insecure, and an answer. */
	if (bits->have_data)
		return bits->secure ? DNS_SECURE_DATA : DNS_INSECURE_DATA;
	return bits->secure ? DNS_SECURE_DENIAL : DNS_INSECURE_DENIAL;
}

uint32_t dns_class_ttl_s(enum dns_class class, int ttl)
{
	/* RFC 8767 4: a TTL with its high bit set is a large number, not a negative one (DNS-14). */
	uint32_t ttl_s = (uint32_t)ttl;
	uint32_t max_s = dns_class_has_data(class) ? DNS_TTL_MAX_S : DNS_NEGATIVE_TTL_MAX_S;
	if (class == DNS_FAILURE)
		return 0;
	return ttl_s < max_s ? ttl_s : max_s;
}

const char *dns_rcode_name(int rcode)
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE" };
	return rcode >= 0 && (size_t)rcode < COUNT_OF(names) ? names[rcode] : NULL;
}
