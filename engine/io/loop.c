#include "engine/io/loop.h"
#include <errno.h>
#include "engine/base/check.h"
#include "engine/io/clock.h"

static void wait_for_wake_up(struct loop *loop);

/* Somebody wrote the eventfd: the turn that follows looks at the mailbox. */
static void wake_done(struct io_op *op, const struct io_result *result)
{
	struct loop *loop = CONTAINER_OF(op, struct loop, wake_op);
	CHECK_OBJ(loop, LOOP_MAGIC);
	if (result->value != -ECANCELED)
		wait_for_wake_up(loop);
}

static void wait_for_wake_up(struct loop *loop)
{
	ring_read(loop->ring, &loop->wake_op, mailbox_fd(loop->mailbox), &loop->wake_count,
		sizeof loop->wake_count, RING_AT_CURSOR, wake_done);
}

enum result loop_init(struct loop *loop, const struct ring_options *options,
	struct mailbox *mailbox, const struct loop_handlers *handlers, void *owner,
	struct fail *fail)
{
	CHECK(mailbox == NULL || handlers->message != NULL);
	*loop = (struct loop){
		.magic = LOOP_MAGIC,
		.mailbox = mailbox,
		.handlers = handlers,
		.owner = owner,
		.now_ns = clock_now_ns(),
	};
	enum result result = ring_create(options, &loop->ring, fail);
	if (result != RESULT_OK)
		return result;
	timer_wheel_init(&loop->timers, loop->now_ns);
	if (mailbox != NULL)
		wait_for_wake_up(loop);
	return RESULT_OK;
}

void loop_deinit(struct loop *loop)
{
	CHECK_OBJ(loop, LOOP_MAGIC);
	ring_cancel(loop->ring, &loop->wake_op);
	while (loop->wake_op.in_flight)
		(void)ring_run_once(loop->ring, RING_FOREVER);
	ring_destroy(loop->ring);
	loop->ring = NULL;
	loop->magic = 0;
}

/* How many messages there were; LOOP_TURN_MESSAGES_MAX: more may be waiting. */
static int read_mail(struct loop *loop)
{
	struct mailbox_message message;
	int count = 0;
	while (count < LOOP_TURN_MESSAGES_MAX && mailbox_take(loop->mailbox, &message)) {
		loop->handlers->message(loop, &message);
		count++;
	}
	return count;
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Senders write the eventfd only while the flag is up, so it is up for the sleep alone. */
static void sleep_until(struct loop *loop, uint64_t deadline_ns)
{
	if (loop->mailbox == NULL) {
		ring_wait(loop->ring, deadline_ns);
	} else if (mailbox_may_sleep(loop->mailbox)) {
		ring_wait(loop->ring, deadline_ns);
		mailbox_awake(loop->mailbox);
	} else {
		ring_wait(loop->ring, RING_NO_WAIT);
	}
}

void loop_run_once(struct loop *loop, uint64_t deadline_ns)
{
	CHECK_OBJ(loop, LOOP_MAGIC);
	int messages = loop->mailbox != NULL ? read_mail(loop) : 0;
	loop->now_ns = clock_now_ns();
	(void)timer_wheel_advance(&loop->timers, loop->now_ns);
	loop->again = false;
	if (loop->handlers->turn_end != NULL)
		loop->handlers->turn_end(loop);
	if (loop->stopping || loop->again || messages == LOOP_TURN_MESSAGES_MAX)
		deadline_ns = RING_NO_WAIT;
	deadline_ns = earlier(deadline_ns, timer_wheel_next_ns(&loop->timers));
	bool waits = deadline_ns != RING_NO_WAIT && !ring_has_work(loop->ring);
	uint64_t from_ns = waits ? clock_now_ns() : 0;
	if (!waits)
		ring_wait(loop->ring, RING_NO_WAIT);
	else if (loop->nap_ns > 0 && messages >= LOOP_NAP_MESSAGES_MIN)
		ring_wait(loop->ring, earlier(deadline_ns, loop->now_ns + loop->nap_ns));
	else
		sleep_until(loop, deadline_ns);
	/* Completions, and the messages of the next turn, come before timers: not with the time of before
	 * the sleep. */
	loop->now_ns = clock_now_ns();
	loop->slept = waits && loop->now_ns - from_ns >= LOOP_SLEEP_US_MIN * 1000u;
	timer_wheel_tell(&loop->timers, loop->now_ns);
	(void)ring_deliver(loop->ring, loop->now_ns);
}

void loop_run(struct loop *loop)
{
	while (!loop->stopping)
		loop_run_once(loop, RING_FOREVER);
	loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
	CHECK_OBJ(loop, LOOP_MAGIC);
	loop->stopping = true;
}
