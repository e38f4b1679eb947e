/* Notifications (RFC 3464) of what became of a message: whom they tell of what. prepared.h tells how they
 * come to be mail once. */
#ifndef ENGINE_RUN_NOTICE_H
#define ENGINE_RUN_NOTICE_H

#include "engine/mail/notification.h"
#include "engine/run/attempt.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"

enum bounce_option { BOUNCE_SINGLE, BOUNCE_DSN, BOUNCE_EVENT }; /* as in options.def */
enum {
	/* Notifications in the spool, on their way to their senders: from so many on jobs make no more
	 * recipients where each failure is one more (--bounce=dsn). */
	NOTICES_JOBS_WAIT = 2000,
	/* From so many on what fails of a job is tried again later: what is parked fails all the same. */
	NOTICES_MAX = 10000,
};

/* Whether the sender is to hear of this fate by a notification (--bounce, DSN-02, DSN-07, EXT-DSN-03), and
 * of which kind; of a warning (scheduler_warn.h) all are told of. Recipients of a job directory are mail of a
 * job like other. */
bool notice_is_due(const struct run_config *config, const struct attempt *attempt,
	const struct attempt_rcpt *rcpt, enum notification_action *out_action);
/* Whether --bounce and his NOTIFY let him be told so. */
bool notice_is_wanted(const struct run_config *config, const struct envelope *envelope,
	const struct envelope_rcpt *rcpt, enum notification_action action);
/* Marks those of the attempt (has_notice); how many. */
uint32_t notice_mark(const struct run_config *config, struct attempt *attempt);
/* Whether there are too many already. */
bool notice_must_wait(const struct hub *hub, const struct attempt *attempt);
/* Notifications could not be prepared: those who are marked are deferred, whatever their fate, since a sender
 * who is not told would believe that all is well. An attempt whose lifetime is over comes again in some
 * minutes. */
void notice_defer(struct attempt *attempt, uint64_t now_ns, enum result result);

#endif
