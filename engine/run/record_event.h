/* Events as the recorder makes them: one line for each recipient with a fate, for a file that is no mail,
 * for a session that ended, for a site or a domain that changed. Pure but for the buffers of the caller. */
#ifndef ENGINE_RUN_RECORD_EVENT_H
#define ENGINE_RUN_RECORD_EVENT_H

#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/run/attempt.h"
#include "engine/run/report.h"

/* The kind of event that a fate is; not for ATTEMPT_OPEN. */
enum event_kind record_event_kind(enum attempt_fate fate);
/* Each appends one line with this seq to `out`. `wall_us` is when it was recorded; reports carry their
 * own time. */
void record_event_rcpt(const struct attempt *attempt, const struct attempt_rcpt *rcpt, uint64_t seq,
	int64_t wall_us, struct buf *out);
void record_event_rejected(const struct message *message, uint64_t seq, int64_t wall_us, struct buf *out);
void record_event_refused(const struct message *message, const struct split_refused *refused, uint64_t seq,
	int64_t wall_us, struct buf *out);
void record_event_session(const struct session_report *report, uint64_t seq, struct buf *out);
void record_event_policy(const struct policy_report *report, uint64_t seq, struct buf *out);
void record_event_site(const struct site_report *report, uint64_t seq, struct buf *out);

#endif
