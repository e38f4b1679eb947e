#include "engine/run/status.h"
#include <stdio.h>
#include <unistd.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"

/* Often enough to look alive; a log has no use for more than a line in ten seconds. */
#define TERMINAL_NS (SECOND_NS / 2)
#define LOG_NS (10 * SECOND_NS)

enum { STATUS_AUTO, STATUS_ON, STATUS_OFF };

static void show_line(struct status *status, uint64_t rate)
{
	const struct hub_counters *c = &status->hub->counters;
	char line[240];
	int len = snprintf(line, sizeof line,
		"\r\033[K%llu/s  sessions %llu  delivered %llu  bounced %llu  pending %llu "
		"(retry later %llu)  TLS %llu of %llu",
		(unsigned long long)rate, (unsigned long long)hub_read(&c->sessions_open),
		(unsigned long long)hub_read(&c->delivered), (unsigned long long)hub_read(&c->bounced),
		(unsigned long long)hub_read(&c->rcpts_pending), (unsigned long long)hub_read(&c->waiting),
		(unsigned long long)hub_read(&c->messages_tls),
		(unsigned long long)(hub_read(&c->messages_tls) + hub_read(&c->messages_clear)));
	if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
		status->is_terminal = false;
}

static void log_line(struct status *status, enum log_row row, uint64_t rate)
{
	const struct hub_counters *c = &status->hub->counters;
	log_write(&status->log, row,
		LOG_FIELDS(log_number("per_second", rate),
			log_number("sessions", hub_read(&c->sessions_open)),
			log_number("connections", hub_read(&c->sessions_total)),
			log_number("handshakes", hub_read(&c->sessions_tls)),
			log_number("resumed", hub_read(&c->sessions_resumed)),
			log_number("accepted", hub_read(&c->rcpts_accepted)),
			log_number("delivered", hub_read(&c->delivered)),
			log_number("bounced", hub_read(&c->bounced)),
			log_number("expired", hub_read(&c->expired)),
			log_number("withdrawn", hub_read(&c->withdrawn)),
			log_number("suppressed", hub_read(&c->suppressed)),
			log_number("rejected", hub_read(&c->rejected)),
			log_number("pending", hub_read(&c->rcpts_pending)),
			log_number("sums_checked", hub_read(&c->sums_checked)),
			log_number("stuck", hub_read(&c->stuck)),
			log_number("stalled", hub_read(&c->stalled)),
			log_number("deferrals", hub_read(&c->deferrals)),
			log_number("bad_files", hub_read(&c->files_bad)),
			log_number("messages_tls", hub_read(&c->messages_tls)),
			log_number("messages_clear", hub_read(&c->messages_clear)),
			log_number("commits", hub_read(&c->commits))));
}

static void due(struct timer *timer)
{
	struct status *status = CONTAINER_OF(timer, struct status, timer);
	uint64_t now_ns = loop_now_ns(status->loop), done = hub_done_count(&status->hub->counters);
	uint64_t passed_ns = now_ns - status->last_ns;
	uint64_t rate = passed_ns > 0 ? (done - status->last_done) * SECOND_NS / passed_ns : 0;
	if (status->is_terminal)
		show_line(status, rate);
	else if (done != status->last_done)
		log_line(status, LOG_PROGRESS, rate);
	status->last_ns = now_ns;
	status->last_done = done;
	loop_timer_start(status->loop, &status->timer, status->is_terminal ? TERMINAL_NS : LOG_NS, due);
}

static void stall_due(struct timer *timer)
{
	struct status *status = CONTAINER_OF(timer, struct status, stall_timer);
	uint64_t minute_ns = status->hub->config->watch_minute_ns;
	(void)stall_look(&status->scheduler, loop_now_ns(status->loop), minute_ns, &status->log);
	loop_timer_start(status->loop, timer, minute_ns / 2, stall_due);
}

void status_start(struct status *status, struct hub *hub, struct loop *loop)
{
	int wish = hub->config->options->status;
	*status = (struct status){
		.hub = hub,
		.loop = loop,
		.log = run_config_logger(hub->config, "main"),
		.is_terminal = wish == STATUS_ON || (wish == STATUS_AUTO && isatty(STDERR_FILENO)),
		.last_ns = loop_now_ns(loop),
		.started_ns = loop_now_ns(loop),
	};
	stall_init(&status->scheduler, hub->scheduler, "scheduler",
		"restart the sender, and report it");
	stall_due(&status->stall_timer);
	if (wish != STATUS_OFF)
		loop_timer_start(loop, &status->timer, status->is_terminal ? TERMINAL_NS : LOG_NS, due);
}

void status_stop(struct status *status)
{
	loop_timer_stop(status->loop, &status->timer);
	loop_timer_stop(status->loop, &status->stall_timer);
	uint64_t passed_ns = clock_now_ns() - status->started_ns;
	uint64_t done = hub_done_count(&status->hub->counters);
	if (status->is_terminal) {
		show_line(status, passed_ns > 0 ? done * SECOND_NS / passed_ns : 0);
		if (write(STDERR_FILENO, "\n", 1) < 0)
			return; /* nobody watches any more */
	}
	log_line(status, LOG_STOPPED, passed_ns > 0 ? done * SECOND_NS / passed_ns : 0);
}
