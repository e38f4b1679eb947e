#include "engine/run/delivery.h"
#include "engine/run/delivery_audit.h"
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/run/smtp_wire.h"
#include "engine/run/source_family.h"
#include "tls/tls_conn.h"

static void step(struct delivery *d);
static void timer_due(struct timer *timer);

/* ---- time ---- */

/* The one timer of a session: the connect limit, then the limit of the step that is awaited, counted
 * from the last whole reply or block (SMTP-02, SMTP-03). It is only moved when it fires, so that an
 * answer costs no timer work. */
static uint64_t deadline_ns(struct delivery *d)
{
	if (d->state == DELIVERY_CONNECTING)
		return d->opened_ns + (uint64_t)d->worker->config->options->connect_ms * MS_NS;
	struct smtp_deadline deadline = smtp_session_deadline(&d->smtp);
	if (deadline.progress != d->progress) {
		d->progress = deadline.progress;
		d->since_ns = worker_now(d->worker);
	}
	return d->since_ns + deadline.wait_ms * MS_NS;
}

static void watch_time(struct delivery *d)
{
	uint64_t at_ns = deadline_ns(d);
	if (!timer_is_running(&d->timer) || d->timer_ns > at_ns) {
		d->timer_ns = at_ns;
		timer_start(&d->worker->loop.timers, &d->timer, at_ns, timer_due);
	}
}

static void timer_due(struct timer *timer)
{
	struct delivery *d = CONTAINER_OF(timer, struct delivery, timer);
	CHECK_OBJ(d, DELIVERY_MAGIC);
	if (d->state == DELIVERY_CLOSING)
		return;
	if (worker_now(d->worker) < deadline_ns(d)) {
		watch_time(d);
		return;
	}
	if (d->state == DELIVERY_TALKING && smtp_session_want(&d->smtp) == SMTP_WANT_MAIL) {
		delivery_quit(d); /* idle for long enough */
		return;
	}
	if (d->state == DELIVERY_CONNECTING && d->race != NULL)
		delivery_race_timed_out(d);
	smtp_wire_timed_out(&d->smtp, &d->conn);
	step(d);
}

/* ---- work ---- */

static void begin(struct delivery *d, struct attempt *attempt)
{
	lease_session_busy(d->worker, d);
	if (!d->is_up)
		hub_post(d->worker->hub->scheduler, POST_SESSION_UP, d->lease, 0, 0);
	d->is_up = true;
	outcome_prepare(attempt);
	delivery_let_fly(d, &attempt->work->transaction);
	d->begun_count++;
	d->begun_in_row++;
	smtp_session_begin(&d->smtp, &attempt->work->transaction);
}

static void say_goodbye(struct delivery *d)
{
	d->is_quitting = true;
	d->lease->quitting_sessions++;
	lease_session_busy(d->worker, d);
	smtp_session_quit(&d->smtp);
}

/* What the rules say of its site, now: 0 for nothing. */
static uint32_t per_session(const struct lease *lease)
{
	return atomic_load_explicit(&lease->site->per_session, memory_order_relaxed);
}

/* RFC 5321 leaves it to us how long a session lasts; after this no new message is begun in it. Nor after as
 * many as a rule allows that came when it was open already. */
static bool is_old(const struct delivery *d)
{
	uint64_t age_ns = worker_now(d->worker) - d->opened_ns;
	uint32_t mails_max = per_session(d->lease);
	return age_ns >= (uint64_t)d->worker->config->options->session_ms * MS_NS ||
		(mails_max != 0 && d->smtp.mails_count >= mails_max);
}

static bool begin_next(struct delivery *d)
{
	if (d->is_quitting || !smtp_session_can_begin(&d->smtp))
		return false;
	struct attempt *attempt = d->waiting;
	d->waiting = NULL;
	if (attempt == NULL && is_old(d)) {
		say_goodbye(d);
		return false;
	}
	if (attempt == NULL)
		attempt = lease_take_for(d->worker, d);
	if (attempt == NULL)
		return false;
	begin(d, attempt);
	return true;
}

