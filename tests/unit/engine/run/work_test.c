#include "tests/unit/engine/run/work_test.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "tls/tls_verifier.h"

static void make_site(struct work *w)
{
	struct site *site = calloc(1, sizeof *site + COUNT_OF(w->leases) * sizeof site->leases[0]);
	assert_non_null(site);
	w->provider = calloc(1, sizeof *w->provider);
	assert_non_null(w->provider);
	w->provider->magic = PROVIDER_MAGIC;
	snprintf(w->provider->key, sizeof w->provider->key, "mx:test");
	site->magic = SITE_MAGIC;
	site->provider = w->provider;
	site->source = &w->base.config.sources[0];
	for (size_t i = 0; i < COUNT_OF(w->leases); i++) {
		struct lease *lease = w->leases[i] = &site->leases[i];
		lease->magic = LEASE_MAGIC;
		lease->site = site;
		list_init(&lease->fifo);
		list_init(&lease->sessions);
		list_init(&lease->idle);
	}
	w->site = site;
	w->lease = w->leases[0];
}

void work_init(struct work *w, const char *const *flags)
{
	struct fail fail;
	memset(w, 0, sizeof *w);
	const char *folder = getenv("TMPDIR");
	snprintf(w->spool, sizeof w->spool, "%s/work-XXXXXX", folder != NULL ? folder : "/tmp");
	assert_non_null(mkdtemp(w->spool));
	run_test_init(&w->base, w->spool, flags);
	assert_int_equal(file_open_directory(AT_FDCWD, w->spool, &w->new_fd, &fail), RESULT_OK);
	list_init(&w->outcomes);
	list_init(&w->returned);
	w->expires_ns = UINT64_MAX;
	make_site(w);
	assert_int_equal(worker_create(&w->base.hub, 0, w->new_fd, &w->worker, &fail), RESULT_OK);
	assert_int_equal(pthread_create(&w->thread, NULL, worker_run, w->worker), 0);
	assert_int_equal(mailbox_test(w->base.hub.workers[0], WORK_WAIT_MS, &fail), RESULT_OK);
}

/* ---- what it says ---- */

static void take_heard(struct work *w, struct heard heard)
{
	w->heard_count++;
	w->heard.good = (uint16_t)(w->heard.good + heard.good);
	w->heard.blocks = (uint16_t)(w->heard.blocks + heard.blocks);
	w->heard.slow_down |= heard.slow_down;
	w->heard.back_off |= heard.back_off;
	w->heard.suspend |= heard.suspend;
	if (heard.latency_ms > w->heard.latency_ms)
		w->heard.latency_ms = heard.latency_ms;
}

static void hear_as_scheduler(struct work *w, const struct mailbox_message *message)
{
	struct attempt *attempt = message->object;
	switch (message->kind) {
	case POST_HEARD: take_heard(w, heard_unpack(message->a)); break;
	case POST_RETURNED:
		list_push_back(&w->returned, &attempt->node);
		w->returned_count++;
		take_heard(w, heard_unpack(message->a));
		w->heard_count--; /* counts those of outcomes */
		break;
	case POST_SLOTS:
		assert_true(message->object == w->leases[0] || message->object == w->leases[1]);
		assert_true(message->number <= w->slots);
		w->slots -= message->number;
		w->call_backs_answered += (uint32_t)message->a;
		break;
	case POST_SESSION_UP: w->sessions_up++; break;
	case POST_BODIES_WANTED: w->bodies_wanted++; break;
	case POST_READ_DONE:
		w->read = message->object;
		w->reads_done++;
		break;
	case POST_WORKER_DRAINED: w->drained++; break;
	default: fail_msg("%s came to the scheduler", post_name(message->kind));
	}
}

static void hear_as_recorder(struct work *w, const struct mailbox_message *message)
{
	if (message->kind == POST_OUTCOME) {
		struct attempt *attempt = message->object;
		list_push_back(&w->outcomes, &attempt->node);
		w->outcomes_count++;
		return;
	}
	assert_int_equal(message->kind, POST_SESSION_OVER);
	struct session_report *report = message->object;
	assert_true(w->reports_count < WORK_REPORTS_MAX);
	snprintf(w->report_mx[w->reports_count], sizeof w->report_mx[0], "%.60s",
		report->host->name);
	w->reports[w->reports_count++] = *report;
	route_unref(report->route);
	free(report);
	hub_post(w->base.hub.workers[0], POST_REPORT_DONE, NULL, 1, 0);
}

static void hear_as_verifier(struct work *w, const struct mailbox_message *message)
{
	CHECK(message->kind == POST_VERIFY);
	w->chains++;
	tls_verify_job_run(message->object);
	hub_post(w->base.hub.workers[message->number], POST_VERIFIED, message->object, 0, 0);
}

bool work_play(struct work *w)
{
	struct mailbox_message message;
	bool any = false;
	for (; mailbox_take(w->base.hub.recorder, &message); any = true)
		hear_as_recorder(w, &message);
	for (; mailbox_take(w->base.hub.scheduler, &message); any = true)
		hear_as_scheduler(w, &message);
	for (; mailbox_take(w->base.hub.verifier, &message); any = true)
		hear_as_verifier(w, &message);
	return any;
}

