#include "engine/run/delivery_audit.h"
#include "engine/run/delivery.h"
#include "engine/run/worker_state.h"
#include "tls/tls_conn.h"
#include "tls/tls_failure.h"
#include "tls/tls_verifier.h"

/* NULL: the session meets it. Else why not; the text lives in `verdict` or forever. */
static const char *why_unmet(
	struct delivery *d, const struct security_demand *audited, struct tls_verdict *verdict)
{
	struct tls_chain chain;
	if (!security_demand_needs_tls(audited))
		return NULL;
	if (conn_tls(&d->conn) == NULL || d->tls[0] == '\0')
		return "has no TLS";
	if (!security_demand_needs_proof(audited))
		return NULL;
	tls_conn_peer_chain(conn_tls(&d->conn), &chain);
	*verdict = tls_verifier_judge(d->worker->verifier, &chain, audited);
	return verdict->kind == TLS_VERDICT_ACCEPTED ? NULL : verdict->reason;
}

/* RFC 8460 4.3: the result is that of the policy, as if it were enforced. */
static void note_tested(struct delivery *d, const char *why, const struct tls_verdict *verdict)
{
	if (d->host->audit_unmet)
		why = d->host->audit;
	if (why == NULL)
		return;
	if (d->tls[0] == '\0')
		d->tls_result = TLS_RESULT_STARTTLS_NOT_SUPPORTED;
	else if (verdict->failure != TLS_FAILURE_NONE)
		d->tls_result = tls_failure_result(verdict->failure);
	else
		d->tls_result = TLS_RESULT_VALIDATION_FAILURE;
	log_write(&d->worker->log, LOG_TESTING_UNMET,
		LOG_FIELDS(log_cstr("domain", d->route->domain), log_cstr("host", d->host->name),
			log_cstr("why", why)));
}

void delivery_audit(struct delivery *d)
{
	const struct security_demand *audited = d->host->audited;
	struct tls_verdict verdict;
	if (audited == NULL || d->is_audited)
		return;
	d->is_audited = true;
	verdict.failure = TLS_FAILURE_NONE;
	const char *why = why_unmet(d, audited, &verdict);
	if (d->host->is_testing) {
		note_tested(d, why, &verdict);
		return;
	}
	const char *need = security_need_text(audited->need).data;
	log_write(&d->worker->log, why == NULL ? LOG_AUDIT_MET : LOG_AUDIT_UNMET,
		LOG_FIELDS(log_cstr("domain", d->route->domain), log_cstr("host", d->host->name),
			log_cstr("demand", need), log_cstr("why", why != NULL ? why : "")));
}