static bool take_done(struct delivery *d)
{
	bool any = false;
	struct smtp_transaction *transaction;
	while ((transaction = smtp_session_take_done(&d->smtp)) != NULL) {
		CHECK(d->begun_count > 0);
		d->begun_count--;
		any = true;
		delivery_note_latency(d, transaction->owner);
		delivery_note_answers(d, transaction);
		outcome_of_transaction(d, transaction->owner);
	}
	return any;
}

/* DESIGN 2: what shares sessions shares tickets. The demand and the SNI are added by TLS itself. */
static void put_place(const struct delivery *d, struct buf *where)
{
	buf_put_u8(where, (uint8_t)d->ip.family);
	buf_put(where, d->ip.bytes, sizeof d->ip.bytes);
	buf_put_u16(where, d->host->port);
	buf_put_u32(where, d->source->index);
}

static void start_tls(struct delivery *d)
{
	const struct security_demand *demand = &d->host->demand;
	char memory[64];
	struct buf where;
	buf_init(&where, memory, sizeof memory);
	put_place(d, &where);
	CHECK(!where.overflow);
	struct tls_place place = { .where = buf_text(&where), .now_s = worker_now(d->worker) / SECOND_NS };
	enum result r = conn_start_tls(&d->conn, d->worker->tls, demand, demand->sni, &place,
		d->rung == TLS_RUNG_1_2, 0);
	if (r == RESULT_OK)
		return;
	smtp_wire_refused_tls(&d->smtp, &d->conn);
}

static void close_connection(struct delivery *d)
{
	d->state = DELIVERY_CLOSING;
	loop_timer_stop(&d->worker->loop, &d->timer);
	lease_session_busy(d->worker, d);
	enum smtp_end why = d->smtp.end;
	if (d->race != NULL)
		delivery_race_stop(d);
	if (!d->has_conn)
		return; /* all that there is is the race */
	if (why == SMTP_END_TIMEOUT || why == SMTP_END_INJECTION || why == SMTP_END_TOO_LONG ||
		why == SMTP_END_STOPPED)
		conn_abort(&d->conn);
	else
		conn_close(&d->conn);
}

static void end(struct delivery *d)
{
	CHECK(d->begun_count == 0);
	if (!d->is_ended)
		delivery_ended(d);
	d->is_ended = true;
	close_connection(d);
}

/* What a session does whenever something happened to it; the order is that of smtp_session.h. */
static void step(struct delivery *d)
{
	CHECK_OBJ(d, DELIVERY_MAGIC);
	if (d->state == DELIVERY_CLOSING)
		return;
	bool moved;
	do {
		moved = take_done(d);
		moved |= begin_next(d);
	} while (moved);
	if (d->state == DELIVERY_TALKING)
		smtp_wire_produce(&d->smtp, &d->conn, d->worker->output, sizeof d->worker->output);
	enum smtp_want want = smtp_session_want(&d->smtp);
	if (want == SMTP_WANT_STARTTLS && d->conn.tls == NULL) {
		start_tls(d);
		want = smtp_session_want(&d->smtp);
	}
	while (take_done(d))
		;
	switch (want) {
	case SMTP_WANT_CLOSE:
		end(d);
		return;
	case SMTP_WANT_MAIL:
		if (!d->is_quitting)
			lease_session_idle(d->worker, d);
		break;
	case SMTP_WANT_READ:
	case SMTP_WANT_SEND:
	case SMTP_WANT_STARTTLS:
		break;
	}
	watch_time(d);
}

void delivery_take(struct delivery *d, struct attempt *attempt)
{
	CHECK(d->waiting == NULL);
	if (!smtp_session_can_begin(&d->smtp)) { /* it has just ended */
		lease_add_first(d->worker, attempt);
		lease_session_busy(d->worker, d);
		return;
	}
	begin(d, attempt);
	step(d);
}

void delivery_quit(struct delivery *d)
{
	if (d->is_quitting || d->state == DELIVERY_CLOSING)
		return;
	say_goodbye(d);
	if (d->state == DELIVERY_CONNECTING)
		smtp_session_lost(&d->smtp, SMTP_END_STOPPED);
	step(d);
}

