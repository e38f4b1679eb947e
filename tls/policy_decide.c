#include "tls/policy_decide.h"
#include "engine/base/check.h"

/* What is required so far, as separate questions; they become one demand at the end. */
struct required {
	bool tls;    /* no cleartext */
	bool dane;   /* a usable record must match */
	bool sts;    /* a public chain for the name of the host */
	bool secure; /* a public chain for a name of the operator's */
	const char *unmet;
};

static void refuse(struct required *required, const char *why)
{
	if (required->unmet == NULL)
		required->unmet = why;
}

/* ---- what is published ---- */

/* The records that count: DANE-24 leaves it to us whether an insecure MX answer leads to them. */
static bool has_tlsa(const struct policy_input *in)
{
	return !in->is_address && in->tlsa_state == POLICY_TLSA_SECURE &&
	       (in->mx_secure || in->half_dane);
}

static void require_published(const struct policy_input *in, struct required *required)
{
	if (in->is_address)
		return; /* P0, DANE-23 */
	if (in->tlsa_state == POLICY_TLSA_FAILED)
		refuse(required, "has TLSA records that cannot be looked up now");
	if (has_tlsa(in)) {
		required->tls = true; /* DANE-15: even if nothing can be checked */
		required->dane = in->usable_count > 0;
	}
	if (in->sts != POLICY_STS_ENFORCE && in->sts != POLICY_STS_FAILED)
		return; /* POL-06 */
	/* POL-03, POL-04: an insecure MX answer may have led to a host of somebody else, whose
	 * DANE is in the best of order. */
	if (required->dane && in->mx_secure && !in->dane_and_sts)
		return;
	if (in->sts == POLICY_STS_FAILED) {
		refuse(required, "may be forbidden by the domain's MTA-STS record, which does not validate");
		return;
	}
	required->tls = required->sts = true;
	if (!in->sts_matches)
		refuse(required, "is not among the hosts of the domain's MTA-STS policy");
}

/* ---- what the operator and the message add ---- */

/* POL-10, DANE-44, DANE-25. Records that TLS-Required: No has set aside count again. */
static void require_dane_only(const struct policy_input *in, struct required *required)
{
	required->tls = required->dane = true;
	if (in->is_address)
		refuse(required, "is an address, which has no TLSA records for --tls dane-only");
	else if (in->tlsa_state == POLICY_TLSA_FAILED)
		refuse(required, "has TLSA records that cannot be looked up now");
	else if (!in->mx_secure)
		refuse(required, "comes from an insecure MX answer, which --tls dane-only refuses");
	else if (!has_tlsa(in))
		refuse(required, "has no TLSA records that --tls dane-only could check");
	else if (in->usable_count == 0)
		refuse(required, "has no usable TLSA record, which --tls dane-only demands");
}

static void require_floor(const struct policy_input *in, struct required *required)
{
	switch (in->level) {
	case TLS_LEVEL_ENCRYPT: required->tls = true; return;
	case TLS_LEVEL_DANE_ONLY: require_dane_only(in, required); return;
	case TLS_LEVEL_SECURE:
		required->tls = required->secure = true;
		if (in->names_count == 0 && in->domain.len > 0 && in->domain.data[0] == '[')
			refuse(required,
				"is an address, which has no name for --tls secure to prove");
		return;
	case TLS_LEVEL_DANE:
	case TLS_LEVEL_NONE:
	case TLS_LEVEL_MAY:
	case TLS_LEVEL_AUDIT: return;
	case TLS_LEVEL_COUNT: break;
	}
	UNREACHABLE("a level that is not in the table");
}

/* RFC 8689 2 and 4.2.1: the host's name is proven by DNSSEC or by the policy, and its certificate by
 * DANE or by a public authority. A policy that is only tested proves nothing. */
static void require_tls_of_message(const struct policy_input *in, struct required *required)
{
	required->tls = true;
	if (in->is_address)
		refuse(required, "is an address, whose certificate REQUIRETLS could not check");
	else if (!in->mx_secure && !(in->sts == POLICY_STS_ENFORCE && in->sts_matches))
		refuse(required, "comes from an insecure MX answer, which REQUIRETLS refuses");
	if (!required->dane && !required->secure)
		required->sts = true;
}

/* ---- the demand ---- */

static enum security_need need_of(const struct required *required)
{
	if (required->dane && required->secure)
		return SECURITY_NEED_DANE_SECURE;
	if (required->dane)
		return required->sts ? SECURITY_NEED_DANE_STS : SECURITY_NEED_DANE;
	if (required->secure)
		return SECURITY_NEED_SECURE;
	if (required->sts)
		return SECURITY_NEED_STS;
	return required->tls ? SECURITY_NEED_ENCRYPT : SECURITY_NEED_MAY;
}

static enum security_level success_of(enum security_need need, bool mx_secure)
{
	switch (need) {
	case SECURITY_NEED_NONE: return SECURITY_CLEARTEXT;
	case SECURITY_NEED_MAY:
	case SECURITY_NEED_ENCRYPT: return SECURITY_ENCRYPTED;
	case SECURITY_NEED_DANE: /* DANE-27, POL-15 */
		return mx_secure ? SECURITY_DANE : SECURITY_HALF_DANE;
	case SECURITY_NEED_STS: return SECURITY_STS;
	case SECURITY_NEED_DANE_STS: /* half of DANE adds nothing that may be claimed */
		return mx_secure ? SECURITY_DANE_STS : SECURITY_STS;
	case SECURITY_NEED_SECURE:
	case SECURITY_NEED_DANE_SECURE: return SECURITY_SECURE;
	case SECURITY_NEED_COUNT: break;
	}
	UNREACHABLE("a need that is not in the table");
}

