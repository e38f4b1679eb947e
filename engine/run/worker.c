#include "engine/run/worker.h"
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/delivery.h"
#include "engine/run/report.h"
#include "engine/run/worker_state.h"
#include "tls/tls_conn.h"
#include "tls/tls_verifier.h"

/* ---- attempts come and go ---- */

static void take_work(struct worker *w, struct attempt *attempt, uint32_t slots)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	w->attempts_count++;
	lease_grant(w, attempt->lease, slots);
	walk_begin(w, attempt);
	if (attempt->body == NULL && !w->draining)
		read_body(w, attempt);
	else
		lease_add(w, attempt);
}

/* Nothing lives past its lifetime: what is deferred at its end has expired. */
static void expire(struct worker *w, struct attempt *attempt)
{
	if (worker_now(w) < attempt->expires_ns)
		return;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (attempt->rcpts[i].fate == ATTEMPT_DEFERRED)
			attempt->rcpts[i].fate = ATTEMPT_EXPIRED;
}

void worker_finish(struct worker *w, struct attempt *attempt)
{
	CHECK(!attempt_has_open(attempt));
	CHECK(w->attempts_count > 0);
	struct lease *lease = attempt->lease;
	uint64_t heard = heard_pack(attempt->work->heard);
	lease_say_why(attempt);
	expire(w, attempt);
	/* Bodies are the memory that others wait for: not to be held until the disk has answered. */
	body_unref(attempt->body);
	attempt->body = NULL;
	w->attempts_count--;
	hub_post(w->hub->recorder, POST_OUTCOME, attempt, 0, 0);
	hub_post(w->hub->scheduler, POST_HEARD, lease, 0, heard);
}

/* ---- the end ---- */

static void for_each_delivery(struct worker *w, void (*what)(struct delivery *))
{
	for (uint32_t i = 0; i < w->deliveries.touched; i++) {
		struct delivery *d = slab_at(&w->deliveries, i);
		if (d != NULL)
			what(d);
	}
}

/* A session that was never ready for mail has nothing to finish, and its host may stay silent for minutes. */
static void stop_softly(struct delivery *d)
{
	if (!d->is_up && !d->is_quitting && d->smtp.step != SMTP_STEP_QUIT)
		delivery_stop(d);
	else if (d->begun_count == 0)
		delivery_quit(d);
	else
		lease_touch(d->worker, d->lease); /* it quits when it is idle */
}

static void drain(struct worker *w, bool at_once)
{
	w->draining = true;
	reads_drain(w);
	inflight_drain(w);
	for_each_delivery(w, at_once ? delivery_stop : stop_softly);
}

static void tell_drained(struct worker *w)
{
	if (!w->draining || w->drained_told || w->attempts_count > 0 || slab_in_use(&w->deliveries) > 0 ||
		slab_in_use(&w->reads) > 0 || !list_is_empty(&w->unsent_reports))
		return;
	w->drained_told = true;
	hub_post(w->hub->scheduler, POST_WORKER_DRAINED, NULL, w->index, 0);
}

/* ---- the loop ---- */

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct worker *w = loop->owner;
	switch (message->kind) {
	case POST_READ:
		read_message(w, message->object);
		break;
	case POST_ROOM:
		read_room_there(w, message->object);
		break;
	case POST_WORK:
		take_work(w, message->object, message->number);
		break;
	case POST_VERIFIED:
		tls_verifier_finish(w->verifier, message->object);
		break;
	case POST_CALL_BACK:
		lease_call_back(w, message->object);
		break;
	case POST_REPORT_DONE:
		mailbox_credits_give(&w->reports, message->number);
		break;
	case POST_WORKER_DRAIN:
		drain(w, message->number != 0);
		break;
	case POST_STOP:
		loop_stop(loop);
		break;
	default:
		UNREACHABLE("a message that is not for a worker");
	}
}

static void turn_end(struct loop *loop)
{
	struct worker *w = loop->owner;
	while (!list_is_empty(&w->unsent_reports) && mailbox_credits_take(&w->reports, 1)) {
		struct list_node *node = list_pop_front(&w->unsent_reports);
		hub_post(w->hub->recorder, POST_SESSION_OVER, CONTAINER_OF(node, struct session_report, node),
			0, 0);
	}
	leases_pump(w);
	inflight_measure(w);
	tell_drained(w);
}

static void report(void *context)
{
	struct worker *w = context;
	check_report_text("worker ");
	check_report_number(w->index);
	check_report_text(", attempts ");
	check_report_number(w->attempts_count);
	check_report_text(", sessions ");
	check_report_number(w->deliveries.in_use);
	check_report_text("\n");
	for (uint32_t i = 0; i < w->deliveries.touched; i++) {
		const struct delivery *d = slab_at(&w->deliveries, i);
		if (d != NULL)
			delivery_report(d);
	}
}

