#include <stdlib.h>
#include <string.h>
#include "engine/io/clock.h"
#include "engine/run/delivery.h"
#include "engine/run/delivery_audit.h"
#include "engine/run/report.h"
#include "engine/run/walk.h"
#include "engine/smtp/smtp_reply_class.h"
#include "tls/tls_conn.h"

/* ---- what a connection is worth ---- */

enum security_level delivery_security_of(const struct conn *conn, const struct route_host *host)
{
	if (conn_tls(conn) == NULL)
		return SECURITY_CLEARTEXT;
	struct tls_info info;
	tls_conn_describe(conn_tls(conn), &info);
	return info.proved_dane || info.proved_pkix ? (enum security_level)host->success
						     : SECURITY_ENCRYPTED;
}

static bool is_authenticated(enum security_level security)
{
	switch (security) {
	case SECURITY_CLEARTEXT:
	case SECURITY_ENCRYPTED:
	case SECURITY_LEVEL_COUNT:
		return false;
	case SECURITY_HALF_DANE:
	case SECURITY_DANE:
	case SECURITY_STS:
	case SECURITY_DANE_STS:
	case SECURITY_SECURE:
		return true;
	}
	UNREACHABLE("every level is listed");
}

/* POL-14: until the channel that is demanded is up, nothing heard is final. */
struct smtp_channel delivery_channel(const struct delivery *d)
{
	bool mandatory = security_demand_needs_tls(&d->host->demand);
	return (struct smtp_channel){
		.is_demanded = !mandatory || d->smtp.tls_active,
		.level_is_mandatory = mandatory,
		.rules = &d->worker->config->reply_rules,
	};
}

static bool is_referred_to(const struct attempt *attempt, uint8_t facts)
{
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (attempt->rcpts[i].fate != ATTEMPT_OPEN && attempt->rcpts[i].facts == facts)
			return true;
	return false;
}

/* What the session proved means for this message: its own route says whether the MX answer was secure,
 * not the one that the session was opened for (POL-15, DANE-27). */
static enum security_level security_for(const struct delivery *d, const struct attempt *attempt)
{
	const struct route_host *host = walk_host(attempt);
	bool is_served = host != NULL &&
		(host == d->host || security_demand_equal(&host->demand, &d->host->demand));
	return is_served && is_authenticated(d->security) ? (enum security_level)host->success
							  : d->security;
}

uint8_t delivery_facts(const struct delivery *d, struct attempt *attempt)
{
	struct attempt_work *work = attempt->work;
	uint8_t last = (uint8_t)(work->facts_count - 1);
	if (last > 0 && work->facts[last].session == d->id)
		return last;
	if (work->facts_count < ATTEMPT_FACTS_MAX)
		last = work->facts_count++;
	else if (is_referred_to(attempt, last))
		return 0; /* no place left: better no facts than those of another session */
	struct attempt_facts *facts = &work->facts[last];
	enum security_level security = security_for(d, attempt);
	route_unref(facts->route);
	*facts = (struct attempt_facts){
		.route = route_ref(d->route),
		.mx = d->host->name,
		.ip = d->ip,
		.source = d->local,
		.helo = d->source->helo,
		.tls = d->tls,
		.session = d->id,
		.security = security,
		.need = d->host->demand.need,
		.authenticated = is_authenticated(security),
	};
	return last;
}

/* ---- the words ---- */

/* The session that was to be resumed is the likelier culprit than the host, who takes full handshakes. */
static bool failed_with_ticket(const struct smtp_session *smtp, const struct conn *conn)
{
	struct tls_info info;
	if (smtp->end != SMTP_END_TLS_FAILED || conn_tls(conn) == NULL)
		return false;
	tls_conn_describe(conn_tls(conn), &info);
	return info.ticket_offered;
}

