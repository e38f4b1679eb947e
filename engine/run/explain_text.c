#include <inttypes.h>
#include "dns/dns_name.h"
#include "engine/base/domain_name.h"
#include "engine/base/tlsa_text.h"
#include "engine/run/explain_print.h"

enum {
	RECORD_HEX_BYTES_MAX = 64, /* the longest digest is shown whole, of a certificate the front */
	RECORD_TEXT_BYTES = 2 * RECORD_HEX_BYTES_MAX + 32,
};

const char *explain_step_security(const struct route_step *step)
{
	switch (step->class) {
	case DNS_FAILURE: return step->bogus ? "bogus" : "failed";
	case DNS_SECURE_DATA:
	case DNS_SECURE_DENIAL: return "secure";
	case DNS_INSECURE_DATA:
	case DNS_INSECURE_DENIAL: return "insecure";
	}
	UNREACHABLE("a sixth class of answers");
}

/* ---- steps ---- */

static void print_step(const struct route_step *step, FILE *out)
{
	char ttl[24] = "";
	if (step->class != DNS_FAILURE)
		snprintf(ttl, sizeof ttl, "%" PRIu32 " s", step->ttl_s);
	fprintf(out, "  %-5s %-36s %-8s %8s  %s\n", dns_type_name((uint16_t)step->type), step->name,
		explain_step_security(step), ttl, step->text);
}

static void print_sts(const struct route_sts *sts, FILE *out)
{
	if (sts->finding[0] == '\0')
		return;
	fprintf(out, "  MTA-STS: %s%s%s\n", sts->finding, sts->why[0] != '\0' ? ": " : "", sts->why);
	if (sts->mode[0] != '\0')
		fprintf(out, "  %-8s mode %s, id %s, for %" PRIu64 " s; hosts %s\n", "", sts->mode, sts->id,
			sts->left_s, sts->patterns[0] != '\0' ? sts->patterns : "none");
}

static void print_steps(const struct explain_answer *answer, FILE *out)
{
	const struct route *route = answer->route;
	fprintf(out, "%s\n", route->domain);
	if (answer->dnssec[0] != '\0')
		fprintf(out, "  %s\n", answer->dnssec);
	for (size_t i = 0; i < route->steps_count; i++)
		print_step(&route->steps[i], out);
	print_sts(&route->sts, out);
	if (route->origin == ROUTE_FROM_DOMAIN)
		fputs("  It has no MX records: the domain is its own mail host.\n", out);
	if (route->origin == ROUTE_FROM_OPTION)
		fputs("  --route names the host; MX records are not asked for.\n", out);
	if (route->origin == ROUTE_FROM_LITERAL)
		fputs("  An address: nothing is looked up, neither DANE nor MTA-STS applies.\n", out);
}

/* ---- hosts ---- */

static void print_records(
	const char *heading, const struct tlsa_record *records, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		char memory[RECORD_TEXT_BYTES];
		struct buf text;
		buf_init(&text, memory, sizeof memory);
		tlsa_text_put(&text, &records[i], RECORD_HEX_BYTES_MAX);
		fprintf(out, "     %-12s%.*s\n", i == 0 ? heading : "", TEXT_ARG(buf_text(&text)));
	}
}

static void print_addresses(const struct route_host *host, FILE *out)
{
	if (host->addresses_count == 0)
		return;
	fprintf(out, "     %-12s", "addresses");
	for (size_t i = 0; i < host->addresses_count; i++) {
		char ip[IP_ADDRESS_TEXT_SIZE];
		fprintf(out, "%s%s", i > 0 ? ", " : "", ip_address_text(&host->addresses[i].ip, ip));
	}
	fputc('\n', out);
}

static void print_names(const char *heading, const struct text *names, size_t count, FILE *out)
{
	if (count == 0)
		return;
	fprintf(out, "     %-12s", heading);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%.*s", i > 0 ? " or " : "", TEXT_ARG(names[i]));
	fputc('\n', out);
}

