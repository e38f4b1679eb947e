#include "engine/base/json_object.h"
#include "engine/base/tlsa_text.h"
#include "engine/run/explain_print.h"

enum { RECORD_TEXT_BYTES = 2 * TLSA_DATA_BYTES_MAX + 32 }; /* programs get the whole record */

static void put(struct buf *out, const char *key, const char *value)
{
	json_object_put_text(out, key, text_of(value));
}

static void put_ip(struct buf *out, const char *key, const struct ip_address *ip)
{
	char text[IP_ADDRESS_TEXT_SIZE];
	put(out, key, ip_address_text(ip, text));
}

static void put_hex(struct buf *out, const char *key, const uint8_t *digest)
{
	char memory[2 * TLS_DIGEST_LEN];
	struct buf hex;
	buf_init(&hex, memory, sizeof memory);
	buf_put_hex(&hex, digest, TLS_DIGEST_LEN);
	json_object_put_text(out, key, buf_text(&hex));
}

/* ---- steps ---- */

static void put_step(struct buf *out, const struct route_step *step)
{
	json_object_open(out, NULL);
	put(out, "type", dns_type_name((uint16_t)step->type));
	put(out, "name", step->name);
	put(out, "security", explain_step_security(step));
	json_object_put_bool(out, "found", dns_class_has_data(step->class));
	if (step->class != DNS_FAILURE)
		json_object_put_number(out, "ttl", step->ttl_s);
	else
		json_object_put_null(out, "ttl");
	put(out, "text", step->text);
	json_object_close(out);
}

/* ---- hosts ---- */

static void put_records(
	struct buf *out, const char *key, const struct tlsa_record *records, size_t count)
{
	char memory[RECORD_TEXT_BYTES];
	json_object_open_list(out, key);
	for (size_t i = 0; i < count; i++) {
		struct buf text;
		buf_init(&text, memory, sizeof memory);
		tlsa_text_put(&text, &records[i], TLSA_DATA_BYTES_MAX);
		json_object_put_text(out, NULL, buf_text(&text));
	}
	json_object_close_list(out);
}

static void put_texts(struct buf *out, const char *key, const struct text *texts, size_t count)
{
	json_object_open_list(out, key);
	for (size_t i = 0; i < count; i++)
		json_object_put_text(out, NULL, texts[i]);
	json_object_close_list(out);
}

static void put_demand(struct buf *out, const struct security_demand *demand)
{
	json_object_put_text(out, "policy", security_need_text(demand->need));
	json_object_put_text(out, "sni", demand->sni);
	put_texts(out, "names", demand->names, demand->names_count);
	put_texts(out, "root_names", demand->root_names, demand->root_names_count);
	put_records(out, "usable", demand->tlsa, demand->tlsa_count);
}

static void put_addresses(struct buf *out, const struct route_host *host)
{
	json_object_open_list(out, "addresses");
	for (size_t i = 0; i < host->addresses_count; i++) {
		json_object_open(out, NULL);
		put_ip(out, "ip", &host->addresses[i].ip);
		json_object_put_bool(out, "secure", host->addresses[i].secure);
		json_object_close(out);
	}
	json_object_close_list(out);
}

static const char *verdict_text(enum probe_verdict verdict)
{
	switch (verdict) {
	case PROBE_PASSED: return "passed";
	case PROBE_REFUSED: return "refused";
	case PROBE_FAILED: return "failed";
	case PROBE_NOT_MADE: return "not-tried";
	}
	UNREACHABLE("a verdict that is not in the enum");
}

static void put_match(struct buf *out, const struct probe_result *result)
{
	if (result->matched == NULL) {
		put(out, "matched", "");
		json_object_put_null(out, "depth");
		return;
	}
	char memory[RECORD_TEXT_BYTES];
	struct buf text;
	buf_init(&text, memory, sizeof memory);
	tlsa_text_put(&text, result->matched, TLSA_DATA_BYTES_MAX);
	json_object_put_text(out, "matched", buf_text(&text));
	json_object_put_number(out, "depth", result->matched_depth);
}