/* "connection refused", "the greeting was a refusal: 554 go away" ... */
void delivery_describe_end(const struct smtp_session *smtp, const struct conn *conn,
	const struct fail *fail, bool was_open, char out[static DELIVERY_WHY_MAX])
{
	enum { size = DELIVERY_WHY_MAX };
	enum smtp_end end = smtp->end;
	struct smtp_reply reply = smtp_session_end_reply(smtp);
	bool says_why = reply.code != 0 && reply.code / 100 != 2; /* a good EHLO without STARTTLS does not */
	if (says_why)
		snprintf(out, size, "%s: %u %.*s", smtp_end_text(end), reply.code, TEXT_ARG(reply.text));
	else if (conn->fail.result != RESULT_OK && end != SMTP_END_TIMEOUT && end != SMTP_END_STOPPED)
		snprintf(out, size, "%s", conn->fail.text);
	else if (fail->result != RESULT_OK)
		snprintf(out, size, "%s (%s)", smtp_end_text(end), fail->text);
	else if (end == SMTP_END_TIMEOUT && !was_open)
		snprintf(out, size, "no connection within the time limit");
	else
		snprintf(out, size, "%s", smtp_end_text(end));
	size_t len = strlen(out);
	if (failed_with_ticket(smtp, conn))
		snprintf(out + len, size - len, ", while a session was resumed");
}

/* ---- the event ---- */

/* RFC 8460 4.3 (RPT-11): what a TLS report would say of this connection attempt. */
static enum tls_result tls_result_of(const struct delivery *d)
{
	enum smtp_end end = d->smtp.end;
	if (end == SMTP_END_TLS_NOT_OFFERED || end == SMTP_END_TLS_REFUSED)
		return TLS_RESULT_STARTTLS_NOT_SUPPORTED;
	if (failed_with_ticket(&d->smtp, &d->conn))
		return TLS_RESULT_NONE; /* what is to be reported is the full handshake that follows */
	if (end == SMTP_END_TLS_FAILED && conn_tls(&d->conn) != NULL) {
		struct tls_info info;
		tls_conn_describe(conn_tls(&d->conn), &info);
		enum tls_result result = tls_failure_result(info.failure);
		if (result != TLS_RESULT_NONE)
			return result;
	}
	if (end == SMTP_END_TLS_FAILED || end == SMTP_END_INJECTION)
		return TLS_RESULT_VALIDATION_FAILURE;
	bool said_hello = d->smtp.delivered_count > 0 || d->smtp.mails_count > 0;
	if (d->tls_result == TLS_RESULT_NONE && said_hello && d->host->demand.need != SECURITY_NEED_NONE)
		return TLS_RESULT_STARTTLS_NOT_SUPPORTED; /* sent in clear, since nothing was demanded */
	return d->tls_result;
}

static void send_report(struct worker *w, struct session_report *report)
{
	if (mailbox_credits_take(&w->reports, 1))
		hub_post(w->hub->recorder, POST_SESSION_OVER, report, 0, 0);
	else
		list_push_back(&w->unsent_reports, &report->node);
}

/* NULL: no memory; its mail has its own events. */
static struct session_report *report_of(const struct delivery *d, const char *reason)
{
	struct session_report *report = calloc(1, sizeof *report);
	if (report == NULL)
		return NULL;
	*report = (struct session_report){
		.route = route_ref(d->route),
		.host = d->host,
		.ip = d->ip,
		.source = d->local,
		.helo = d->source->helo,
		.tls = d->tls,
		.session = d->id,
		.wall_us = clock_wall_us(),
		.security = d->security,
		.need = d->host->demand.need,
		.worker = d->worker->index,
	};
	snprintf(report->reason, sizeof report->reason, "%.*s", (int)sizeof report->reason - 1, reason);
	return report;
}

static void report_session(struct delivery *d, const char *reason)
{
	struct session_report *report = report_of(d, reason);
	if (report == NULL)
		return;
	struct smtp_reply reply = smtp_session_end_reply(&d->smtp);
	report->result = tls_result_of(d);
	report->code = reply.code;
	report->delivered_count = d->delivered_count;
	snprintf(report->reply, sizeof report->reply, "%.*s", TEXT_ARG(reply.text));
	send_report(d->worker, report);
}