static void print_demand(const struct route_host *host, FILE *out)
{
	const struct security_demand *demand = &host->demand;
	if (host->tlsa.class == DNS_SECURE_DATA) {
		char owner[DOMAIN_NAME_SIZE];
		if (dns_name_of_tlsa(host->tlsa.base_domain.data, host->port, owner))
			fprintf(out, "     %-12s%s\n", "TLSA at", owner);
		print_records("records", host->tlsa.records, host->tlsa.count, out);
		if (host->tlsa.truncated)
			fprintf(out, "     %-12sand more than are looked at\n", "");
	}
	fprintf(out, "     %-12s%.*s: %s\n", "demanded", TEXT_ARG(security_need_text(demand->need)),
		security_need_meaning(demand->need));
	if (host->audit[0] != '\0')
		fprintf(out, "     %-12s%s%s\n", host->is_testing ? "tested" : "audit",
			host->audit_unmet ? "it would wait, since it " : "would be demanded: ", host->audit);
	print_records("one of", demand->tlsa, demand->tlsa_count, out);
	print_names("names", demand->names, demand->names_count, out);
	print_names("and", demand->root_names, demand->root_names_count, out);
}

/* ---- tries ---- */

static void print_hex(const char *heading, const uint8_t *digest, FILE *out)
{
	char memory[2 * TLS_DIGEST_LEN];
	struct buf hex;
	buf_init(&hex, memory, sizeof memory);
	buf_put_hex(&hex, digest, TLS_DIGEST_LEN);
	fprintf(out, "     %-12s%s %.*s\n", "", heading, TEXT_ARG(buf_text(&hex)));
}

static void print_channel(const struct probe_result *result, FILE *out)
{
	if (result->tls[0] != '\0')
		fprintf(out, "     %-12s%s %s %s\n", "", result->tls, result->cipher, result->group);
	if (result->matched != NULL) {
		print_records("matches", result->matched, 1, out);
		fprintf(out, "     %-12sat depth %zu of the chain\n", "", result->matched_depth);
	}
	if (result->has_leaf) {
		print_hex("certificate 3 0 1", result->certificate, out);
		print_hex("key         3 1 1", result->key, out);
	}
	if (result->offered == 0)
		return;
	fprintf(out, "     %-12soffers", "");
	for (unsigned cap = SMTP_CAP_PIPELINING; cap <= SMTP_CAP_LIMITS; cap <<= 1)
		if (result->offered & cap)
			fprintf(out, " %s", smtp_cap_name((enum smtp_cap)cap));
	fputc('\n', out);
}

static void print_try(const struct probe_result *result, FILE *out)
{
	static const char *const rungs[] = {
		[TLS_RUNG_FULL] = "",
		[TLS_RUNG_1_2] = ", again with TLS 1.2",
		[TLS_RUNG_CLEAR] = ", again in cleartext",
	};
	char ip[IP_ADDRESS_TEXT_SIZE];
	fprintf(out, "     %-12s%s%s: ", "connection", ip_address_text(&result->ip, ip), rungs[result->rung]);
	switch (result->verdict) {
	case PROBE_PASSED:
		fprintf(out, "passed, %.*s\n", TEXT_ARG(security_level_text(result->security)));
		break;
	case PROBE_REFUSED: fprintf(out, "NOT PROVEN: %s\n", result->why); break;
	case PROBE_FAILED: fprintf(out, "failed: %s\n", result->why); break;
	case PROBE_NOT_MADE: fprintf(out, "not tried: %s\n", result->why); break;
	}
	print_channel(result, out);
}

static void print_host(const struct explain_answer *answer, const struct route_host *host, FILE *out)
{
	if (answer->route->origin == ROUTE_FROM_MX)
		fprintf(out, "  %u ", host->preference);
	else
		fputs("  ", out);
	fprintf(out, "%s, port %u", host->name, host->port);
	if (host->is_alias)
		fprintf(out, ", alias of %s", host->canonical);
	fputc('\n', out);
	print_addresses(host, out);
	if (host->state != ROUTE_HOST_READY)
		fprintf(out, "     %-12sit %s\n", host->state == ROUTE_HOST_WAITS ? "waits" : "unusable",
			host->reason);
	if (host->state != ROUTE_HOST_UNUSABLE)
		print_demand(host, out);
	for (size_t i = 0; i < answer->tries_count; i++)
		if (answer->tries[i].host == host)
			print_try(&answer->tries[i].result, out);
}

void explain_print_text(
	const struct explain_answer *answer, const struct explain_decision *decision, FILE *out)
{
	const struct route *route = answer->route;
	print_steps(answer, out);
	if (route->hosts_count > 0)
		fputs("\nHosts, in the order in which they are tried:\n", out);
	for (size_t i = 0; i < route->hosts_count; i++)
		print_host(answer, &route->hosts[i], out);
	fprintf(out, "\n%s: %s\n", explain_verdict_text(decision->verdict), decision->sentence);
}
