#include "engine/route/route_draft.h"
#include <stdlib.h>
#include <string.h>
#include "dns/dns_rdata.h"

#define NS_PER_S 1000000000ull

bool route_draft_begin(struct route_draft *draft, struct text domain, enum route_origin origin)
{
	*draft = (struct route_draft){ 0 };
	struct route *route = calloc(1, sizeof *route);
	if (route == NULL)
		return false;
	route->magic = ROUTE_MAGIC;
	refcount_init(&route->refs);
	arena_init(&route->arena, ROUTE_DRAFT_CHUNK_BYTES, ROUTE_DRAFT_BYTES_MAX);
	route->origin = (uint8_t)origin;
	route->expires_ns = UINT64_MAX;
	draft->route = route;
	route->domain = route_draft_text(draft, domain);
	route->mx_owner = route->domain;
	route->sts_domain = "";
	route->sts = (struct route_sts){ "", "", "", "", "", .enforced = false };
	route->status = "";
	route->reason = "";
	return true;
}

void route_draft_abandon(struct route_draft *draft)
{
	route_unref(draft->route);
	*draft = (struct route_draft){ 0 };
}

const char *route_draft_text(struct route_draft *draft, struct text text)
{
	if (text.len == 0)
		return "";
	struct text copy = arena_text_copy(&draft->route->arena, text);
	return copy.data != NULL ? copy.data : "";
}

void route_draft_limit(struct route_draft *draft, uint64_t now_ns, uint32_t ttl_s)
{
	uint64_t expires_ns = now_ns + (ttl_s > 0 ? ttl_s : ROUTE_TTL_ZERO_S) * NS_PER_S;
	if (expires_ns < draft->route->expires_ns)
		draft->route->expires_ns = expires_ns;
}

/* ---- for explain ---- */

static void put_records(const struct dns_answer *answer, struct buf *text)
{
	for (size_t i = 0; i < answer->rdata_count; i++) {
		size_t before = text->len;
		if (i > 0)
			buf_put_cstr(text, ", ");
		dns_rdata_put_text(&answer->rdata[i], answer->type, text);
		/* A record that does not fit is left out whole, with room for the dots. */
		if (text->overflow || buf_room(text) < 4) {
			buf_truncate(text, before);
			buf_put_cstr(text, " ...");
			return;
		}
	}
}

static void put_answer(const struct dns_answer *answer, struct buf *text)
{
	if (answer->class == DNS_FAILURE) {
		buf_put_text(text, text_cut(answer->why, buf_room(text)));
		return;
	}
	if (answer->aliased) {
		buf_put_cstr(text, "alias of ");
		buf_put_text(text, answer->canonical_name);
		buf_put_cstr(text, ": ");
	}
	if (!dns_class_has_data(answer->class))
		buf_put_cstr(text, answer->nxdomain ? "no such name" : "no such record");
	put_records(answer, text);
}

void route_draft_add_step(struct route_draft *draft, const struct dns_answer *answer)
{
	struct route *route = draft->route;
	if (draft->steps == NULL) {
		draft->steps =
			arena_alloc_array(&route->arena, ROUTE_STEPS_MAX, sizeof *draft->steps);
		if (draft->steps == NULL)
			return;
		route->steps = draft->steps;
	}
	CHECK(route->steps_count < ROUTE_STEPS_MAX);
	/* The longest alias (256 octets of text) fits before any record. */
	char memory[ROUTE_DRAFT_TEXT_MAX];
	struct buf text;
	buf_init(&text, memory, sizeof memory);
	put_answer(answer, &text);
	struct route_step *step = &draft->steps[route->steps_count++];
	step->name = route_draft_text(draft, answer->name);
	step->type = (enum dns_type)answer->type;
	step->class = answer->class;
	step->bogus = answer->bogus;
	step->ttl_s = answer->ttl_s;
	step->text = route_draft_text(draft, buf_text(&text));
}

void route_draft_take_time(
	struct route_draft *draft, uint64_t now_ns, const struct dns_answer *answer)
{
	route_draft_limit(draft, now_ns,
		answer->class == DNS_FAILURE ? ROUTE_PARTIAL_TTL_S : answer->ttl_s);
}

/* ---- hosts, and the end ---- */

