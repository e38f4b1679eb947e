/* Notifications (RFC 3464) of what became of a message: whom they tell of what, and how they come to be
 * mail exactly once.
 *
 *   prepare   a file in tmp/, durable, before the outcomes that it tells of are in the journal
 *   commit    the outcomes
 *   publish   the file is moved to new/: from then on it is mail as any other
 *
 * A crash leaves a file in tmp/. If the journal has the outcome, it is published by the next run, else it
 * goes, since the recipient is tried again. It is written once and only moved after that, so that what the
 * journal says of it as mail holds wherever a crash puts it. */
#ifndef ENGINE_RUN_NOTICE_H
#define ENGINE_RUN_NOTICE_H

#include "engine/mail/notification.h"
#include "engine/run/attempt.h"
#include "engine/run/config.h"
#include "engine/run/recovery.h"

enum { NOTICE_NAME_SIZE = 4 + 2 * MESSAGE_UNIQUE_BYTES + 1 + 10 + 1 };

/* Whether the sender is to hear of this fate by a notification (--bounce, DSN-02, DSN-07, EXT-DSN-03), and
 * of which kind. Of recipients of a job directory never: whoever writes one reads events. */
bool notice_is_due(const struct run_config *config, const struct attempt *attempt,
	const struct attempt_rcpt *rcpt, enum notification_action *out_action);
/* Marks those of the attempt (has_notice); how many. */
uint32_t notice_mark(const struct run_config *config, struct attempt *attempt);
/* Notifications could not be prepared: those who are marked are deferred, whatever their fate, since a sender
 * who is not told would believe that all is well. An attempt whose lifetime is over comes again in some
 * minutes. */
void notice_defer(struct attempt *attempt, uint64_t now_ns, enum result result);

/* The name in tmp/ and in new/, made of the file's identity and the first recipient that it tells of: a
 * recipient has one final outcome, and so one name. */
void notice_name(const struct message *message, uint32_t rcpt, char out[static NOTICE_NAME_SIZE]);
/* Looks through tmp/ for what a crash left: see above. Before the queue is opened (keeper.h), which takes
 * from `recovery` what it knows itself. The caller brings new/ to the disk. */
MUST_USE enum result notice_restore(
	int tmp_fd, int new_fd, struct recovery *recovery, struct fail *fail);

#endif