void delivery_stop(struct delivery *d)
{
	if (d->state == DELIVERY_CLOSING)
		return;
	smtp_session_lost(&d->smtp, SMTP_END_STOPPED);
	step(d);
}

bool delivery_serves(const struct delivery *d, struct attempt *attempt)
{
	return d->state == DELIVERY_TALKING && !d->is_quitting && attempt->source == d->source &&
		smtp_session_can_begin(&d->smtp) && walk_accepts(attempt, d->host, &d->ip);
}

/* ---- the connection's handlers ---- */

static struct delivery *of(struct conn *conn)
{
	struct delivery *d = conn->owner;
	CHECK_OBJ(d, DELIVERY_MAGIC);
	return d;
}

static void is_open(struct delivery *d)
{
	d->state = DELIVERY_TALKING;
	d->was_open = true;
	uint16_t port;
	struct ip_address local;
	if (conn_local(&d->conn, &local, &port))
		d->local = local;
	host_memory_up(&d->worker->hosts, &d->ip, d->host->port);
	d->since_ns = worker_now(d->worker);
	loop_timer_stop(&d->worker->loop, &d->timer);
	step(d);
}

static void opened(struct conn *conn)
{
	struct delivery *d = of(conn);
	if (d->state == DELIVERY_CONNECTING)
		is_open(d);
}

static void failed(struct conn *conn)
{
	struct delivery *d = of(conn);
	smtp_wire_failed(&d->smtp, conn);
	step(d);
}

static void received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct delivery *d = of(conn);
	if (d->state == DELIVERY_CLOSING)
		return;
	uint64_t progress = d->smtp.progress;
	/* An error ends the session, and smtp->end says how. */
	(void)!smtp_session_input(&d->smtp, data, len, &d->fail);
	if (d->smtp.progress != progress)
		delivery_note_reply(d);
	step(d);
}

static void sent(struct conn *conn) { step(of(conn)); }

static void tls_done(struct conn *conn)
{
	struct delivery *d = of(conn);
	if (d->state == DELIVERY_CLOSING)
		return;
	struct tls_info info;
	tls_conn_describe(conn_tls(conn), &info);
	d->tls = info.protocol;
	d->security = delivery_security_of(&d->conn, d->host);
	d->tls_result = TLS_RESULT_SUCCESS;
	delivery_audit(d);
	hub_count(&d->worker->hub->counters.sessions_tls, 1);
	hub_count(&d->worker->hub->counters.sessions_resumed, info.resumed);
	smtp_session_tls_started(&d->smtp);
	step(d);
}

/* When neither connection nor race is left. */
static void release(struct delivery *d)
{
	struct worker *w = d->worker;
	struct lease *lease = d->lease;
	if (d->has_conn || d->race != NULL)
		return;
	CHECK(d->state == DELIVERY_CLOSING && !d->is_idle && d->waiting == NULL);
	lease->fallback_sessions -= d->is_fallback;
	lease->quitting_sessions -= d->is_quitting;
	list_remove(&d->node);
	smtp_session_deinit(&d->smtp);
	route_unref(d->route);
	d->magic = 0;
	slab_release(&w->deliveries, d);
	hub_uncount(&w->hub->counters.sessions_open, 1);
	lease_session_over(w, lease);
}

static void closed(struct conn *conn)
{
	struct delivery *d = of(conn);
	d->has_conn = false;
	release(d);
}

static const struct conn_handlers handlers = {
	.opened = opened,
	.failed = failed,
	.received = received,
	.sent = sent,
	.tls_done = tls_done,
	.closed = closed,
};

/* ---- a race ---- */

void delivery_connected(struct delivery *d, int fd)
{
	CHECK(d->state == DELIVERY_CONNECTING && !d->has_conn);
	d->has_conn = true;
	conn_take(&d->conn, &d->worker->conns, &handlers, d, fd);
	is_open(d);
}