void delivery_lost_address(struct delivery *d, const struct ip_address *ip,
	const struct ip_address *from, const struct fail *fail)
{
	struct worker *w = d->worker;
	struct session_report *report = report_of(d, fail->text);
	if (!delivery_trouble_is_ours(fail))
		host_memory_down(&w->hosts, ip, d->host->port, worker_now(w));
	attempt_add_reason(d->waiting, d->host->name, ip, fail->text);
	uint64_t id = w->next_session;
	w->next_session += w->hub->workers_count;
	log_write(&w->log, LOG_SESSION_FAILED,
		LOG_FIELDS(log_number("session", id), log_cstr("host", d->host->name),
			log_cstr("why", fail->text)));
	if (report == NULL)
		return;
	report->ip = *ip;
	report->source = *from;
	report->session = id;
	send_report(w, report);
}

/* ---- the attempt that waited in it ---- */

bool delivery_trouble_is_ours(const struct fail *fail)
{
	return fail->result == RESULT_LIMIT || fail->result == RESULT_UNAVAILABLE ||
		fail->result == RESULT_MEMORY;
}

static bool is_ours(const struct delivery *d) { return delivery_trouble_is_ours(&d->conn.fail); }

/* DSN-12: what we say where the host said nothing that counts. */
static const char *our_status(const struct delivery *d)
{
	enum smtp_end end = d->smtp.end;
	if (end == SMTP_END_TLS_FAILED || end == SMTP_END_TLS_NOT_OFFERED || end == SMTP_END_TLS_REFUSED ||
		end == SMTP_END_INJECTION)
		return "4.7.5";
	if (end == SMTP_END_PROTOCOL || end == SMTP_END_TOO_LONG)
		return "4.5.0";
	return d->was_open ? "4.4.2" : "4.4.1";
}

static void note_trouble(struct delivery *d, struct attempt *attempt, const struct smtp_action *action)
{
	struct attempt_work *work = attempt->work;
	struct smtp_reply reply = smtp_session_end_reply(&d->smtp);
	struct smtp_status status = attempt_status_for(reply.code, reply.status);
	if (reply.code / 100 != 4 && reply.code / 100 != 5)
		status = attempt_status_of(our_status(d));
	work->trouble = (struct attempt_rcpt){
		.code = reply.code,
		.status = status,
		.bounce_class = (uint8_t)action->bounce_class,
		.facts = delivery_facts(d, attempt),
		.counts_as_attempt = action->counts_as_attempt,
		.text_at = work->texts_used,
	};
	work->trouble_backs_off = action->throttle == SMTP_THROTTLE_BACK_OFF && !is_ours(d);
	size_t room = work->texts_size - work->texts_used;
	struct text kept = text_cut_utf8(reply.text, room < 200 ? room : 200);
	memcpy(work->texts + work->texts_used, kept.data != NULL ? kept.data : "", kept.len);
	work->trouble.text_len = (uint16_t)kept.len;
	work->texts_used += (uint32_t)kept.len;
}

static void note_heard(struct attempt *attempt, const struct smtp_action *action)
{
	struct heard *heard = &attempt->work->heard;
	switch (action->throttle) {
	case SMTP_THROTTLE_NOTHING:
		break;
	case SMTP_THROTTLE_SLOW_DOWN:
		heard->slow_down = true;
		break;
	case SMTP_THROTTLE_BACK_OFF: /* told if the whole pass comes to nothing */
		break;
	case SMTP_THROTTLE_SUSPEND:
		heard->suspend = true;
		break;
	}
	attempt->work->hosts_refused += action->bounce_if_all;
}

/* Once, on a fresh connection, before the host is judged: all tickets for it go with this connection. */
static bool try_in_full(struct delivery *d, struct attempt *attempt)
{
	if (!failed_with_ticket(&d->smtp, &d->conn) || attempt->work->ticket_failed)
		return false;
	attempt->work->ticket_failed = true;
	return true;
}

/* TLS-03, TLS-27: after a failed handshake the same address gets a fresh connection on a lower rung, at
 * opportunistic level only. Never after an injection (STLS-04): that was no accident. */