static bool has_name(const struct text *names, size_t count, struct text name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(names[i], name))
			return true;
	return false;
}

/* DANE-31 to DANE-34: the names of which a certificate under usage 2 carries one. */
static size_t put_dane_names(const struct policy_input *in, struct text *names)
{
	size_t count = 0;
	names[count++] = in->base_domain;
	if (!in->mx_secure)
		return count; /* DANE-33: who forged the MX answer would choose the domain too */
	bool from_mx = in->origin == POLICY_FROM_MX;
	const struct text next_hops[] = {
		from_mx ? in->domain : in->host,
		from_mx ? in->domain_canonical : in->host,
	};
	for (size_t i = 0; i < COUNT_OF(next_hops); i++)
		if (!has_name(names, count, next_hops[i]))
			names[count++] = next_hops[i];
	return count;
}

static bool has_usage_2(const struct tlsa_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (records[i].usage == TLSA_USAGE_DANE_TA)
			return true;
	return false;
}

static void put_dane(const struct policy_input *in, struct policy_decision *out,
	struct security_demand *demand)
{
	demand->tlsa = in->usable;
	demand->tlsa_count = in->usable_count;
	if (!has_usage_2(in->usable, in->usable_count))
		return; /* DANE-37: usage 3 checks no name */
	demand->names = out->dane_names;
	demand->names_count = put_dane_names(in, out->dane_names);
}

/* The names that the roots vouch for. They stand beside those of usage 2, never among them. */
static void put_roots(const struct policy_input *in, struct required *required,
	struct policy_decision *out, struct security_demand *demand)
{
	demand->trust_generation = in->trust_generation;
	out->host_name = in->host;
	out->domain_name = in->domain;
	const struct text *names = in->names_count > 0 ? in->names : &out->domain_name;
	size_t count = in->names_count > 0 ? in->names_count : 1;
	if (!required->secure) {
		names = &out->host_name;
		count = 1;
	} else if (required->sts && has_name(names, count, in->host)) {
		names = &out->host_name; /* the one name that answers both */
		count = 1;
	} else if (required->sts && required->dane) {
		refuse(required, "would need a certificate for its own name, for one of --tls secure "
				 "and for a TLSA record at once");
	} else if (required->sts) {
		demand->root_names = &out->host_name;
		demand->root_names_count = 1;
	}
	if (required->dane) {
		demand->root_names = names;
		demand->root_names_count = count;
	} else {
		demand->names = names;
		demand->names_count = count;
	}
}

static struct security_demand make_demand(
	const struct policy_input *in, struct required *required, struct policy_decision *out)
{
	struct security_demand demand = {
		.need = need_of(required),
		.cleartext_allowed = !required->tls,
		.tls_version_min = TLS_VERSION_1_2,
		.sni = in->is_address ? TEXT_EMPTY : in->host,
	};
	bool authenticates = required->dane && has_tlsa(in) && in->usable_count > 0;
	if (authenticates)
		put_dane(in, out, &demand);
	/* DANE-30; TLS-16: a policy in force is about the name in the MX record. */
	if (authenticates && !required->sts)
		demand.sni = in->base_domain;
	if (required->sts || required->secure)
		put_roots(in, required, out, &demand);
	return demand;
}

/* P1: the opportunistic demand stands instead of what is published, which is still worked out. */
static void set_audit(const struct policy_input *in, struct policy_decision *out)
{
	struct required published = { 0 };
	require_published(in, &published);
	out->is_audit = true;
	out->audited = make_demand(in, &published, out);
	out->audit_unmet = published.unmet;
	out->demand = security_demand_opportunistic(out->audited.sni);
}

/* STS-50: all that the policy would demand is worked out, whatever is demanded besides. */
static void set_testing(const struct policy_input *in, struct policy_decision *out)
{
	struct policy_input enforced = *in;
	struct required published = { 0 };
	enforced.sts = POLICY_STS_ENFORCE;
	require_published(&enforced, &published);
	if (!published.sts)
		return; /* DANE stands above it (POL-03) */
	out->is_testing = true;
	out->audited = make_demand(&enforced, &published, out);
	out->audit_unmet = published.unmet;
}

void policy_decide(const struct policy_input *in, struct policy_decision *out)
{
	CHECK(in->tlsa_state != POLICY_TLSA_SECURE || in->base_domain.len > 0);
	*out = (struct policy_decision){ 0 };
	bool is_ceiling = tls_level_is_ceiling(in->level);
	if (in->level == TLS_LEVEL_AUDIT && !in->requiretls && !in->tls_required_no) {
		set_audit(in, out);
		out->success = SECURITY_ENCRYPTED;
		return;
	}
	struct required required = { 0 };
	/* POL-07; POL-08: a message tagged REQUIRETLS has no such header for us. */
	if (!is_ceiling && (in->requiretls || !in->tls_required_no))
		require_published(in, &required);
	require_floor(in, &required);
	if (in->requiretls)
		require_tls_of_message(in, &required);
	out->demand = make_demand(in, &required, out);
	if (in->level == TLS_LEVEL_NONE && !required.tls)
		out->demand.need = SECURITY_NEED_NONE;
	out->success = success_of(out->demand.need, in->mx_secure);
	out->unmet = required.unmet;
	if (in->sts == POLICY_STS_TESTING && !is_ceiling && !in->is_address && !in->tls_required_no)
		set_testing(in, out);
}
