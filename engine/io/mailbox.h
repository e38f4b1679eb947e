/* What threads say to each other: one mailbox a thread, many senders, one receiver, no lock.
 *
 * A bounded ring of fixed-size messages. Its capacity is fixed when it is created and follows from
 * the credits of all who may post (mailbox_credits below), so a full mailbox is a mistake of ours
 * and fails a check; nobody ever waits for room and so nothing can deadlock. A message passes the
 * ownership of `object`, and everything the sender wrote before posting is visible to the receiver.
 *
 * Messages of one sender arrive in their order. A receiver that sleeps is woken by an eventfd,
 * which is written only if it sleeps. Created before the threads, destroyed after them. */
#ifndef ENGINE_IO_MAILBOX_H
#define ENGINE_IO_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"

struct mailbox;

/* What a message means is the receiver's business: an enum of its own, from 1 on. */
struct mailbox_message {
	uint16_t kind;   /* never 0: that is the ping of mailbox_test() */
	uint16_t from;   /* which sender, as sender and receiver have agreed on */
	uint32_t number;
	void *object;
	uint64_t a, b;
};
static_assert(sizeof(struct mailbox_message) == 32, "half a cache line");

/* `messages` is rounded up to a power of two. RESULT_MEMORY, RESULT_LIMIT (descriptors). */
MUST_USE enum result mailbox_create(
	uint32_t messages, struct mailbox **out_mailbox, struct fail *fail);
void mailbox_destroy(struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, const struct mailbox_message *message);

/* Makes the receiver's loop run a turn though nothing is posted; safe in a signal handler. */
void mailbox_wake(struct mailbox *mailbox);

/* Any thread: posts a ping without waiting for the answer; how many were answered so far, of all. One ping
 * may be outstanding of each who asks. */
void mailbox_ping(struct mailbox *mailbox);
uint32_t mailbox_pongs(struct mailbox *mailbox);

/* Any thread but the receiver, which must run a loop (loop.h): waits until the receiver sleeps,
 * posts a ping and waits for the answer. RESULT_TIMEOUT: wake-ups do not work here, and nothing
 * else would. */
MUST_USE enum result mailbox_test(struct mailbox *mailbox, uint32_t timeout_ms, struct fail *fail);

/* ---- the receiver ---- */

/* False when empty. Pings are answered inside and not given out. */
bool mailbox_take(struct mailbox *mailbox, struct mailbox_message *out_message);
/* Before it waits: true if it may, and from then on senders write the eventfd; false if there is a
 * message. After a wait that was allowed: mailbox_awake(). */
bool mailbox_may_sleep(struct mailbox *mailbox);
void mailbox_awake(struct mailbox *mailbox);
/* The eventfd (blocking, for ring_read of 8 bytes). */
int mailbox_fd(const struct mailbox *mailbox);

/* Messages in it, more or less, for status lines. */
uint32_t mailbox_used(const struct mailbox *mailbox);
uint32_t mailbox_capacity(const struct mailbox *mailbox);

/* How much a sender may have outstanding at the receiver: taken before a message is posted,
 * given back when its answer has come. The sum of the limits of all senders, plus one for pings,
 * is the capacity of the mailbox. Owned by the sender's thread. */
struct mailbox_credits {
	uint32_t limit, taken;
};

static inline void mailbox_credits_init(struct mailbox_credits *credits, uint32_t limit)
{
	credits->limit = limit;
	credits->taken = 0;
}

static inline uint32_t mailbox_credits_left(const struct mailbox_credits *credits)
{
	return credits->limit - credits->taken;
}

/* False, and nothing is taken, when fewer than `count` are left. */
MUST_USE static inline bool mailbox_credits_take(struct mailbox_credits *credits, uint32_t count)
{
	if (mailbox_credits_left(credits) < count)
		return false;
	credits->taken += count;
	return true;
}

static inline void mailbox_credits_give(struct mailbox_credits *credits, uint32_t count)
{
	CHECK(credits->taken >= count);
	credits->taken -= count;
}

#endif
