#include "engine/run/explain_answer.h"
#include <stdio.h>
#include "engine/base/buf.h"
#include "engine/run/run.h"

int explain_exit_status(enum explain_verdict verdict)
{
	switch (verdict) {
	case EXPLAIN_DELIVERABLE: return RUN_EXIT_DONE;
	case EXPLAIN_REFUSED: return RUN_EXIT_NO;
	case EXPLAIN_WAITS: return RUN_EXIT_MAIL_WAITS;
	}
	UNREACHABLE("a verdict that is not in the enum");
}

const char *explain_verdict_text(enum explain_verdict verdict)
{
	switch (verdict) {
	case EXPLAIN_DELIVERABLE: return "deliverable";
	case EXPLAIN_REFUSED: return "refused";
	case EXPLAIN_WAITS: return "waits";
	}
	UNREACHABLE("a verdict that is not in the enum");
}

/* ---- the facts ---- */

/* Everything could be looked up, and what was found does not do for what is demanded. */
static bool lacks_proof(const struct route_host *host)
{
	return host->waits_for_proof && host->tlsa.class != DNS_FAILURE;
}

static bool any_lacks_proof(const struct explain_answer *answer)
{
	for (size_t i = 0; i < answer->route->hosts_count; i++)
		if (lacks_proof(&answer->route->hosts[i]))
			return true;
	for (size_t i = 0; i < answer->tries_count; i++)
		if (answer->tries[i].result.verdict == PROBE_REFUSED)
			return true;
	return false;
}

static const struct route_host *first_ready(const struct route *route)
{
	for (size_t i = 0; i < route->hosts_count; i++)
		if (route->hosts[i].state == ROUTE_HOST_READY)
			return &route->hosts[i];
	return NULL;
}

static const struct explain_try *first_passed(const struct explain_answer *answer)
{
	for (size_t i = 0; i < answer->tries_count; i++)
		if (answer->tries[i].result.verdict == PROBE_PASSED)
			return &answer->tries[i];
	return NULL;
}

/* ---- the sentence ---- */

/* "mx1.example [192.0.2.1]: connection refused; mx2.example has no address": why nobody takes it. */
static void put_failures(const struct explain_answer *answer, struct buf *out)
{
	const char *separator = "";
	for (size_t i = 0; i < answer->tries_count; i++) {
		const struct explain_try *try = &answer->tries[i];
		char ip[IP_ADDRESS_TEXT_SIZE];
		size_t before = out->len;
		buf_printf(out, "%s%s [%s]: %s", separator, try->host->name,
			ip_address_text(&try->result.ip, ip), try->result.why);
		if (out->overflow) {
			buf_truncate(out, before);
			return;
		}
		separator = "; ";
	}
	for (size_t i = 0; i < answer->route->hosts_count; i++) {
		const struct route_host *host = &answer->route->hosts[i];
		size_t before = out->len;
		if (host->state == ROUTE_HOST_READY)
			continue;
		buf_printf(out, "%s%s %s", separator, host->name, host->reason);
		if (out->overflow) {
			buf_truncate(out, before);
			return;
		}
		separator = "; ";
	}
}

static void say_without_hosts(const struct explain_answer *answer, const struct explain_decision *decision,
	struct buf *out)
{
	const struct route *route = answer->route;
	static const char *const what[] = {
		[EXPLAIN_REFUSED] = "waits until this is mended",
		[EXPLAIN_WAITS] = "waits and is tried again",
	};
	bool bounces = route->kind == ROUTE_PERMANENT;
	buf_printf(out, "mail for %s %s (%s): ", route->domain, bounces ? "bounces" : what[decision->verdict],
		route->status);
	buf_put_text(out, text_cut(text_of(route->reason), buf_room(out) - 1));
}

static void say_untried(const struct route *route, const struct route_host *host, struct buf *out)
{
	struct text meaning = text_of(security_need_meaning(host->demand.need));
	buf_printf(out, "mail for %s goes to %s, of which is demanded %s (%.*s); no connection was made, "
			"--connect makes one",
		route->domain, host->name, security_need_text(host->demand.need).data,
		(int)meaning.len - 1, meaning.data);
}

static void say_passed(const struct explain_answer *answer, const struct explain_try *try, struct buf *out)
{
	const struct probe_result *result = &try->result;
	char ip[IP_ADDRESS_TEXT_SIZE];
	buf_printf(out, "mail for %s goes to %s [%s], at the level %s", answer->route->domain,
		try->host->name, ip_address_text(&result->ip, ip),
		security_level_text(result->security).data);
	if (result->tls[0] != '\0')
		buf_printf(out, " over %s", result->tls);
}

static void say_not_passed(const struct explain_answer *answer, const struct explain_decision *decision,
	struct buf *out)
{
	buf_printf(out, "mail for %s waits", answer->route->domain);
	bool is_refused = decision->verdict == EXPLAIN_REFUSED;
	buf_put_cstr(out, is_refused ? " until a host proves what is demanded: " : " and is tried again: ");
	put_failures(answer, out);
}

void explain_decide(const struct explain_answer *answer, struct explain_decision *out_decision)
{
	struct explain_decision *decision = out_decision;
	const struct route *route = answer->route;
	struct buf out;
	*decision = (struct explain_decision){ .verdict = EXPLAIN_DELIVERABLE };
	buf_init(&out, decision->sentence, sizeof decision->sentence - 1); /* and its end */
	decision->try = first_passed(answer);
	if (decision->try != NULL)
		decision->host = decision->try->host;
	else if (route->kind == ROUTE_HOSTS && !answer->connected)
		decision->host = first_ready(route);
	if (decision->host == NULL)
		decision->verdict = EXPLAIN_WAITS;
	if (decision->host == NULL && (route->kind == ROUTE_PERMANENT || any_lacks_proof(answer)))
		decision->verdict = EXPLAIN_REFUSED;
	if (route->kind != ROUTE_HOSTS)
		say_without_hosts(answer, decision, &out);
	else if (decision->try != NULL)
		say_passed(answer, decision->try, &out);
	else if (decision->host != NULL)
		say_untried(route, decision->host, &out);
	else
		say_not_passed(answer, decision, &out);
	decision->sentence[out.len] = '\0';
}
