#include "engine/route/route_tlsa.h"
#include "dns/dns_name.h"

void route_tlsa_begin(struct route_tlsa *search, const struct route_host *host)
{
	*search = (struct route_tlsa){ 0 };
	if (host->is_address || host->state != ROUTE_HOST_READY)
		return;
	if (host->is_alias && host->address_secure)
		search->bases[search->count++] = host->canonical; /* DANE-04 */
	if (host->address_secure || (host->is_alias && host->first_alias_secure))
		search->bases[search->count++] = host->name; /* DANE-03, DANE-05 */
}

const char *route_tlsa_next(
	struct route_tlsa *search, struct route_draft *draft, const struct route_host *host)
{
	while (search->next < search->count) {
		char owner[DOMAIN_NAME_SIZE];
		if (dns_name_of_tlsa(search->bases[search->next++], host->port, owner)) {
			search->owner = route_draft_text(draft, text_of(owner));
			return search->owner;
		}
	}
	return NULL;
}

/* DANE-12: wherever aliases of the owner led, the base domain is the one that was asked under. */
static void keep_records(struct route_tlsa *search, struct route_draft *draft,
	struct route_host *host, const struct dns_answer *answer)
{
	struct tlsa_record records[TLSA_RECORDS_MAX];
	struct tlsa_set set = {
		.class = DNS_SECURE_DATA,
		.base_domain = text_of(search->bases[search->next - 1]),
		.records = records,
		.truncated = answer->rdata_count > TLSA_RECORDS_MAX,
	};
	while (set.count < TLSA_RECORDS_MAX && set.count < answer->rdata_count) {
		records[set.count] = tlsa_record_of_rdata(&answer->rdata[set.count]);
		set.count++;
	}
	if (!tlsa_set_copy(&host->tlsa, &set, &draft->route->arena))
		host->tlsa.class = DNS_FAILURE; /* the end of the draft sees that the arena is full */
}

static const char *failure_text(const struct route_tlsa *search, struct route_draft *draft,
	const struct dns_answer *answer)
{
	char memory[ROUTE_DRAFT_TEXT_MAX];
	struct buf reason;
	buf_init(&reason, memory, sizeof memory);
	buf_printf(&reason, "has no TLSA answer now: %s: ", search->owner);
	buf_put_text(&reason, text_cut(answer->why, buf_room(&reason)));
	return route_draft_text(draft, buf_text(&reason));
}

static void take_failure(const struct route_tlsa *search, struct route_draft *draft,
	struct route_host *host, const struct dns_answer *answer, bool audited)
{
	const char *text = failure_text(search, draft, answer);
	host->tlsa.class = DNS_FAILURE;
	if (audited) {
		host->audit = text;
		return;
	}
	host->state = ROUTE_HOST_WAITS;
	host->waits_for_proof = true;
	host->reason = text;
}

void route_tlsa_take(struct route_tlsa *search, struct route_draft *draft,
	struct route_host *host, const struct dns_answer *answer, bool audited)
{
	CHECK(search->next > 0);
	switch (answer->class) {
	case DNS_SECURE_DATA:
		keep_records(search, draft, host, answer);
		search->next = search->count;
		return;
	case DNS_FAILURE:
		take_failure(search, draft, host, answer, audited);
		search->next = search->count;
		return;
	case DNS_SECURE_DENIAL:
	case DNS_INSECURE_DENIAL: /* DNS-20: an opt-out span proves nothing, and is no failure */
	case DNS_INSECURE_DATA:   /* TLSA-29: not even a hint */
		return;
	}
	UNREACHABLE("a class that is not in the enum");
}