static bool try_lower_rung(struct delivery *d)
{
	if (d->smtp.end != SMTP_END_TLS_FAILED || security_demand_needs_tls(&d->host->demand))
		return false;
	if (conn_tls(&d->conn) == NULL || failed_with_ticket(&d->smtp, &d->conn))
		return false; /* it was we who could not begin, or our ticket: no reason to send in clear */
	host_memory_tls_failed(
		&d->worker->hosts, d->host->name, &d->ip, d->host->port, d->rung, worker_now(d->worker));
	return true;
}

static void settle_waiting(struct delivery *d, const char *why)
{
	struct worker *w = d->worker;
	struct attempt *attempt = d->waiting;
	struct smtp_reply reply = smtp_session_end_reply(&d->smtp);
	d->waiting = NULL;
	if (d->smtp.end == SMTP_END_STOPPED || d->smtp.end == SMTP_END_QUIT) {
		lease_return(w, attempt);
		return;
	}
	bool again = try_in_full(d, attempt) || try_lower_rung(d);
	attempt_add_reason(attempt, d->host->name, &d->ip, why);
	if (again) {
		lease_add_first(w, attempt);
		return;
	}
	struct smtp_channel channel = delivery_channel(d);
	struct smtp_action action = smtp_reply_class_end(d->smtp.end, d->smtp.end_step, &reply, &channel);
	attempt->work->hosts_tried++;
	attempt->work->ticket_failed = false;
	note_trouble(d, attempt, &action);
	note_heard(attempt, &action);
	if (!action.next_mx) {
		attempt->work->host_rank = ROUTE_HOSTS_MAX; /* the pass is over */
	} else if (reply.code != 0) {
		walk_next_host(attempt); /* the host spoke: its other addresses are the same host */
	} else {
		walk_next_address(attempt); /* MX-10, DANE-48 */
	}
	lease_add_first(w, attempt);
}

/* It has taken a message whose commands went as one group. */
static unsigned works(const struct delivery *d)
{
	unsigned used = d->smtp.caps.offered & ~d->smtp_config.avoid & (unsigned)SMTP_CAP_PIPELINING;
	return d->smtp.delivered_count > 0 ? used : 0;
}

/* A group whose beginning was answered, and the rest not in time. A flight is a speculation of ours: whatever
 * speaks against it counts in full. */
static unsigned was_silent(const struct delivery *d)
{
	return d->smtp.end == SMTP_END_TIMEOUT ? (unsigned)SMTP_CAP_PIPELINING : 0;
}

/* Once of each session: what is avoided from the second time on has to fail in two of them. */
void delivery_remember(struct delivery *d)
{
	struct host_memory *hosts = &d->worker->hosts;
	unsigned failed = smtp_session_learned(&d->smtp) & ~d->remembered;
	unsigned worked = works(d) & ~(d->remembered | failed);
	d->remembered |= failed | worked;
	unsigned silent = failed & was_silent(d);
	if (silent != 0)
		host_memory_silent(hosts, d->host->name, &d->ip, d->host->port, silent, d->opened_ns,
			worker_now(d->worker));
	if (failed != silent)
		host_memory_avoid(hosts, d->host->name, &d->ip, d->host->port, failed & ~silent, d->opened_ns,
			worker_now(d->worker));
	if (worked != 0)
		host_memory_works(hosts, d->host->name, &d->ip, d->host->port, worked);
}

void delivery_ended(struct delivery *d)
{
	struct worker *w = d->worker;
	char why[DELIVERY_WHY_MAX];
	delivery_describe_end(&d->smtp, &d->conn, &d->fail, d->was_open, why);
	uint64_t now_ns = worker_now(w);
	if (!d->was_open && !is_ours(d) && d->smtp.end != SMTP_END_STOPPED)
		host_memory_down(&w->hosts, &d->ip, d->host->port, now_ns);
	delivery_remember(d);
	if (d->was_open)
		delivery_audit(d);
	report_session(d, d->smtp.end == SMTP_END_QUIT ? "" : why);
	if (d->smtp.end != SMTP_END_QUIT)
		log_write(&w->log, LOG_SESSION_FAILED,
			LOG_FIELDS(log_number("session", d->id), log_cstr("host", d->host->name),
				log_cstr("why", why)));
	if (d->waiting != NULL)
		settle_waiting(d, why);
}
