#include "dns/dns_trust.h"

static enum dns_trust trust_of(const struct dns_trust_facts *facts)
{
	if (facts->class == DNS_FAILURE)
		return facts->bogus ? DNS_TRUST_BOGUS : DNS_TRUST_UNREACHABLE;
	if (facts->anchor_file == NULL)
		return DNS_TRUST_NO_ANCHOR;
	return facts->class == DNS_SECURE_DATA ? DNS_TRUST_SECURE : DNS_TRUST_INSECURE;
}

enum dns_trust dns_trust_judge(const struct dns_trust_facts *facts, struct buf *out_sentence)
{
	enum dns_trust trust = trust_of(facts);
	const char *anchor = facts->anchor_file != NULL ? facts->anchor_file : "no file";
	/* Leaves room for the words around it. */
	struct text why = text_cut(facts->why, DNS_TRUST_SENTENCE_BYTES / 2);
	switch (trust) {
	case DNS_TRUST_SECURE:
		buf_printf(out_sentence,
			"DNSSEC validation works: the root is secure by the anchor in %s", anchor);
		break;
	case DNS_TRUST_NO_ANCHOR:
		buf_printf(out_sentence,
			"DNSSEC validation is off and DANE unavailable: no trust "
			"anchor was found; install dns-root-data or give --trust-anchor");
		break;
	case DNS_TRUST_INSECURE:
		buf_printf(out_sentence,
			"DNSSEC validation does not work and DANE is unavailable: "
			"the anchor in %s is not one of the root",
			anchor);
		break;
	case DNS_TRUST_BOGUS:
		buf_printf(out_sentence,
			"DNSSEC validation of the root fails, so every look-up will: "
			"check the anchor in %s, the clock and the resolver; %.*s",
			anchor, TEXT_ARG(why));
		break;
	case DNS_TRUST_UNREACHABLE:
		buf_printf(
			out_sentence, "the root of the DNS cannot be reached: %.*s", TEXT_ARG(why));
		break;
	}
	return trust;
}
