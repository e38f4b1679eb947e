#include "engine/run/probe.h"
#include <stdio.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/smtp_wire.h"
#include "engine/run/source_family.h"
#include "tls/dane_verify.h"

enum {
	OUTPUT_BYTES = 4096, /* commands without a message are shorter */
	US_PER_S = 1000000,
};

static void step(struct probe *p);

/* ---- time ---- */

static uint64_t deadline_ns(struct probe *p)
{
	if (!p->result.was_open)
		return p->since_ns + (uint64_t)p->env->config->options->connect_ms * MS_NS;
	struct smtp_deadline deadline = smtp_session_deadline(&p->smtp);
	if (deadline.progress != p->progress) {
		p->progress = deadline.progress;
		p->since_ns = loop_now_ns(p->env->loop);
	}
	return p->since_ns + deadline.wait_ms * MS_NS;
}

static void timer_due(struct timer *timer)
{
	struct probe *p = CONTAINER_OF(timer, struct probe, timer);
	CHECK_OBJ(p, PROBE_MAGIC);
	smtp_wire_timed_out(&p->smtp, &p->conn);
	step(p);
}

/* ---- what it found ---- */

/* The handshake was judged by the verifier of its context, which keeps to itself what matched. The same
 * question, asked once more, tells. */
static void take_match(struct probe *p, const struct tls_conn *tls)
{
	const struct security_demand *demand = &p->host->demand;
	struct tls_chain chain;
	struct dane_verdict verdict;
	tls_conn_peer_chain(tls, &chain);
	if (demand->tlsa_count == 0 || chain.certs_count == 0)
		return;
	const struct dane_question question =
		dane_question_of(&chain, demand, (uint64_t)clock_wall_us() / US_PER_S);
	dane_verify(&question, &verdict);
	if (!verdict.is_match)
		return;
	p->result.matched = &demand->tlsa[verdict.record];
	p->result.matched_depth = verdict.depth;
}

static void take_tls(struct probe *p)
{
	const struct tls_conn *tls = conn_tls(&p->conn);
	if (tls == NULL)
		return;
	struct tls_info info;
	struct probe_result *result = &p->result;
	tls_conn_describe(tls, &info);
	result->tls = info.protocol;
	result->cipher = info.cipher;
	result->group = info.group;
	result->tls_result = tls_failure_result(info.failure);
	result->has_leaf = tls_conn_leaf_digest(tls, result->certificate) &&
		tls_conn_leaf_key_digest(tls, result->key);
	take_match(p, tls);
}

/* Ready for mail is all that is asked; how QUIT is answered does not matter. */
static void pass(struct probe *p)
{
	CHECK(!security_demand_needs_tls(&p->host->demand) || p->smtp.tls_active);
	p->result.verdict = PROBE_PASSED;
	p->result.security = delivery_security_of(&p->conn, p->host);
	p->result.offered = p->smtp.caps.offered;
	take_tls(p);
	p->is_quitting = true;
	smtp_session_quit(&p->smtp);
}

static bool is_about_proof(enum smtp_end end)
{
	return end == SMTP_END_TLS_FAILED || end == SMTP_END_TLS_NOT_OFFERED ||
		end == SMTP_END_TLS_REFUSED || end == SMTP_END_INJECTION;
}

static void judge_end(struct probe *p)
{
	struct probe_result *result = &p->result;
	enum smtp_end end = p->smtp.end;
	bool is_refused = is_about_proof(end) && security_demand_needs_tls(&p->host->demand);
	result->verdict = is_refused ? PROBE_REFUSED : PROBE_FAILED;
	result->security = delivery_security_of(&p->conn, p->host);
	result->offered = p->smtp.caps.offered;
	result->spoke = smtp_session_end_reply(&p->smtp).code != 0;
	result->tls_broke = end == SMTP_END_TLS_FAILED && conn_tls(&p->conn) != NULL;
	take_tls(p);
	delivery_describe_end(&p->smtp, &p->conn, &p->fail, result->was_open, result->why);
}

static void end(struct probe *p)
{
	enum smtp_end why = p->smtp.end;
	if (!p->is_quitting)
		judge_end(p);
	p->is_closing = true;
	loop_timer_stop(p->env->loop, &p->timer);
	if (why == SMTP_END_TIMEOUT || why == SMTP_END_INJECTION || why == SMTP_END_TOO_LONG)
		conn_abort(&p->conn);
	else
		conn_close(&p->conn);
}

/* ---- the conversation ---- */