bool route_draft_add_hosts(struct route_draft *draft, size_t count)
{
	CHECK(draft->hosts == NULL);
	CHECK(count > 0 && count <= ROUTE_HOSTS_MAX);
	draft->hosts = arena_alloc_array(&draft->route->arena, count, sizeof *draft->hosts);
	if (draft->hosts == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		draft->hosts[i].reason = draft->hosts[i].audit = "";
		draft->hosts[i].tlsa.class = DNS_INSECURE_DENIAL; /* until records are found */
	}
	draft->route->hosts = draft->hosts;
	draft->route->hosts_count = count;
	return true;
}

static int compare_names(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;
	return strcmp(*left, *right);
}

/* The hosts are no set yet: an MX list may name one twice, with two preferences. */
static void add_host_set(struct route_draft *draft)
{
	struct route *route = draft->route;
	if (route->hosts_count == 0)
		return;
	const char **set = arena_alloc_array(&route->arena, route->hosts_count, sizeof *set);
	if (set == NULL)
		return;
	for (size_t i = 0; i < route->hosts_count; i++)
		set[i] = route->hosts[i].name;
	qsort(set, route->hosts_count, sizeof *set, compare_names);
	size_t count = 0;
	for (size_t i = 0; i < route->hosts_count; i++)
		if (count == 0 || strcmp(set[count - 1], set[i]) != 0)
			set[count++] = set[i];
	route->host_set = set;
	route->host_set_count = count;
}

static struct route *end(struct route_draft *draft)
{
	struct route *route = draft->route;
	*draft = (struct route_draft){ 0 };
	return route;
}

struct route *route_draft_end_cause(
	struct route_draft *draft, enum route_cause cause, uint64_t now_ns, struct text detail)
{
	struct route *route = draft->route;
	route->kind = (uint8_t)route_cause_kind(cause);
	route->cause = (uint8_t)cause;
	route->status = route_cause_status(cause);
	struct text reason = arena_printf(&route->arena, "%s %s%s%.*s", route->domain,
		route_cause_sentence(cause), detail.len > 0 ? ": " : "", TEXT_ARG(detail));
	route->reason = reason.data != NULL ? reason.data : route_cause_sentence(cause);
	if (route->kind == ROUTE_TEMPORARY)
		route_draft_limit(draft, now_ns, ROUTE_FAILURE_TTL_S);
	return end(draft);
}

/* "mx1.example has no address; mx2.example cannot be looked up: SERVFAIL" */
static void put_hosts(const struct route *route, struct buf *detail)
{
	for (size_t i = 0; i < route->hosts_count; i++) {
		const struct route_host *host = &route->hosts[i];
		size_t before = detail->len;
		if (before > 0)
			buf_put_cstr(detail, "; ");
		buf_put_cstr(detail, host->name);
		buf_put_u8(detail, ' ');
		buf_put_cstr(detail, host->reason);
		if (detail->overflow) {
			buf_truncate(detail, before);
			break;
		}
	}
}

struct route *route_draft_end_hosts(struct route_draft *draft, enum route_cause waits,
	enum route_cause unusable, uint64_t now_ns)
{
	struct route *route = draft->route;
	size_t ready_count = 0, waiting_count = 0, unproven_count = 0;
	for (size_t i = 0; i < route->hosts_count; i++) {
		ready_count += route->hosts[i].state == ROUTE_HOST_READY;
		waiting_count += route->hosts[i].state == ROUTE_HOST_WAITS;
		unproven_count += route->hosts[i].waits_for_proof;
	}
	add_host_set(draft);
	if (arena_is_exhausted(&route->arena)) {
		route->hosts_count = route->host_set_count = 0;
		return route_draft_end_cause(draft, ROUTE_CAUSE_NO_MEMORY, now_ns, TEXT_EMPTY);
	}
	if (ready_count > 0) {
		route->kind = ROUTE_HOSTS;
		route->cause = ROUTE_CAUSE_NONE;
		return end(draft);
	}
	if (unproven_count > 0 && unproven_count == waiting_count)
		waits = ROUTE_CAUSE_UNPROVEN; /* POL-13 */
	char memory[ROUTE_DRAFT_TEXT_MAX * 2];
	struct buf detail;
	buf_init(&detail, memory, sizeof memory);
	put_hosts(route, &detail);
	return route_draft_end_cause(
		draft, waiting_count > 0 ? waits : unusable, now_ns, buf_text(&detail));
}