/* ---- certificates ---- */

static uint64_t wall_s(void) { return (uint64_t)clock_wall_us() / 1000000; }

static void submit_job(void *worker, struct tls_verify_job *job)
{
	struct worker *w = worker;
	hub_post(w->hub->verifier, POST_VERIFY, job, w->index, 0);
}

static void answer_conn(void *worker, struct tls_conn *tls, const struct tls_verdict *verdict)
{
	(void)worker;
	conn_resume_verify(tls_conn_owner(tls), verdict);
}

/* It outlives the loop: the jobs that are with the verifier thread at the end are freed with it. */
static enum result make_verifier(struct worker *w)
{
	const struct tls_verifier_config config = {
		.now_s = wall_s,
		.submit = submit_job,
		.answer = answer_conn,
		.arg = w,
		.jobs_max = HUB_VERDICTS_MAX,
		.cache_bytes = TLS_VERIFIER_CACHE_BYTES,
		.roots = w->config->roots,
	};
	return tls_verifier_create(&config, &w->verifier, &w->fail);
}

/* ---- the thread ---- */

static enum result open_tools(struct worker *w)
{
	uint32_t sessions = (uint32_t)w->config->options->sessions;
	if (make_verifier(w) != RESULT_OK)
		return w->fail.result;
	const struct tls_client_config tls = {
		.pool = w->hub->tls_pool,
		.conns_max = sessions,
		.verify = tls_verifier_ask,
		.verify_cancel = tls_verifier_cancel,
		.verify_arg = w->verifier,
		.tickets_bytes_max = WORKER_TICKETS_BYTES,
	};
	enum result r = conn_pool_init(&w->conns, w->loop.ring, sessions, 0, &w->fail);
	if (r != RESULT_OK)
		return r;
	w->tls = tls_context_create_client(&tls, &w->fail);
	return w->tls != NULL ? RESULT_OK : w->fail.result;
}

void *worker_run(void *worker)
{
	static const struct loop_handlers handlers = { .message = hear, .turn_end = turn_end };
	const struct ring_options options = { 0 };
	struct worker *w = worker;
	check_install_signal_stack();
	if (loop_init(&w->loop, &options, worker_mailbox(w), &handlers, w, &w->fail) != RESULT_OK)
		return w;
	check_set_reporter(report, w);
	inflight_begin(w);
	if (open_tools(w) != RESULT_OK) {
		inflight_end(w);
		loop_deinit(&w->loop);
		return w;
	}
	loop_run(&w->loop);
	inflight_end(w);
	tls_context_destroy(w->tls);
	conn_pool_deinit(&w->conns);
	loop_deinit(&w->loop);
	check_set_reporter(NULL, NULL);
	return NULL;
}

/* ---- life ---- */

enum result worker_create(struct hub *hub, uint32_t index, int new_fd,
	struct worker **out_worker, struct fail *fail)
{
	struct worker *w = calloc(1, sizeof *w);
	if (w == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for a worker");
	w->magic = WORKER_MAGIC;
	w->index = index;
	w->hub = hub;
	w->config = hub->config;
	w->log = run_config_logger(hub->config, "worker");
	w->new_fd = new_fd;
	w->next_session = index + 1;
	list_init(&w->dirty_leases);
	list_init(&w->inflight.held);
	list_init(&w->unsent_reports);
	mailbox_credits_init(&w->reports, HUB_REPORTS_MAX);
	random_init(&w->random);
	size_t sessions = (size_t)w->config->options->sessions;
	enum result r = slab_init(&w->deliveries, sizeof(struct delivery), sessions);
	if (r == RESULT_OK)
		r = slab_init(&w->races, delivery_race_bytes(), sessions);
	if (r == RESULT_OK)
		r = family_memory_init(&w->families);
	if (r == RESULT_OK)
		r = host_memory_init(&w->hosts, run_config_first_wait_ns(w->config));
	if (r != RESULT_OK)
		fail_set(fail, r, "out of memory for a worker");
	else
		r = reads_init(w, fail);
	if (r != RESULT_OK) {
		free(w);
		return r;
	}
	*out_worker = w;
	return RESULT_OK;
}

const struct fail *worker_fail(const struct worker *worker) { return &worker->fail; }

void worker_destroy(struct worker *w)
{
	if (w == NULL)
		return;
	CHECK_OBJ(w, WORKER_MAGIC);
	reads_deinit(w);
	tls_verifier_destroy(w->verifier);
	host_memory_deinit(&w->hosts);
	family_memory_deinit(&w->families);
	slab_deinit(&w->races);
	slab_deinit(&w->deliveries);
	w->magic = 0;
	free(w);
}