static void produce(struct probe *p)
{
	uint8_t output[OUTPUT_BYTES];
	smtp_wire_produce(&p->smtp, &p->conn, output, sizeof output);
}

static void start_tls(struct probe *p)
{
	const struct security_demand *demand = &p->host->demand;
	bool tls12_only = p->result.rung == TLS_RUNG_1_2;
	/* Without a place: a probe shows what a full handshake says. */
	if (conn_start_tls(&p->conn, p->env->tls, demand, demand->sni, NULL, tls12_only, 0) !=
		RESULT_OK)
		smtp_wire_refused_tls(&p->smtp, &p->conn);
}

static void step(struct probe *p)
{
	CHECK_OBJ(p, PROBE_MAGIC);
	if (p->is_closing)
		return;
	if (p->result.was_open)
		produce(p);
	enum smtp_want want = smtp_session_want(&p->smtp);
	if (want == SMTP_WANT_MAIL && !p->is_quitting) {
		pass(p);
		produce(p);
	} else if (want == SMTP_WANT_STARTTLS && p->conn.tls == NULL) {
		start_tls(p);
	}
	if (smtp_session_want(&p->smtp) == SMTP_WANT_CLOSE)
		end(p);
	else
		timer_start(&p->env->loop->timers, &p->timer, deadline_ns(p), timer_due);
}

/* ---- the connection's handlers ---- */

static struct probe *of(struct conn *conn)
{
	struct probe *p = conn->owner;
	CHECK_OBJ(p, PROBE_MAGIC);
	return p;
}

static void opened(struct conn *conn)
{
	struct probe *p = of(conn);
	p->result.was_open = true;
	p->since_ns = loop_now_ns(p->env->loop);
	step(p);
}

static void failed(struct conn *conn)
{
	struct probe *p = of(conn);
	smtp_wire_failed(&p->smtp, conn);
	step(p);
}

static void received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct probe *p = of(conn);
	if (p->is_closing)
		return;
	/* An error ends the session, and smtp->end says how. */
	(void)!smtp_session_input(&p->smtp, data, len, &p->fail);
	step(p);
}

static void sent(struct conn *conn) { step(of(conn)); }

static void tls_done(struct conn *conn)
{
	struct probe *p = of(conn);
	if (p->is_closing)
		return;
	smtp_session_tls_started(&p->smtp);
	step(p);
}

static void closed(struct conn *conn)
{
	struct probe *p = of(conn);
	smtp_session_deinit(&p->smtp);
	p->magic = 0;
	p->done(p, p->context);
}

static const struct conn_handlers handlers = {
	.opened = opened,
	.failed = failed,
	.received = received,
	.sent = sent,
	.tls_done = tls_done,
	.closed = closed,
};

/* ---- the beginning ---- */

/* MX-17: a source of one family connects to addresses of that family only. */
static const struct source *source_for(const struct run_config *config, const struct ip_address *ip)
{
	for (uint32_t i = 0; i < config->sources_count; i++)
		if (source_reaches(&config->sources[i], ip->family))
			return &config->sources[i];
	return NULL;
}

bool probe_start(struct probe *probe, const struct probe_env *env, const struct route *route,
	const struct route_host *host, size_t address, enum tls_rung rung, probe_done_fn *done,
	void *context)
{
	CHECK(address < host->addresses_count);
	*probe = (struct probe){
		.magic = PROBE_MAGIC,
		.env = env,
		.route = route,
		.host = host,
		.done = done,
		.context = context,
		.since_ns = loop_now_ns(env->loop),
		.result = { .ip = host->addresses[address].ip, .rung = rung, .tls = "", .cipher = "",
			.group = "" },
	};
	const struct source *source = source_for(env->config, &probe->result.ip);
	if (source == NULL) {
		probe->magic = 0;
		probe->result.verdict = PROBE_NOT_MADE;
		snprintf(probe->result.why, sizeof probe->result.why,
			"no address of the family of our source");
		return false;
	}
	probe->smtp_config = source->smtp;
	probe->smtp_config.starttls = delivery_starttls(&host->demand, rung);
	smtp_session_init(&probe->smtp, &probe->smtp_config);
	struct ip_address from = source_address(source, probe->result.ip.family);
	conn_connect(&probe->conn, env->pool, &handlers, probe, &probe->result.ip, host->port,
		from.family != IP_FAMILY_NONE ? &from : NULL);
	timer_start(&env->loop->timers, &probe->timer, deadline_ns(probe), timer_due);
	return true;
}
