#include "engine/route/route_address.h"
#include "dns/dns_rdata.h"
#include "engine/base/domain_name.h"

/* The addresses of one answer that may be used, and how many may not. */
struct family {
	struct ip_address ips[ROUTE_ADDRESSES_MAX];
	size_t count, malformed, refused;
	struct ip_address refused_ip; /* one of them, for the reason */
	bool secure;
};

static void read_family(struct family *family, const struct dns_answer *answer, bool allow_private)
{
	*family = (struct family){ .secure = answer->class == DNS_SECURE_DATA };
	for (size_t i = 0; i < answer->rdata_count; i++) {
		struct ip_address ip;
		if (!dns_rdata_read_address(&answer->rdata[i], (enum dns_type)answer->type, &ip)) {
			family->malformed++; /* DNS-28 */
		} else if (!allow_private && !ip_address_is_public(&ip)) {
			family->refused++; /* MX-16, SEC-13 */
			family->refused_ip = ip;
		} else if (family->count < ROUTE_ADDRESSES_MAX) {
			family->ips[family->count++] = ip;
		}
	}
}

/* MX-17: one multihomed host. The families take turns, IPv6 first (RFC 6724 2.1), so that an
 * unreachable family costs one attempt and not all; that balances them under the cap too (MX-22).
 * Within a family the order of the resolver stays (MX-10). */
static void add_addresses(struct route_draft *draft, struct route_host *host,
	const struct family *v6, const struct family *v4)
{
	size_t count = v6->count + v4->count;
	if (count > ROUTE_ADDRESSES_MAX)
		count = ROUTE_ADDRESSES_MAX;
	struct route_address *out = arena_alloc_array(&draft->route->arena, count, sizeof *out);
	if (out == NULL)
		return; /* the end of the draft sees that the arena is full */
	size_t used = 0;
	for (size_t i = 0; used < count; i++) {
		if (i < v6->count)
			out[used++] = (struct route_address){ v6->ips[i], v6->secure };
		if (i < v4->count && used < count)
			out[used++] = (struct route_address){ v4->ips[i], v4->secure };
	}
	host->addresses = out;
	host->addresses_count = (uint16_t)used;
	host->address_secure = (v6->count > 0 && v6->secure) || (v4->count > 0 && v4->secure);
}

static void set_state(struct route_draft *draft, struct route_host *host,
	enum route_host_state state, const char *before, struct text detail)
{
	char memory[ROUTE_DRAFT_TEXT_MAX];
	struct buf reason;
	buf_init(&reason, memory, sizeof memory);
	buf_put_cstr(&reason, before);
	buf_put_text(&reason, text_cut(detail, buf_room(&reason)));
	host->state = (uint8_t)state;
	host->reason = route_draft_text(draft, buf_text(&reason));
}

static void set_refused(
	struct route_draft *draft, struct route_host *host, const struct ip_address *ip)
{
	char text[IP_ADDRESS_TEXT_SIZE];
	set_state(draft, host, ROUTE_HOST_UNUSABLE,
		"has no public address (--allow-private permits others): ",
		text_of(ip_address_text(ip, text)));
}

/* Nothing to connect to: certain, or only for now? */
static void set_without_address(struct route_draft *draft, struct route_host *host,
	const struct route_address_answers *answers, const struct family *v6,
	const struct family *v4)
{
	const struct dns_answer *a = answers->a, *aaaa = answers->aaaa;
	if (a->class == DNS_FAILURE)
		set_state(draft, host, ROUTE_HOST_WAITS, "has no A answer now: ", a->why);
	else if (aaaa->class == DNS_FAILURE)
		set_state(draft, host, ROUTE_HOST_WAITS, "has no AAAA answer now: ", aaaa->why);
	else if (v4->malformed > 0 || v6->malformed > 0)
		set_state(
			draft, host, ROUTE_HOST_WAITS, "has malformed address records", TEXT_EMPTY);
	else if (v4->refused > 0)
		set_refused(draft, host, &v4->refused_ip);
	else if (v6->refused > 0)
		set_refused(draft, host, &v6->refused_ip);
	else
		set_state(draft, host, ROUTE_HOST_UNUSABLE,
			a->nxdomain || aaaa->nxdomain ? "does not exist" : "has no address",
			TEXT_EMPTY);
}

/* Of an answer with data: both families have the same aliases. */
static const struct dns_answer *with_data(const struct dns_answer *a, const struct dns_answer *aaaa)
{
	if (dns_class_has_data(a->class))
		return a;
	return dns_class_has_data(aaaa->class) ? aaaa : NULL;
}

bool route_address_wants_alias(const struct dns_answer *a, const struct dns_answer *aaaa)
{
	bool secure = a->class == DNS_SECURE_DATA || aaaa->class == DNS_SECURE_DATA;
	const struct dns_answer *found = with_data(a, aaaa);
	return found != NULL && found->aliased && !secure;
}

/* MX-11: an MX host that is an alias is followed, and its security noted step by step. */
static void fill_alias(struct route_draft *draft, struct route_host *host,
	const struct route_address_answers *answers)
{
	const struct dns_answer *found = with_data(answers->a, answers->aaaa);
	if (!found->aliased)
		return;
	host->is_alias = true;
	host->canonical = route_draft_text(draft, found->canonical_name);
	/* DNS-08: an error in the aliases is an error of the whole look-up. */
	if (domain_name_check(found->canonical_name) != DOMAIN_NAME_OK) {
		set_state(draft, host, ROUTE_HOST_WAITS,
			"is an alias of no valid host name: ", found->canonical_name);
		return;
	}
	host->first_alias_secure = host->address_secure;
	if (answers->alias == NULL)
		return;
	switch (answers->alias->class) {
	case DNS_SECURE_DATA: host->first_alias_secure = true; return;
	case DNS_INSECURE_DATA: return;
	case DNS_FAILURE:
		set_state(draft, host, ROUTE_HOST_WAITS,
			"has no CNAME answer now: ", answers->alias->why);
		return;
	case DNS_SECURE_DENIAL:
	case DNS_INSECURE_DENIAL:
		/* It was an alias a moment ago: asked again later, the answers will agree. */
		set_state(draft, host, ROUTE_HOST_WAITS, "is an alias in one answer only",
			TEXT_EMPTY);
		return;
	}
	UNREACHABLE("a class that is not in the enum");
}

void route_address_fill(struct route_draft *draft, struct route_host *host,
	const struct route_address_answers *answers, bool allow_private)
{
	struct family v4, v6;
	read_family(&v4, answers->a, allow_private);
	read_family(&v6, answers->aaaa, allow_private);
	host->canonical = host->name;
	if (v4.count + v6.count == 0) {
		set_without_address(draft, host, answers, &v6, &v4);
		return;
	}
	host->state = ROUTE_HOST_READY;
	add_addresses(draft, host, &v6, &v4);
	fill_alias(draft, host, answers);
}

void route_address_fill_literal(struct route_draft *draft, struct route_host *host,
	const struct ip_address *address, bool allow_private)
{
	char text[IP_ADDRESS_TEXT_SIZE];
	host->name = route_draft_text(draft, text_of(ip_address_text(address, text)));
	host->canonical = host->name;
	host->is_address = true;
	if (!allow_private && !ip_address_is_public(address)) {
		set_refused(draft, host, address);
		return;
	}
	struct family none = { 0 }, one = { .ips = { *address }, .count = 1 };
	host->state = ROUTE_HOST_READY;
	add_addresses(draft, host, address->family == IP_FAMILY_6 ? &one : &none,
		address->family == IP_FAMILY_4 ? &one : &none);
}