static void put_try(struct buf *out, const struct probe_result *result)
{
	bool passed = result->verdict == PROBE_PASSED;
	json_object_open(out, NULL);
	put_ip(out, "ip", &result->ip);
	put(out, "verdict", verdict_text(result->verdict));
	json_object_put_text(
		out, "security", passed ? security_level_text(result->security) : TEXT_EMPTY);
	put(out, "reason", result->why);
	put(out, "tls", result->tls);
	put(out, "cipher", result->cipher);
	put(out, "group", result->group);
	json_object_put_text(out, "result", tls_result_text(result->tls_result));
	put_match(out, result);
	if (result->has_leaf) {
		put_hex(out, "certificate", result->certificate);
		put_hex(out, "key", result->key);
	} else {
		put(out, "certificate", "");
		put(out, "key", "");
	}
	json_object_open_list(out, "offers");
	for (unsigned cap = SMTP_CAP_PIPELINING; cap <= SMTP_CAP_LIMITS; cap <<= 1)
		if (result->offered & cap)
			put(out, NULL, smtp_cap_name((enum smtp_cap)cap));
	json_object_close_list(out);
	json_object_close(out);
}

static void put_host(struct buf *out, const struct explain_answer *answer, const struct route_host *host)
{
	static const char *const states[] = {
		[ROUTE_HOST_READY] = "ready",
		[ROUTE_HOST_WAITS] = "waits",
		[ROUTE_HOST_UNUSABLE] = "unusable",
	};
	json_object_open(out, NULL);
	put(out, "name", host->name);
	put(out, "canonical", host->canonical);
	json_object_put_number(out, "preference", host->preference);
	json_object_put_number(out, "port", host->port);
	put(out, "state", states[host->state]);
	put(out, "reason", host->reason);
	put(out, "audit", host->audit);
	json_object_put_bool(out, "testing", host->is_testing);
	put_addresses(out, host);
	json_object_put_text(out, "tlsa_base", host->tlsa.base_domain);
	put_records(out, "tlsa", host->tlsa.records, host->tlsa.count);
	put_demand(out, &host->demand);
	json_object_open_list(out, "tries");
	for (size_t i = 0; i < answer->tries_count; i++)
		if (answer->tries[i].host == host)
			put_try(out, &answer->tries[i].result);
	json_object_close_list(out);
	json_object_close(out);
}

/* ---- the whole ---- */

static const char *origin_text(enum route_origin origin)
{
	switch (origin) {
	case ROUTE_FROM_MX: return "mx";
	case ROUTE_FROM_DOMAIN: return "domain";
	case ROUTE_FROM_LITERAL: return "literal";
	case ROUTE_FROM_OPTION: return "option";
	}
	UNREACHABLE("an origin that is not in the enum");
}

static void put_sts(struct buf *out, const struct route_sts *sts)
{
	json_object_open(out, "sts");
	put(out, "finding", sts->finding);
	put(out, "mode", sts->mode);
	put(out, "id", sts->id);
	put(out, "mx", sts->patterns);
	json_object_put_number(out, "left", sts->left_s);
	put(out, "why", sts->why);
	json_object_close(out);
}

/* What is decided: the level that was reached, or the one that is demanded where nothing was tried. */
static void put_decision(struct buf *out, const struct explain_decision *decision)
{
	put(out, "verdict", explain_verdict_text(decision->verdict));
	json_object_put_number(out, "exit", (uint64_t)explain_exit_status(decision->verdict));
	put(out, "host", decision->host != NULL ? decision->host->name : "");
	json_object_put_text(out, "policy",
		decision->host != NULL ? security_need_text(decision->host->demand.need) : TEXT_EMPTY);
	json_object_put_text(out, "security",
		decision->try != NULL ? security_level_text(decision->try->result.security) : TEXT_EMPTY);
	put(out, "decision", decision->sentence);
}

void explain_put_json(
	const struct explain_answer *answer, const struct explain_decision *decision, struct buf *out)
{
	const struct route *route = answer->route;
	json_object_open(out, NULL);
	put(out, "domain", route->domain);
	put_decision(out, decision);
	put(out, "origin", origin_text((enum route_origin)route->origin));
	json_object_put_bool(out, "mx_secure", route->mx_secure);
	put(out, "cause", route->cause != ROUTE_CAUSE_NONE ? route_cause_name(route->cause) : "");
	put(out, "status", route->status);
	put(out, "reason", route->reason);
	put(out, "dnssec", answer->dnssec);
	json_object_put_bool(out, "connected", answer->connected);
	json_object_open_list(out, "steps");
	for (size_t i = 0; i < route->steps_count; i++)
		put_step(out, &route->steps[i]);
	json_object_close_list(out);
	put_sts(out, &route->sts);
	json_object_open_list(out, "hosts");
	for (size_t i = 0; i < route->hosts_count; i++)
		put_host(out, answer, &route->hosts[i]);
	json_object_close_list(out);
	json_object_close(out);
	buf_put_u8(out, '\n');
}