void delivery_unreachable(struct delivery *d, const struct fail *fail)
{
	d->conn.end = CONN_END_CONNECT;
	d->conn.fail = *fail;
	smtp_wire_failed(&d->smtp, &d->conn);
	step(d);
}

void delivery_race_over(struct delivery *d)
{
	d->race = NULL;
	if (d->state == DELIVERY_CLOSING)
		release(d);
}

/* ---- opening ---- */

/* The rung is only for hosts of which nothing is demanded: TLS that is demanded is never given up
 * (POL-12, STLS-18). */
static enum tls_rung rung_of(const struct security_demand *demand, enum tls_rung remembered)
{
	return security_demand_needs_tls(demand) ? TLS_RUNG_FULL : remembered;
}

enum smtp_starttls delivery_starttls(const struct security_demand *demand, enum tls_rung rung)
{
	if (security_demand_needs_tls(demand))
		return SMTP_STARTTLS_REQUIRED;
	if (demand->need == SECURITY_NEED_NONE || rung == TLS_RUNG_CLEAR)
		return SMTP_STARTTLS_NEVER;
	return SMTP_STARTTLS_IF_OFFERED;
}

void delivery_go_to(struct delivery *d, const struct route_address *address)
{
	const struct route_host *host = d->host;
	struct host_facts facts = host_memory_get(
		&d->worker->hosts, host->name, &address->ip, host->port, worker_now(d->worker));
	d->rung = (uint8_t)rung_of(&host->demand, facts.rung);
	d->ip = address->ip;
	d->local = source_address(d->source, address->ip.family);
	d->smtp_config = d->source->smtp;
	d->smtp_config.starttls = delivery_starttls(&host->demand, d->rung);
	d->smtp_config.avoid |= facts.avoid;
	if (per_session(d->lease) != 0)
		d->smtp_config.mails_max = per_session(d->lease);
	smtp_session_init(&d->smtp, &d->smtp_config);
}

bool delivery_open(struct worker *w, struct lease *lease, struct attempt *attempt,
	const struct walk_target *target)
{
	struct delivery *d = slab_acquire(&w->deliveries);
	if (d == NULL)
		return false;
	*d = (struct delivery){
		.magic = DELIVERY_MAGIC,
		.state = DELIVERY_CONNECTING,
		.is_fallback = target->is_fallback,
		.worker = w,
		.lease = lease,
		.route = route_ref(attempt->route),
		.host = target->host,
		.source = attempt->source,
		.waiting = attempt,
		.opened_ns = worker_now(w),
		.since_ns = worker_now(w),
		.id = w->next_session,
		.tls = "",
		.security = SECURITY_CLEARTEXT,
	};
	w->next_session += w->hub->workers_count;
	delivery_go_to(d, target->address);
	list_push_back(&lease->sessions, &d->node);
	lease->sessions_count++;
	lease->fallback_sessions += d->is_fallback;
	hub_count(&w->hub->counters.sessions_open, 1);
	hub_count(&w->hub->counters.sessions_total, 1);
	if (target->other == NULL || !delivery_race_start(d, target)) {
		const struct ip_address from = d->local;
		d->has_conn = true;
		conn_connect(&d->conn, &w->conns, &handlers, d, &d->ip, d->host->port,
			from.family != IP_FAMILY_NONE ? &from : NULL);
	}
	watch_time(d);
	return true;
}

/* ---- for people ---- */

void delivery_report(const struct delivery *d)
{
	static const char *const states[] = {
		[DELIVERY_CONNECTING] = "connecting",
		[DELIVERY_TALKING] = "talking",
		[DELIVERY_CLOSING] = "closing",
	};
	char ip[IP_ADDRESS_TEXT_SIZE];
	check_report_text("  session ");
	check_report_number(d->id);
	check_report_text(d->state <= DELIVERY_CLOSING ? states[d->state] : " ?");
	check_report_text(" to ");
	check_report_text(ip_address_text(&d->ip, ip));
	check_report_text(" ");
	smtp_session_report(&d->smtp);
}