struct attempt *work_outcome(struct work *w)
{
	WORK_WAIT(w, !list_is_empty(&w->outcomes));
	struct attempt *attempt = CONTAINER_OF(list_pop_front(&w->outcomes), struct attempt, node);
	assert_false(attempt_has_open(attempt));
	assert_null(attempt->body); /* not held while the disk is waited for */
	return attempt;
}

struct attempt *work_returned(struct work *w)
{
	WORK_WAIT(w, !list_is_empty(&w->returned));
	return CONTAINER_OF(list_pop_front(&w->returned), struct attempt, node);
}

/* ---- what it is given ---- */

struct message *work_file(struct work *w, const char *name, const char *text)
{
	struct file_identity identity;
	enum file_type type;
	int fd;
	assert_int_equal(file_create(w->new_fd, name, &fd, NULL), RESULT_OK);
	assert_int_equal(file_write_all(fd, text, strlen(text), NULL), RESULT_OK);
	assert_int_equal(file_describe(fd, &type, &identity, NULL), RESULT_OK);
	file_close(fd);
	struct message *message = message_create(name, &identity);
	assert_non_null(message);
	return message;
}

static struct attempt *lease_out(struct work *w, struct route *route, struct message *message,
	struct body *body, uint32_t slots)
{
	struct attempt *attempt = attempt_create(message, message->envelope->rcpts_count);
	assert_non_null(attempt);
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		attempt->rcpts[i].rcpt = i;
	assert_true(attempt_begin_work(attempt));
	attempt->transactional = message->envelope->class == ENVELOPE_CLASS_TRANSACTIONAL;
	attempt_move(attempt, ATTEMPT_LEASED);
	attempt->lease = w->lease;
	attempt->source = &w->base.config.sources[w->source];
	attempt->route = route;
	attempt->body = body;
	attempt->expires_ns = w->expires_ns;
	w->slots += slots;
	w->slots_given += slots;
	hub_post(w->base.hub.workers[0], POST_WORK, attempt, slots, 0);
	return attempt;
}

struct attempt *work_send_slots(
	struct work *w, struct route *route, const struct test_mail *mail, uint32_t slots)
{
	struct message *message = test_message(mail);
	message->envelope = test_envelope(mail);
	struct body *body = test_body(&w->base.hub.bodies, WORK_BODY);
	assert_non_null(body);
	return lease_out(w, route, message, body, slots);
}

struct attempt *work_send(struct work *w, struct route *route, const struct test_mail *mail)
{
	return work_send_slots(w, route, mail, 1);
}

struct attempt *work_send_bodyless(struct work *w, struct route *route, struct message *message)
{
	return lease_out(w, route, message, NULL, 1);
}

void work_done(struct work *w, struct attempt *attempt)
{
	(void)w;
	struct message *message = attempt->message;
	attempt_destroy(attempt);
	message_destroy(message);
}

/* ---- what became of it ---- */

const char *work_reply(const struct attempt *attempt)
{
	static char text[512];
	const struct attempt_rcpt *rcpt = &attempt->rcpts[0];
	snprintf(text, sizeof text, "%u %.*s", rcpt->code,
		TEXT_ARG(attempt_reply_text(attempt, rcpt)));
	return text;
}

const char *work_reason(const struct attempt *attempt)
{
	static char text[ATTEMPT_REASON_MAX + 1];
	snprintf(text, sizeof text, "%.*s", TEXT_ARG(buf_text(&attempt->work->reason)));
	return text;
}

const char *work_status(const struct attempt *attempt)
{
	static char text[SMTP_STATUS_TEXT_MAX];
	return smtp_status_format(attempt->rcpts[0].status, text);
}

struct route *work_route(struct peer *const *peers, size_t count, enum security_need need)
{
	struct test_host hosts[ROUTE_HOSTS_MAX] = { { 0 } };
	static const char *const names[] = { "mx0.test", "mx1.test", "mx2.test", "mx3.test" };
	assert_true(count < COUNT_OF(hosts) && count <= COUNT_OF(names));
	for (size_t i = 0; i < count; i++)
		hosts[i] = (struct test_host){ names[i], (uint16_t)(10 * i), peers[i]->port,
			peers[i]->address, ROUTE_HOST_READY, NULL, need };
	return test_route("a.example", hosts, UINT64_MAX);
}

/* ---- the end ---- */

static void remove_spool(struct work *w)
{
	char command[128];
	file_close(w->new_fd);
	snprintf(command, sizeof command, "rm -rf '%s'", w->spool);
	assert_int_equal(system(command), 0);
}

void work_end(struct work *w)
{
	struct mailbox *mailbox = w->base.hub.workers[0];
	if (w->drained == 0) {
		hub_post(mailbox, POST_WORKER_DRAIN, NULL, 0, 0);
		WORK_WAIT(w, w->drained == 1);
	}
	assert_true(list_is_empty(&w->outcomes));
	assert_true(list_is_empty(&w->returned));
	assert_int_equal(w->slots, 0);
	assert_int_equal(hub_read(&w->base.hub.counters.sessions_open), 0);
	hub_post(mailbox, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	while (work_play(w))
		;
	assert_int_equal(w->drained, 1);
	worker_destroy(w->worker);
	for (size_t i = 0; i < COUNT_OF(w->leases); i++)
		free(atomic_load(&w->leases[i]->why));
	free(w->site);
	free(w->provider);
	remove_spool(w);
	run_test_deinit(&w->base);
}
