#include "engine/route/route_mx.h"
#include <string.h>
#include "dns/dns_rdata.h"
#include "engine/io/random.h"

bool route_mx_is_own(const char *name, const char *const *own_names, size_t own_names_count)
{
	for (size_t i = 0; i < own_names_count; i++)
		if (domain_name_equal(text_of(name), text_of(own_names[i])))
			return true;
	return false;
}

/* The order of the list before it is shuffled: which 20 of a longer one are kept does not depend on
 * chance, so that the set of hosts (the provider key) is the same each time. */
static bool comes_before(const struct route_mx_host *a, const struct route_mx_host *b)
{
	if (a->preference != b->preference)
		return a->preference < b->preference;
	return strcmp(a->name, b->name) < 0;
}

static void remove_at(struct route_mx_list *list, size_t at)
{
	list->count--;
	memmove(&list->hosts[at], &list->hosts[at + 1], (list->count - at) * sizeof list->hosts[0]);
}

/* Keeps the list sorted, each name once with its best preference, and at most
 * ROUTE_HOSTS_MAX long (MX-22). */
static void insert(struct route_mx_list *list, const struct route_mx_host *host)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->hosts[i].name, host->name) != 0)
			continue;
		if (list->hosts[i].preference <= host->preference)
			return;
		remove_at(list, i);
		break;
	}
	size_t at = list->count;
	while (at > 0 && comes_before(host, &list->hosts[at - 1]))
		at--;
	if (at == ROUTE_HOSTS_MAX)
		return;
	if (list->count == ROUTE_HOSTS_MAX)
		list->count--;
	memmove(&list->hosts[at + 1], &list->hosts[at], (list->count - at) * sizeof list->hosts[0]);
	list->hosts[at] = *host;
	list->count++;
}

static void judge_name(struct route_mx_host *host, const char *name)
{
	struct text text = text_cut(text_of(name), DOMAIN_NAME_MAX);
	memcpy(host->name, text.data, text.len);
	host->name[text.len] = '\0';
	host->why = "";
	/* MX-12, RFC 7672 2.2: "MX 10 192.0.2.1." names no host, and is not taken for an address. */
	if (domain_name_is_address_text(text_of(name)))
		host->why = "is an address where a name belongs";
	else if (domain_name_check(text_of(name)) != DOMAIN_NAME_OK)
		host->why = "is no valid host name";
	host->unusable = host->why[0] != '\0';
}

/* What the records said on the way into the list. */
struct tally {
	size_t malformed, roots;
	uint32_t own_preference; /* the best of our own; UINT32_MAX: we are not there */
};

static void take_record(struct route_mx_list *list, const struct dns_rdata *rdata,
	const char *const *own_names, size_t own_names_count, struct tally *tally)
{
	struct dns_mx mx;
	if (!dns_rdata_read_mx(rdata, &mx)) {
		tally->malformed++; /* DNS-28 */
		return;
	}
	/* MX-14, RFC 7505 3: the root is never asked for, whatever stands beside it. */
	if (mx.host[0] == '\0') {
		tally->roots++;
		return;
	}
	struct route_mx_host host = { .preference = mx.preference };
	judge_name(&host, mx.host);
	if (route_mx_is_own(host.name, own_names, own_names_count) &&
		mx.preference < tally->own_preference)
		tally->own_preference = mx.preference;
	insert(list, &host);
}

/* RFC 5321 5.1: when the client's own name is in the list, it and all with the same or a higher
 * number must be left out, or mail goes in circles (MX-15). */
static void drop_own(struct route_mx_list *list, uint32_t own_preference)
{
	list->own_dropped = own_preference != UINT32_MAX;
	while (list->count > 0 && list->hosts[list->count - 1].preference >= own_preference)
		list->count--;
}

/* RFC 5321 5.1: hosts of equal preference in random order (MX-09). */
static void shuffle_equals(struct route_mx_list *list, struct random_state *random)
{
	for (size_t start = 0, end; start < list->count; start = end) {
		end = start + 1;
		while (end < list->count &&
			list->hosts[end].preference == list->hosts[start].preference)
			end++;
		for (size_t left = end - start; left > 1; left--) {
			size_t picked = start + (size_t)random_below(random, left);
			struct route_mx_host swapped = list->hosts[start + left - 1];
			list->hosts[start + left - 1] = list->hosts[picked];
			list->hosts[picked] = swapped;
		}
	}
}

static void set_cause(struct route_mx_list *list, enum route_cause cause)
{
	list->verdict = ROUTE_MX_CAUSE;
	list->cause = cause;
}

static void read_records(struct route_mx_list *list, const struct dns_answer *answer,
	const char *const *own_names, size_t own_names_count)
{
	struct tally tally = { .own_preference = UINT32_MAX };
	for (size_t i = 0; i < answer->rdata_count; i++)
		take_record(list, &answer->rdata[i], own_names, own_names_count, &tally);
	drop_own(list, tally.own_preference);
	if (list->count > 0)
		list->verdict = ROUTE_MX_HOSTS;
	else if (list->own_dropped)
		set_cause(list, ROUTE_CAUSE_LOOP);
	else if (tally.malformed > 0)
		set_cause(list, ROUTE_CAUSE_MX_FAILED); /* a broken answer proves nothing */
	else
		set_cause(list, ROUTE_CAUSE_NULL_MX); /* MX-13; MX-14 for other preferences */
}

void route_mx_read(struct route_mx_list *out_list, const struct dns_answer *answer,
	const char *const *own_names, size_t own_names_count, struct random_state *random)
{
	*out_list = (struct route_mx_list){ 0 };
	switch (answer->class) {
	case DNS_FAILURE:
		set_cause(out_list, ROUTE_CAUSE_MX_FAILED); /* MX-03 */
		return;
	case DNS_SECURE_DENIAL:
	case DNS_INSECURE_DENIAL:
		if (answer->nxdomain)
			set_cause(out_list, ROUTE_CAUSE_NO_DOMAIN); /* MX-02 */
		else
			out_list->verdict = ROUTE_MX_IMPLICIT; /* MX-04 */
		return;
	case DNS_SECURE_DATA:
	case DNS_INSECURE_DATA:
		read_records(out_list, answer, own_names, own_names_count);
		shuffle_equals(out_list, random);
		return;
	}
	UNREACHABLE("a class that is not in the enum");
}
